import io

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.enums import ColorInterp
from rio_tiler.io import Reader as TileReader

from core.errors import Cancelled, SceneError
from core.raster.geodesy import WGS84, transformer
from core.raster.map_placement import PIXEL_ZOOM, lonlat_bounds, map_zooms, zooms
from core.raster.pixel_reader import Reader
from core.raster.scene import read_scene
from core.raster.tiles import (
    TileSource,
    display_ends,
    draw_map_tile,
    draw_tile,
    needs_overviews,
    write_overviews,
)


def source(path, bands=(), overviews=None):
    scene = read_scene(path)
    shown = bands or scene.bands[:1]
    return TileSource(scene, shown, display_ends(scene, shown), overviews)


def drawn(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def tile_at(path, z, u=0.5, v=0.5):
    with TileReader(str(path)) as reader:
        west, south, east, north = lonlat_bounds(read_scene(path))
        tile = reader.tms.tile(west + u * (east - west), north - v * (north - south), z)
        return tile.z, tile.x, tile.y


@pytest.fixture
def large(make_scene):
    # Dark above, bright below, a hole in the upper left.
    return make_scene(
        bands=1, height=3000, width=2500, nodata=0, tiled=True,
        content=lambda r, c: np.where((r < 900) & (c < 900), 0, np.where(r < 1500, 60, 180)),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__what_rio_tiler_draws(make_scene):
    path = make_scene(height=700, width=900, photometric="RGB", overviews=(2,))
    shown = ("red", "green", "blue")
    tile = tile_at(path, zooms(read_scene(path))[1])
    with TileReader(str(path)) as reader:
        plain = reader.tile(tile[1], tile[2], tile[0]).render(img_format="PNG")
    assert np.array_equal(drawn(draw_tile(source(path, shown), *tile)), drawn(plain))


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_write_overviews__the_same_picture_from_far_fewer_bytes(large, tmp_path):
    smaller = tmp_path / "o.tif"
    scene = read_scene(large)
    assert needs_overviews(scene)
    write_overviews(scene, scene.bands, smaller)
    assert read_scene(smaller).overviews
    least, most = zooms(scene)
    for z in range(least, most):
        tile = tile_at(large, z)
        alone, helped = (
            drawn(draw_tile(source(large, overviews=o), *tile)) for o in (None, smaller)
        )
        both = (alone[..., 3] > 0) & (helped[..., 3] > 0)
        assert both.any()
        assert (alone[..., 3] == helped[..., 3]).mean() > 0.98
        assert (alone[both] == helped[both]).mean() > 0.97
        assert set(np.unique(helped[both][:, 0])) >= {60, 180}


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__small_scales_are_drawn_from_the_overviews(large, tmp_path):
    smaller = tmp_path / "o.tif"
    scene = read_scene(large)
    write_overviews(scene, scene.bands, smaller)
    ready = source(large, overviews=smaller)
    large.write_bytes(b"")
    least, most = zooms(scene)
    assert drawn(draw_tile(ready, *tile_at_bounds(scene, least))).any()
    with pytest.raises(SceneError):
        draw_tile(ready, *tile_at_bounds(scene, most))


def tile_at_bounds(scene, z):
    import morecantile

    west, south, east, north = lonlat_bounds(scene)
    tile = morecantile.tms.get("WebMercatorQuad").tile((west + east) / 2, (south + north) / 2, z)
    return tile.z, tile.x, tile.y


def test_write_overviews__can_be_stopped(large, tmp_path):
    with pytest.raises(Cancelled):
        write_overviews(read_scene(large), ("band 1",), tmp_path / "o.tif", lambda *_: True)


def test_draw_tile__without_crs_in_the_scenes_own_pixels(make_scene):
    rows = np.arange(600)[:, None] // 3 + np.zeros((600, 500), int)
    path = make_scene(bands=1, content=rows, crs=None, transform=Affine.identity())
    ready = source(path)
    assert zooms(ready.scene) == (0, 2)
    picture = drawn(draw_tile(ready, 2, 1, 2))
    assert picture[:88, :244, 0].tolist() == rows[512:600, 256:500].tolist()
    assert not picture[88:, :, 3].any()
    whole = drawn(draw_tile(ready, 0, 0, 0))
    assert whole[:150, :125, 3].all()
    assert not whole[150:, :, 3].any()
    assert not drawn(draw_tile(ready, 2, 3, 3)).any()


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__elsewhere_is_transparent(make_scene):
    assert not drawn(draw_tile(source(make_scene()), 10, 0, 0))[..., 3].any()


@pytest.mark.parametrize("tile", [(-1, 0, 0), (3, 8, 0), (3, 0, -1), (31, 0, 0), (3, 0, 8)])
def test_draw_tile__no_such_tile(make_scene, tile):
    with pytest.raises(SceneError, match="no tile"):
        draw_tile(source(make_scene()), *tile)


def test_draw_tile__no_such_tile_in_pixels(make_scene):
    with pytest.raises(SceneError, match="no tile 9/0/0"):
        draw_tile(source(make_scene(crs=None, transform=Affine.identity())), 9, 0, 0)


def test_tile_source__bands_that_are_not_there_or_two(make_scene):
    path = make_scene(colours=(ColorInterp.gray,) * 3)
    for bands in (("red",), ("band 1", "band 2"), ()):
        with pytest.raises(SceneError, match="cannot show"):
            TileSource(read_scene(path), bands, np.zeros((1, 2)))


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__nan_is_transparent_and_uint16_is_stretched(make_scene):
    nan = make_scene(
        "nan.tif", bands=1, dtype="float32", height=400, width=400,
        content=lambda r, c: np.where(c < 200, np.nan, r),
    )  # fmt: skip
    z = zooms(read_scene(nan))[0]
    picture = drawn(draw_tile(source(nan), *tile_at(nan, z)))
    shown = picture[..., 3] > 0
    assert 0 < shown.sum() < 0.8 * shown.size
    assert 0 < picture[shown][:, 0].mean() < 255
    percent = display_ends(read_scene(nan), ("band 1",), (10, 90))
    assert percent[0] == pytest.approx((40, 359), abs=1)
    deep = make_scene("deep.tif", bands=1, dtype="uint16", content=lambda r, c: 1000 + c)
    assert display_ends(read_scene(deep), ("band 1",))[0] == pytest.approx((1003, 1156), abs=1)


def spot(path, column, row, z):
    """The tile at a pixel of a scene, and where in that tile the pixel's middle lies."""
    scene = read_scene(path)
    x, y = scene.transform @ (column + 0.5, row + 0.5)
    lon, lat = transformer(scene.crs, WGS84).transform(x, y)
    n = 2**z
    across = (lon / 360 + 0.5) * n
    down = (0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)) * n
    return (z, int(across), int(down)), (int(down % 1 * 256), int(across % 1 * 256))


TURNED = Affine.translation(692_000, 4_796_000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
@pytest.mark.parametrize("transform", [TURNED, Affine(0.5, 0, 692_000, 0, 0.5, 4_795_000)])
def test_draw_tile__turned_or_bottom_up_pixels_lie_where_they_are(make_scene, transform):
    path = make_scene(
        bands=1, height=600, width=700, transform=transform,
        content=lambda r, c: np.where((r // 100 + c // 100) % 2, 200, 40),
    )  # fmt: skip
    z = zooms(read_scene(path))[1]
    for column, row in ((50, 50), (150, 50), (650, 550), (350, 250), (20, 580)):
        tile, at = spot(path, column, row, z)
        red, _, _, shown = drawn(draw_tile(source(path), *tile))[at]
        assert shown
        assert red == (200 if (row // 100 + column // 100) % 2 else 40)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_write_overviews__of_a_turned_scene_lie_where_it_does(make_scene, tmp_path):
    path = make_scene(
        bands=1, height=2200, width=2400, transform=TURNED,
        content=lambda r, c: np.where((r // 400 + c // 400) % 2, 200, 40),
    )  # fmt: skip
    scene, smaller = read_scene(path), tmp_path / "o.tif"
    write_overviews(scene, scene.bands, smaller)
    for column, row in ((200, 200), (600, 200), (2200, 2100), (1000, 1400)):
        tile, at = spot(path, column, row, zooms(scene)[1] - 1)
        red = drawn(draw_tile(source(path, overviews=smaller), *tile))[at][0]
        assert red == (200 if (row // 400 + column // 400) % 2 else 40)


def test_draw_map_tile__pixels_lie_south_east_of_the_origin(make_scene):
    rows = np.arange(600)[:, None] // 3 + np.zeros((600, 500), int)
    ready = source(make_scene(bands=1, content=rows, crs=None, transform=Affine.identity()))
    z, corner = map_zooms(ready.scene)[1], 2 ** (map_zooms(ready.scene)[1] - 1)
    assert z == PIXEL_ZOOM + 2
    assert draw_map_tile(ready, z, corner + 1, corner + 2) == draw_tile(ready, 2, 1, 2)
    for tile in ((z, corner - 1, corner), (PIXEL_ZOOM - 1, 0, 0), (z + 1, 2 * corner, 2 * corner)):
        with pytest.raises(SceneError, match="no tile"):
            draw_map_tile(ready, *tile)


def test_display_ends__of_a_large_scene_from_samples(make_scene, monkeypatch):
    path = make_scene(
        bands=1, dtype="uint16", height=2500, width=2600, content=lambda r, c: 1000 + c
    )
    scene = read_scene(path)
    assert needs_overviews(scene)
    read = []
    plain = Reader.read
    monkeypatch.setattr(
        Reader, "read", lambda self, box, step=1: read.append(box) or plain(self, box, step)
    )
    low, high = display_ends(scene, ("band 1",))[0]
    assert sum((r - l) * (b - t) for l, t, r, b in read) < 0.1 * 2500 * 2600  # noqa: E741
    assert (low, high) == pytest.approx((1052, 3547), abs=60)


def test_draw_tile__is_lossless(make_scene):
    rng = np.random.default_rng(0)
    path = make_scene(
        bands=3, height=256, width=256, crs=None, transform=Affine.identity(),
        content=rng.integers(0, 255, (3, 256, 256)), photometric="RGB",
    )  # fmt: skip
    shown = drawn(draw_tile(source(path, ("red", "green", "blue")), 0, 0, 0))
    with Reader(read_scene(path)) as reader:
        values = reader.read((0, 0, 256, 256)).values
    assert np.array_equal(np.moveaxis(shown[..., :3], -1, 0), values)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
@pytest.mark.parametrize("nodata", [None, 0])
def test_draw_tile__beside_a_turned_scene_is_transparent(make_scene, nodata):
    path = make_scene(bands=3, height=600, width=700, transform=TURNED, photometric="RGB",
                      nodata=nodata, content=lambda r, c: 90 + r % 50)  # fmt: skip
    shown = ("red", "green", "blue")
    z = zooms(read_scene(path))[1]
    for column, row in ((-60, 100), (350, -60), (760, 300), (350, 660)):
        tile, at = spot(path, column, row, z)
        assert drawn(draw_tile(source(path, shown), *tile))[at][3] == 0
    tile, at = spot(path, 350, 300, z)
    assert drawn(draw_tile(source(path, shown), *tile))[at].tolist() == [90, 90, 90, 255]


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_draw_tile__a_scene_placed_by_points_lies_where_its_footprints_do(make_scene):
    import rasterio
    from rasterio.control import GroundControlPoint

    path = make_scene(
        bands=1, height=600, width=700, crs=None, transform=Affine.identity(),
        content=lambda r, c: np.where((r // 100 + c // 100) % 2, 200, 40),
    )  # fmt: skip
    corners = [(0, 0), (600, 0), (600, 700), (0, 700), (300, 350)]
    points = [
        GroundControlPoint(row, column, *(TURNED @ (float(column), float(row))))
        for row, column in corners
    ]
    with rasterio.open(path, "r+") as target:
        target.gcps = (points, rasterio.crs.CRS.from_epsg(32631))
    scene = read_scene(path)
    z = zooms(scene)[1]
    for column, row in ((50, 50), (150, 50), (650, 550), (350, 250)):
        tile, at = spot(path, column, row, z)
        red, _, _, shown = drawn(draw_tile(source(path), *tile))[at]
        assert shown
        assert red == (200 if (row // 100 + column // 100) % 2 else 40)


@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
@pytest.mark.parametrize(("dtype", "half"), [("uint8", 128), ("uint16", 255)])
def test_draw_tile__hides_what_alpha_hides_altogether_as_chips_do(make_scene, dtype, half):
    hidden = np.where(np.arange(400)[None, :] < 200, 0, half) + np.zeros((400, 1), int)
    values = np.stack([np.full((400, 400), 90)] * 3 + [hidden])
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    path = make_scene(bands=4, dtype=dtype, height=400, width=400, content=values, colours=colours)
    shown, z = ("red", "green", "blue"), zooms(read_scene(path))[1]
    for column, seen in ((100, 0), (300, 255)):
        tile, at = spot(path, column, 200, z)
        assert drawn(draw_tile(source(path, shown), *tile))[at][3] == seen


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
    ("content", "how", "stated"),
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
def test_draw_tile__hides_what_chips_hide(make_scene, content, how, stated):
    path = make_scene(content=content, **how)
    bands = "".join(
        f'<PAMRasterBand band="{i}"><NoDataValue>{v}</NoDataValue></PAMRasterBand>'
        for i, v in stated.items()
    )
    if stated:
        path.with_name("scene.tif.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    scene = read_scene(path)
    shown = scene.bands[:3]
    with Reader(scene, shown) as reader:
        mask = reader.read((0, 0, 320, 300)).mask
    assert mask.any()
    ready = TileSource(scene, shown, display_ends(scene, shown))
    pictures = {}
    for column, row in [(c, r) for c in range(4, 320, 60) for r in range(4, 300, 60)]:
        tile, at = spot(path, column, row, zooms(scene)[1])
        if tile not in pictures:
            pictures[tile] = drawn(draw_tile(ready, *tile))
        visible = pictures[tile][at][3] > 0
        assert visible == (not mask[row, column]), (column, row)
