"""`chipscape compare` and `chipscape estimate`: several encoders on the same chips."""

import dataclasses
from typing import Annotated

import typer

from core.cli.console import emit, reporter, say
from core.cli.shared_options import Session, with_session
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

_MEGABYTE = 1_000_000

EncodersOption = Annotated[
    str,
    typer.Option(
        "--encoders",
        help="Names, comma-separated; a+b joins two. [default: all that are ready]",
        show_default=False,
    ),
]


@with_session
def compare_command(
    session: Session,
    encoders: EncodersOption = "",
    property_name: Annotated[
        str, typer.Option("--property", help="Attribute to compare on. [default: guessed]")
    ] = "",
) -> None:
    """Score several encoders against an attribute of the annotations."""
    workspace, settings = session.workspace, session.settings
    with reporter() as listen:
        run = run_pipeline(workspace, settings, listen, "chips")
        attribute = property_name or agreed_class_attribute(run)
        names = _split_names(encoders) or ready_encoders(workspace, settings.embed)
        view = with_settings(run.view, embed=with_weights_owner(settings.embed, names))
        scored = compare_encoders(view, names, attribute, listen)
    if session.as_json:
        rows = [encoder.as_table() for encoder in scored]
        emit({"property": attribute, "chips": len(run.chips), "encoders": rows})
        return
    headings = ("5-NN", "scenes", "GMM", "tree", "silh.", "dim")
    columns = " ".join(f"{heading:>6}" for heading in headings)
    say(f"{'encoder':<28} {columns} {'seconds':>8}")
    for encoder in scored:
        say(_table_row(encoder))
    for note in dict.fromkeys(note for encoder in scored for note in encoder.scores.notes):
        say(f"note: {note}")


@with_session
def estimate_command(session: Session, encoders: EncodersOption = "") -> None:
    """Estimate the time and memory of encoders for these chips; nothing is embedded."""
    workspace, settings = session.workspace, session.settings
    with reporter() as listen:
        run = run_pipeline(workspace, settings, listen, "chips")
        names = _split_names(encoders) or ready_encoders(workspace, settings.embed)
        embed = with_weights_owner(settings.embed, names)
        for name in names:
            # An unknown encoder is reported before anything runs.
            registry.encoders_needing_weights(name)
        costs: list[EncoderCost] = []
        for position, name in enumerate(names):
            report_step(listen("estimate"), position, len(names), name)
            costs.append(measure_encoder_cost(workspace, run.chips, embed, name))
    n = len(run.chips)
    if session.as_json:
        emit({"chips": n, "encoders": [dataclasses.asdict(cost) for cost in costs]})
        return
    for cost in costs:
        estimate = cost.estimate
        if estimate is None:
            say(f"{cost.encoder:<28} {cost.needs}")
            continue
        memory = estimate.bytes / _MEGABYTE
        say(
            f"{cost.encoder:<28} {estimate.seconds:8.1f} s and {memory:6.0f} MB for {n} chips, "
            f"{estimate.rate:.0f} chips/s, {estimate.dim} numbers each"
        )


COMMANDS = {"compare": compare_command, "estimate": estimate_command}


def agreed_class_attribute(run: Run) -> str:
    """Return the class attribute that most scenes agree on.

    Raises
    ------
    SettingsError
        If no scene has one.
    """
    names = [report.class_property for report in run.survey.reports if report.class_property]
    if not names:
        raise SettingsError(
            "no property of the annotations looks like a class",
            where="score",
            remedy="Name one with --property.",
        )
    return str(max(sorted(set(names)), key=names.count))


def _split_names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


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
