import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS, Geod, Transformer
from shapely import affinity
from shapely.geometry import LineString, MultiPoint, Point, Polygon, box

from core.raster.geodesy import (
    WGS84,
    Ground,
    change_crs,
    long_axes,
    on_the_ground,
    pixel_sides,
    pixel_size,
)

GEOD = Geod(ellps="WGS84")


def around(lon, lat, heading, length, breadth):
    """A rectangle on the ellipsoid, walked by azimuth and distance from its centre."""
    ends = GEOD.fwd(*(np.array([v, v]) for v in (lon, lat)), [heading, heading + 180],
                    [length / 2, length / 2])  # fmt: skip
    corners = []
    for x, y, side in ((ends[0][0], ends[1][0], 1), (ends[0][1], ends[1][1], -1)):
        for turn in (90 * side, -90 * side):
            corners.append(GEOD.fwd(x, y, heading + turn, breadth / 2)[:2])
    return Polygon(corners)


def one(geometry):
    facts = on_the_ground(np.array([geometry], object))
    return {name: getattr(facts, name)[0] for name in facts.__dataclass_fields__}


@pytest.mark.parametrize("heading", [0, 1, 30, 45, 89, 90, 91, 135, 179])
@pytest.mark.parametrize("lat", [-60, 0, 51])
def test_on_the_ground__a_rectangle_walked_by_azimuth(heading, lat):
    facts = one(around(13.4, lat, heading, 60, 20))
    assert facts["length"] == pytest.approx(60, rel=1e-4)
    assert facts["breadth"] == pytest.approx(20, rel=1e-4)
    assert facts["area"] == pytest.approx(1200, rel=1e-4)
    assert (facts["heading"] - heading + 90) % 180 - 90 == pytest.approx(0, abs=0.01)
    assert (facts["longitude"], facts["latitude"]) == pytest.approx((13.4, lat), abs=1e-7)


def test_on_the_ground__area_and_box_agree_with_the_geodesic_polygon():
    shape = Polygon([(5, 43), (5.01, 43), (5.008, 43.006), (5.002, 43.009)], [
        [(5.003, 43.001), (5.005, 43.001), (5.004, 43.003)]])  # fmt: skip
    facts = one(shape)
    area = abs(GEOD.geometry_area_perimeter(shapely.orient_polygons(shape))[0])
    assert facts["area"] == pytest.approx(area, rel=1e-5)
    middle = 43.0045
    assert facts["width"] == pytest.approx(GEOD.inv(5, middle, 5.01, middle)[2], rel=2e-4)
    assert facts["height"] == pytest.approx(GEOD.inv(5, 43, 5, 43.009)[2], rel=1e-4)


def test_on_the_ground__a_hundred_mercator_metres_at_51_north_are_63():
    square = box(1_000_000, 6_621_000, 1_000_100, 6_621_100)
    lonlat = change_crs(np.array([square], object), "EPSG:3857", WGS84)
    facts = one(lonlat[0])
    assert facts["latitude"] == pytest.approx(51, abs=0.1)
    assert facts["width"] == pytest.approx(63, abs=0.2)
    assert facts["height"] == pytest.approx(63, abs=0.3)


@pytest.mark.parametrize("shape", [Point(5, 43), MultiPoint([(5, 43)])])
def test_on_the_ground__a_point_has_a_place_and_no_extent(shape):
    facts = one(shape)
    assert (facts["longitude"], facts["latitude"]) == (5, 43)
    sizes = [facts[k] for k in ("width", "height", "length", "breadth", "area", "heading")]
    assert sizes == [0] * 6


def test_on_the_ground__a_line_has_length_and_heading_only():
    far = GEOD.fwd(5, 43, 110, 80)[:2]
    facts = one(LineString([(5, 43), far]))
    assert facts["length"] == pytest.approx(80, rel=1e-5)
    assert facts["heading"] == pytest.approx(110, abs=0.01)
    assert facts["breadth"] == facts["area"] == 0


