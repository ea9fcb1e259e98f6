import shutil

import pytest
from shapely.geometry import box

from core.pipeline.results.scene_changes import (
    SceneChange,
    describe_scene_changes,
    find_scene_changes,
)
from core.pipeline.results.stored_view import list_keys, open_view
from core.pipeline.run import run_pipeline
from core.pipeline.scene_survey import survey_scenes


@pytest.fixture
def view(workspace, settings):
    return run_pipeline(workspace, settings(), until="chips").view


def changes_of(view):
    """Return the changes as found after opening the result by its keys."""
    return find_scene_changes(open_view(view.workspace, view.settings, list_keys(view)))


def test_changes__none_after_a_run_or_with_an_added_scene(view, add_scene):
    assert changes_of(view) == []
    add_scene("c", seed=2)
    assert changes_of(view) == []
    assert describe_scene_changes([]) == []


def test_changes__a_scene_that_was_moved_away_is_missing(view):
    (view.workspace.raw / "a.tif").rename(view.workspace.root / "a.tif")
    assert changes_of(view) == [SceneChange("a.tif", "missing", ("a.tif",))]
    (sentence,) = describe_scene_changes(changes_of(view))
    assert "a.tif is no longer in raw/. Its chips, clusters and points are still" in sentence
    assert "The map and the surroundings of the chips need the file." in sentence
    (view.workspace.root / "a.tif").rename(view.workspace.raw / "a.tif")
    assert changes_of(view) == []


def test_changes__all_scenes_are_missing_without_raw(view):
    shutil.rmtree(view.workspace.raw)
    assert [change.scene for change in changes_of(view)] == ["a.tif", "b.tif"]
    (sentence,) = describe_scene_changes(changes_of(view))
    assert sentence.startswith("a.tif and b.tif are no longer in raw/. Their chips")


def test_changes__annotations_that_were_moved_away(view):
    (view.workspace.raw / "b.geojson").unlink()
    assert changes_of(view) == [SceneChange("b.tif", "annotations missing", ("b.geojson",))]
    (sentence,) = describe_scene_changes(changes_of(view))
    assert sentence.startswith("b.geojson, from which the chips of b.tif were cut, is no longer")


def test_changes__files_that_were_replaced_or_added(view, add_scene):
    raw = view.workspace.raw
    add_scene("a", seed=5)
    (raw / "b.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    assert changes_of(view) == [
        SceneChange("a.tif", "changed", ("a.geojson", "a.tif")),
        SceneChange("b.tif", "changed", ("b.tfw",)),
    ]
    first, second = describe_scene_changes(changes_of(view))
    assert first.startswith("a.geojson and a.tif have changed since the chips of a.tif were cut.")
    assert second.startswith("b.tfw has changed since")


def test_changes__shared_annotations(workspace, settings, make_scene, make_annotations, to_ground):
    scene = make_scene("c.tif", crs="EPSG:32632")
    shared = make_annotations(
        scene.with_name("trees"), [to_ground(box(20, 20, 50, 50))], crs="EPSG:32632", suffix=".gpkg"
    )
    make_annotations(scene.with_name("unused"), [box(0, 0, 1, 1)], crs="EPSG:32632")
    view = run_pipeline(workspace, settings(), until="chips").view
    assert "trees.gpkg" in [report.annotation_file for report in view.survey.reports]
    (workspace.raw / "unused.geojson").unlink()
    assert changes_of(view) == []
    shared.unlink()
    assert changes_of(view) == [SceneChange("c.tif", "annotations missing", ("trees.gpkg",))]


def test_changes__the_grid_of_another_scene_is_no_change(view, make_scene):
    from core.input_settings import GridSettings, SceneSettings

    make_scene("c.tif")
    survey_scenes(view.workspace, settings=SceneSettings(grid=GridSettings(32)))
    assert changes_of(view) == []


def test_describe__names_three_scenes_and_counts_the_others():
    missing = [SceneChange(f"{name}.tif", "missing", (f"{name}.tif",)) for name in "abcde"]
    (sentence,) = describe_scene_changes(missing)
    assert sentence.startswith("a.tif, b.tif, c.tif and 2 more are no longer in raw/.")
