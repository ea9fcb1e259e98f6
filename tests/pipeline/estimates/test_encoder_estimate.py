from dataclasses import replace

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
from core.pipeline.estimates.run_estimate import estimate_run
from core.pipeline.estimates.work_amounts import CHIP_READERS, Work
from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import complete_view
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.view import View

MODEL = CostModel(MachineSpeed(1.0, 2, measured=True))


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


def test_refit__embeds_the_chips_of_all_scenes(view, add_scene):
    run_pipeline(view.workspace, view.settings, until="embeddings")
    add_scene("c", seed=2)
    survey = survey_scenes(view.workspace)
    larger = complete_view(View(view.workspace, view.settings, survey))
    # The fit is kept when a scene is added, so only its chips would be embedded.
    kept = estimate_run(larger, MODEL, "embeddings")
    assert estimate_refit(larger, MODEL).seconds > kept.seconds
