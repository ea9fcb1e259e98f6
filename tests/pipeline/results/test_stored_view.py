import shutil
import tomllib

import numpy as np
import pytest

from core.pipeline.chip_stages import open_chips
from core.pipeline.cluster_stages import find_labelling, open_projection
from core.pipeline.embedding_stages import open_embeddings
from core.pipeline.results.stored_view import list_keys, open_view, scene_keys
from core.pipeline.run import run_pipeline
from core.pipeline.run_results import collect_results
from core.pipeline.run_stages import STAGE_NAMES
from core.pipeline.workspace import Workspace


@pytest.fixture
def run(workspace, settings):
    return run_pipeline(workspace, settings())


@pytest.mark.parametrize("method", ["gmm", "hdbscan"])
def test_open_view__is_the_view_of_the_run_without_raw_files(workspace, settings, method):
    run = run_pipeline(workspace, settings(method=method))
    shutil.rmtree(workspace.raw)
    view = open_view(Workspace.at(workspace.root), run.view.settings, list_keys(run.view))
    assert list_keys(view) == list_keys(run.view)
    assert tuple(view.artifacts) == STAGE_NAMES
    assert view.survey.reports == run.view.survey.reports
    np.testing.assert_array_equal(find_labelling(view).labels, run.labelling.labels)
    np.testing.assert_array_equal(open_embeddings(view), run.embeddings())
    before = open_projection(run.view).coordinates
    np.testing.assert_array_equal(open_projection(view).coordinates, before)
    assert open_chips(view).facts.equals(run.chips.facts)


def test_open_view__from_the_keys_of_a_run_record(workspace, run):
    record = next((workspace.results / "runs").glob("*.toml"))
    keys = tomllib.loads(record.read_text())["keys"]
    assert list_keys(open_view(workspace, run.view.settings, keys)) == list_keys(run.view)


def test_open_view__footprints_come_from_the_stored_scenes(workspace, run):
    shutil.rmtree(workspace.raw)
    before = collect_results(run).footprints
    run.view = open_view(workspace, run.view.settings, list_keys(run.view))
    assert list(collect_results(run).footprints) == list(before)


def test_open_view__screened_chips(workspace, settings, make_scene, make_annotations, to_ground):
    from shapely.geometry import box

    scene = make_scene("flat.tif", lambda row, _: np.where(row < 60, 7, row % 9 * 20), bands=3)
    squares = [box(x, y, x + 20, y + 20) for x in (10, 50, 90) for y in (10, 80)]
    make_annotations(scene, [to_ground(square) for square in squares])
    leave_out = {"screen": {"leave_out": ["blank"]}}
    run = run_pipeline(workspace, settings(**leave_out), until="chips")
    shutil.rmtree(workspace.raw)
    view = open_view(workspace, run.view.settings, list_keys(run.view))
    assert 0 < len(open_chips(view)) < 46
    assert open_chips(view).notes == run.chips.notes
    names = [
        workspace.store.get("scenes", key).manifest["inputs"]["scene"]
        for key in scene_keys(workspace, list_keys(view)["chips"])
    ]
    assert names == ["a.tif", "b.tif", "flat.tif"]


def test_open_view__finds_the_scenes_of_the_chips_if_no_scenes_are_named(workspace, run):
    keys = {name: keys for name, keys in list_keys(run.view).items() if name != "scenes"}
    view = open_view(workspace, run.view.settings, keys)
    assert [report.path for report in view.survey.reports] == ["a.tif", "b.tif"]


@pytest.mark.parametrize(
    ("stage", "names"),
    [("projection", STAGE_NAMES[:-1]), ("embeddings", STAGE_NAMES[:2]), ("chips", STAGE_NAMES[:1])],
)
def test_open_view__leaves_out_stages_whose_artifacts_are_deleted(workspace, run, stage, names):
    shutil.rmtree(run.view.artifacts[stage][-1].folder)
    view = open_view(workspace, run.view.settings, list_keys(run.view))
    assert tuple(view.artifacts) == names
    assert f"stage {stage} have been deleted" in view.reason


def test_open_view__a_stage_without_keys_is_absent_without_a_reason(workspace, run):
    keys = {name: list_keys(run.view)[name] for name in STAGE_NAMES[:3]}
    view = open_view(workspace, run.view.settings, keys)
    assert tuple(view.artifacts) == STAGE_NAMES[:3]
    assert view.reason == ""


def test_open_view__a_key_leads_to_no_other_folder(workspace, run):
    keys = list_keys(run.view) | {"projection": ["../../artifacts/reduction/x"]}
    assert not open_view(workspace, run.view.settings, keys).has("projection")
