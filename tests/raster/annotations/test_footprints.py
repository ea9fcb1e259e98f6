import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from pyproj import CRS
from shapely.geometry import (
    GeometryCollection,
    LineString,
    MultiPolygon,
    Point,
    Polygon,
    box,
)

from core.raster.annotations.footprints import guess_class, place
from core.raster.annotations.vector_files import Annotations
from core.raster.scene import read_scene

BOWTIE = Polygon([(20, 20), (40, 40), (40, 20), (20, 40)])


@pytest.fixture
def scene(make_scene):
    return read_scene(make_scene())


@pytest.fixture
def placed(scene, to_ground):
    """Geometries in pixels, taken to the ground and placed on the scene again."""

    def on(*pixels, crs="EPSG:32631", scene=scene):
        shapes = np.empty(len(pixels), object)
        for i, g in enumerate(pixels):
            shapes[i] = None if g is None else to_ground(
                g, target="" if crs == "EPSG:32631" else crs
            )  # fmt: skip
        rows = pd.DataFrame({"row": np.arange(len(pixels))})
        return place(scene, Annotations(shapes, rows, CRS(crs).to_wkt()))

    return on


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326", "EPSG:3857", "EPSG:2154", "EPSG:3035"])
def test_place__pixels_come_back_from_any_crs(placed, crs):
    found = placed(box(10, 20, 30, 50), crs=crs)
    assert found.pixels[0].bounds == pytest.approx((10, 20, 30, 50), abs=0.01)
    told = any("reprojected" in note for note in found.notes)
    assert told == (crs != "EPSG:32631")


def test_place__one_crs_in_two_spellings_is_not_reprojected(placed, scene):
    wkt = CRS("EPSG:32631").to_wkt("WKT1_GDAL")
    shapes = np.array([Point(692_010, 4_795_990)], object)
    found = place(scene, Annotations(shapes, pd.DataFrame({"a": [1]}), wkt))
    assert found.notes == ()


def test_place__longitude_first_or_latitude_first_is_no_other_crs(make_scene):
    scene = read_scene(make_scene(crs="EPSG:4326", transform=Affine(1e-5, 0, 10, 0, -1e-5, 60)))
    shapes = np.array([Point(10.0005, 59.9995)], object)
    found = place(scene, Annotations(shapes, pd.DataFrame({"a": [1]}), CRS("OGC:CRS84").to_wkt()))
    assert found.notes == ()
    assert found.pixels[0].coords[0] == pytest.approx((50, 50))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_place__skipped_by_name_and_counted(placed):
    bad = [
        None,
        Polygon(),
        box(500, 500, 510, 510),
        Point(-1, -1),
        Polygon([(20, 20), (30, 20), (np.nan, 25), (20, 30)]),
        Point(np.inf, 5),
    ]
    found = placed(*bad, box(10, 10, 20, 20))
    assert found.skipped == {
        "null geometry": 1,
        "empty geometry": 1,
        "outside the scene": 2,
        "coordinates that are not finite": 2,
    }
    assert (found.index.tolist(), found.properties["row"].tolist()) == ([6], [6])


def test_place__what_the_scene_crs_cannot_hold_is_skipped(scene):
    shapes = np.array([Point(5, 200)], object)
    found = place(scene, Annotations(shapes, pd.DataFrame({"a": [1]}), CRS(4326).to_wkt()))
    assert found.skipped == {"cannot be brought into the scene's CRS": 1}


@pytest.mark.parametrize("crs", ["IAU_2015:30100", 'LOCAL_CS["site",UNIT["metre",1]]'])
def test_place__annotations_of_no_place_on_earth_are_skipped(scene, crs):
    shapes = np.array([box(1, 1, 2, 2)] * 3, object)
    rows = pd.DataFrame({"a": [1, 2, 3]})
    found = place(scene, Annotations(shapes, rows, CRS.from_user_input(crs).to_wkt()))
    assert found.skipped == {"cannot be brought into the scene's CRS": 3}
    assert len(found) == len(found.ground.area) == 0


def test_place__nothing_at_all(placed):
    found = placed()
    assert (len(found), found.skipped, found.repaired) == (0, {}, 0)


def test_place__a_polygon_that_crosses_itself_is_repaired(placed):
    found = placed(BOWTIE, box(50, 50, 60, 60))
    assert found.repaired == 1
    assert shapely.is_valid(found.pixels).all()
    assert found.pixels[0].area == pytest.approx(200)
    assert found.pixels[1].area == pytest.approx(100)


def test_place__a_repair_drops_spikes_without_area(placed):
    spiked = Polygon([(10, 10), (20, 10), (20, 20), (10, 20), (10, 15), (2, 15), (10, 15)])
    found = placed(spiked)
    assert found.pixels[0].bounds == pytest.approx((10, 10, 20, 20))


def test_place__cut_by_the_edge(placed):
    inside, touching, crossing = box(10, 10, 20, 20), box(1, 1, 159, 119), box(-5, 10, 5, 20)
    assert placed(inside, touching, crossing).cut.tolist() == [False, False, True]


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
def test_place__any_kind_of_geometry(placed, shape, area):
    found = placed(shape)
    assert len(found) == 1
    assert not shapely.has_z(found.pixels).any()
    assert found.pixels[0].area == pytest.approx(area)
    # Half-metre pixels: four to the square metre, but for UTM's own scale here.
    assert found.ground.area[0] == pytest.approx(area / 4, rel=2e-3)


def test_place__without_crs_coordinates_are_the_scenes_own(make_scene):
    scene = read_scene(make_scene(crs=None))
    at = np.array([box(692_010, 4_795_980, 692_020, 4_795_990)], object)
    found = place(scene, Annotations(at, pd.DataFrame({"a": [1]}), CRS(4326).to_wkt()))
    assert found.pixels[0].bounds == (20, 20, 40, 40)
    assert found.lonlat.tolist() == [None]
    assert np.isnan(found.ground.area).all()
    assert "no CRS" in found.notes[0]


def test_place__a_turned_scene(make_scene, to_ground):
    turned = Affine.translation(692_000, 4_796_000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    scene = read_scene(make_scene(transform=turned))
    shape = np.array([to_ground(box(10, 20, 30, 50), turned)], object)
    found = place(scene, Annotations(shape, pd.DataFrame({"a": [1]}), scene.crs))
    assert found.pixels[0].bounds == pytest.approx((10, 20, 30, 50))
    # Columns run 30 degrees anticlockwise from east, so rows point along 330 (150) degrees.
    assert found.ground.heading[0] == pytest.approx(150, abs=2)


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
    ],
)
def test_guess_class__by_name_then_by_repetition(columns, guess):
    assert guess_class(pd.DataFrame(columns)) == guess
