"""Estimates of jobs with encoders: comparing several, trying them, and fitting one again."""

from collections.abc import Sequence
from dataclasses import replace

from core.embeddings.joined_encoder import part_names
from core.pipeline.encoders.encoder_comparison import CONTROL, find_scored_encoder, settings_for
from core.pipeline.encoders.encoder_costs import MOST_TRIED
from core.pipeline.estimates import work_amounts as amounts
from core.pipeline.estimates.job_estimate import (
    CostModel,
    JobEstimate,
    StepEstimate,
    computed_step,
    free_space,
)
from core.pipeline.estimates.run_estimate import chip_values, estimate_run, expected_chips, plan_run
from core.pipeline.estimates.work_amounts import Work
from core.pipeline.run_stages import with_settings
from core.pipeline.view import View


def estimate_comparison(
    view: View, model: CostModel, encoders: Sequence[str], attribute: str
) -> JobEstimate:
    """Estimate embedding the chips with several encoders, and scoring each by an attribute."""
    steps, planned = plan_run(view, model, "chips")
    for name in dict.fromkeys((*encoders, CONTROL)):
        if planned is None:
            break
        if find_scored_encoder(view, name, attribute) is not None:
            steps.append(computed_step(name))
            continue
        other = with_settings(planned, embed=settings_for(view.settings.embed, name))
        # The chips come first, and are the same for all encoders.
        steps += [replace(step, title=name) for step in plan_run(other, model, "embeddings")[0][1:]]
        steps.append(model.estimate("Scores", amounts.scoring_work(expected_chips(view))))
    return JobEstimate(tuple(steps), free_space(view.workspace.root))


def estimate_trials(view: View, model: CostModel, encoders: Sequence[str]) -> JobEstimate:
    """Estimate trying encoders on a few of the chips, each in a process of its own."""
    steps, planned = plan_run(view, model, "chips")
    if planned is not None:
        n = min(expected_chips(planned), MOST_TRIED)
        for name in encoders:
            steps += _trial_steps(model, name, n, chip_values(planned))
    return JobEstimate(tuple(steps), free_space(view.workspace.root))


def _trial_steps(model: CostModel, name: str, n: int, values: int) -> list[StepEstimate]:
    """Return the steps of trying an encoder, alone or joined, on n chips."""
    parts = [
        model.estimate(part, amounts.encoding_work(part, n, values)) for part in part_names(name)
    ]
    return [model.estimate(name, Work("trials", 1)), *parts]


def estimate_refit(view: View, model: CostModel) -> JobEstimate:
    """Estimate fitting the encoder again and embedding all chips with it."""
    refitted = with_settings(view, embed=replace(view.settings.embed, refit=True))
    return estimate_run(refitted, model, "embeddings")
