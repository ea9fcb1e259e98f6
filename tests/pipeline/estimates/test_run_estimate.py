import dataclasses

import pytest

from core.errors import SettingsError
from core.pipeline.estimates.job_estimate import CostModel, cost_model
from core.pipeline.estimates.machine_speed import MachineSpeed
from core.pipeline.estimates.run_estimate import estimate_run, expected_chips, list_missing
from core.pipeline.estimates.work_amounts import CHIP_READERS
from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import RUN_STAGES, complete_view
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.view import View
from core.settings import ChipSettings

MODEL = CostModel(MachineSpeed(1.0, 2, measured=True))


def view_of(workspace, settings):
    return complete_view(View(workspace, settings, survey_scenes(workspace)))


def states(estimate):
    return {step.title: step.state for step in estimate.steps}


def test_estimate__of_a_new_workspace_covers_all_stages_and_computes_nothing(workspace, settings):
    view = view_of(workspace, settings())
    estimate = estimate_run(view, MODEL)
    titles = [stage.title for stage in RUN_STAGES[1:]]
    assert states(estimate) == dict.fromkeys(titles, "estimated")
    assert expected_chips(view) == 40
    assert estimate.disk > 40 * 32**2 * 4
    assert {path.name for path in workspace.artifacts.iterdir()} <= {
        "scenes",
        ".partial",
        "checksums.json",
    }


def test_estimate__existing_artifacts_are_free(workspace, settings):
    run_pipeline(workspace, settings(), until="reduction")
    estimate = estimate_run(view_of(workspace, settings()), MODEL)
    assert states(estimate) == {
        "Chips": "computed",
        "Embeddings": "computed",
        "Reduction": "computed",
        "Clusters": "estimated",
        "Projection": "estimated",
    }
    run_pipeline(workspace, settings())
    assert estimate_run(view_of(workspace, settings()), MODEL).sentence == "Already computed"


def test_estimate__only_the_missing_scene_is_cut(workspace, settings, add_scene):
    run_pipeline(workspace, settings(), until="chips")
    add_scene("c", seed=2)
    view = view_of(workspace, settings())
    missing, artifacts = list_missing(view, RUN_STAGES[1].artifacts)
    assert [item.subject.scene.report.name for item in missing] == ["c"]
    assert len(artifacts) == 3
    assert states(estimate_run(view, MODEL, "chips")) == {"Chips": "estimated"}


def test_estimate__a_tree_that_exists_is_not_built_again(workspace, settings):
    first = settings(method="hdbscan")
    run_pipeline(workspace, first, until="clusters")
    other = settings(method="hdbscan", cut={"min_cluster_size": 7})
    assert states(estimate_run(view_of(workspace, other), MODEL, "clusters"))["Clusters"] == (
        "computed"
    )


def test_estimate__missing_weights_are_no_basis(workspace, settings, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    estimate = estimate_run(view_of(workspace, settings(embed={"encoder": "resnet50"})), MODEL)
    assert states(estimate) == {"Chips": "estimated", "Embeddings": "unknown"}
    assert "no estimate yet" in estimate.sentence


@pytest.mark.parametrize("method", ["gmm", "hdbscan", "kmeans", "ward"])
def test_estimate__of_each_method(workspace, settings, method):
    estimate = estimate_run(view_of(workspace, settings(method=method)), MODEL, "clusters")
    assert states(estimate)["Clusters"] == "estimated"


def test_estimate__grows_with_the_chips(workspace, settings):
    small, large = (
        estimate_run(
            view_of(workspace, dataclasses.replace(settings(), chips=ChipSettings(size=side))),
            MODEL,
        )
        for side in (32, 256)
    )
    assert small.seconds < large.seconds
    assert small.disk < large.disk


def test_estimate__former_runs_correct_it(workspace, settings):
    run_pipeline(workspace, settings())
    corrections = cost_model(workspace.store, CHIP_READERS).corrections
    assert {"chips", "texture", "reduction", "mixtures", "projections"} <= set(corrections)
    assert all(correction.spread < 2 for correction in corrections.values())


def test_estimate__left_out_chips_need_the_screening(workspace, settings):
    view = view_of(workspace, settings(screen={"leave_out": ["blank"]}))
    titles = [step.title for step in estimate_run(view, MODEL, "chips").steps]
    assert titles == ["Chips", "Screening"]


def test_estimate__unknown_stage(workspace, settings):
    with pytest.raises(SettingsError, match="is not one of"):
        estimate_run(view_of(workspace, settings()), MODEL, "clustering")
