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
from core.raster.importing.file_import import offered, take_in_all
from core.raster.importing.file_placement import SUFFIXES, put, safe_name
from core.raster.pixel_reader import read_test
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
def test_safe_name(given_name, name):
    assert safe_name(given_name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".tif",
        "a.exe",
        "a.vrt",
        "a",
        "../.tif",
        "__.tif",
        "a.msk",
        "a.xml",
        "a.aux.xml",
        ".tif.msk",
        "a.ovr",
    ],
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


def source(name, content):
    return name, lambda: io.BytesIO(content)


def take_in(raw, name, content, **how):
    (verdict,) = take_in_all(raw, [source(name, content)], **how)
    return verdict


def states(verdicts):
    return {v.name: v.state for v in verdicts}


def test_take_in__whole_and_as_it_was(make_scene, tmp_path):
    content = make_scene().read_bytes()
    raw = tmp_path / "new" / "raw"
    verdict = take_in(raw, "../a b.tif", content)
    assert (verdict.state, verdict.path) == ("taken", raw / "a_b.tif")
    assert verdict.path.read_bytes() == content
    take_in(raw, "a_b.geojson", POINT)
    assert files(raw) == ["a_b.geojson", "a_b.tif"]


def test_take_in__never_overwrites_unasked(tmp_path):
    path = take_in(tmp_path, "a.geojson", POINT).path
    assert take_in(tmp_path, "a.geojson", POINT).state == "same"
    verdict = take_in(tmp_path, "x/a.geojson", POINT + b" ")
    assert (verdict.state, verdict.words) == ("there", "a.geojson is there already, and differs.")
    assert path.read_bytes() == POINT
    assert files(tmp_path) == ["a.geojson"]


@pytest.mark.parametrize(("existing", "state"), [("ask", "there"), ("keep", "kept")])
def test_take_in__a_link_of_that_name_is_not_written_through(tmp_path, existing, state):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.geojson").symlink_to(tmp_path / "elsewhere")
    assert take_in(raw, "a.geojson", POINT, existing=existing).state == state
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("links", [True, False])
def test_take_in__taken_while_it_was_written(tmp_path, monkeypatch, links):
    def meanwhile(held, target):
        target.write_text("first")
        put(held, target)

    def no_links(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("core.raster.importing.file_import.put", meanwhile)
    if not links:
        monkeypatch.setattr("pathlib.Path.hardlink_to", no_links)
    assert take_in(tmp_path, "a.geojson", POINT).state == "there"
    assert (tmp_path / "a.geojson").read_text() == "first"
    assert files(tmp_path) == ["a.geojson"]


def test_take_in__a_file_system_without_links(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.hardlink_to", no_links)
    assert take_in(tmp_path, "a.geojson", POINT).path.read_bytes() == POINT
    assert take_in(tmp_path, "a.geojson", POINT + b" ").state == "there"
    assert files(tmp_path) == ["a.geojson"]


VRT = b'<VRTDataset rasterXSize="1" rasterYSize="1"><SRS>EPSG:4326</SRS></VRTDataset>'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.tif", VRT, "was not taken in: cannot be opened as a GeoTIFF"),
        ("a.tif", b"just text", "was not taken in: cannot be opened as a GeoTIFF"),
        ("a.tif", b"\x89PNG\r\n\x1a\n" + bytes(50), "cannot be opened as a GeoTIFF"),
        ("a.geojson", b"not json", "is not JSON"),
        ("a.gpkg", b"PK\x03\x04" + bytes(50), "is not a .gpkg file, whatever its name says"),
        ("a.shp", POINT, "is not a .shp file, whatever its name says"),
        ("a.shx", POINT, "is not a .shx file, whatever its name says"),
        ("a.csv", b"a,b\n1,2\n", "a.csv: "),
        ("a.tif", b"", "is empty"),
        ("a.exe", b"x", "is no file that Chipscape reads"),
    ],
)
def test_take_in__not_what_it_says_leaves_nothing(tmp_path, name, content, words):
    verdict = take_in(tmp_path, name, content)
    assert verdict.state == "refused"
    assert words in verdict.words
    assert files(tmp_path) == []


def test_take_in__cut_off(make_scene, tmp_path):
    whole = make_scene(height=600, compress="lzw", tiled=True, blockxsize=64, blockysize=64)
    verdict = take_in(tmp_path / "in", "b.tif", whole.read_bytes()[:-9000])
    assert "was not taken in: opens but cannot be read" in verdict.words
    assert files(tmp_path / "in") == []


