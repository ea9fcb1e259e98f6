import errno
import io
import os

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from core.errors import Cancelled, WorkspaceError
from core.raster.annotations.vector_files import read_annotations
from core.raster.importing.file_import import import_files, list_importable_files
from core.raster.importing.file_placement import SUFFIXES, move_into_place, safe_file_name
from core.raster.pixel_reader import check_blocks
from core.raster.scene import read_scene

POINT = b'{"type": "Point", "coordinates": [5, 43]}'


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("harbour.tif", "harbour.tif"),
        ("../../etc/passwd.tif", "passwd.tif"),
        ("C:\\Users\\me\\a b.TIF", "a_b.tif"),
        ("/abs/olute.geojson", "olute.geojson"),
        (".hidden.tif", "hidden.tif"),
        ("a\x00b\nc<d>.tif", "a_b_c_d_.tif"),
        ("Köln Süd.gpkg", "Köln_Süd.gpkg"),
        ("con.tif", "_con.tif"),
        ("x" * 300 + ".tif", "x" * 100 + ".tif"),
        ("two.tif.geojson", "two.tif.geojson"),
        ("a b.TIF.MSK", "a_b.tif.msk"),
        ("aux.tif.aux.xml", "_aux.tif.aux.xml"),
        ("x" * 300 + ".tif.ovr", "x" * 100 + ".tif.ovr"),
        ("a.tfw", "a.tfw"),
    ],
)
def test_safe_file_name(given_name, name):
    assert safe_file_name(given_name) == name


NAMELESS = ("", ".", "..", ".tif", "../.tif", "__.tif", ".tif.msk")
UNSUPPORTED = ("a", "a.exe", "a.vrt", "a.msk", "a.xml", "a.aux.xml", "a.ovr")


@pytest.mark.parametrize("name", [*NAMELESS, *UNSUPPORTED])
def test_safe_file_name__refused(name):
    with pytest.raises(WorkspaceError, match="this is not the name of a file that Chipscape reads"):
        safe_file_name(name)


@given(st.text(max_size=40), st.sampled_from(SUFFIXES))
def test_safe_file_name__any_name_stays_in_its_folder(name, suffix):
    try:
        safe = safe_file_name(name + suffix)
    except WorkspaceError:
        return
    assert os.path.basename(safe) == safe  # noqa: PTH119
    assert not safe.startswith(".")
    assert safe.isprintable()
    assert safe.endswith(suffix)
    assert safe_file_name(safe) == safe


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def source(name, content):
    return name, lambda: io.BytesIO(content)


def import_file(raw, name, content, **options):
    (verdict,) = import_files(raw, [source(name, content)], **options)
    return verdict


def states(verdicts):
    return {v.name: v.state for v in verdicts}


def test_import_files__unchanged(make_scene, tmp_path):
    content = make_scene().read_bytes()
    raw = tmp_path / "new" / "raw"
    verdict = import_file(raw, "../a b.tif", content)
    assert (verdict.state, verdict.path) == ("taken", raw / "a_b.tif")
    assert verdict.path.read_bytes() == content
    import_file(raw, "a_b.geojson", POINT)
    assert files(raw) == ["a_b.geojson", "a_b.tif"]


def test_import_files__never_overwrites_by_default(tmp_path):
    path = import_file(tmp_path, "a.geojson", POINT).path
    assert import_file(tmp_path, "a.geojson", POINT).state == "same"
    verdict = import_file(tmp_path, "x/a.geojson", POINT + b" ")
    assert (verdict.state, verdict.words) == (
        "there",
        "a.geojson is waiting: it already exists with different content.",
    )
    assert path.read_bytes() == POINT
    assert files(tmp_path) == ["a.geojson"]


