"""`chipscape compare` and `chipscape estimate`: several encoders on the same chips."""

import dataclasses
from typing import Annotated

from core.cli.console import reporter, show_result
from core.cli.shared_options import Session, option, split_names, with_session
from core.embeddings import registry
from core.errors import SettingsError
from core.pipeline.encoders.encoder_comparison import (
    ScoredEncoder,
    compare_encoders,
    ready_encoders,
    with_weights_owner,
)
from core.pipeline.encoders.encoder_costs import EncoderCost, measure_encoder_cost
from core.pipeline.run import Run, run_pipeline
from core.pipeline.run_stages import with_settings
from core.progress import report_step

EncodersOption = Annotated[
    str,
    option("Names, comma-separated; a+b joins two. [default: all ready encoders]", "--encoders"),
]


@with_session
def compare_command(
    session: Session,
    encoders: EncodersOption = "",
    property_name: Annotated[
        str, option("Attribute to compare on. [default: guessed]", "--property")
    ] = "",
) -> None:
    """Score several encoders against an attribute of the annotations."""
    workspace, settings = session.workspace, session.settings
    with reporter() as listen:
        run = run_pipeline(workspace, settings, listen, "chips")
        attribute = property_name or agreed_class_attribute(run)
        names = split_names(encoders) or ready_encoders(workspace, settings.embed)
        view = with_settings(run.view, embed=with_weights_owner(settings.embed, names))
        scored = compare_encoders(view, names, attribute, listen)
    rows = [encoder.as_table() for encoder in scored]
    result = {"property": attribute, "chips": len(run.chips), "encoders": rows}
    columns = " ".join(f"{name:>6}" for name in ("5-NN", "scenes", "GMM", "tree", "silh.", "dim"))
    notes = dict.fromkeys(f"note: {note}" for encoder in scored for note in encoder.scores.notes)
    head = f"{'encoder':<28} {columns} {'seconds':>8}"
    show_result(session.as_json, result, [head, *map(_table_row, scored), *notes])


@with_session
def estimate_command(session: Session, encoders: EncodersOption = "") -> None:
    """Estimate the time and memory that encoders need for these chips, without embedding them."""
    workspace, settings = session.workspace, session.settings
    with reporter() as listen:
        run = run_pipeline(workspace, settings, listen, "chips")
        names = split_names(encoders) or ready_encoders(workspace, settings.embed)
        embed = with_weights_owner(settings.embed, names)
        for name in names:
            # An unknown encoder is reported before anything runs.
            registry.encoders_needing_weights(name)
        costs: list[EncoderCost] = []
        for name in names:
            report_step(listen("estimate"), len(costs), len(names), name)
            costs.append(measure_encoder_cost(workspace, run.chips, embed, name))
    n = len(run.chips)
    result = {"chips": n, "encoders": [dataclasses.asdict(cost) for cost in costs]}
    show_result(session.as_json, result, (_cost_line(cost, n) for cost in costs))


COMMANDS = {"compare": compare_command, "estimate": estimate_command}


def agreed_class_attribute(run: Run) -> str:
    """Return the class attribute guessed for most scenes; raises SettingsError if there is none."""
    names = [report.class_property for report in run.view.survey.reports if report.class_property]
    if not names:
        raise SettingsError(
            "no attribute of the annotations looks like a class",
            where="score",
            remedy="Choose one with --property.",
        )
    return str(max(sorted(set(names)), key=names.count))


def _cost_line(cost: EncoderCost, n: int) -> str:
    estimate = cost.estimate
    if estimate is None:
        return f"{cost.encoder:<28} {cost.needs}"
    return (
        f"{cost.encoder:<28} {estimate.seconds:8.1f} s and {estimate.bytes / 1e6:6.0f} MB for {n} "
        f"chips, {estimate.rate:.0f} chips/s, {estimate.dim} numbers each"
    )


def _table_row(encoder: ScoredEncoder) -> str:
    scores = encoder.scores
    values = (
        scores.balanced_accuracy,
        scores.balanced_accuracy_across_scenes,
        scores.nmi_gmm,
        scores.nmi_hdbscan,
        scores.silhouette,
    )
    columns = " ".join(f"{'-':>6}" if value is None else f"{value:6.3f}" for value in values)
    state = "  cached" if encoder.cached else ""
    return f"{encoder.encoder:<28} {columns} {scores.dim:>6} {encoder.seconds:8.2f}{state}"
