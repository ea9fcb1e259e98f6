"""The same ground gives the same chips and measurements anywhere, in a scene of any orientation."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely.affinity import rotate, translate
from shapely.geometry import box

from core.chips.extraction import cut_chips
from core.raster.annotations.feature_table import PIXELS, Annotations
from core.raster.annotations.footprints import boxes_may_touch, place_annotations
from core.raster.geodesy import (
    GEOD,
    WGS84,
    crs_transformer,
    ground_pixel_size,
    north_direction,
    split_at_antimeridian,
)
from core.raster.map_placement import is_drawn_in_mercator, lonlat_bounds
from core.raster.scene import Scene, read_scene
from core.raster.windows import chip_windows, scene_orientation
from core.settings import ChipSettings

WGS84_WKT = CRS(WGS84).to_wkt()
# CRS, longitude and latitude of the scene's centre, as the scene counts them.
PLACES = {
    "UTM 60, across": ("EPSG:32660", 180.0, -17.0),
    "UTM 1, across": ("EPSG:32601", -179.9995, 52.0),
    "degrees, across": ("EPSG:4326", 180.0, -17.0),
    "degrees, across, from the west": ("EPSG:4326", -180.0, 21.0),
    "degrees, 0 to 360": ("EPSG:4326", 200.0, 21.0),
    "polar, across": ("EPSG:3413", 180.0, 75.0),
    "polar, Antarctica": ("EPSG:3031", -180.0, -78.0),
    "the equator and Greenwich": ("EPSG:4326", 0.0, 0.0),
    "UTM 31": ("EPSG:32631", 5.0, 43.0),
}


def scene_at(crs, lon, lat, width=400, height=300):
    """A scene with pixels of about a metre, whose centre is at a longitude and latitude."""
    x, y = crs_transformer(WGS84, crs).transform(lon, lat)
    step = 1e-5 if CRS(crs).is_geographic else 1.0
    transform = Affine(step, 0, x - step * width / 2, 0, -step, y + step * height / 2)
    wkt = CRS(crs).to_wkt()
    return Scene(
        path=None,
        name="a",
        width=width,
        height=height,
        bands=("b",),
        indexes=(1,),
        dtype="uint8",
        nodata=None,
        crs=wkt,
        transform=transform,
        gsd=ground_pixel_size(wkt, transform, width, height),
        has_overviews=False,
        block_shape=(1, width),
    )


def ground_box(lon, lat, east=20.0, north=10.0):
    """A box around a point, in degrees from -180 to 180; sides in metres are twice as long."""
    corners = []
    for x, y in ((-east, -north), (east, -north), (east, north), (-east, north)):
        azimuth, distance = np.degrees(np.arctan2(x, y)), np.hypot(x, y)
        corners.append(GEOD.fwd(lon, lat, azimuth, distance)[:2])
    return shapely.Polygon(corners)


def annotate(*geometries, crs=WGS84_WKT):
    array = np.empty(len(geometries), object)
    array[:] = geometries
    return Annotations(array, pd.DataFrame(index=range(len(array))), crs)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("offset", [-100, -10, 0, 10, 100])
def test_footprints__location_and_size(place, offset):
    crs, lon, lat = PLACES[place]
    scene = scene_at(crs, lon, lat)
    lon, lat, _ = GEOD.fwd(lon, lat, 90, offset)
    footprints = place_annotations(scene, annotate(ground_box(lon, lat)))
    assert footprints.skipped == {}
    assert not footprints.cut_by_edge.any()
    ground = footprints.ground
    assert abs(ground.longitude[0]) <= 180
    assert (ground.longitude[0] - lon + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
    assert ground.latitude == pytest.approx(lat, abs=1e-6)
    assert ground.width == pytest.approx(40, rel=1e-4)
    assert ground.height == pytest.approx(20, rel=1e-4)
    assert ground.length == pytest.approx(40, rel=1e-4)
    assert ground.area == pytest.approx(800, rel=1e-4)
    assert ground.heading == pytest.approx(90, abs=0.1)
    # Annotations in pixels are the same ground.
    in_pixels = place_annotations(scene, annotate(footprints.pixels[0], crs=PIXELS))
    assert in_pixels.ground.longitude == pytest.approx(ground.longitude, abs=1e-9)
    assert in_pixels.ground.width == pytest.approx(ground.width)


@pytest.mark.parametrize("place", PLACES)
def test_scene__north_size_and_map(place):
    crs, lon, lat = PLACES[place]
    scene = scene_at(crs, lon, lat)
    step = north_direction(scene.crs, scene.transform, 200.0, 150.0)
    ahead = crs_transformer(WGS84, crs).transform(*GEOD.fwd(lon, lat, 0, 10)[:2])
    if not crs.startswith("EPSG:4326"):
        right, up = np.subtract(ahead, scene.transform @ (200, 150))
        assert step == pytest.approx(np.degrees(np.arctan2(right, up)), abs=1e-3)
    else:
        assert step == pytest.approx(0, abs=1e-6)
    west, _, east, _ = lonlat_bounds(scene)
    assert 0 < east - west < 0.1
    assert is_drawn_in_mercator(scene) == (place in ("the equator and Greenwich", "UTM 31"))


def test_footprints__around_a_pole():
    scene = scene_at("EPSG:3413", 0.0, 90.0)
    pole = crs_transformer(WGS84, "EPSG:3413").transform(0, 90)
    x, y = ~scene.transform @ pole
    footprints = place_annotations(scene, annotate(box(x - 20, y - 10, x + 20, y + 10), crs=PIXELS))
    ground, scale = footprints.ground, scene.gsd
    assert ground.latitude == pytest.approx(90, abs=1e-6)
    assert ground.length == pytest.approx(40 * scale, rel=1e-3)
    assert ground.breadth == pytest.approx(20 * scale, rel=1e-3)
    assert ground.area == pytest.approx(800 * scale**2, rel=1e-3)


def test_footprints__a_wide_annotation_is_not_taken_for_one_across_the_antimeridian():
    scene = scene_at("EPSG:4326", 90.0, 10.0)
    world = box(-179, -80, 179, 80)
    footprints = place_annotations(scene, annotate(world))
    assert len(footprints) == 1
    assert footprints.pixels[0].covers(box(0, 0, 400, 300))


@pytest.mark.parametrize("lon", [179.9995, 180.0005, -179.9995, -180.0005, 200.0, -160.0, 5.0])
@pytest.mark.parametrize("place", PLACES)
def test_boxes_may_touch__longitudes_on_either_side(place, lon):
    crs, scene_lon, lat = PLACES[place]
    scene = scene_at(crs, scene_lon, lat)
    shape = ground_box(0, lat)
    shape = translate(shape, lon)
    found = len(place_annotations(scene, annotate(shape))) > 0
    assert found <= bool(boxes_may_touch(scene, WGS84_WKT, shapely.bounds([shape]))[0])


shape_of = {
    "polygon": lambda lon: box(lon - 1, 10, lon + 1, 12),
    "line": lambda lon: shapely.LineString([(lon - 1, 10), (lon + 1, 12)]),
    "points": lambda lon: shapely.MultiPoint([(lon - 1, 10), (lon + 1, 12)]),
}


@pytest.mark.parametrize("kind", shape_of)
@given(st.floats(-400, 400))
@settings(max_examples=50, deadline=None)
def test_split__all_longitudes_are_on_the_globe_and_nothing_is_lost(kind, lon):
    shape = shape_of[kind](lon)
    (split,) = split_at_antimeridian(np.array([shape], object))
    west, _, east, _ = split.bounds
    assert -180 <= west <= east <= 180
    assert split.area == pytest.approx(shape.area)
    assert split.length == pytest.approx(shape.length, abs=4.1)
    assert split.is_valid
    crosses = np.floor((lon - 1 + 180) / 360) != np.floor((lon + 1 + 180) / 360)
    assert (split.geom_type == "MultiPolygon") == (kind == "polygon" and crosses)
    json.loads(shapely.to_geojson(split))


def test_split__others_are_unchanged():
    shapes = np.array(
        [box(170, 0, 180, 1), None, shapely.Point(3, 4), box(-180, 0, 180, 9)], object
    )
    assert list(split_at_antimeridian(shapes)) == list(shapes)


# The eight orientations of an image: column and row of the first one as a function of another's.
TURNS = {
    "north up": (1, 0, 0, 1),
    "south up": (1, 0, 0, -1),
    "mirrored": (-1, 0, 0, 1),
    "turned by 180": (-1, 0, 0, -1),
    "turned by 90": (0, -1, 1, 0),
    "turned by 270": (0, 1, -1, 0),
    "transposed": (0, 1, 1, 0),
    "transposed the other way": (0, -1, -1, 0),
}
NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.5, 4_796_000)
SIDE = 160
SHAPES = (
    box(30, 40, 70, 55),
    box(60, 60, 66, 120),
    rotate(box(90, 80, 130, 92), 30),
    box(0, 0, 40, 9),
)


UNCHANGED = Affine.identity()


def oriented(a, b, c, d, by=UNCHANGED):
    centre = Affine.translation(SIDE / 2, SIDE / 2)
    return NORTH_UP @ centre @ by @ Affine(a, b, 0, c, d, 0) @ ~centre


def paint(transform, rows, columns):
    """Values of the ground, as smooth as the resampling filters need, without any symmetry."""
    x, y = ~NORTH_UP @ (transform @ (columns + 0.5, rows + 0.5))
    return np.round(100 + 60 * np.sin(x / 17) + 0.4 * x * np.cos(y / 23) - 0.2 * y).clip(0, 255)


def chips_of(path, transform, *, is_grid=False, shapes=SHAPES, **options):
    scene = read_scene(path)
    pixels = [
        shapely.transform(shape, lambda xy: np.column_stack(~transform @ (NORTH_UP @ tuple(xy.T))))
        for shape in shapes
    ]
    footprints = np.array(pixels, object)
    chips = np.zeros((len(shapes), 1, 32, 32), scene.dtype)
    mask = np.ones((len(shapes), 32, 32), bool)
    parameters = ChipSettings(size=32, **options)
    for cut in cut_chips(scene, footprints, ("b",), parameters, is_grid=is_grid):
        chips[cut.rows], mask[cut.rows] = cut.values, cut.mask
    return chips, mask


@pytest.fixture
def make_oriented(make_scene):
    def make(transform, dtype="uint8"):
        rows, columns = np.mgrid[:SIDE, :SIDE]
        values = paint(transform, rows, columns)
        size = {"height": SIDE, "width": SIDE, "bands": 1, "dtype": dtype}
        options = {"transform": transform, "descriptions": ("b",)}
        return make_scene("a.tif", values, **size, **options)

    return make


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("align", ["north", "long-axis"])
@pytest.mark.parametrize("background", ["keep", "mask"])
def test_chips__the_same_ground_in_every_orientation(make_oriented, turn, align, background):
    options = {"align": align, "background": background}
    expected = chips_of(make_oriented(NORTH_UP), NORTH_UP, **options)
    transform = oriented(*TURNS[turn])
    chips, mask = chips_of(make_oriented(transform), transform, **options)
    both = ~(mask | expected[1])[:, None]
    difference = np.abs(chips.astype(int) - expected[0])
    # Chips along the pixel grid differ by rounding only, since they are not resampled again.
    assert difference[[0, 1, 3]][both[[0, 1, 3]]].max() <= 1
    assert difference[both].max() <= 2
    assert (mask != expected[1]).mean() < 0.02


@pytest.mark.parametrize("turn", TURNS)
def test_chips__squares_of_a_grid_in_every_orientation(make_oriented, turn):
    options = {"margin": 0.0, "shapes": (box(32, 64, 96, 128),), "is_grid": True}
    expected, _ = chips_of(make_oriented(NORTH_UP), NORTH_UP, **options)
    transform = oriented(*TURNS[turn])
    chips, mask = chips_of(make_oriented(transform), transform, **options)
    assert np.abs(chips.astype(int) - expected).max() <= 1
    assert not mask.any()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(sorted(TURNS)), st.floats(-180, 180), st.floats(0.7, 1.4))
def test_chips__the_same_ground_at_any_angle(make_oriented, turn, angle, ratio):
    transform = oriented(*TURNS[turn], by=Affine.rotation(angle) @ Affine.scale(ratio, 1 / ratio))
    expected, covered = chips_of(make_oriented(NORTH_UP, "float32"), NORTH_UP)
    chips, mask = chips_of(make_oriented(transform, "float32"), transform)
    valid = ~(mask | covered)[:, None]
    assert valid.any()
    assert np.abs(chips - expected)[valid].max() < 6


@given(st.sampled_from(sorted(TURNS)), st.floats(-180, 180), st.sampled_from([WGS84, "EPSG:32631"]))
@settings(max_examples=60, deadline=None)
def test_orientation__follows_from_the_ground(turn, angle, crs):
    scene = scene_at(crs, 5.0, 43.0)
    # In degrees, a pixel of the same length in metres is wider.
    wide = 1 / np.cos(np.radians(43.0)) if crs == WGS84 else 1.0
    a, b, c, d = TURNS[turn]
    step = scene.transform.a
    centre = Affine.translation(*(scene.transform @ (200, 150)))
    turned = Affine.scale(step * wide, -step) @ Affine.rotation(angle) @ Affine(a, b, 0, c, d, 0)
    transform = centre @ turned @ Affine.translation(-200, -150)
    scene = replace(scene, transform=transform)
    north, mirrored = scene_orientation(scene)
    assert mirrored == (a * d - b * c < 0)
    window = chip_windows(
        scene, np.array([box(195, 145, 205, 155)], object), ChipSettings(extent=9)
    )
    upper_left, upper_right, _, lower_left = window.corners()[0]
    x, y = np.transpose([transform @ tuple(p) for p in (upper_left, upper_right, lower_left)])
    # East to the right, and north up.
    assert x[1] > x[0]
    assert y[0] > y[2]
    assert abs(y[1] - y[0]) < 0.02 * (y[0] - y[2])
    assert abs(x[2] - x[0]) < 0.02 * (x[1] - x[0])
    assert -180 <= north <= 180
