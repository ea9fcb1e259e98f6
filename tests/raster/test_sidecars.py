import shutil
import struct
import zlib

import numpy as np
import pytest
import rasterio

from core.errors import SceneError
from core.raster.pixel_reader import check_blocks
from core.raster.scene import read_scene
from core.raster.scene_report import inspect_scene
from core.raster.sidecars import MAX_BLOCK_BYTES, outside_link_name, sidecar_files

PAM = (
    "<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>500000,1,0,5000000,0,-1</GeoTransform>"
    '<PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>'
)


@pytest.fixture
def masked_scene(make_scene):
    """A scene with a mask in a separate file."""
    path = make_scene()
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as target:
        target.write_mask(np.broadcast_to(np.arange(160) < 80, (120, 160)))
    assert path.with_name("scene.tif.msk").is_file()
    assert check_blocks(read_scene(path)).valid_fraction == pytest.approx(0.5)
    return path


def move_out(part, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir(exist_ok=True)
    shutil.move(part, outside / part.name)
    part.symlink_to(outside / part.name)


def test_read_scene__a_mask_that_is_an_outside_link_is_refused(masked_scene, tmp_path):
    move_out(masked_scene.with_name("scene.tif.msk"), tmp_path)
    with pytest.raises(SceneError, match=r"^scene.tif: the file next to it, scene.tif.msk, is a l"):
        read_scene(masked_scene)
    report = inspect_scene(masked_scene)[0]
    assert not report.ok
    assert "scene.tif.msk" in report.error


@pytest.mark.parametrize(
    "name",
    [
        "scene.tif.ovr",
        "scene.tif.aux.xml",
        "scene.tfw",
        "scene.TFW",
        "scene.wld",
        "scene_RPC.TXT",
        "scene.RPB",
        "scene.tif.msk.ovr",
        "scene.tif.ovr.aux.xml",
    ],
)
def test_outside_link_name__of_a_raster(make_scene, tmp_path, name):
    path = make_scene()
    path.with_name(name).symlink_to(tmp_path / "nowhere")
    assert outside_link_name(path) == name
    with pytest.raises(SceneError, match=f"{name}, is a link that leads out"):
        read_scene(path)


def test_read_scene__inside_links_and_files_of_other_scenes_are_accepted(masked_scene, tmp_path):
    part = masked_scene.with_name("scene.tif.msk")
    shutil.move(part, part.with_name("inside.msk"))
    part.symlink_to(part.with_name("inside.msk"))
    for name in ("scene.geojson", "scenes.tfw", "scene2.tif.msk"):
        part.with_name(name).symlink_to(tmp_path / "nowhere")
    assert sidecar_files(masked_scene) == [part]
    assert check_blocks(read_scene(masked_scene)).valid_fraction == pytest.approx(0.5)


@pytest.mark.parametrize("end", [".shx", ".dbf", ".prj", ".cpg", ".qix", ".DBF"])
def test_outside_link_name__of_a_shapefile(tmp_path, end):
    for name in ("q.shp", "q.shx", "q.dbf", "q.geojson"):
        (tmp_path / name).touch()
    (tmp_path / f"q{end}").unlink(missing_ok=True)
    (tmp_path / f"q{end}").symlink_to(tmp_path.parent / "elsewhere")
    assert outside_link_name(tmp_path / "q.shp") == f"q{end}"
    assert outside_link_name(tmp_path / "other.shp") == ""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("scene.tif.aux.xml", "<html>", "is not GDAL metadata"),
        ("scene.tif.aux.xml", "<PAMDataset>OVERVIEW_FILE", "takes its overviews from another"),
        ("scene.tfw", "not six numbers", "is not a world file"),
    ],
)
def test_read_scene__sidecar_files_with_other_content_are_refused(make_scene, name, content, words):
    path = make_scene()
    path.with_name(name).write_text(content)
    with pytest.raises(SceneError, match=rf"{name}, {words}"):
        read_scene(path)


def directory(rows, columns, offset, *, extra=(), data=b"", after=0, bits=8, samples=1):
    """A TIFF directory of one tile at an offset in a file, followed by its data."""
    size = 2 + 12 * (10 + len(extra)) + 4
    entries = sorted(
        [
            (256, 4, 1, (extra and 64) or columns),
            (257, 4, 1, (extra and 64) or rows),
            (258, 3, 1, bits),
            (259, 3, 1, 8),
            (262, 3, 1, 1),
            (277, 3, 1, samples),
            (322, 4, 1, columns),
            (323, 4, 1, rows),
            (324, 4, 1, offset + size),
            (325, 4, 1, len(data)),
            *extra,
        ]
    )
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", after) + data


def write_tile(path, rows, columns, **options):
    data = zlib.compress(bytes(100))
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, 8) + directory(rows, columns, 8, data=data, **options)
    )
    return path


def test_read_scene__a_tile_larger_than_the_limit_is_refused(tmp_path):
    path = write_tile(tmp_path / "bomb.tif", 40_000, 40_000)
    with pytest.raises(
        SceneError, match=r"blocks of 40000 x 40000 pixels; reading one takes 1,526 MiB"
    ):
        read_scene(path)
    report = inspect_scene(path)[0]
    assert not report.ok
    assert "Write it tiled" in report.error
    assert read_scene(write_tile(tmp_path / "large.tif", 16_000, 16_000)).block_shape == (
        16_000,
        16_000,
    )


def test_read_scene__bands_and_bytes_of_a_pixel_count_towards_the_limit(make_scene, monkeypatch):
    shape = {"tiled": True, "blockxsize": 64, "blockysize": 64, "bands": 4, "dtype": "uint16"}
    separate = make_scene("separate.tif", interleave="band", **shape)
    joined = make_scene("joined.tif", interleave="pixel", **shape)
    monkeypatch.setattr("core.raster.sidecars.MAX_BLOCK_BYTES", 64 * 64 * 2)
    read_scene(separate)
    monkeypatch.setattr("core.raster.sidecars.MAX_BLOCK_BYTES", 64 * 64 * 8 - 1)
    with pytest.raises(SceneError, match="the file is stored in blocks of 64 x 64"):
        read_scene(joined)


@pytest.mark.parametrize("kind", [1, 4])
def test_read_scene__an_overview_or_a_mask_of_one_huge_tile_is_refused(tmp_path, kind):
    small = {"data": zlib.compress(bytes(64 * 64))}
    first = directory(64, 64, 8, **small)
    offset = 8 + len(first)
    first = directory(64, 64, 8, after=offset, **small)
    bits = 1 if kind == 4 else 8
    second = directory(40_000, 40_000, offset, extra=[(254, 4, 1, kind)], bits=bits, **small)
    path = tmp_path / "bomb.tif"
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 8) + first + second)
    with pytest.raises(SceneError, match="blocks of 40000 x 40000"):
        read_scene(path)


def test_read_scene__a_huge_strip_counts_as_single_rows(tmp_path):
    rows = columns = 30_000
    data = zlib.compress(bytes(100))
    entries = [
        (256, 4, 1, columns),
        (257, 4, 1, rows),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 200),
        (277, 3, 1, 1),
        (278, 4, 1, rows),
        (279, 4, 1, len(data)),
    ]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(entries)) + packed
    path = tmp_path / "strip.tif"
    path.write_bytes((head + bytes(4)).ljust(200, b"\0") + data)
    assert rows * columns > MAX_BLOCK_BYTES
    assert read_scene(path).block_shape == (1, columns)