@pytest.mark.parametrize(("existing", "state"), [("ask", "there"), ("keep", "kept")])
def test_import_files__an_existing_link_is_not_written_through(tmp_path, existing, state):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.geojson").symlink_to(tmp_path / "elsewhere")
    assert import_file(raw, "a.geojson", POINT, existing=existing).state == state
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("links", [True, False])
def test_import_files__a_file_created_in_the_meantime_is_not_overwritten(
    tmp_path, monkeypatch, links
):
    def move_too_late(file, target):
        target.write_text("first")
        move_into_place(file, target)

    def no_links(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("core.raster.importing.file_placement.move_into_place", move_too_late)
    if not links:
        monkeypatch.setattr("pathlib.Path.hardlink_to", no_links)
    assert import_file(tmp_path, "a.geojson", POINT).state == "there"
    assert (tmp_path / "a.geojson").read_text() == "first"
    assert files(tmp_path) == ["a.geojson"]


def test_import_files__a_file_system_without_hard_links(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.hardlink_to", no_links)
    assert import_file(tmp_path, "a.geojson", POINT).path.read_bytes() == POINT
    assert import_file(tmp_path, "a.geojson", POINT + b" ").state == "there"
    assert files(tmp_path) == ["a.geojson"]


VRT = b'<VRTDataset rasterXSize="1" rasterYSize="1"><SRS>EPSG:4326</SRS></VRTDataset>'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.tif", VRT, "was not imported: the file cannot be opened as a GeoTIFF"),
        ("a.tif", b"just text", "was not imported: the file cannot be opened as a GeoTIFF"),
        ("a.tif", b"\x89PNG\r\n\x1a\n" + bytes(50), "the file cannot be opened as a GeoTIFF"),
        ("a.geojson", b"not json", "the file is not valid JSON"),
        ("a.gpkg", b"PK\x03\x04" + bytes(50), "the file is not a valid .gpkg file"),
        ("a.shp", POINT, "the file is not a valid .shp file"),
        ("a.shx", POINT, "the file is not a valid .shx file"),
        ("a.csv", b"a,b\n1,2\n", "a.csv was not imported: "),
        ("a.tif", b"", "the file is empty"),
        ("a.exe", b"x", "this is not the name of a file that Chipscape reads"),
    ],
)
def test_import_files__refused_files_leave_nothing(tmp_path, name, content, words):
    verdict = import_file(tmp_path, name, content)
    assert verdict.state == "refused"
    assert words in verdict.words
    assert files(tmp_path) == []


def test_import_files__a_truncated_scene_is_refused(make_scene, tmp_path):
    scene = make_scene(height=600, compress="lzw", tiled=True, blockxsize=64, blockysize=64)
    verdict = import_file(tmp_path / "in", "b.tif", scene.read_bytes()[:-9000])
    assert "was not imported: the file opens but cannot be read" in verdict.words
    assert files(tmp_path / "in") == []


def test_import_files__a_large_file_is_not_read_beyond_the_limit(tmp_path):
    class Endless(io.RawIOBase):
        n_read = 0

        def read(self, size=-1):
            self.n_read += size
            return bytes(size)

    stream = Endless()
    (verdict,) = import_files(tmp_path, [("a.tif", lambda: stream)], max_bytes=10 * 2**20)
    assert "is larger than 10 MiB" in verdict.words
    assert stream.n_read < 30 * 2**20
    assert files(tmp_path) == []


def test_import_files__stems_are_checked_separately(tmp_path):
    sources = [
        source("a.geojson", POINT),
        source("b.tif", VRT),
        source("c.exe", b"x"),
        source("d.geojson", POINT),
        source("d d/../d.geojson", POINT),
    ]
    verdicts = import_files(tmp_path, sources)
    assert [v.state for v in verdicts] == ["refused", "taken", "refused", "refused", "taken"]
    assert any("was provided twice" in v.words for v in verdicts)
    assert files(tmp_path) == ["a.geojson", "d.geojson"]


