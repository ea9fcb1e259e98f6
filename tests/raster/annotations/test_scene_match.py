"""Which vector file a scene uses, and what is reported about the others."""

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
from core.raster.annotations.footprints import boxes_may_touch, place_annotations
from core.raster.annotations.vector_files import find_shared_annotations, read_annotations
from core.raster.scene import read_scene
from core.raster.scene_report import inspect_scene

pytestmark = pytest.mark.filterwarnings("ignore:'crs' was not provided")
FAR_TRANSFORM = Affine(0.5, 0, 600_000, 0, -0.5, 4_796_000)
BOXES = "xmin,ymin,xmax,ymax\n10,20,30,60\n"


@pytest.fixture
def raster(make_scene):
    return make_scene("one.tif")


def inspect(raster, **options):
    shared = find_shared_annotations(raster.parent, [raster.stem, "one", "two", "far"])
    report, _, footprints = inspect_scene(raster, None, shared, **options)
    return report, footprints, " | ".join(report.warnings)


def test_match_annotations__a_second_file_on_the_scene_is_reported(
    make_scene, make_annotations, to_ground
):
    raster, far_raster = make_scene("one.tif"), make_scene("far.tif", transform=FAR_TRANSFORM)
    near_box = to_ground(box(10, 10, 30, 30))
    far_box = to_ground(box(10, 10, 30, 30), transform=FAR_TRANSFORM)
    folder = raster.parent
    make_annotations(folder / "many", [near_box, far_box], suffix=".gpkg")
    make_annotations(folder / "other", [to_ground(Point(50, 50), target="EPSG:4326")], crs=None)
    make_annotations(folder / "third", [far_box], suffix=".fgb")
    report, _, words = inspect(raster)
    assert report.annotation_file == "many.gpkg"
    assert (
        "other.geojson also has annotations on this scene but is not used: each scene uses one "
        "vector file."
    ) in report.warnings
    assert "third" not in words
    assert "third.fgb also has annotations on this scene but is not used" in inspect(far_raster)[2]
    assert "other" not in inspect(far_raster)[2]


def test_match_annotations__a_touching_box_is_not_enough(raster, make_annotations, to_ground):
    make_annotations(raster.parent / "a", [to_ground(box(1, 1, 9, 9))])
    around = to_ground(LineString([(-50, -50), (500, -50), (500, 500)]))
    make_annotations(raster.parent / "b", [around])
    assert "b.geojson" not in inspect(raster)[2]


def test_match_annotations__files_without_annotations_nearby_are_read_once(
    raster, make_annotations, to_ground, monkeypatch
):
    make_annotations(raster.parent / "a", [to_ground(box(1, 1, 9, 9))])
    for n in range(6):
        make_annotations(
            raster.parent / f"b{n}", [to_ground(box(1, 1, 9, 9), transform=FAR_TRANSFORM)]
        )
    inspect(raster)
    files = []
    monkeypatch.setattr(
        scene_match,
        "read_annotations",
        lambda path: files.append(path.name) or read_annotations(path),
    )
    inspect(raster)
    assert set(files) <= {"a.geojson"}


def test_match_annotations__a_broken_second_file_is_reported(raster, make_annotations, to_ground):
    make_annotations(raster.parent / "a", [to_ground(box(1, 1, 9, 9))])
    (raster.parent / "b.geojson").write_text("<html>")
    report, _, words = inspect(raster)
    assert (report.annotations, "b.geojson: the file is not valid JSON" in words) == (1, True)


def compare_touch(scene, shape, crs):
    """The result of `boxes_may_touch`, and whether the shape is on the scene."""
    wkt = CRS(crs).to_wkt()
    shapes = np.array([shape], object)
    annotations = Annotations(shapes, pd.DataFrame(index=range(1)), wkt)
    may_touch = boxes_may_touch(scene, wkt, shapely.bounds(shapes))[0]
    return may_touch, len(place_annotations(scene, annotations)) == 1


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    crs=st.sampled_from(["EPSG:4326", "EPSG:3857", "EPSG:2154", "EPSG:32633"]),
    corner=st.tuples(*[st.floats(-300, 400)] * 2),
    side=st.floats(0.1, 200),
    pixel=st.sampled_from([0.5, 500, 9000]),
)
def test_boxes_may_touch__true_for_all_that_lie_on_the_scene(
    make_scene, to_ground, crs, corner, side, pixel
):
    transform = Affine(pixel, 0, 400_000, 0, -pixel, 5_000_000)
    scene = read_scene(make_scene("one.tif", transform=transform))
    square = box(*corner, corner[0] + side, corner[1] + side)
    may_touch, is_on_scene = compare_touch(
        scene, to_ground(square, transform=transform, target=crs), crs
    )
    assert may_touch or not is_on_scene


