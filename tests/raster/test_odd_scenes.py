"""Unusual rasters: palettes, control points, rotated transforms, every compression."""

import io
from unittest.mock import MagicMock

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.rpc import RPC
from rio_tiler.io import Reader as TileReader
from shapely.geometry import box

from core.chips.extraction import cut_chips
from core.errors import SceneError
from core.raster.geodesy import GEOD, WGS84, measure_on_ground, reproject_geometries
from core.raster.map_placement import lonlat_bounds, scene_zooms
from core.raster.pixel_reader import Reader, check_blocks
from core.raster.rendering import display_limits
from core.raster.scene import read_scene
from core.raster.scene_report import inspect_scene
from core.raster.tiles import TileSource, draw_tile
from core.raster.windows import chip_windows
from core.settings import ChipSettings

UTM = "EPSG:32631"
TRANSFORM = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
PALETTE = {0: (0, 0, 0, 255), 1: (255, 0, 0, 255), 2: (0, 200, 10, 255), 3: (7, 8, 9, 255)}


@pytest.fixture
def palette(make_scene):
    path = make_scene(bands=1, content=lambda r, c: c // 40, nodata=0, photometric="palette")
    with rasterio.open(path, "r+") as target:
        target.write_colormap(1, PALETTE)
    return path


def test_palette__is_expanded_and_reported(palette):
    scene = read_scene(palette)
    assert (scene.bands, scene.dtype) == (("red", "green", "blue"), "uint8")
    assert any("palette is expanded" in note for note in scene.notes)
    assert any("palette is expanded" in warning for warning in inspect_scene(palette)[0].warnings)
    with Reader(scene, ("blue", "red")) as reader:
        part = reader.read((30, 0, 160, 2))
    assert part.values[:, 0, 10].tolist() == [0, 255]
    assert part.values[:, 0, 50].tolist() == [10, 0]
    assert part.values[:, 0, 90].tolist() == [9, 7]
    assert part.mask[0].tolist() == [True] * 10 + [False] * 120


def test_palette__decimated_to_its_own_colours(palette):
    with Reader(read_scene(palette)) as reader:
        part = reader.read((0, 0, 160, 120), 7)
    colours = {tuple(pixel) for pixel in part.values[:, ~part.mask].T.tolist()}
    assert colours == {(255, 0, 0), (0, 200, 10), (7, 8, 9)}


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_palette__in_a_tile(palette):
    scene = read_scene(palette)
    west, south, east, north = lonlat_bounds(scene)
    with TileReader(str(palette)) as reader:
        tile = reader.tms.tile(west * 0.5 + east * 0.5, (south + north) / 2, scene_zooms(scene)[0])
    source = TileSource(scene, scene.bands, display_limits(scene, scene.bands))
    image = np.asarray(Image.open(io.BytesIO(draw_tile(source, tile.z, tile.x, tile.y))))
    colours = {tuple(p) for p in image[image[..., 3] > 0].tolist()}
    assert colours <= {(255, 0, 0, 255), (0, 200, 10, 255), (7, 8, 9, 255)}
    assert len(colours) >= 2


def test_scale_and_offset__reported_and_not_applied(make_scene):
    path = make_scene(dtype="int16", bands=2)
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (1e-4, 1e-4), (0, -0.1)
    scene = read_scene(path)
    (note,) = scene.notes
    assert note == (
        "The file declares a scale or offset (band 1: value x 0.0001 + 0, and 1 more). It is not "
        "applied: values stay as stored."
    )
    with Reader(scene) as reader:
        assert reader.read((0, 0, 10, 10)).values.max() > 50


def control_points(transform, pixels, noise=0.0):
    rng = np.random.default_rng(0)
    return [
        GroundControlPoint(row, col, *(transform @ (col, row) + rng.normal(size=2) * noise))
        for col, row in pixels
    ]


CORNERS = [(0, 0), (160, 0), (160, 120), (0, 120), (80, 60)]


def scene_with_gcps(make_scene, gcps, crs=UTM):
    path = make_scene(crs=None, transform=Affine.identity())
    with rasterio.open(path, "r+") as target:
        target.gcps = gcps, rasterio.crs.CRS.from_user_input(crs)
    return path


@pytest.mark.parametrize("rotation", [0, 33, 180])
def test_gcps__georeference_a_scene(make_scene, make_annotations, to_ground, rotation):
    transform = TRANSFORM @ Affine.rotation(rotation)
    path = scene_with_gcps(make_scene, control_points(transform, CORNERS))
    scene = read_scene(path)
    assert scene.crs_label == UTM
    assert scene.gsd == pytest.approx(0.5, rel=1e-3)
    assert np.allclose(tuple(scene.transform), tuple(transform), atol=1e-6)
    assert "by 5 ground control points, to within 0.00 px" in scene.notes[0]
    make_annotations(path, [to_ground(box(20, 30, 60, 50), transform=transform)])
    _, _, footprints = inspect_scene(path)
    assert footprints.pixels[0].bounds == pytest.approx((20, 30, 60, 50), abs=1e-3)


def test_gcps__residual_is_reported_and_a_large_one_is_refused(make_scene):
    near = read_scene(scene_with_gcps(make_scene, control_points(TRANSFORM, CORNERS, noise=0.5)))
    assert near.crs
    error = float(near.notes[0].split("to within ")[1].split(" px")[0])
    assert 0.1 < error < 3
    far = read_scene(scene_with_gcps(make_scene, control_points(TRANSFORM, CORNERS, noise=20)))
    assert (far.crs, far.gsd) == ("", None)
    assert "No affine transform fits 5 ground control points to better than" in far.notes[0]
    assert "gdalwarp" in far.notes[0]


@pytest.mark.parametrize("pixels", [CORNERS[:2], [(0, 0), (10, 10), (20, 20), (30, 30)]])
def test_gcps__too_few_or_on_a_line(make_scene, pixels):
    scene = read_scene(scene_with_gcps(make_scene, control_points(TRANSFORM, pixels)))
    assert scene.crs == ""
    assert "at least three valid positions that do not lie on one line" in scene.notes[0]


def rpcs(**changes):
    """A model that is an affine transform: 0.001 degrees over 100 pixels, about 5 E, 43 N."""
    model = {
        "height_off": 50,
        "height_scale": 100,
        "lat_off": 43,
        "lat_scale": 0.001,
        "line_off": 60,
        "line_scale": 100,
        "long_off": 5,
        "long_scale": 0.001,
        "samp_off": 80,
        "samp_scale": 100,
        "line_num_coeff": [0, 0, -1] + [0] * 17,
        "line_den_coeff": [1] + [0] * 19,
        "samp_num_coeff": [0, 1] + [0] * 18,
        "samp_den_coeff": [1] + [0] * 19,
    }
    return RPC(**model | changes)


def test_rpcs__georeference_a_scene(make_scene):
    path = make_scene(crs=None, transform=Affine.identity(), rpcs=rpcs())
    scene = read_scene(path)
    assert "its RPC model at a constant height of 50 m" in scene.notes[0]
    lon, lat = scene.transform @ (80.5, 60.5)
    assert (lon, lat) == (pytest.approx(5, abs=1e-7), pytest.approx(43, abs=1e-7))
    assert scene.transform.a == pytest.approx(1e-5, rel=1e-6)
    assert scene.transform.e == pytest.approx(-1e-5, rel=1e-6)
    assert scene.gsd == pytest.approx(0.951, rel=0.01)


@pytest.mark.parametrize("crs", [None, WGS84, UTM])
def test_rpcs__a_crs_without_a_transform_does_not_matter(make_scene, crs):
    report = inspect_scene(make_scene(crs=crs, transform=Affine.identity(), rpcs=rpcs()))[0]
    assert (report.ok, report.crs) == (True, "EPSG:4326")
    assert report.gsd == pytest.approx(0.951, rel=0.01)
    assert "its RPC model" in report.warnings[0]


@pytest.mark.parametrize("crs", [WGS84, UTM])
def test_crs__without_a_transform_pixel_coordinates_are_used(make_scene, crs):
    report = inspect_scene(make_scene(crs=crs, transform=Affine.identity()))[0]
    assert (report.ok, report.crs, report.gsd) == (True, "", None)
    assert any("names a CRS but has no transform" in warning for warning in report.warnings)


@pytest.mark.filterwarnings("ignore::rasterio.errors.TransformWarning")
def test_rpcs__a_strongly_curved_model_is_refused_with_a_reason(make_scene):
    curved = rpcs(samp_num_coeff=[0, 1, 0, 0, 0, 0, 0, 0.5, 0.5] + [0] * 11)
    scene = read_scene(make_scene(crs=None, transform=Affine.identity(), rpcs=curved))
    assert scene.crs == ""
    assert scene.notes


@pytest.mark.parametrize(
    "transform",
    [
        Affine(0.5, 0, 692_000, 0, 0.5, 4_796_000),
        TRANSFORM @ Affine.rotation(30),
        TRANSFORM @ Affine.rotation(30) @ Affine.scale(1, -2),
        Affine(0, 0.5, 692_000, -0.5, 0, 4_796_000),
    ],
    ids=["bottom-up", "rotated", "rotated and bottom-up and oblong", "rotated by 90 degrees"],
)
def test_transforms__headings_and_squares_are_right_on_the_ground(
    make_scene, make_annotations, to_ground, transform
):
    path = make_scene(transform=transform)
    boat = to_ground(box(40, 50, 90, 62), transform=transform)
    make_annotations(path, [boat])
    _, scene, footprints = inspect_scene(path)
    expected = measure_on_ground(reproject_geometries(np.array([boat], object), UTM, WGS84))
    assert footprints.ground.heading == pytest.approx(expected.heading)
    assert footprints.ground.length == pytest.approx(expected.length)
    for align in ("north", "long-axis"):
        window = chip_windows(scene, footprints.pixels, ChipSettings(extent=30, align=align))
        x, y = scene.transform @ tuple(window.corners()[0].T)
        corners = reproject_geometries(shapely.points(x, y), UTM, WGS84)
        lon, lat = shapely.get_coordinates(corners).T
        sides = GEOD.inv(lon, lat, np.roll(lon, -1), np.roll(lat, -1))[2]
        assert sides == pytest.approx(30, rel=1e-3)
        diagonals = GEOD.inv(lon[:2], lat[:2], lon[2:], lat[2:])[2]
        assert diagonals == pytest.approx(30 * 2**0.5, rel=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"compress": "jpeg", "photometric": "ycbcr", "tiled": True},
        {"compress": "lzw", "predictor": 2},
        {"compress": "zstd"},
        {"compress": "deflate", "interleave": "band"},
        {"compress": "webp", "tiled": True, "webp_lossless": True},
        {"bigtiff": "yes"},
        {"endianness": "big"},
        {"dtype": "uint16", "endianness": "big", "compress": "deflate"},
        {"dtype": "float32", "endianness": "big"},
    ],
    ids=str,
)
def test_reader__every_compression_and_layout(make_scene, options):
    path = make_scene(**options)
    scene = read_scene(path)
    assert check_blocks(scene).valid_fraction == 1
    plain = read_scene(make_scene("plain.tif", dtype=options.get("dtype", "uint8")))
    shapes = np.array([box(20, 20, 84, 84), box(60, 30, 90, 70)], object)
    (chips,), (expected,) = (
        list(cut_chips(s, shapes, s.bands, ChipSettings())) for s in (scene, plain)
    )
    tolerance = 20 if options.get("compress") == "jpeg" else 0
    assert np.abs(chips.values.astype(float) - expected.values).max() <= tolerance


