import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS, Geod, Proj, Transformer
from shapely import affinity
from shapely.geometry import LineString, MultiPoint, Point, Polygon, box

from core.raster.geodesy import (
    WGS84,
    Ground,
    gather_longitudes,
    ground_pixel_sides,
    ground_pixel_size,
    measure_long_axes,
    measure_on_ground,
    north_direction,
    reproject_geometries,
)

GEOD = Geod(ellps="WGS84")


def geodesic_rectangle(lon, lat, heading, length, breadth):
    """A rectangle on the ellipsoid, built by azimuth and distance from its centre."""
    ends = GEOD.fwd(
        *(np.array([v, v]) for v in (lon, lat)), [heading, heading + 180], [length / 2, length / 2]
    )
    corners = []
    for x, y, side in ((ends[0][0], ends[1][0], 1), (ends[0][1], ends[1][1], -1)):
        for turn in (90 * side, -90 * side):
            corners.append(GEOD.fwd(x, y, heading + turn, breadth / 2)[:2])
    return Polygon(corners)


def measure(geometry):
    ground = measure_on_ground(np.array([geometry], object))
    return {name: getattr(ground, name)[0] for name in ground.__dataclass_fields__}


@pytest.mark.parametrize("heading", [0, 1, 30, 45, 89, 90, 91, 135, 179])
@pytest.mark.parametrize("lat", [-60, 0, 51])
def test_measure_on_ground__a_geodesic_rectangle(heading, lat):
    facts = measure(geodesic_rectangle(13.4, lat, heading, 60, 20))
    assert facts["length"] == pytest.approx(60, rel=1e-4)
    assert facts["breadth"] == pytest.approx(20, rel=1e-4)
    assert facts["area"] == pytest.approx(1200, rel=1e-4)
    assert (facts["heading"] - heading + 90) % 180 - 90 == pytest.approx(0, abs=0.01)
    assert (facts["longitude"], facts["latitude"]) == pytest.approx((13.4, lat), abs=1e-7)


def test_measure_on_ground__area_and_box_agree_with_the_geodesic_polygon():
    shape = Polygon(
        [(5, 43), (5.01, 43), (5.008, 43.006), (5.002, 43.009)],
        [[(5.003, 43.001), (5.005, 43.001), (5.004, 43.003)]],
    )
    facts = measure(shape)
    area = abs(GEOD.geometry_area_perimeter(shapely.orient_polygons(shape))[0])
    assert facts["area"] == pytest.approx(area, rel=1e-5)
    middle = 43.0045
    assert facts["width"] == pytest.approx(GEOD.inv(5, middle, 5.01, middle)[2], rel=2e-4)
    assert facts["height"] == pytest.approx(GEOD.inv(5, 43, 5, 43.009)[2], rel=1e-4)


def test_measure_on_ground__a_hundred_mercator_metres_at_51_north_are_63():
    square = box(1_000_000, 6_621_000, 1_000_100, 6_621_100)
    lonlat = reproject_geometries(np.array([square], object), "EPSG:3857", WGS84)
    facts = measure(lonlat[0])
    assert facts["latitude"] == pytest.approx(51, abs=0.1)
    assert facts["width"] == pytest.approx(63, abs=0.2)
    assert facts["height"] == pytest.approx(63, abs=0.3)


@pytest.mark.parametrize("shape", [Point(5, 43), MultiPoint([(5, 43)])])
def test_measure_on_ground__a_point_has_a_location_and_no_extent(shape):
    facts = measure(shape)
    assert (facts["longitude"], facts["latitude"]) == (5, 43)
    sizes = [facts[k] for k in ("width", "height", "length", "breadth", "area", "heading")]
    assert sizes == [0] * 6


def test_measure_on_ground__a_line_has_length_and_heading_only():
    far = GEOD.fwd(5, 43, 110, 80)[:2]
    facts = measure(LineString([(5, 43), far]))
    assert facts["length"] == pytest.approx(80, rel=1e-5)
    assert facts["heading"] == pytest.approx(110, abs=0.01)
    assert facts["breadth"] == facts["area"] == 0


def test_measure_on_ground__no_footprints():
    assert len(measure_on_ground(np.empty(0, object)).area) == 0
    assert np.isnan(Ground.unmeasured(2).heading).all()


@pytest.mark.parametrize("degrees", [0, 12.5, 45, 90, 100, 179.9])
def test_measure_long_axes__clockwise_from_north(degrees):
    flat = affinity.rotate(box(-2, -10, 2, 10), -degrees, origin=(0, 0))
    length, breadth, heading = measure_long_axes(np.array([flat], object))
    assert (length[0], breadth[0]) == pytest.approx((20, 4))
    assert (heading[0] - degrees + 90) % 180 - 90 == pytest.approx(0, abs=1e-9)
    assert 0 <= heading[0] < 180


