import io
import zipfile

from core.export.class_map_archive import zip_class_maps


def test_zip__maps_with_model_and_credit(tmp_path):
    files = [tmp_path / name for name in ("IMG_000001.tif", "IMG_000002.tif")]
    for path in files:
        path.write_bytes(path.name.encode())
    with zipfile.ZipFile(io.BytesIO(zip_class_maps(files, "kNN, aerial", "FLAIR, IGN"))) as archive:
        assert archive.namelist() == ["README.txt", "IMG_000001.tif", "IMG_000002.tif"]
        assert archive.read("IMG_000002.tif") == b"IMG_000002.tif"
        text = archive.read("README.txt").decode()
    assert text == "Class maps by Chipscape: kNN, aerial\nFLAIR, IGN\n"
