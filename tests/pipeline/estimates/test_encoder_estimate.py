from dataclasses import replace

import pytest

from core.pipeline.encoders.encoder_comparison import compare_encoders
from core.pipeline.encoders.encoder_costs import MOST_TRIED
from core.pipeline.estimates.cost_evidence import Measurement, combine_measurements
from core.pipeline.estimates.encoder_estimate import (
    estimate_comparison,
    estimate_refit,
    estimate_trials,
)
from core.pipeline.estimates.job_estimate import CostModel, cost_model
from core.pipeline.estimates.machine_speed import MachineSpeed
from core.pipeline.estimates.work_amounts import CHIP_READERS, Work
from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import complete_view
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.view import View

MODEL = CostModel(MachineSpeed(1.0, 2, measured=True))


@pytest.fixture
def view(workspace, settings):
    return complete_view(View(workspace, settings(), survey_scenes(workspace)))


def pending(estimate):
    return [step.title for step in estimate.pending]


def test_comparison__every_encoder_is_embedded_and_scored(view):
    estimate = estimate_comparison(view, MODEL, ["texture"], "class")
    assert pending(estimate) == ["Chips", "texture", "Scores", "colour", "Scores"]
    # The control is compared only once.
    both = estimate_comparison(view, MODEL, ["texture", "colour"], "class")
    assert both.seconds == estimate.seconds


def test_comparison__what_exists_costs_nothing(view):
    run_pipeline(view.workspace, view.settings, until="embeddings")
    view = complete_view(view)
    assert pending(estimate_comparison(view, MODEL, ["texture"], "class")) == [
        "Scores",
        "colour",
        "Scores",
    ]
    compare_encoders(view, ["colour"], "class")
    assert pending(estimate_comparison(view, MODEL, ["texture"], "class")) == ["Scores"]
    # The time that scoring took is evidence for the next estimate.
    assert "comparisons" in cost_model(view.workspace.store, CHIP_READERS).corrections


def test_comparison__without_a_basis_for_an_encoder(view):
    estimate = estimate_comparison(view, MODEL, ["resnet50"], "class")
    assert [step.title for step in estimate.unknown] == ["resnet50"]
    assert "plus resnet50, for which there is no estimate yet" in estimate.sentence


def test_trials__at_most_a_few_of_the_chips(view, monkeypatch):
    few = estimate_trials(view, MODEL, ["texture", "colour"])
    assert pending(few) == ["Chips", "texture", "texture", "colour", "colour"]
    many = replace(view, artifacts={})
    expected = "core.pipeline.estimates.encoder_estimate.expected_chips"
    monkeypatch.setattr(expected, lambda _: 10 * MOST_TRIED)
    limited = estimate_trials(many, MODEL, ["texture", "colour"])
    monkeypatch.setattr(expected, lambda _: MOST_TRIED)
    assert estimate_trials(many, MODEL, ["texture", "colour"]).seconds == limited.seconds
    assert limited.seconds > few.seconds


def test_trials__by_former_results(view):
    trial = estimate_trials(view, MODEL, ["resnet50"])
    assert [step.title for step in trial.unknown] == ["resnet50"]
    measured = combine_measurements([Measurement(Work("resnet50", 1.0), 5.0)], None)
    model = replace(MODEL, corrections={"resnet50": measured})
    assert estimate_trials(view, model, ["resnet50"]).unknown == ()


def test_refit__embeds_all_chips_but_cuts_none(view):
    run_pipeline(view.workspace, view.settings, until="embeddings")
    view = complete_view(view)
    estimate = estimate_refit(view, MODEL)
    assert {step.title: step.state for step in estimate.steps} == {
        "Chips": "computed",
        "Embeddings": "computed",
    }
    small = replace(view.settings, embed=replace(view.settings.embed, sample=10))
    sampled = complete_view(replace(view, settings=small, artifacts={}))
    assert "Embeddings" in pending(estimate_refit(sampled, MODEL))