def shapefile(folder, parts=(".shp", ".shx", ".dbf", ".prj")):
    frame = gpd.GeoDataFrame({"kind": ["boat"]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4326")
    folder.mkdir()
    frame.to_file(folder / "q.shp")
    return [source(f"q{part}", (folder / f"q{part}").read_bytes()) for part in parts]


def test_import_files__parts_of_a_shapefile_together(tmp_path):
    raw = tmp_path / "raw"
    verdicts = import_files(raw, shapefile(tmp_path / "source"))
    assert set(states(verdicts).values()) == {"taken"}
    assert read_annotations(raw / "q.shp").properties["kind"].tolist() == ["boat"]


def test_import_files__the_parts_of_a_broken_shapefile_are_refused(tmp_path):
    parts = shapefile(tmp_path / "source")
    broken = parts[0][1]().read()[:60]
    verdicts = import_files(tmp_path / "raw", [source("q.shp", broken), *parts[1:]])
    assert set(states(verdicts).values()) == {"refused"}
    assert files(tmp_path / "raw") == []


@pytest.fixture
def quay(make_scene, tmp_path):
    """An existing scene, and another one of the same name to import with annotations."""
    raw = tmp_path / "in"
    old = make_scene(height=50).read_bytes()
    import_file(raw, "quay.tif", old)
    new = make_scene(height=80).read_bytes()
    return raw, old, new, [source("quay.tif", new), source("quay.geojson", POINT)]


def test_import_files__annotations_wait_for_their_scene(quay):
    raw, _, _, sources = quay
    verdicts = import_files(raw, sources)
    assert states(verdicts) == {"quay.tif": "there", "quay.geojson": "there"}
    assert "quay.geojson is waiting: it belongs to quay.tif" in verdicts[1].words
    assert files(raw) == ["quay.tif"]


def test_import_files__keep_leaves_the_existing_files(quay):
    raw, old, _, sources = quay
    verdicts = import_files(raw, sources, "keep")
    assert states(verdicts) == {"quay.tif": "kept", "quay.geojson": "taken"}
    assert (raw / "quay.tif").read_bytes() == old


def test_import_files__rename_keeps_a_stem_together(quay):
    raw, old, new, sources = quay
    (raw / "quay_2.geojson").write_bytes(POINT)
    import_files(raw, sources, "rename")
    assert files(raw) == ["quay.tif", "quay_2.geojson", "quay_3.geojson", "quay_3.tif"]
    assert (raw / "quay.tif").read_bytes() == old
    assert (raw / "quay_3.tif").read_bytes() == new


def test_import_files__replace_deletes_nothing(quay, tmp_path):
    raw, old, new, sources = quay
    replaced = tmp_path / "replaced"
    verdicts = import_files(raw, sources, "replace", replaced)
    assert str(replaced / "quay.tif") in verdicts[0].words
    assert (raw / "quay.tif").read_bytes() == new
    assert (replaced / "quay.tif").read_bytes() == old
    import_files(raw, [source("quay.tif", old)], "replace", replaced)
    assert files(replaced) == ["quay.tif", "quay_2.tif"]


def test_import_files__cancel_keeps_finished_stems(tmp_path):
    sources = [source("a.geojson", POINT), source("b.geojson", POINT)]
    with pytest.raises(Cancelled):
        import_files(tmp_path, sources, report=lambda completed, *_: completed == 1)
    assert files(tmp_path) == ["a.geojson"]


PAM = (
    b"<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>500000,1,0,5000000,0,-1</GeoTransform>"
    b'<PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>'
)


@pytest.fixture
def with_sidecars(make_scene):
    """A folder of scenes whose mask and overviews, CRS or georeference are in sidecar files."""
    first = make_scene("a b.tif", folder=None)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False, TIFF_USE_OVR=True),
        rasterio.open(first, "r+") as target,
    ):
        target.write_mask(np.broadcast_to(np.arange(160) < 40, (120, 160)))
        target.build_overviews((2,))
    second = make_scene("plain.tif", crs=None, transform=Affine.identity())
    second.with_name("plain.tif.aux.xml").write_bytes(PAM)
    third = make_scene("world.tif", transform=None)
    third.with_name("world.tfw").write_text("2\n0\n0\n-2\n501\n4999\n")
    return first.parent


def facts(path):
    scene = read_scene(path)
    valid_fraction = check_blocks(scene).valid_fraction
    return scene.crs, scene.nodata, scene.transform, scene.has_overviews, valid_fraction


