"""`chipscape overviews`: large scenes made quick to look at."""

from typing import Annotated

import typer

from core.cli.console import emit, remark, reporter, say
from core.cli.shared_options import Session, with_session
from core.input_settings import DisplaySettings
from core.pipeline.scene_survey import survey


@with_session
def overviews(
    session: Session,
    scene: Annotated[
        str, typer.Option(help="Name of one scene. [default: all]", show_default=False)
    ] = "",
    shown: Annotated[
        str,
        typer.Option(help="Three bands, comma-separated, or one. [default: guessed]",
                     show_default=False),
    ] = "",
) -> None:  # fmt: skip
    """Build the overviews that the map reads small scales from; raw/ is not written to."""
    from core.pipeline.overview_stage import all_overviews  # rio-tiler, only when asked

    bands = tuple(name.strip() for name in shown.split(",") if name.strip())
    with reporter() as listen:
        found = survey(session.workspace, listen("scenes"), session.settings.scenes)
        done = all_overviews(
            session.workspace, found, DisplaySettings(bands=bands), listen("overviews"),
            (scene,) if scene else (),
        )  # fmt: skip
    if session.as_json:
        emit({"overviews": done})
        return
    for name, words in done.items():
        say(f"{name}: {words}")
    if not done:
        remark(f"No scenes that can be read in {session.workspace.raw}.")


COMMANDS = (overviews,)
