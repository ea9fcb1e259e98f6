"""`chipscape compare` and `chipscape estimate`: encoders side by side."""

import dataclasses
from typing import Annotated, Any

import typer

from core.cli.console import emit, reporter, say
from core.cli.shared_options import Session, with_session
from core.embeddings import registry
from core.errors import SettingsError
from core.pipeline.encoders import encoder_comparison as side
from core.pipeline.encoders.encoder_comparison import Compared
from core.pipeline.encoders.encoder_costs import Outlook, outlook
from core.pipeline.run import Run
from core.progress import step

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
def compare(
    session: Session,
    encoders: EncodersOption = "",
    property_name: Annotated[
        str, typer.Option("--property", help="Property to compare on; guessed if left out.")
    ] = "",
) -> None:
    """Score several encoders on a property of the annotations, side by side."""
    workspace, settings = session.workspace, session.settings
    with reporter() as listen:
        done, chip_set = side.cut_chips(workspace, settings, listen)
        name = property_name or guess_property(done)
        names = _names(encoders) or side.ready_encoders(workspace, settings.embed)
        owned = dataclasses.replace(settings, embed=side.with_owner(settings.embed, names))
        found = side.compare_encoders(workspace, chip_set, owned, names, name, listen)
    if session.as_json:
        rows = [one.as_table() for one in found]
        emit({"property": name, "chips": len(chip_set), "encoders": rows})
        return
    say(f"{'encoder':<28} {'5-NN':>6} {'scenes':>6} {'GMM':>6} {'tree':>6} {'silh.':>6} "
        f"{'dim':>6} {'seconds':>8}")  # fmt: skip
    for one in found:
        say(_line(one))
    for note in dict.fromkeys(note for one in found for note in one.scores.notes):
        say(f"note: {note}")


@with_session
def estimate(session: Session, encoders: EncodersOption = "") -> None:
    """Say what encoders would take for these chips, measured on a few; nothing is embedded."""
    workspace, settings = session.workspace, session.settings
    with reporter() as listen:
        _, chip_set = side.cut_chips(workspace, settings, listen)
        names = _names(encoders) or side.ready_encoders(workspace, settings.embed)
        embed = side.with_owner(settings.embed, names)
        for name in names:
            # An unknown one is told before anything runs.
            registry.needing(name)
        found: list[Outlook] = []
        for at, name in enumerate(names):
            step(listen("estimate"), at, len(names), name)
            found.append(outlook(workspace, chip_set, embed, name))
    n = len(chip_set)
    if session.as_json:
        emit({"chips": n, "encoders": [dataclasses.asdict(one) for one in found]})
        return
    for one in found:
        if one.estimate is None:
            say(f"{one.encoder:<28} {one.needs}")
            continue
        said = one.estimate
        say(f"{one.encoder:<28} {said.seconds:8.1f} s and {said.bytes / _MEGABYTE:6.0f} MB for "
            f"{n} chips, {said.rate:.0f} chips/s, {said.dim} numbers each")  # fmt: skip


COMMANDS = (compare, estimate)


def guess_property(done: Run) -> str:
    """The class property that most scenes agree on.

    Raises
    ------
    SettingsError
        If no scene has one.
    """
    reports: Any = done.survey.reports if done.survey else ()
    named = [report.class_property for report in reports if report.class_property]
    if not named:
        raise SettingsError(
            "no property of the annotations looks like a class",
            where="score",
            remedy="Name one with --property.",
        )
    return str(max(sorted(set(named)), key=named.count))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _line(one: Compared) -> str:
    scores = one.scores
    values = (
        scores.balanced_accuracy,
        scores.balanced_accuracy_across_scenes,
        scores.nmi_gmm,
        scores.nmi_hdbscan,
        scores.silhouette,
    )
    said = " ".join(f"{'-':>6}" if value is None else f"{value:6.3f}" for value in values)
    state = "  cached" if one.cached else ""
    return f"{one.encoder:<28} {said} {scores.dim:>6} {one.seconds:8.2f}{state}"
