import numpy as np

from core.clusters.evaluation.component_sweep import survey_components
from core.pipeline import plan, sweep_stage
from core.pipeline.run import run
from core.settings import GmmSettings


def test_components__found_again_whatever_the_slider_says(workspace, settings):
    done = run(workspace, settings(), until="reduction")
    reduced = done.artifacts["reduction"][0]
    made = sweep_stage.components(workspace, reduced, settings().gmm, range(2, 5))
    opened = sweep_stage.open_components(made)
    points = plan.reduction(plan.plan(workspace, settings())).points
    fresh = survey_components(points, settings().gmm, range(2, 5))
    assert np.array_equal(opened.bics, fresh.bics)
    assert opened.covariance == fresh.covariance
    assert opened.n_dims.tolist() == fresh.n_dims.tolist()
    assert opened.agreement == fresh.agreement


def test_find_components__other_number_same_survey_other_seed_none(
    workspace, settings, monkeypatch
):
    monkeypatch.setattr(sweep_stage.components_step, "__defaults__", ((2, 3),))
    done = run(workspace, settings(), until="reduction")
    sweep_stage.components(workspace, done.artifacts["reduction"][0], settings().gmm, (2, 3))
    ready = plan.plan(workspace, settings())
    other = GmmSettings(n_components=7, n_init=2)
    assert sweep_stage.find_components(workspace, ready, other) is not None
    assert sweep_stage.find_components(workspace, ready, GmmSettings(n_init=2, seed=1)) is None


def test_find_components__nothing_without_a_reduction(workspace, settings):
    run(workspace, settings(), until="chips")
    ready = plan.plan(workspace, settings())
    assert sweep_stage.find_components(workspace, ready, settings().gmm) is None
