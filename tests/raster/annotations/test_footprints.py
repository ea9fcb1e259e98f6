import json

import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from pyproj import CRS
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box

from core.raster.annotations.feature_table import Annotations, object_array
from core.raster.annotations.footprints import (
    guess_class_attribute,
    outline_geojson,
    place_annotations,
    screen_tolerance,
)
from core.raster.scene import read_scene

BOWTIE = Polygon([(20, 20), (40, 40), (40, 20), (20, 40)])


@pytest.fixture
def scene(make_scene):
    return read_scene(make_scene())


def place_on(scene, crs, *geometries):
    """Place geometries of a CRS on a scene."""
    rows = pd.DataFrame({"row": np.arange(len(geometries))})
    wkt = CRS.from_user_input(crs).to_wkt()
    return place_annotations(scene, Annotations(object_array(geometries), rows, wkt))


@pytest.fixture
def place_pixels(scene, to_ground):
    """A function that brings pixel geometries to the ground and places them on the scene."""

    def convert_and_place(*pixels, crs="EPSG:32631", scene=scene):
        target = "" if crs == "EPSG:32631" else crs
        shapes = [g if g is None else to_ground(g, target=target) for g in pixels]
        return place_on(scene, crs, *shapes)

    return convert_and_place


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326", "EPSG:3857", "EPSG:2154", "EPSG:3035"])
def test_place_annotations__round_trip_through_any_crs(place_pixels, crs):
    footprints = place_pixels(box(10, 20, 30, 50), crs=crs)
    assert footprints.pixels[0].bounds == pytest.approx((10, 20, 30, 50), abs=0.01)
    is_reported = any("reprojected" in note for note in footprints.notes)
    assert is_reported == (crs != "EPSG:32631")


def test_place_annotations__equal_crs_in_two_spellings_are_not_reprojected(place_pixels, scene):
    rows = pd.DataFrame({"a": [1]})
    wkt = CRS("EPSG:32631").to_wkt("WKT1_GDAL")
    annotations = Annotations(object_array([Point(692_010, 4_795_990)]), rows, wkt)
    assert place_annotations(scene, annotations).notes == ()


def test_place_annotations__axis_order_does_not_matter(make_scene):
    scene = read_scene(make_scene(crs="EPSG:4326", transform=Affine(1e-5, 0, 10, 0, -1e-5, 60)))
    footprints = place_on(scene, "OGC:CRS84", Point(10.0005, 59.9995))
    assert footprints.notes == ()
    assert footprints.pixels[0].coords[0] == pytest.approx((50, 50))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_place_annotations__skipped_are_counted_by_reason(place_pixels):
    bad = [
        None,
        Polygon(),
        box(500, 500, 510, 510),
        Point(-1, -1),
        Polygon([(20, 20), (30, 20), (np.nan, 25), (20, 30)]),
        Point(np.inf, 5),
    ]
    footprints = place_pixels(*bad, box(10, 10, 20, 20))
    assert footprints.skipped == {
        "null geometry": 1,
        "empty geometry": 1,
        "outside the scene": 2,
        "coordinates that are not finite": 2,
    }
    assert (footprints.index.tolist(), footprints.properties["row"].tolist()) == ([6], [6])


def test_place_annotations__outside_the_scene_crs_is_skipped(scene):
    footprints = place_on(scene, 4326, Point(5, 200))
    assert footprints.skipped == {"cannot be reprojected to the scene's CRS": 1}


@pytest.mark.parametrize("crs", ["IAU_2015:30100", 'LOCAL_CS["site",UNIT["metre",1]]'])
def test_place_annotations__a_crs_that_is_not_on_earth_is_skipped(scene, crs):
    footprints = place_on(scene, crs, *[box(1, 1, 2, 2)] * 3)
    assert footprints.skipped == {"cannot be reprojected to the scene's CRS": 3}
    assert len(footprints) == len(footprints.ground.area) == 0


def test_place_annotations__no_annotations(place_pixels):
    footprints = place_pixels()
    assert (len(footprints), footprints.skipped, footprints.repaired) == (0, {}, 0)


def test_place_annotations__a_self_intersecting_polygon_is_repaired(place_pixels):
    footprints = place_pixels(BOWTIE, box(50, 50, 60, 60))
    assert footprints.repaired == 1
    assert shapely.is_valid(footprints.pixels).all()
    assert footprints.pixels[0].area == pytest.approx(200)
    assert footprints.pixels[1].area == pytest.approx(100)


def test_place_annotations__a_repair_drops_spikes_without_area(place_pixels):
    spiked = Polygon([(10, 10), (20, 10), (20, 20), (10, 20), (10, 15), (2, 15), (10, 15)])
    footprints = place_pixels(spiked)
    assert footprints.pixels[0].bounds == pytest.approx((10, 10, 20, 20))


