import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AnnotationError, SceneError, WorkspaceError
from core.raster.intake import SUFFIXES, safe_name, take_in, take_in_all

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
        ("x" * 300 + ".tif", "x" * 116 + ".tif"),
        ("two.tif.geojson", "two.tif.geojson"),
    ],
)
def test_safe_name(given_name, name):
    assert safe_name(given_name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".tif", "a.exe", "a.vrt", "a", "../.tif", "__.tif"]
)
def test_safe_name__refused(name):
    with pytest.raises(WorkspaceError, match="is no file that Chipscape reads"):
        safe_name(name)


@given(st.text(max_size=40), st.sampled_from(SUFFIXES))
def test_safe_name__of_anything_stays_in_its_folder(name, suffix):
    try:
        safe = safe_name(name + suffix)
    except WorkspaceError:
        return
    assert os.path.basename(safe) == safe  # noqa: PTH119
    assert not safe.startswith(".")
    assert safe.isprintable()
    assert safe.endswith(suffix)
    assert safe_name(safe) == safe


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def test_take_in__whole_and_as_it_was(make_scene, tmp_path):
    content = make_scene().read_bytes()
    raw = tmp_path / "new" / "raw"
    path = take_in(raw, "../a b.tif", io.BytesIO(content))
    assert path == raw / "a_b.tif"
    assert path.read_bytes() == content
    take_in(raw, "a_b.geojson", io.BytesIO(POINT))
    assert files(raw) == ["a_b.geojson", "a_b.tif"]


def test_take_in__never_overwrites(tmp_path):
    path = take_in(tmp_path, "a.geojson", io.BytesIO(POINT))
    with pytest.raises(WorkspaceError, match=r"a\.geojson: a file of this name is there already"):
        take_in(tmp_path, "x/a.geojson", io.BytesIO(POINT + b" "))
    assert path.read_bytes() == POINT
    assert files(tmp_path) == ["a.geojson"]


def test_take_in__a_link_of_that_name_is_not_written_through(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.geojson").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkspaceError, match="there already"):
        take_in(raw, "a.geojson", io.BytesIO(POINT))
    assert not (tmp_path / "elsewhere").exists()


def test_take_in__taken_while_it_was_written(tmp_path, monkeypatch):
    def meanwhile(_):
        (tmp_path / "a.geojson").write_text("first")

    monkeypatch.setattr("core.raster.intake._look", meanwhile)
    with pytest.raises(WorkspaceError, match="there already"):
        take_in(tmp_path, "a.geojson", io.BytesIO(POINT))
    assert (tmp_path / "a.geojson").read_text() == "first"
    assert files(tmp_path) == ["a.geojson"]


VRT = b'<VRTDataset rasterXSize="1" rasterYSize="1"><SRS>EPSG:4326</SRS></VRTDataset>'


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.tif", VRT, SceneError),
        ("a.tif", b"\x89PNG\r\n\x1a\n" + bytes(50), SceneError),
        ("a.geojson", b"not json", AnnotationError),
        ("a.gpkg", b"PK\x03\x04" + bytes(50), AnnotationError),
        ("a.shp", POINT, AnnotationError),
        ("a.csv", b"a,b\n1,2\n", AnnotationError),
        ("a.tif", b"", WorkspaceError),
    ],
)
def test_take_in__not_what_it_says_leaves_nothing(tmp_path, name, content, error):
    with pytest.raises(error, match=rf"^{name}: "):
        take_in(tmp_path, name, io.BytesIO(content))
    assert files(tmp_path) == []


def test_take_in__cut_off(make_scene, tmp_path):
    whole = make_scene(height=600, compress="lzw", tiled=True, blockxsize=64, blockysize=64)
    with pytest.raises(SceneError, match="was not taken in: opens but cannot be read"):
        take_in(tmp_path / "in", "b.tif", io.BytesIO(whole.read_bytes()[:-9000]))
    assert files(tmp_path / "in") == []


def test_take_in__too_large_stops_at_the_limit(tmp_path):
    class Endless(io.RawIOBase):
        told = 0

        def read(self, size=-1):
            self.told += size
            return bytes(size)

    stream = Endless()
    with pytest.raises(WorkspaceError, match="is larger than 10 MiB"):
        take_in(tmp_path, "a.tif", stream, most=10 * 2**20)
    assert stream.told < 30 * 2**20
    assert files(tmp_path) == []


def test_take_in_all__each_is_judged_alone(tmp_path):
    written, refused = take_in_all(
        tmp_path, [("a.geojson", io.BytesIO(POINT)), ("b.tif", io.BytesIO(VRT)),
                   ("c.exe", io.BytesIO(b"x")), ("d.geojson", io.BytesIO(POINT))],
    )  # fmt: skip
    assert [p.name for p in written] == ["a.geojson", "d.geojson"]
    assert len(refused) == 2
