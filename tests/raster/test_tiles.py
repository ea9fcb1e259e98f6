import io
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.enums import ColorInterp
from rio_tiler.io import Reader as TileReader

from core.errors import Cancelled, SceneError
from core.raster import tiles
from core.raster.geodesy import WGS84, crs_transformer
from core.raster.map_placement import PIXEL_ZOOM, lonlat_bounds, map_bounds, map_zooms, scene_zooms
from core.raster.pixel_reader import Reader
from core.raster.rendering import display_limits
from core.raster.scene import read_scene
from core.raster.tiles import TileSource, draw_map_tile, draw_tile, needs_overviews, write_overviews


def checkerboard(side):
    return lambda r, c: np.where((r // side + c // side) % 2, 200, 40)


def tile_source(path, bands=(), overviews=None):
    scene = read_scene(path)
    bands = bands or scene.bands[:1]
    return TileSource(scene, bands, display_limits(scene, bands), overviews)


def decode(tile):
    return np.asarray(Image.open(io.BytesIO(tile)).convert("RGBA"))


def tile_at(path, z, u=0.5, v=0.5):
    with TileReader(str(path)) as reader:
        west, south, east, north = lonlat_bounds(read_scene(path))
        tile = reader.tms.tile(west + u * (east - west), north - v * (north - south), z)
        return tile.z, tile.x, tile.y


@pytest.fixture
def large(make_scene):
    # Dark at the top, bright at the bottom, nodata in the upper left.
    row, column = np.mgrid[:3000, :2500]
    content = np.where((row < 900) & (column < 900), 0, np.where(row < 1500, 60, 180))
    return make_scene(content=content, nodata=0, tiled=True)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__equals_rio_tiler(make_scene):
    path = make_scene(height=700, width=900, photometric="RGB", overviews=(2,))
    bands = ("red", "green", "blue")
    tile = tile_at(path, scene_zooms(read_scene(path))[1])
    with TileReader(str(path)) as reader:
        plain = reader.tile(tile[1], tile[2], tile[0]).render(img_format="PNG")
    assert np.array_equal(decode(draw_tile(tile_source(path, bands), *tile)), decode(plain))


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_write_overviews__tiles_look_the_same(large, tmp_path):
    smaller = tmp_path / "o.tif"
    scene = read_scene(large)
    assert needs_overviews(scene)
    write_overviews(scene, scene.bands, smaller)
    assert read_scene(smaller).has_overviews
    min_zoom, max_zoom = scene_zooms(scene)
    for z in range(min_zoom, max_zoom):
        tile = tile_at(large, z)
        direct, from_copy = (
            decode(draw_tile(tile_source(large, overviews=o), *tile)) for o in (None, smaller)
        )
        both = (direct[..., 3] > 0) & (from_copy[..., 3] > 0)
        assert both.any()
        assert (direct[..., 3] == from_copy[..., 3]).mean() > 0.98
        assert (direct[both] == from_copy[both]).mean() > 0.97
        assert set(np.unique(from_copy[both][:, 0])) >= {60, 180}


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__small_scales_are_drawn_from_the_overviews(large, tmp_path):
    smaller = tmp_path / "o.tif"
    scene = read_scene(large)
    write_overviews(scene, scene.bands, smaller)
    source = tile_source(large, overviews=smaller)
    large.write_bytes(b"")
    min_zoom, max_zoom = scene_zooms(scene)
    assert decode(draw_tile(source, *tile_at_bounds(scene, min_zoom))).any()
    with pytest.raises(SceneError):
        draw_tile(source, *tile_at_bounds(scene, max_zoom))


def tile_at_bounds(scene, z):
    import morecantile

    west, south, east, north = lonlat_bounds(scene)
    tile = morecantile.tms.get("WebMercatorQuad").tile((west + east) / 2, (south + north) / 2, z)
    return tile.z, tile.x, tile.y


def test_write_overviews__can_be_stopped(large, tmp_path):
    with pytest.raises(Cancelled):
        write_overviews(read_scene(large), ("band 1",), tmp_path / "o.tif", lambda *_: True)


def test_draw_tile__without_a_crs_in_pixels(make_scene):
    rows = np.arange(600)[:, None] // 3 + np.zeros((600, 500), int)
    path = make_scene(bands=1, content=rows, crs=None, transform=Affine.identity())
    source = tile_source(path)
    assert scene_zooms(source.scene) == (0, 2)
    image = decode(draw_tile(source, 2, 1, 2))
    assert image[:88, :244, 0].tolist() == rows[512:600, 256:500].tolist()
    assert not image[88:, :, 3].any()
    overview = decode(draw_tile(source, 0, 0, 0))
    assert overview[:150, :125, 3].all()
    assert not overview[150:, :, 3].any()
    assert not decode(draw_tile(source, 2, 3, 3)).any()


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__transparent_outside_the_scene(make_scene):
    assert not decode(draw_tile(tile_source(make_scene()), 10, 0, 0))[..., 3].any()


@pytest.mark.parametrize("tile", [(-1, 0, 0), (3, 8, 0), (3, 0, -1), (31, 0, 0), (3, 0, 8)])
def test_draw_tile__no_such_tile(make_scene, tile):
    with pytest.raises(SceneError, match="no tile"):
        draw_tile(tile_source(make_scene()), *tile)


def test_draw_tile__no_such_tile_in_pixels(make_scene):
    with pytest.raises(SceneError, match="no tile 9/0/0"):
        draw_tile(tile_source(make_scene(crs=None, transform=Affine.identity())), 9, 0, 0)


def test_tile_source__unknown_bands_or_two_are_refused(make_scene):
    path = make_scene(colours=(ColorInterp.gray,) * 3)
    for bands in (("red",), ("band 1", "band 2"), ()):
        with pytest.raises(SceneError, match="the scene cannot be displayed with"):
            TileSource(read_scene(path), bands, np.zeros((1, 2)))


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__nan_is_transparent_and_uint16_is_stretched(make_scene):
    half_nan = np.where(np.arange(400) < 200, np.nan, np.arange(400)[:, None])
    nan = make_scene("nan.tif", half_nan, dtype="float32")
    z = scene_zooms(read_scene(nan))[0]
    image = decode(draw_tile(tile_source(nan), *tile_at(nan, z)))
    visible = image[..., 3] > 0
    assert 0 < visible.sum() < 0.8 * visible.size
    assert 0 < image[visible][:, 0].mean() < 255
    limits = display_limits(read_scene(nan), ("band 1",), (10, 90))
    assert limits[0] == pytest.approx((40, 359), abs=1)
    deep = make_scene("deep.tif", bands=1, dtype="uint16", content=lambda r, c: 1000 + c)
    assert display_limits(read_scene(deep), ("band 1",))[0] == pytest.approx((1003, 1156), abs=1)


def locate_pixel(scene, column, row, z):
    """The tile that shows a pixel of a scene, and the pixel's row and column in it."""
    x, y = scene.transform @ (column + 0.5, row + 0.5)
    lon, lat = crs_transformer(scene.crs, WGS84).transform(x, y)
    n = 2**z
    across = (lon / 360 + 0.5) * n
    down = (0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)) * n
    return (z, int(across), int(down)), (int(down % 1 * 256), int(across % 1 * 256))


def draw_pixel(source, column, row, z):
    """Red, green, blue and alpha with which a tile shows a pixel of a scene."""
    tile, position = locate_pixel(source.scene, column, row, z)
    return decode(draw_tile(source, *tile))[position].tolist()


ROTATED = Affine.translation(692_000, 4_796_000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
@pytest.mark.parametrize("transform", [ROTATED, Affine(0.5, 0, 692_000, 0, 0.5, 4_795_000)])
def test_draw_tile__rotated_or_bottom_up_scenes_are_drawn_at_their_location(make_scene, transform):
    size = {"bands": 1, "height": 600, "width": 700}
    path = make_scene(content=checkerboard(100), transform=transform, **size)
    z = scene_zooms(read_scene(path))[1]
    for column, row in ((50, 50), (150, 50), (650, 550), (350, 250), (20, 580)):
        red, _, _, alpha = draw_pixel(tile_source(path), column, row, z)
        assert alpha
        assert red == (200 if (row // 100 + column // 100) % 2 else 40)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_write_overviews__of_a_rotated_scene(make_scene, tmp_path):
    size = {"bands": 1, "height": 2200, "width": 2400}
    path = make_scene(content=checkerboard(400), transform=ROTATED, **size)
    scene, smaller = read_scene(path), tmp_path / "o.tif"
    write_overviews(scene, scene.bands, smaller)
    for column, row in ((200, 200), (600, 200), (2200, 2100), (1000, 1400)):
        source = tile_source(path, overviews=smaller)
        red = draw_pixel(source, column, row, scene_zooms(scene)[1] - 1)[0]
        assert red == (200 if (row // 400 + column // 400) % 2 else 40)


def test_draw_map_tile__pixels_start_south_east_of_the_origin(make_scene):
    rows = np.arange(600)[:, None] // 3 + np.zeros((600, 500), int)
    source = tile_source(make_scene(bands=1, content=rows, crs=None, transform=Affine.identity()))
    z, corner = map_zooms(source.scene)[1], 2 ** (map_zooms(source.scene)[1] - 1)
    assert z == PIXEL_ZOOM + 2
    assert draw_map_tile(source, z, corner + 1, corner + 2) == draw_tile(source, 2, 1, 2)
    for tile in ((z, corner - 1, corner), (PIXEL_ZOOM - 1, 0, 0), (z + 1, 2 * corner, 2 * corner)):
        with pytest.raises(SceneError, match="no tile"):
            draw_map_tile(source, *tile)


def test_display_limits__a_large_scene_is_sampled(make_scene, monkeypatch):
    size = {"bands": 1, "height": 2500, "width": 2600}
    path = make_scene(content=lambda r, c: 1000 + c, dtype="uint16", **size)
    scene = read_scene(path)
    assert needs_overviews(scene)
    boxes = []
    read_box = Reader.read
    monkeypatch.setattr(
        Reader, "read", lambda self, box, step=1: boxes.append(box) or read_box(self, box, step)
    )
    low, high = display_limits(scene, ("band 1",))[0]
    assert sum((r - l) * (b - t) for l, t, r, b in boxes) < 0.1 * 2500 * 2600  # noqa: E741
    assert (low, high) == pytest.approx((1052, 3547), abs=60)


def test_draw_tile__is_lossless(make_scene):
    content = np.random.default_rng(0).integers(0, 255, (3, 256, 256))
    path = make_scene(content=content, crs=None, transform=Affine.identity(), photometric="RGB")
    image = decode(draw_tile(tile_source(path, ("red", "green", "blue")), 0, 0, 0))
    with Reader(read_scene(path)) as reader:
        values = reader.read((0, 0, 256, 256)).values
    assert np.array_equal(np.moveaxis(image[..., :3], -1, 0), values)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
@pytest.mark.parametrize("nodata", [None, 0])
def test_draw_tile__transparent_next_to_a_rotated_scene(make_scene, nodata):
    options = {"height": 600, "width": 700, "photometric": "RGB", "nodata": nodata}
    path = make_scene(content=lambda r, c: 90 + r % 50, transform=ROTATED, **options)
    bands = ("red", "green", "blue")
    z = scene_zooms(read_scene(path))[1]
    for column, row in ((-60, 100), (350, -60), (760, 300), (350, 660)):
        assert draw_pixel(tile_source(path, bands), column, row, z)[3] == 0
    assert draw_pixel(tile_source(path, bands), 350, 300, z) == [90, 90, 90, 255]


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__a_scene_with_control_points_is_drawn_where_its_footprints_are(make_scene):
    import rasterio
    from rasterio.control import GroundControlPoint

    size = {"bands": 1, "height": 600, "width": 700}
    path = make_scene(content=checkerboard(100), crs=None, transform=Affine.identity(), **size)
    corners = [(0, 0), (600, 0), (600, 700), (0, 700), (300, 350)]
    points = [
        GroundControlPoint(row, column, *(ROTATED @ (float(column), float(row))))
        for row, column in corners
    ]
    with rasterio.open(path, "r+") as target:
        target.gcps = (points, rasterio.crs.CRS.from_epsg(32631))
    scene = read_scene(path)
    z = scene_zooms(scene)[1]
    for column, row in ((50, 50), (150, 50), (650, 550), (350, 250)):
        red, _, _, alpha = draw_pixel(tile_source(path), column, row, z)
        assert alpha
        assert red == (200 if (row // 100 + column // 100) % 2 else 40)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
@pytest.mark.parametrize(("dtype", "half"), [("uint8", 128), ("uint16", 255)])
def test_draw_tile__only_full_transparency_is_masked_as_in_chips(make_scene, dtype, half):
    alpha = np.where(np.arange(400)[None, :] < 200, 0, half) + np.zeros((400, 1), int)
    values = np.stack([np.full((400, 400), 90)] * 3 + [alpha])
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    path = make_scene(bands=4, dtype=dtype, height=400, width=400, content=values, colours=colours)
    bands, z = ("red", "green", "blue"), scene_zooms(read_scene(path))[1]
    for column, expected in ((100, 0), (300, 255)):
        assert draw_pixel(tile_source(path, bands), column, 200, z)[3] == expected


RAMP = np.random.default_rng(0).integers(1, 200, (3, 300, 320))
ONE_BAND = RAMP.copy()
ONE_BAND[0, :, :160] = 0
ALL_BANDS = ONE_BAND.copy()
ALL_BANDS[:, :100, :160] = 0
FOURTH = np.concatenate([ALL_BANDS, np.full((1, 300, 320), 9)])
BLANK = np.where(ALL_BANDS.astype(float) == 0, -3.4e38, ALL_BANDS)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
@pytest.mark.filterwarnings("ignore:The dataset's nodata attribute is shadowing")
@pytest.mark.parametrize(
    ("content", "options", "band_nodata"),
    [
        (ONE_BAND, {"dtype": "uint16", "nodata": 0}, {}),
        (ALL_BANDS, {"dtype": "uint8", "nodata": 0}, {}),
        (FOURTH, {"dtype": "uint8", "nodata": 0}, {}),
        (ALL_BANDS, {"dtype": "uint16", "nodata": 0, "alpha": np.arange(320) > 40}, {}),
        (ALL_BANDS, {"dtype": "uint8", "nodata": 0, "alpha": np.arange(320) > 40}, {}),
        (BLANK, {"dtype": "float32", "nodata": np.float32(-3.4e38)}, {}),
        (BLANK, {"dtype": "float32"}, {}),
        (ALL_BANDS, {"dtype": "uint8"}, {1: 0}),
        (ALL_BANDS, {"dtype": "uint8"}, {2: 0}),
        (ALL_BANDS, {"dtype": "uint16"}, {1: 7, 3: 0}),
    ],
)
def test_draw_tile__masks_the_same_pixels_as_chips(make_scene, content, options, band_nodata):
    path = make_scene(content=content, **options)
    bands = "".join(
        f'<PAMRasterBand band="{i}"><NoDataValue>{v}</NoDataValue></PAMRasterBand>'
        for i, v in band_nodata.items()
    )
    if band_nodata:
        path.with_name("scene.tif.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    scene = read_scene(path)
    displayed = scene.bands[:3]
    with Reader(scene, displayed) as reader:
        mask = reader.read((0, 0, 320, 300)).mask
    assert mask.any()
    source = tile_source(path, displayed)
    tiles = {}
    for column, row in [(c, r) for c in range(4, 320, 60) for r in range(4, 300, 60)]:
        tile, position = locate_pixel(scene, column, row, scene_zooms(scene)[1])
        if tile not in tiles:
            tiles[tile] = decode(draw_tile(source, *tile))
        visible = tiles[tile][position][3] > 0
        assert visible == (not mask[row, column]), (column, row)


@pytest.mark.parametrize("crs", ["EPSG:32631", None])
def test_draw_map_tile__only_zooms_of_the_map(make_scene, crs):
    transform = Affine.identity() if crs is None else Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    source = tile_source(make_scene(width=700, height=600, crs=crs, transform=transform))
    lowest, highest = map_zooms(source.scene)
    west, south, east, north = map_bounds(source.scene)
    for zoom in range(lowest - 3, highest + 4):
        n = 2**zoom
        latitude = np.radians((south + north) / 2)
        x = int((west + east) / 2 / 360 * n + n / 2)
        y = int((0.5 - np.arcsinh(np.tan(latitude)) / (2 * np.pi)) * n)
        if lowest <= zoom <= highest:
            assert draw_map_tile(source, zoom, x, y)
        else:
            with pytest.raises(SceneError, match=f"there is no tile {zoom}/"):
                draw_map_tile(source, zoom, x, y)


def test_draw_map_tile__without_overviews_only_while_it_is_affordable(make_scene, monkeypatch):
    path = make_scene(width=700, height=600, crs=None, transform=Affine.identity())
    source = tile_source(path, ("red",))
    lowest, highest = map_zooms(source.scene)
    corner = 2 ** (highest - 1)
    monkeypatch.setattr(tiles, "MAX_TILE_VALUES", 256 * 256 * 3)
    assert source.requires_overviews
    assert draw_map_tile(source, highest, corner, corner)
    with pytest.raises(SceneError, match="Build overviews"):
        draw_map_tile(source, lowest, 2 ** (lowest - 1), 2 ** (lowest - 1))
    with_overviews = replace(source, scene=replace(source.scene, has_overviews=True))
    assert not with_overviews.requires_overviews
    assert draw_map_tile(with_overviews, lowest, 2 ** (lowest - 1), 2 ** (lowest - 1))