def test_place_annotations__cut_by_the_edge(place_pixels):
    inside, touching, crossing = box(10, 10, 20, 20), box(1, 1, 159, 119), box(-5, 10, 5, 20)
    assert place_pixels(inside, touching, crossing).cut_by_edge.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        (Point(30, 30), 0),
        (LineString([(10, 10), (30, 30)]), 0),
        (Polygon([(10, 10), (30, 10), (30, 30)], [[(20, 12), (24, 12), (24, 14)]]), 196),
        (MultiPolygon([box(10, 10, 20, 20), box(40, 40, 50, 50)]), 200),
        (GeometryCollection([box(10, 10, 20, 20), Point(50, 50)]), 100),
        (Polygon([(10, 10, 5), (30, 10, 5), (30, 30, 7)]), 200),
    ],
)
def test_place_annotations__any_kind_of_geometry(place_pixels, shape, area):
    footprints = place_pixels(shape)
    assert len(footprints) == 1
    assert not shapely.has_z(footprints.pixels).any()
    assert footprints.pixels[0].area == pytest.approx(area)
    # Half-metre pixels: four per square metre, apart from the scale of UTM here.
    assert footprints.ground.area[0] == pytest.approx(area / 4, rel=2e-3)


def test_place_annotations__without_a_crs_coordinates_are_those_of_the_scene(make_scene):
    scene = read_scene(make_scene(crs=None))
    footprints = place_on(scene, 4326, box(692_010, 4_795_980, 692_020, 4_795_990))
    assert footprints.pixels[0].bounds == (20, 20, 40, 40)
    assert footprints.lonlat.tolist() == [None]
    assert np.isnan(footprints.ground.area).all()
    assert "no CRS" in footprints.notes[0]


def test_place_annotations__a_rotated_scene(make_scene, to_ground):
    rotated = Affine.translation(692_000, 4_796_000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    scene = read_scene(make_scene(transform=rotated))
    footprints = place_on(scene, scene.crs, to_ground(box(10, 20, 30, 50), rotated))
    assert footprints.pixels[0].bounds == pytest.approx((10, 20, 30, 50))
    # Columns run 30 degrees anticlockwise from east, so rows point along 330 (150) degrees.
    assert footprints.ground.heading[0] == pytest.approx(150, abs=2)


@pytest.mark.parametrize(
    ("columns", "guess"),
    [
        ({"id": [1, 2], "Class": ["a", "b"]}, "Class"),
        ({"name": ["x", "y"], "label": ["a", "a"]}, "label"),
        ({"class": [None, None], "label": ["a", "b"]}, "label"),
        ({"n": [1, 2, 3, 4], "sort": ["a", "a", "b", "b"]}, "sort"),
        ({"n": [1, 2, 3, 4], "note": ["a", "b", "c", "d"]}, ""),
        ({"n": [1, 2]}, ""),
        ({}, ""),
        ({"class": [f"{i}" for i in range(201)]}, ""),
        ({"label": ["tree"] * 4, "site": ["a", "a", "b", "b"]}, "site"),
        ({"label": ["tree"] * 4, "kind": [1, 1, 2, 2]}, "kind"),
        ({"site": ["a", "a", "b", "b"], "class": [1, 2, 3, 1]}, "class"),
        ({"label": ["tree"] * 4, "id": [1, 2, 3, 4]}, "label"),
    ],
)
def test_guess_class_attribute__by_name_then_by_repeated_texts(columns, guess):
    assert guess_class_attribute(pd.DataFrame(columns)) == guess


def test_outline_geojson__ids_and_facts_stay_with_their_geometries():
    text = outline_geojson(
        object_array([box(0, 0, 1, 1), None, Point(2, 2)]),
        ["a", "b", "c"],
        {"cluster": np.array([1, 2, 3]), "area": np.array([1.5, 2, np.nan])},
        0,
    )
    document = json.loads(text)
    assert [f["id"] for f in document["features"]] == ["a", "c"]
    assert document["features"][1]["properties"] == {"cluster": 3, "area": None}
    assert shapely.from_geojson(json.dumps(document["features"][0]["geometry"])) == box(0, 0, 1, 1)


def test_outline_geojson__markup_is_escaped():
    markup = "<img src=x onerror=alert(1)>"
    text = outline_geojson(object_array([Point(0, 0)]), [markup], {"class": np.array([markup])}, 0)
    assert "<" not in text
    feature = json.loads(text)["features"][0]
    assert feature["id"] == markup
    assert feature["properties"]["class"] == markup


def test_outline_geojson__simplified_to_screen_tolerance():
    rng = np.random.default_rng(0)
    circles = shapely.buffer(shapely.points(rng.random((20_000, 2))), 1e-4, quad_segs=16)
    tolerance = screen_tolerance(circles)
    assert 1 / 5000 < tolerance < 1 / 3000
    text = outline_geojson(circles, [str(i) for i in range(len(circles))], {}, tolerance)
    assert len(text) < 20_000 * 220
    first = shapely.from_geojson(json.dumps(json.loads(text)["features"][0]["geometry"]))
    assert shapely.hausdorff_distance(first, circles[0]) <= tolerance
    assert screen_tolerance(object_array([])) == 0
