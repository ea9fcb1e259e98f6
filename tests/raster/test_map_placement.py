import numpy as np
import pytest
from affine import Affine

from core.raster.map_placement import (
    PIXEL_ZOOM,
    is_drawn_in_mercator,
    lonlat_bounds,
    lonlat_outline,
    map_bounds,
    map_zooms,
    pixel_positions,
    scene_zooms,
)
from core.raster.scene import read_scene


def test_is_drawn_in_mercator__a_scene_is_drawn_at_its_location(make_scene):
    scene = read_scene(make_scene())
    assert is_drawn_in_mercator(scene)
    assert map_bounds(scene) == lonlat_bounds(scene)
    assert map_zooms(scene) == scene_zooms(scene)


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
def test_is_drawn_in_mercator__false_beyond_its_limits(make_scene, crs, transform):
    scene = read_scene(make_scene(crs=crs, transform=transform, width=160, height=120))
    assert not is_drawn_in_mercator(scene)
    west, south, east, north = map_bounds(scene)
    assert (west, north) == pytest.approx((0, 0), abs=1e-12)
    assert 0 < east < 360 / 2**PIXEL_ZOOM
    assert south < 0
    assert map_zooms(scene)[1] == scene_zooms(scene)[1] + PIXEL_ZOOM


def test_pixel_positions__agree_with_tiles(make_scene):
    scene = read_scene(make_scene(crs=None, transform=Affine.identity(), width=600, height=500))
    positions = pixel_positions(scene, np.array([(0, 0), (256, 256), (600, 500)], float))
    n = 2.0 ** map_zooms(scene)[1]
    x = (positions[:, 0] / 360 + 0.5) * n
    y = (0.5 - np.arcsinh(np.tan(np.radians(positions[:, 1]))) / (2 * np.pi)) * n
    assert x - n / 2 == pytest.approx([0, 1, 600 / 256], abs=1e-6)
    assert y - n / 2 == pytest.approx([0, 1, 500 / 256], abs=1e-6)


def test_lonlat_outline__corners_of_the_scene(make_scene):
    scene = read_scene(make_scene())
    outline = lonlat_outline(scene)
    assert np.array_equal(outline[0], outline[-1])
    corners = [*outline.min(axis=0), *outline.max(axis=0)]
    assert corners == pytest.approx(lonlat_bounds(scene), abs=1e-6)


def test_lonlat_outline__none_without_a_crs(make_scene):
    assert lonlat_outline(read_scene(make_scene(crs=None, transform=Affine.identity()))) is None