def test_inspect_scene__a_huge_sparse_file_is_fast(make_scene, tmp_path):
    path = tmp_path / "raw" / "huge.tif"
    path.parent.mkdir()
    size = {"width": 20_480, "height": 20_480, "count": 4, "dtype": "uint8", "nodata": 0}
    options = {
        "driver": "GTiff",
        "crs": UTM,
        "transform": TRANSFORM,
        "tiled": True,
        "sparse_ok": True,
    }
    with rasterio.open(path, "w", **size, **options):
        pass
    assert path.stat().st_size < 2_000_000
    report, _, _ = inspect_scene(path)
    assert report.ok
    assert report.valid_fraction == 0


NOT_TEXT = UnicodeDecodeError("utf-8", b"caf\xe9", 3, 4, "unexpected end of data")


def test_inspect_scene__a_message_that_is_not_text(make_scene, monkeypatch):
    def fail(*_args, **_options):
        raise NOT_TEXT

    path = make_scene()
    monkeypatch.setattr(rasterio, "open", fail)
    report = inspect_scene(path)[0]
    assert report.error.startswith("scene.tif: the file cannot be opened as a GeoTIFF.")


def test_reader__a_message_that_is_not_text(make_scene, monkeypatch):
    with Reader(read_scene(make_scene())) as reader:
        source = MagicMock()
        source.read.side_effect = NOT_TEXT
        monkeypatch.setattr(reader, "_source", source)
        with pytest.raises(SceneError, match="opens but cannot be read"):
            reader.read((0, 0, 9, 9))


