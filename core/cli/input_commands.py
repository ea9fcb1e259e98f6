"""`chipscape import`, `screen` and `overviews`: files, flagged chips and quick maps."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from core.cli.console import counted, emit, remark, reporter, say
from core.cli.shared_options import Session, with_session
from core.errors import SettingsError
from core.input_settings import DisplaySettings, ScreenSettings
from core.pipeline.scene_survey import survey_scenes
from core.raster.importing.file_import import Existing, Source, import_files, list_importable_files


@with_session
def import_command(
    session: Session,
    folder: Annotated[Path, typer.Argument(help="Folder with GeoTIFFs and vector files.")],
    existing: Annotated[
        str,
        typer.Option(
            help="What to do with a file that is already there and differs: ask (import nothing "
            "of that name), keep the old one, rename the new one, or replace (the old file moves "
            "to replaced/)."
        ),
    ] = "ask",
) -> None:
    """Copy scenes and annotations from another folder into raw/, checking each file first."""
    if existing not in get_args(Existing):
        choices = ", ".join(get_args(Existing))
        raise SettingsError(f"{existing!r} is not one of {choices}", where="--existing")
    workspace = session.workspace
    files, _ = list_importable_files(folder.expanduser(), workspace.raw)
    sources: list[Source] = [(file.path.name, _opener(file.path)) for file in files]
    with reporter() as listen:
        verdicts = import_files(
            workspace.raw,
            sources,
            cast(Existing, existing),
            workspace.replaced,
            report=listen("intake"),
        )
    if session.as_json:
        fields = ("name", "state", "words")
        rows = [{name: getattr(verdict, name) for name in fields} for verdict in verdicts]
        emit({"files": rows})
        return
    for verdict in verdicts:
        say(verdict.words)
    n_imported = sum(verdict.state == "taken" for verdict in verdicts)
    say(f"{counted(n_imported, 'file')} of {len(verdicts)} imported")


@with_session
def screen_command(session: Session) -> None:
    """Flag chips that may not be worth keeping: blank, saturated, blurred, near-duplicate."""
    from core.chips.screening import FLAGS
    from core.pipeline.chip_stages import screen_chips
    from core.pipeline.run import run_pipeline

    # All chips are screened, also those that the settings leave out.
    settings = dataclasses.replace(session.settings, screen=ScreenSettings())
    with reporter() as listen:
        run = run_pipeline(session.workspace, settings, listen, "chips")
        listen("screen")(0, 1, "")
        table = screen_chips(run.view)
    counts = {flag: int(table[flag].sum()) for flag in FLAGS}
    if session.as_json:
        flagged = table.loc[table["reason"] != "", ["chip_id", "reason"]]
        result: dict[str, Any] = {"chips": len(table), "flags": counts}
        emit(result | {"flagged": flagged.to_dict("records")})
        return
    for flag, n in counts.items():
        say(f"{flag:<16} {n}")
    say(f"of {counted(len(table), 'chip')}; the setting screen.leave_out names flags to leave out")


@with_session
def overviews_command(
    session: Session,
    scene: Annotated[
        str, typer.Option(help="Name of one scene. [default: all]", show_default=False)
    ] = "",
    band_names: Annotated[
        str,
        typer.Option(
            "--shown",
            help="Three bands, comma-separated, or one. [default: guessed]",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Build the overviews that the map reads at small scales; raw/ is not written to."""
    from core.pipeline.overview_stage import build_all_overviews  # rio-tiler, only when needed

    bands = tuple(name.strip() for name in band_names.split(",") if name.strip())
    with reporter() as listen:
        survey = survey_scenes(session.workspace, listen("scenes"), session.settings.scenes)
        states = build_all_overviews(
            session.workspace,
            survey,
            DisplaySettings(bands=bands),
            listen("overviews"),
            (scene,) if scene else (),
        )
    if session.as_json:
        emit({"overviews": states})
        return
    for name, state in states.items():
        say(f"{name}: {state}")
    if not states:
        remark(f"No scene in {session.workspace.raw} can be read.")


def _opener(path: Path) -> Any:
    return lambda: path.open("rb")


COMMANDS = {"import": import_command, "screen": screen_command, "overviews": overviews_command}
# Earlier names that keep working.
FORMER_NAMES = {"take-in": import_command}
