import shutil
from dataclasses import replace

import pytest

from core.input_settings import GridSettings, SceneSettings
from core.pipeline.corrections.correction_comparison import list_corrected_views
from core.pipeline.estimates.fit_estimate import (
    estimate_corrections,
    estimate_quality,
    estimate_replay,
)
from core.pipeline.estimates.job_estimate import CostModel
from core.pipeline.estimates.machine_speed import MachineSpeed
from core.pipeline.estimates.run_estimate import estimate_run
from core.pipeline.results.run_records import list_complete_runs
from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import complete_view
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.view import View

MODEL = CostModel(MachineSpeed(1.0, 2, measured=True))


@pytest.fixture
def view(workspace, settings):
    run_pipeline(workspace, settings())
    return complete_view(View(workspace, settings(), survey_scenes(workspace)))


def pending(estimate):
    return [step.title for step in estimate.pending]


def test_corrections__clusters_and_stability_with_each(view):
    estimate = estimate_corrections(view, MODEL)
    n_corrections = len(list_corrected_views(view)) - 1
    assert n_corrections >= 2
    each = ["Reduction", "Clusters", "Stability"]
    assert pending(estimate) == ["Stability", *each * n_corrections]
    # A correction is measured with half as many resamples as the report card.
    assert estimate.seconds > n_corrections / 2 * estimate_quality(view, MODEL).seconds


def test_replay__only_what_was_deleted(view):
    workspace = view.workspace
    (record,) = list_complete_runs(workspace)
    assert estimate_replay(view, record, MODEL).sentence == "Already computed"
    for artifact in workspace.store.all("projections"):
        shutil.rmtree(artifact.folder)
    assert pending(estimate_replay(view, record, MODEL)) == ["Projection"]


def test_replay__the_scenes_of_the_run_and_no_others(view, add_scene):
    workspace = view.workspace
    (record,) = list_complete_runs(workspace)
    add_scene("c", seed=2)
    larger = replace(view, survey=survey_scenes(workspace), artifacts={})
    larger = complete_view(larger)
    assert pending(estimate_run(larger, MODEL))[0] == "Chips"
    assert estimate_replay(larger, record, MODEL).sentence == "Already computed"
    gone = replace(
        record, settings=replace(record.settings, scenes=SceneSettings(grid=GridSettings(32)))
    )
    assert not estimate_replay(larger, gone, MODEL).is_known
