"""Which file serves a scene, and what is said of those that do not."""

import json

import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry import LineString, Point, box

from core.raster.annotations import scene_match
from core.raster.annotations.feature_table import Annotations
from core.raster.annotations.footprints import may_touch, place
from core.raster.annotations.vector_files import find_shared, read_annotations
from core.raster.scene import read_scene
from core.raster.scene_report import inspect

pytestmark = pytest.mark.filterwarnings("ignore:'crs' was not provided")
FAR = Affine(0.5, 0, 600_000, 0, -0.5, 4_796_000)
BOXES = "xmin,ymin,xmax,ymax\n10,20,30,60\n"


@pytest.fixture
def look():
    def at(raster, **options):
        shared = find_shared(raster.parent, [raster.stem, "one", "two", "far"])
        report, _, footprints = inspect(raster, None, shared, **options)
        return report, footprints, " | ".join(report.warnings)

    return at


def test_shared__a_second_file_on_the_scene_is_named(look, make_scene, make_annotations, to_ground):
    one, far = make_scene("one.tif"), make_scene("far.tif", transform=FAR)
    here, there = to_ground(box(10, 10, 30, 30)), to_ground(box(10, 10, 30, 30), transform=FAR)
    folder = one.parent
    make_annotations(folder / "many", [here, there], suffix=".gpkg")
    make_annotations(folder / "other", [to_ground(Point(50, 50), target="EPSG:4326")], crs=None)
    make_annotations(folder / "yonder", [there], suffix=".fgb")
    report, _, words = look(one)
    assert report.annotation_file == "many.gpkg"
    assert (
        "other.geojson also has annotations on this scene: not used, one file serves a scene"
    ) in report.warnings
    assert "yonder" not in words
    assert "yonder.fgb also has annotations on this scene" in look(far)[2]
    assert "other" not in look(far)[2]


def test_shared__a_box_that_touches_is_not_enough(look, make_scene, make_annotations, to_ground):
    one = make_scene("one.tif")
    make_annotations(one.parent / "a", [to_ground(box(1, 1, 9, 9))])
    around = to_ground(LineString([(-50, -50), (500, -50), (500, 500)]))
    make_annotations(one.parent / "b", [around])
    assert "b.geojson" not in look(one)[2]


def test_shared__files_without_any_here_are_not_read_again(
    look, make_scene, make_annotations, to_ground, monkeypatch
):
    one = make_scene("one.tif")
    make_annotations(one.parent / "a", [to_ground(box(1, 1, 9, 9))])
    for n in range(6):
        make_annotations(one.parent / f"b{n}", [to_ground(box(1, 1, 9, 9), transform=FAR)])
    look(one)
    read = []
    monkeypatch.setattr(
        scene_match,
        "read_annotations",
        lambda path: read.append(path.name) or read_annotations(path),
    )
    look(one)
    assert set(read) <= {"a.geojson"}


def test_shared__a_broken_second_file_is_told(look, make_scene, make_annotations, to_ground):
    one = make_scene("one.tif")
    make_annotations(one.parent / "a", [to_ground(box(1, 1, 9, 9))])
    (one.parent / "b.geojson").write_text("<html>")
    report, _, words = look(one)
    assert (report.annotations, "b.geojson: is not JSON" in words) == (1, True)


def lies_on(scene, shape, crs):
    """What `may_touch` says, and whether any of the shape is on the scene."""
    wkt = CRS(crs).to_wkt()
    shapes = np.array([shape], object)
    whole = Annotations(shapes, pd.DataFrame(index=range(1)), wkt)
    return may_touch(scene, wkt, shapely.bounds(shapes))[0], len(place(scene, whole)) == 1


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    crs=st.sampled_from(["EPSG:4326", "EPSG:3857", "EPSG:2154", "EPSG:32633"]),
    at=st.tuples(*[st.floats(-300, 400)] * 2),
    side=st.floats(0.1, 200),
    pixel=st.sampled_from([0.5, 500, 9000]),
)
def test_may_touch__never_leaves_out_what_lies_on_the_scene(
    make_scene, to_ground, crs, at, side, pixel
):
    there = Affine(pixel, 0, 400_000, 0, -pixel, 5_000_000)
    scene = read_scene(make_scene("one.tif", transform=there))
    square = box(*at, at[0] + side, at[1] + side)
    touches, on = lies_on(scene, to_ground(square, transform=there, target=crs), crs)
    assert touches or not on


def test_may_touch__an_edge_is_bent_in_degrees(make_scene, to_ground):
    # Between two of the points that are looked at, the upper edge is farthest north.
    there = Affine(9000, 0, 400_000, 0, -9000, 5_000_000)
    scene = read_scene(make_scene("one.tif", transform=there))
    shape = to_ground(box(11.05, 0.0005, 11.15, 0.002), transform=there, target="EPSG:4326")
    assert lies_on(scene, shape, "EPSG:4326") == (True, True)