def test_boxes_may_touch__an_edge_is_curved_in_degrees(make_scene, to_ground):
    # The upper edge is farthest north between two of the sampled points.
    transform = Affine(9000, 0, 400_000, 0, -9000, 5_000_000)
    scene = read_scene(make_scene("one.tif", transform=transform))
    shape = to_ground(box(11.05, 0.0005, 11.15, 0.002), transform=transform, target="EPSG:4326")
    assert compare_touch(scene, shape, "EPSG:4326") == (True, True)


def test_boxes_may_touch__false_far_away(make_scene):
    scene = read_scene(make_scene())
    bounds = np.array([[5, 43, 5.1, 43.1], [0, 0, 10, 60], [np.nan] * 4], float)
    assert boxes_may_touch(scene, CRS(4326).to_wkt(), bounds).tolist() == [False, True, False]


@pytest.mark.parametrize("suffix", [".shp", ".geojson", ".gpkg"])
def test_match_annotations__metres_without_a_crs_are_reported(
    raster, make_annotations, to_ground, suffix
):
    make_annotations(raster.parent / "all", [to_ground(box(1, 1, 9, 9))], [{"n": 1}], None, suffix)
    _, footprints, words = inspect(raster)
    assert footprints is None
    assert f"all{suffix} has no annotations on this scene (1 cannot be reprojected" in words
    assert "Some coordinates cannot be degrees. Set the CRS of the file." in words
    assert "(1 cannot be reprojected to the scene's CRS)." in words
    assert "no other vector file has any" not in words


def test_match_annotations__an_assumed_crs_is_reported_if_nothing_matches(raster, make_annotations):
    make_annotations(raster.parent / "all", [Point(10, 50)], [{"n": 1}], None, ".fgb")
    assert "(1 outside the scene). all.fgb has no CRS: EPSG:4326 is assumed." in inspect(raster)[2]


def test_match_annotations__ambiguous_pixels_are_refused_with_a_remedy(make_scene):
    raster, _ = make_scene("one.tif"), make_scene("two.tif")
    (raster.parent / "all.csv").write_text(BOXES)
    report, footprints, words = inspect(raster)
    assert (report.annotations, footprints) == (0, None)
    assert (
        "all.csv: the file is not used, because its pixel coordinates could belong to any scene. "
        "Rename it to one.csv, or add a column 'scene'."
    ) in report.warnings
    assert "matched by location" not in words


def test_match_annotations__pixels_are_assigned_to_the_only_scene(raster):
    (raster.parent / "all.csv").write_text(BOXES)
    _, footprints, words = inspect(raster, is_only_scene=True)
    assert footprints.pixels.tolist() == [box(10, 20, 30, 60)]
    assert "The annotations of all.csv are in pixels and were assigned to the only scene." in words
    assert "matched by location" not in words


def test_match_annotations__a_second_file_of_pixels_is_refused_too(
    raster, make_annotations, to_ground
):
    make_annotations(raster.parent / "a", [to_ground(box(1, 1, 9, 9))])
    (raster.parent / "all.csv").write_text(BOXES)
    report, _, words = inspect(raster)
    assert report.annotation_file == "a.geojson"
    assert "all.csv: the file is not used, because its pixel coordinates" in words


def test_match_annotations__a_scene_without_georeference_is_not_matched_by_location(
    make_scene, make_annotations
):
    raster = make_scene("one.tif", crs=None, transform=None)
    make_annotations(raster.parent / "all", [Point(5, 43)], crs=None)
    _, footprints, words = inspect(raster)
    assert footprints is None
    assert "all.geojson: the file is not used, because this scene has no georeference" in words
    assert inspect(raster, is_only_scene=True)[0].annotations == 1


def test_match_annotations__rows_that_name_the_scene(raster):
    (raster.parent / "all.csv").write_text(
        "scene,xmin,ymin,xmax,ymax\none.tif,1,1,9,9\none,900,900,990,990\ntwo,1,1,9,9\n"
    )
    report, _, _ = inspect(raster)
    assert "Annotations were matched by scene name: 1 from all.csv." in report.warnings
    assert report.skipped == {"outside the scene": 1}


@pytest.mark.parametrize("stem", ["all", "one"])
def test_match_annotations__coco_file_names_of_other_scenes_are_reported(raster, stem):
    images = [{"id": n, "file_name": f"000{n}.jpg"} for n in range(5)]
    marks = [{"image_id": n, "bbox": [1, 1, 5, 5]} for n in (0, 1, 2, 3, 4, 9)]
    document = {"images": images, "annotations": marks, "categories": []}
    (raster.parent / f"{stem}.json").write_text(json.dumps(document))
    report, _, words = inspect(raster)
    assert report.annotations == 0
    assert (
        f"{stem}.json: none of its 6 annotations names this scene; "
        "they name 0000, 0001, 0002 and 2 more."
    ) in report.warnings
    assert "holds no features" not in words
