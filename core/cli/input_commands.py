"""`chipscape take-in` and `chipscape screen`: files that come in, chips that are flagged."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from core.cli.console import counted, emit, reporter, say
from core.cli.shared_options import Session, with_session
from core.errors import SettingsError
from core.input_settings import ScreenSettings
from core.raster.importing.file_import import Existing, Source, offered, take_in_all


@with_session
def take_in(
    session: Session,
    folder: Annotated[Path, typer.Argument(help="Folder with GeoTIFFs and vector files.")],
    existing: Annotated[
        str,
        typer.Option(
            help="Files that are there already and differ: ask (take nothing of that name), keep "
            "the old, rename the new, or replace (the old goes to replaced/)."
        ),
    ] = "ask",
) -> None:
    """Copy scenes and annotations of another folder into raw/; each is looked at first."""
    if existing not in get_args(Existing):
        known = ", ".join(get_args(Existing))
        raise SettingsError(f"{existing!r} is not one of {known}", where="--existing")
    workspace = session.workspace
    how = cast(Existing, existing)
    found, _ = offered(folder.expanduser(), workspace.raw)
    sources: list[Source] = [(file.path.name, _opener(file.path)) for file in found]
    with reporter() as listen:
        verdicts = take_in_all(
            workspace.raw, sources, how, workspace.replaced, report=listen("intake")
        )
    if session.as_json:
        keep = ("name", "state", "words")
        emit({"files": [{name: getattr(verdict, name) for name in keep} for verdict in verdicts]})
        return
    for verdict in verdicts:
        say(verdict.words)
    taken = sum(verdict.state == "taken" for verdict in verdicts)
    say(f"{counted(taken, 'file')} of {len(verdicts)} taken in")


@with_session
def screen(session: Session) -> None:
    """Flag chips that may not be worth keeping: blank, saturated, blurred, near-duplicate."""
    from core.chips.screening import FLAGS
    from core.pipeline.run import run
    from core.pipeline.screening_stage import screening

    # All chips are looked at, also those that the settings leave out.
    settings = dataclasses.replace(session.settings, screen=ScreenSettings())
    with reporter() as listen:
        done = run(session.workspace, settings, listen, "chips")
        listen("screen")(0, 1, "")
        table = screening(session.workspace, done.chips) if done.chips else None
    if table is None:
        return
    counts = {flag: int(table[flag].sum()) for flag in FLAGS}
    if session.as_json:
        flagged = table.loc[table["reason"] != "", ["chip_id", "reason"]]
        result: dict[str, Any] = {"chips": len(table), "flags": counts}
        emit(result | {"flagged": flagged.to_dict("records")})
        return
    for flag, n in counts.items():
        say(f"{flag:<16} {n}")
    say(f"of {counted(len(table), 'chip')}; screen.leave_out names the flags to leave out")


def _opener(path: Path) -> Any:
    return lambda: path.open("rb")


COMMANDS = (take_in, screen)