def test_measure_long_axes__mixed_kinds_keep_their_rows():
    shapes = [Point(0, 0), box(0, 0, 1, 3), LineString([(0, 0), (4, 0)]), box(0, 0, 5, 1)]
    length, breadth, heading = measure_long_axes(np.array(shapes, object))
    assert length == pytest.approx([0, 3, 4, 5])
    assert breadth == pytest.approx([0, 1, 0, 1])
    assert heading == pytest.approx([0, 0, 90, 90])


def test_measure_long_axes__just_west_of_north_is_0_not_180():
    hair = 1.0000000000000013, 0.9999999999999986
    shape = Polygon([(hair[0], -5), (hair[1], 5), (-hair[0], 5), (-hair[1], -5)])
    assert measure_long_axes(np.array([shape], object))[2].tolist() == [0]


def test_reproject_geometries__coordinates_outside_the_target_are_none():
    shapes = np.array([Point(5, 43), Point(5, 95), LineString([(5, 43), (5, 200)])], object)
    moved = reproject_geometries(shapes, WGS84, "EPSG:32631")
    assert [g is None for g in moved] == [False, True, True]
    expected = Transformer.from_crs(4326, 32631, always_xy=True).transform(5, 43)
    assert moved[0].coords[0] == pytest.approx(expected)
    assert shapes[0].equals(Point(5, 43))


def test_reproject_geometries__between_two_planets_all_are_none():
    moon = CRS.from_user_input("IAU_2015:30100").to_wkt()
    assert reproject_geometries(np.array([Point(1, 1)], object), moon, WGS84).tolist() == [None]


@pytest.mark.parametrize(
    ("crs", "transform", "metres"),
    [
        ("EPSG:2263", Affine(1, 0, 985_000, 0, -1, 195_000), (0.3048, 0.3048)),
        ("EPSG:3857", Affine(1, 0, 1_000_000, 0, -1, 6_621_293), (0.6306, 0.6289)),
        ("EPSG:32631", Affine(0, 0.5, 500_000, 0.5, 0, 4_800_000), (0.4998, 0.4998)),
    ],
)
def test_ground_pixel_sides__in_feet_and_web_mercator(crs, transform, metres):
    sides = ground_pixel_sides(CRS(crs).to_wkt(), transform, np.zeros(1), np.zeros(1))
    assert sides[0] == pytest.approx(metres, rel=2e-3)


def test_ground_pixel_sides__degrees_shrink_to_the_north():
    transform = Affine(1e-5, 0, 10, 0, -1e-5, 60)
    width, height = ground_pixel_sides(CRS(4326).to_wkt(), transform, np.zeros(1), np.zeros(1))[0]
    assert width == pytest.approx(GEOD.inv(10, 60, 10.00001, 60)[2], rel=1e-6)
    assert height == pytest.approx(GEOD.inv(10, 60, 10, 59.99999)[2], rel=1e-6)
    assert ground_pixel_size(CRS(4326).to_wkt(), transform, 0, 0) == pytest.approx(
        np.sqrt(width * height), rel=1e-6
    )


def test_ground_pixel_size__none_without_a_location_on_earth():
    assert ground_pixel_size("", Affine.identity(), 10, 10) is None
    assert ground_pixel_size(CRS(4326).to_wkt(), Affine(1, 0, 0, 0, 1, 500), 10, 10) is None


@pytest.mark.parametrize("turn", [0, 30, -120])
def test_north_direction__convergence_of_the_meridians_and_rotated_scenes(turn):
    # pyproj states the convergence: the angle from true north to grid north, clockwise.
    x, y, crs = 692_000, 4_796_000, "EPSG:32631"
    lon, lat = Transformer.from_crs(crs, WGS84, always_xy=True).transform(x, y)
    convergence = Proj(crs).get_factors(lon, lat).meridian_convergence
    transform = Affine.translation(x, y) @ Affine.rotation(turn) @ Affine.scale(0.5, -0.5)
    direction = north_direction(crs, transform, 0, 0)
    assert (direction - (turn - convergence) + 180) % 360 - 180 == pytest.approx(0, abs=0.01)


def test_north_direction__none_without_a_crs():
    assert north_direction("", Affine.identity(), 0, 0) is None
    assert north_direction(WGS84, Affine(0.1, 0, 5, 0, -0.1, 50), 10, 10) == pytest.approx(0)


@pytest.mark.parametrize(
    ("longitudes", "expected"),
    [
        ([179.0, -179.0, np.nan], [179.0, 181.0, np.nan]),
        ([-1.0, 1.0], [-1.0, 1.0]),
        ([np.nan], [np.nan]),
        ([], []),
    ],
)
def test_gather_longitudes(longitudes, expected):
    gathered = gather_longitudes(np.array(longitudes))
    assert np.array_equal(gathered, expected, equal_nan=True)


def test_gather_longitudes__as_their_reference():
    reference = np.array([179.0, -179.0])
    assert gather_longitudes(np.array([-170.0]), reference).tolist() == [190.0]
