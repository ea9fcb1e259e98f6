"""`chipscape import`, `screen` and `overviews`: import files, flag chips, build overviews."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, BinaryIO, cast, get_args

import typer

from core.cli.console import counted, remark, reporter, show_result
from core.cli.shared_options import Session, option, require_choice, split_names, with_session
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
            help="What to do if a different file of that name exists: ask (do not import the new "
            "file), keep the old file, rename the new file, or replace (move the old file to "
            "replaced/)."
        ),
    ] = "ask",
) -> None:
    """Copy scenes and annotations from another folder into raw/, checking each file first."""
    require_choice(existing, get_args(Existing), "--existing")
    workspace = session.workspace
    files, _ = list_importable_files(folder.expanduser(), workspace.raw)
    sources: list[Source] = [(file.path.name, _opener(file.path)) for file in files]
    action = cast(Existing, existing)
    with reporter() as listen:
        verdicts = import_files(
            workspace.raw, sources, action, workspace.replaced, report=listen("intake")
        )
    fields = ("name", "state", "words")
    rows = [{name: getattr(verdict, name) for name in fields} for verdict in verdicts]
    n_imported = sum(verdict.state == "taken" for verdict in verdicts)
    imported = f"{counted(n_imported, 'file')} of {len(verdicts)} imported"
    lines = (*(verdict.words for verdict in verdicts), imported)
    show_result(session.as_json, {"files": rows}, lines)


@with_session
def screen_command(session: Session) -> None:
    """Flag chips that may not be worth keeping: blank, saturated, blurred, near-duplicate."""
    from core.chips.screening import FLAGS
    from core.pipeline.chip_stages import screen_chips
    from core.pipeline.run import run_pipeline

    # All chips are screened, even those that the settings leave out.
    settings = dataclasses.replace(session.settings, screen=ScreenSettings())
    with reporter() as listen:
        run = run_pipeline(session.workspace, settings, listen, "chips")
        table = screen_chips(run.view, listen("screen"))
    counts = {flag: int(table[flag].sum()) for flag in FLAGS}
    flagged = table.loc[table["reason"] != "", ["chip_id", "reason"]].to_dict("records")
    result = {"chips": len(table), "flags": counts, "flagged": flagged}
    lines = [f"{flag:<16} {n}" for flag, n in counts.items()]
    chips = counted(len(table), "chip")
    lines.append(f"of {chips}; to leave out flagged chips, list flags in screen.leave_out")
    show_result(session.as_json, result, lines)


@with_session
def overviews_command(
    session: Session,
    scene: Annotated[str, option("Name of one scene. [default: all]")] = "",
    band_names: Annotated[
        str, option("Three bands, comma-separated, or a single band. [default: guessed]", "--shown")
    ] = "",
) -> None:
    """Build the overviews that the map reads at small scales; raw/ is not changed."""
    from core.pipeline.overview_stage import build_all_overviews  # rio-tiler, only when needed

    workspace, display = session.workspace, DisplaySettings(bands=tuple(split_names(band_names)))
    names = (scene,) if scene else ()
    with reporter() as listen:
        survey = survey_scenes(workspace, listen("scenes"), session.settings.scenes)
        states = build_all_overviews(workspace, survey, display, listen("overviews"), names)
    lines = (f"{name}: {state}" for name, state in states.items())
    show_result(session.as_json, {"overviews": states}, lines)
    if not states and not session.as_json:
        remark(f"No scene in {workspace.raw} can be read.")


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


COMMANDS = {"import": import_command, "screen": screen_command, "overviews": overviews_command}
# Former names of commands, which still work.
FORMER_NAMES = {"take-in": import_command}
