import numpy as np
import pytest
from affine import Affine

from core.raster.map_placement import (
    PIXEL_ZOOM,
    lonlat_bounds,
    map_bounds,
    map_zooms,
    on_mercator,
    pixel_places,
    zooms,
)
from core.raster.scene import read_scene


def test_on_mercator__a_scene_at_its_place(make_scene):
    scene = read_scene(make_scene())
    assert on_mercator(scene)
    assert map_bounds(scene) == lonlat_bounds(scene)
    assert map_zooms(scene) == zooms(scene)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (None, Affine.identity()),
        ("EPSG:3031", Affine(100, 0, 100_000, 0, -100, 100_000)),
        ("EPSG:4326", Affine(0.001, 0, 179.95, 0, -0.001, 10)),
        ("EPSG:32660", Affine(100, 0, 812_000, 0, -100, 2_000_000)),
    ],
    ids=["no CRS", "near a pole", "beyond 180 degrees", "across the antimeridian"],
)
def test_on_mercator__not_where_its_world_ends(make_scene, crs, transform):
    scene = read_scene(make_scene(crs=crs, transform=transform, width=160, height=120))
    assert not on_mercator(scene)
    west, south, east, north = map_bounds(scene)
    assert (west, north) == pytest.approx((0, 0), abs=1e-12)
    assert 0 < east < 360 / 2**PIXEL_ZOOM
    assert south < 0
    assert map_zooms(scene)[1] == zooms(scene)[1] + PIXEL_ZOOM


def test_pixel_places__each_pixel_as_large_as_in_its_tiles(make_scene):
    scene = read_scene(make_scene(crs=None, transform=Affine.identity(), width=600, height=500))
    places = pixel_places(scene, np.array([(0, 0), (256, 256), (600, 500)], float))
    n = 2.0 ** map_zooms(scene)[1]
    x = (places[:, 0] / 360 + 0.5) * n
    y = (0.5 - np.arcsinh(np.tan(np.radians(places[:, 1]))) / (2 * np.pi)) * n
    assert x - n / 2 == pytest.approx([0, 1, 600 / 256], abs=1e-6)
    assert y - n / 2 == pytest.approx([0, 1, 500 / 256], abs=1e-6)