def test_take_in__too_large_stops_at_the_limit(tmp_path):
    class Endless(io.RawIOBase):
        told = 0

        def read(self, size=-1):
            self.told += size
            return bytes(size)

    stream = Endless()
    (verdict,) = take_in_all(tmp_path, [("a.tif", lambda: stream)], most=10 * 2**20)
    assert "is larger than 10 MiB" in verdict.words
    assert stream.told < 30 * 2**20
    assert files(tmp_path) == []


def test_take_in_all__each_is_judged_alone(tmp_path):
    sources = [source("a.geojson", POINT), source("b.tif", VRT), source("c.exe", b"x"),
               source("d.geojson", POINT), source("d d/../d.geojson", POINT)]  # fmt: skip
    verdicts = take_in_all(tmp_path, sources)
    assert [v.state for v in verdicts] == ["refused", "taken", "refused", "refused", "taken"]
    assert any("came twice" in v.words for v in verdicts)
    assert files(tmp_path) == ["a.geojson", "d.geojson"]


def shapefile(folder, parts=(".shp", ".shx", ".dbf", ".prj")):
    frame = gpd.GeoDataFrame({"kind": ["boat"]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4326")
    folder.mkdir()
    frame.to_file(folder / "q.shp")
    return [source(f"q{part}", (folder / f"q{part}").read_bytes()) for part in parts]


def test_take_in_all__parts_of_a_shapefile_together(tmp_path):
    raw = tmp_path / "raw"
    verdicts = take_in_all(raw, shapefile(tmp_path / "made"))
    assert set(states(verdicts).values()) == {"taken"}
    assert read_annotations(raw / "q.shp").properties["kind"].tolist() == ["boat"]


def test_take_in_all__a_broken_shapefile_takes_its_parts_with_it(tmp_path):
    parts = shapefile(tmp_path / "made")
    broken = parts[0][1]().read()[:60]
    verdicts = take_in_all(tmp_path / "raw", [source("q.shp", broken), *parts[1:]])
    assert set(states(verdicts).values()) == {"refused"}
    assert files(tmp_path / "raw") == []


@pytest.fixture
def quay(make_scene, tmp_path):
    """A scene that is there, and another one of that name with annotations on its way."""
    raw = tmp_path / "in"
    old = make_scene(height=50).read_bytes()
    take_in(raw, "quay.tif", old)
    new = make_scene(height=80).read_bytes()
    return raw, old, new, [source("quay.tif", new), source("quay.geojson", POINT)]


def test_take_in_all__annotations_wait_for_their_scene(quay):
    raw, _, _, sources = quay
    verdicts = take_in_all(raw, sources)
    assert states(verdicts) == {"quay.tif": "there", "quay.geojson": "there"}
    assert "quay.geojson waits: it belongs to quay.tif" in verdicts[1].words
    assert files(raw) == ["quay.tif"]


def test_take_in_all__keep(quay):
    raw, old, _, sources = quay
    verdicts = take_in_all(raw, sources, "keep")
    assert states(verdicts) == {"quay.tif": "kept", "quay.geojson": "taken"}
    assert (raw / "quay.tif").read_bytes() == old


def test_take_in_all__rename_keeps_a_stem_together(quay):
    raw, old, new, sources = quay
    (raw / "quay_2.geojson").write_bytes(POINT)
    take_in_all(raw, sources, "rename")
    assert files(raw) == ["quay.tif", "quay_2.geojson", "quay_3.geojson", "quay_3.tif"]
    assert (raw / "quay.tif").read_bytes() == old
    assert (raw / "quay_3.tif").read_bytes() == new


def test_take_in_all__replace_deletes_nothing(quay, tmp_path):
    raw, old, new, sources = quay
    aside = tmp_path / "replaced"
    verdicts = take_in_all(raw, sources, "replace", aside)
    assert str(aside / "quay.tif") in verdicts[0].words
    assert (raw / "quay.tif").read_bytes() == new
    assert (aside / "quay.tif").read_bytes() == old
    take_in_all(raw, [source("quay.tif", old)], "replace", aside)
    assert files(aside) == ["quay.tif", "quay_2.tif"]


def test_take_in_all__cancel_keeps_what_was_finished(tmp_path):
    sources = [source("a.geojson", POINT), source("b.geojson", POINT)]
    with pytest.raises(Cancelled):
        take_in_all(tmp_path, sources, report=lambda done, _total, _note: done == 1)
    assert files(tmp_path) == ["a.geojson"]


PAM = (
    b"<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>500000,1,0,5000000,0,-1</GeoTransform>"
    b'<PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>'
)


@pytest.fixture
def with_parts(make_scene):
    """A folder: scenes with a mask and overviews, a CRS, and a place in files beside them."""
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


def told(path):
    scene = read_scene(path)
    return scene.crs, scene.nodata, scene.transform, scene.overviews, read_test(scene)


def sources_of(folder):
    return [source(p.name, p.read_bytes()) for p in sorted(folder.iterdir())]


@pytest.mark.parametrize("existing", ["ask", "rename"])
def test_take_in_all__a_scene_means_the_same_afterwards(with_parts, tmp_path, existing):
    raw = tmp_path / "in"
    suffix = ""
    if existing == "rename":
        raw.mkdir()
        for name in ("a_b.tif", "plain.tif", "world.tif"):
            (raw / name).touch()
        suffix = "_2"
    found, others = offered(with_parts, raw)
    assert others == 0
    assert [f.path.name for f in found] == sorted(p.name for p in with_parts.iterdir())
    assert sum(f.kind == "part of another file" for f in found) == 5
    verdicts = take_in_all(raw, sources_of(with_parts), existing)
    assert set(states(verdicts).values()) == {"taken"}
    for name, safe in (("a b", "a_b"), ("plain", "plain"), ("world", "world")):
        assert told(raw / f"{safe}{suffix}.tif") == told(with_parts / f"{name}.tif")
    assert told(raw / f"a_b{suffix}.tif")[3:] == (True, 0.25)
    assert told(raw / f"plain{suffix}.tif")[1] == 7
    assert told(raw / f"world{suffix}.tif")[2].a == 2
    assert f"a_b{suffix}.tif.msk" in files(raw)


@pytest.mark.parametrize(
    ("part", "content", "words"),
    [
        ("quay.tif.msk", b"not an image", "is no TIFF"),
        ("quay.tif.ovr", VRT, "is no TIFF"),
        ("quay.tif.aux.xml", VRT, "is no metadata of GDAL"),
        ("quay.tfw", b"1 2 three", "is no world file"),
    ],
)
def test_take_in_all__a_scene_is_not_taken_without_what_lies_beside_it(
    make_scene, tmp_path, part, content, words
):
    raw = tmp_path / "in"
    sources = [source("quay.tif", make_scene("quay.tif").read_bytes()),
               source(part, content), source("quay.geojson", POINT)]  # fmt: skip
    verdicts = take_in_all(raw, sources)
    assert states(verdicts) == {"quay.tif": "refused", part: "refused", "quay.geojson": "taken"}
    assert any(words in v.words for v in verdicts)
    assert files(raw) == ["quay.geojson"]
    alone = take_in(raw, part, content)
    assert (alone.state, words in alone.words) == ("refused", True)


def test_take_in_all__a_mask_waits_for_its_scene(with_parts, tmp_path):
    raw = tmp_path / "in"
    raw.mkdir()
    (raw / "a_b.tif").write_bytes(b"another")
    verdicts = take_in_all(raw, [s for s in sources_of(with_parts) if s[0].startswith("a b")])
    assert set(states(verdicts).values()) == {"there"}
    assert files(raw) == ["a_b.tif"]


def test_offered__what_is_there_and_how_much_is_not_ours(make_scene, tmp_path):
    raw, folder = tmp_path / "raw", tmp_path / "field trip"
    folder.mkdir()
    make_scene().rename(folder / "a b.tif")
    (folder / "a b.geojson").write_bytes(POINT)
    (folder / "notes.txt").touch()
    (folder / "out.tif").symlink_to(tmp_path / "secret.tif")
    (tmp_path / "secret.tif").touch()
    (folder / "deeper").mkdir()
    take_in(raw, "a_b.geojson", POINT)
    found, others = offered(folder, raw)
    assert [(f.path.name, f.kind, f.there) for f in found] == [
        ("a b.geojson", "annotations", True), ("a b.tif", "scene", False),
    ]  # fmt: skip
    assert others == 2


def test_offered__no_folder_or_our_own(tmp_path):
    with pytest.raises(WorkspaceError, match="is no folder"):
        offered(tmp_path / "nowhere", tmp_path)
    with pytest.raises(WorkspaceError, match="of this workspace already"):
        offered(tmp_path, tmp_path)