def test_reader__nodata_and_alpha_are_both_applied(make_scene):
    alpha = np.ones((120, 160), bool)
    alpha[:10] = False
    path = make_scene(content=lambda r, c: np.where(c < 5, 0, 90), nodata=0, alpha=alpha)
    with Reader(read_scene(path)) as reader:
        mask = reader.read((0, 0, 160, 120)).mask
    assert mask[:10].all()
    assert mask[:, :5].all()
    assert not mask[10:, 5:].any()


def test_inspect_scene__sixty_four_bands(make_scene):
    path = make_scene(bands=64, dtype="float32", colours=(ColorInterp.undefined,) * 64)
    report = inspect_scene(path)[0]
    assert report.ok
    assert len(report.bands) == 64
    assert report.rgb == ("band 1", "band 2", "band 3")


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
@pytest.mark.filterwarnings("ignore::rasterio.errors.TransformWarning")
@pytest.mark.parametrize("crs", [None, WGS84, UTM])
def test_rpcs__tiles_and_footprints_agree(make_scene, crs):
    path = make_scene(
        bands=1,
        crs=crs,
        transform=Affine.identity(),
        rpcs=rpcs(),
        content=lambda r, c: np.where((r // 30 + c // 30) % 2, 200, 40),
    )
    scene = read_scene(path)
    source = TileSource(scene, scene.bands, display_limits(scene, scene.bands))
    n = 2 ** scene_zooms(scene)[1]
    for column, row in ((15, 15), (45, 15), (105, 75), (75, 105)):
        lon, lat = scene.transform @ (column + 0.5, row + 0.5)
        x = (lon / 360 + 0.5) * n
        y = (0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)) * n
        tile = Image.open(io.BytesIO(draw_tile(source, scene_zooms(scene)[1], int(x), int(y))))
        pixel = tile.convert("RGBA").getpixel((int(x % 1 * 256), int(y % 1 * 256)))
        assert pixel == ((200,) * 3 if (row // 30 + column // 30) % 2 else (40,) * 3) + (255,)