def sources_of(folder):
    return [source(p.name, p.read_bytes()) for p in sorted(folder.iterdir())]


@pytest.mark.parametrize("existing", ["ask", "rename"])
def test_import_files__a_scene_is_read_the_same_afterwards(with_sidecars, tmp_path, existing):
    raw = tmp_path / "in"
    suffix = ""
    if existing == "rename":
        raw.mkdir()
        for name in ("a_b.tif", "plain.tif", "world.tif"):
            (raw / name).touch()
        suffix = "_2"
    importable, n_other = list_importable_files(with_sidecars, raw)
    assert n_other == 0
    assert [f.path.name for f in importable] == sorted(p.name for p in with_sidecars.iterdir())
    assert sum(f.kind == "part of another file" for f in importable) == 5
    verdicts = import_files(raw, sources_of(with_sidecars), existing)
    assert set(states(verdicts).values()) == {"taken"}
    for name, safe in (("a b", "a_b"), ("plain", "plain"), ("world", "world")):
        assert facts(raw / f"{safe}{suffix}.tif") == facts(with_sidecars / f"{name}.tif")
    assert facts(raw / f"a_b{suffix}.tif")[3:] == (True, 0.25)
    assert facts(raw / f"plain{suffix}.tif")[1] == 7
    assert facts(raw / f"world{suffix}.tif")[2].a == 2
    assert f"a_b{suffix}.tif.msk" in files(raw)


@pytest.mark.parametrize(
    ("part", "content", "words"),
    [
        ("quay.tif.msk", b"not an image", "is not a TIFF"),
        ("quay.tif.ovr", VRT, "is not a TIFF"),
        ("quay.tif.aux.xml", VRT, "is not GDAL metadata"),
        ("quay.tfw", b"1 2 three", "is not a world file"),
    ],
)
def test_import_files__a_scene_is_refused_with_its_sidecar_files(
    make_scene, tmp_path, part, content, words
):
    raw = tmp_path / "in"
    sources = [
        source("quay.tif", make_scene("quay.tif").read_bytes()),
        source(part, content),
        source("quay.geojson", POINT),
    ]
    verdicts = import_files(raw, sources)
    assert states(verdicts) == {"quay.tif": "refused", part: "refused", "quay.geojson": "taken"}
    assert any(words in v.words for v in verdicts)
    assert files(raw) == ["quay.geojson"]
    verdict = import_file(raw, part, content)
    assert (verdict.state, words in verdict.words) == ("refused", True)


def test_import_files__a_mask_waits_for_its_scene(with_sidecars, tmp_path):
    raw = tmp_path / "in"
    raw.mkdir()
    (raw / "a_b.tif").write_bytes(b"another")
    verdicts = import_files(raw, [s for s in sources_of(with_sidecars) if s[0].startswith("a b")])
    assert set(states(verdicts).values()) == {"there"}
    assert files(raw) == ["a_b.tif"]


def test_list_importable_files__counts_the_other_files(make_scene, tmp_path):
    raw, folder = tmp_path / "raw", tmp_path / "field trip"
    folder.mkdir()
    make_scene().rename(folder / "a b.tif")
    (folder / "a b.geojson").write_bytes(POINT)
    (folder / "notes.txt").touch()
    (folder / "out.tif").symlink_to(tmp_path / "secret.tif")
    (tmp_path / "secret.tif").touch()
    (folder / "deeper").mkdir()
    import_file(raw, "a_b.geojson", POINT)
    importable, n_other = list_importable_files(folder, raw)
    assert [(f.path.name, f.kind, f.exists) for f in importable] == [
        ("a b.geojson", "annotations", True),
        ("a b.tif", "scene", False),
    ]
    assert n_other == 2


def test_list_importable_files__a_missing_folder_or_raw_itself(tmp_path):
    with pytest.raises(WorkspaceError, match="this is not a folder on this machine"):
        list_importable_files(tmp_path / "nowhere", tmp_path)
    with pytest.raises(WorkspaceError, match="this is already the raw/ folder"):
        list_importable_files(tmp_path, tmp_path)