def test_may_touch__what_is_far_away_does_not(make_scene):
    scene = read_scene(make_scene())
    bounds = np.array([[5, 43, 5.1, 43.1], [0, 0, 10, 60], [np.nan] * 4], float)
    assert may_touch(scene, CRS(4326).to_wkt(), bounds).tolist() == [False, True, False]


@pytest.mark.parametrize("suffix", [".shp", ".geojson", ".gpkg"])
def test_shared__metres_without_a_crs_say_why_none_is_on_the_scene(
    look, make_scene, make_annotations, to_ground, suffix
):
    one = make_scene("one.tif")
    make_annotations(one.parent / "all", [to_ground(box(1, 1, 9, 9))], [{"n": 1}], None, suffix)
    _, footprints, words = look(one)
    assert footprints is None
    assert f"all{suffix} has none on this scene: " in words
    assert "these are no degrees: give the file its CRS" in words
    assert "1 cannot be brought into the scene's CRS" in words
    assert "none of the others has any" not in words


def test_shared__an_assumed_crs_is_told_where_nothing_is_on_the_scene(
    look, make_scene, make_annotations
):
    one = make_scene("one.tif")
    make_annotations(one.parent / "all", [Point(10, 50)], [{"n": 1}], None, ".fgb")
    assert "all.fgb has none on this scene: the file names no CRS: taken as" in look(one)[2]


def test_shared__pixels_that_name_no_scene_are_refused_with_the_remedy(look, make_scene):
    one, _two = make_scene("one.tif"), make_scene("two.tif")
    (one.parent / "all.csv").write_text(BOXES)
    report, footprints, words = look(one)
    assert (report.annotations, footprints) == (0, None)
    assert (
        "all.csv: is not used: pixels have no place, so which scene is meant is not known. "
        "Name the file one.csv, or give it a column 'scene'."
    ) in report.warnings
    assert "matched by place" not in words


def test_shared__pixels_that_name_no_scene_mean_the_only_one(look, make_scene):
    one = make_scene("one.tif")
    (one.parent / "all.csv").write_text(BOXES)
    _, footprints, words = look(one, only=True)
    assert footprints.pixels.tolist() == [box(10, 20, 30, 60)]
    assert "annotations of all.csv are in pixels: taken for the only scene" in words
    assert "matched by place" not in words


def test_shared__a_second_file_of_pixels_is_refused_too(
    look, make_scene, make_annotations, to_ground
):
    one = make_scene("one.tif")
    make_annotations(one.parent / "a", [to_ground(box(1, 1, 9, 9))])
    (one.parent / "all.csv").write_text(BOXES)
    report, _, words = look(one)
    assert report.annotation_file == "a.geojson"
    assert "all.csv: is not used: pixels have no place" in words


def test_shared__a_scene_without_a_place_takes_nothing_by_place(look, make_scene, make_annotations):
    one = make_scene("one.tif", crs=None, transform=None)
    make_annotations(one.parent / "all", [Point(5, 43)], crs=None)
    _, footprints, words = look(one)
    assert footprints is None
    assert "all.geojson: is not used: the scene has no place" in words
    assert look(one, only=True)[0].annotations == 1


def test_shared__rows_that_name_the_scene_are_matched_by_name(look, make_scene):
    one = make_scene("one.tif")
    (one.parent / "all.csv").write_text(
        "scene,xmin,ymin,xmax,ymax\none.tif,1,1,9,9\none,900,900,990,990\ntwo,1,1,9,9\n"
    )
    report, _, _ = look(one)
    assert "annotations matched by name: 1 of all.csv name this scene" in report.warnings
    assert report.skipped == {"outside the scene": 1}


@pytest.mark.parametrize(("stem", "own"), [("all", False), ("one", True)])
def test_coco__file_names_of_other_scenes_are_told(look, make_scene, stem, own):
    one = make_scene("one.tif")
    images = [{"id": n, "file_name": f"000{n}.jpg"} for n in range(5)]
    marks = [{"image_id": n, "bbox": [1, 1, 5, 5]} for n in (0, 1, 2, 3, 4, 9)]
    document = {"images": images, "annotations": marks, "categories": []}
    (one.parent / f"{stem}.json").write_text(json.dumps(document))
    report, _, words = look(one)
    assert report.annotations == 0
    assert (
        f"{stem}.json: none of its 6 annotations names this scene, "
        "they name 0000, 0001, 0002 and 2 more"
    ) in report.warnings
    assert "holds no features" not in words
