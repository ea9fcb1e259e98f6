import io

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.enums import ColorInterp
from rio_tiler.io import Reader as TileReader

from core.errors import Cancelled, SceneError
from core.raster.scene import read_scene
from core.raster.tiles import (
    TileSource,
    display_ends,
    draw_tile,
    lonlat_bounds,
    needs_overviews,
    write_overviews,
    zooms,
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