def test_on_the_ground__nothing():
    assert len(on_the_ground(np.empty(0, object)).area) == 0
    assert np.isnan(Ground.nowhere(2).heading).all()


@pytest.mark.parametrize("degrees", [0, 12.5, 45, 90, 100, 179.9])
def test_long_axes__clockwise_from_north(degrees):
    flat = affinity.rotate(box(-2, -10, 2, 10), -degrees, origin=(0, 0))
    length, breadth, heading = long_axes(np.array([flat], object))
    assert (length[0], breadth[0]) == pytest.approx((20, 4))
    assert (heading[0] - degrees + 90) % 180 - 90 == pytest.approx(0, abs=1e-9)
    assert 0 <= heading[0] < 180


def test_long_axes__mixed_kinds_keep_their_rows():
    shapes = [Point(0, 0), box(0, 0, 1, 3), LineString([(0, 0), (4, 0)]), box(0, 0, 5, 1)]
    length, breadth, heading = long_axes(np.array(shapes, object))
    assert length == pytest.approx([0, 3, 4, 5])
    assert breadth == pytest.approx([0, 1, 0, 1])
    assert heading == pytest.approx([0, 0, 90, 90])


def test_long_axes__a_hair_west_of_north_is_0_not_180():
    hair = 1.0000000000000013, 0.9999999999999986
    shape = Polygon([(hair[0], -5), (hair[1], 5), (-hair[0], 5), (-hair[1], -5)])
    assert long_axes(np.array([shape], object))[2].tolist() == [0]


def test_change_crs__what_the_target_cannot_hold_is_none_and_stays_in_its_row():
    shapes = np.array([Point(5, 43), Point(5, 95), LineString([(5, 43), (5, 200)])], object)
    moved = change_crs(shapes, WGS84, "EPSG:32631")
    assert [g is None for g in moved] == [False, True, True]
    expected = Transformer.from_crs(4326, 32631, always_xy=True).transform(5, 43)
    assert moved[0].coords[0] == pytest.approx(expected)
    assert shapes[0].equals(Point(5, 43))


def test_change_crs__no_way_between_two_planets():
    moon = CRS.from_user_input("IAU_2015:30100").to_wkt()
    assert change_crs(np.array([Point(1, 1)], object), moon, WGS84).tolist() == [None]


@pytest.mark.parametrize(
    ("crs", "transform", "metres"),
    [
        ("EPSG:2263", Affine(1, 0, 985_000, 0, -1, 195_000), (0.3048, 0.3048)),
        ("EPSG:3857", Affine(1, 0, 1_000_000, 0, -1, 6_621_293), (0.6306, 0.6289)),
        ("EPSG:32631", Affine(0, 0.5, 500_000, 0.5, 0, 4_800_000), (0.4998, 0.4998)),
    ],
)
def test_pixel_sides__on_the_ground(crs, transform, metres):
    sides = pixel_sides(CRS(crs).to_wkt(), transform, np.zeros(1), np.zeros(1))
    assert sides[0] == pytest.approx(metres, rel=2e-3)


def test_pixel_sides__degrees_shrink_to_the_north():
    transform = Affine(1e-5, 0, 10, 0, -1e-5, 60)
    across, down = pixel_sides(CRS(4326).to_wkt(), transform, np.zeros(1), np.zeros(1))[0]
    assert across == pytest.approx(GEOD.inv(10, 60, 10.00001, 60)[2], rel=1e-6)
    assert down == pytest.approx(GEOD.inv(10, 60, 10, 59.99999)[2], rel=1e-6)
    assert pixel_size(CRS(4326).to_wkt(), transform, 0, 0) == pytest.approx(
        np.sqrt(across * down), rel=1e-6
    )


def test_pixel_size__no_measuring_without_a_place_on_earth():
    assert pixel_size("", Affine.identity(), 10, 10) is None
    assert pixel_size(CRS(4326).to_wkt(), Affine(1, 0, 0, 0, 1, 500), 10, 10) is None
