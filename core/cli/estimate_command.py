"""`chipscape estimate`: the time, memory and disk space that a run needs, before it starts."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

import typer

from core.cli.console import counted, reporter, show_result
from core.cli.encoder_commands import cost_line
from core.cli.shared_options import Session, option, require_choice, split_names, with_session
from core.embeddings import registry
from core.pipeline.encoders.encoder_comparison import ready_encoders, with_weights_owner
from core.pipeline.encoders.encoder_costs import EncoderCost, measure_encoder_cost
from core.pipeline.estimates.fit_estimate import (
    estimate_component_sweep,
    estimate_corrections,
    estimate_quality,
    estimate_screening,
)
from core.pipeline.estimates.job_estimate import (
    CostModel,
    JobEstimate,
    StepEstimate,
    cost_model,
    describe_bytes,
    describe_range,
    describe_seconds,
)
from core.pipeline.estimates.machine_speed import ensure_speed
from core.pipeline.estimates.run_estimate import estimate_run, expected_chips
from core.pipeline.estimates.work_amounts import CHIP_READERS
from core.pipeline.run import Reporter, run_pipeline
from core.pipeline.run_stages import STAGE_NAMES, complete_view
from core.pipeline.scene_survey import require_usable, survey_scenes
from core.pipeline.view import View
from core.progress import report_step

ALL_ENCODERS = "all"
JOBS: Mapping[str, Callable[[View, CostModel], JobEstimate]] = {
    "screen": estimate_screening,
    "quality": estimate_quality,
    "corrections": estimate_corrections,
    "landscape": estimate_component_sweep,
}
"""The jobs other than a run, by the name of the command or of its option."""


@with_session
def estimate_command(
    session: Session,
    encoders: Annotated[
        str,
        option(
            "Also try these encoders on a few of the chips, which are cut if necessary: names "
            "separated by commas, or all. a+b joins two. [default: none]",
            "--encoders",
        ),
    ] = "",
    until: Annotated[
        str, typer.Option(help=f"Last stage of the run: {', '.join(STAGE_NAMES)}.")
    ] = STAGE_NAMES[-1],
    job: Annotated[str, option(f"One of run, {', '.join(JOBS)}. [default: run]", "--job")] = "run",
) -> None:
    """Estimate the time, memory and disk space of `chipscape run` with the same options.

    With --job, those of another command. A job includes the stages that it needs.

    Times are wall times on this machine without other load. Results that exist cost nothing.
    """
    workspace, settings = session.workspace, session.settings
    require_choice(job, ("run", *JOBS), "--job")
    costs: list[EncoderCost] = []
    # An unknown encoder is an error; missing weights only leave the estimate incomplete.
    registry.encoders_needing_weights(settings.embed.encoder)
    ensure_speed()
    with reporter() as listen:
        if encoders:
            costs = _try_encoders(session, encoders, listen)
        survey = survey_scenes(workspace, listen("scenes"), settings.scenes)
        require_usable(workspace, survey)
        view = complete_view(View(workspace, settings, survey))
        model = cost_model(workspace.store, CHIP_READERS)
        estimate = JOBS[job](view, model) if job in JOBS else estimate_run(view, model, until)
    n = expected_chips(view)
    tables = [dataclasses.asdict(cost) for cost in costs]
    result = {"chips": n, "encoders": tables, "until": until, "job": job, **estimate.as_table()}
    subject = f"until {until}" if job == "run" else job
    lines = [f"{counted(n, 'chip')}, {subject}", *estimate_lines(estimate)]
    show_result(session.as_json, result, [*lines, *(cost_line(cost, n) for cost in costs)])


COMMANDS = {"estimate": estimate_command}


def _try_encoders(session: Session, encoders: str, listen: Reporter) -> list[EncoderCost]:
    """Encode a few of the chips with each encoder, and return their costs for all chips."""
    workspace, settings = session.workspace, session.settings
    names = split_names(encoders)
    if names == [ALL_ENCODERS]:
        names = ready_encoders(workspace, settings.embed)
    for name in names:
        # An unknown encoder is reported before anything runs.
        registry.encoders_needing_weights(name)
    run = run_pipeline(workspace, settings, listen, "chips")
    embed = with_weights_owner(settings.embed, names)
    costs: list[EncoderCost] = []
    for name in names:
        report_step(listen("estimate"), len(costs), len(names), name)
        costs.append(measure_encoder_cost(workspace, run.chips, embed, name, run.view.survey))
    return costs


def estimate_lines(estimate: JobEstimate) -> Iterator[str]:
    """Yield the lines of a table of steps, the sum, and the warnings."""
    width = max((len(step.title) for step in estimate.steps), default=0)
    for step in estimate.steps:
        yield f"{step.title:<{width}}  {_step_text(step)}"
    yield f"{estimate.sentence}."
    if estimate.disk:
        yield f"The results take about {describe_bytes(estimate.disk)} of disk space."
    yield from (f"warning: {warning}" for warning in estimate.warnings)


def _step_text(step: StepEstimate) -> str:
    if step.state == "computed":
        return "already computed"
    if step.state == "unknown":
        return f"no estimate yet: {step.reason}"
    time = describe_seconds(step.seconds)
    span = describe_range(step.low, step.high)
    time += f" ({span})" if span != time else ""
    return f"{time:<24} {describe_bytes(step.bytes)} of memory"
