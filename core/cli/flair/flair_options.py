"""The options that the `chipscape flair` commands share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from core import compute
from core.cli.shared_options import given_by
from core.errors import SettingsError
from core.flair.data.nomenclature import attribution
from core.pipeline.flair.flair_workspace import is_look_alike
from core.pipeline.workspace import Workspace
from core.tables import from_table, from_toml

TABLES = ("fetch", "sample", "dates", "features", "method", "study")
"""The tables that a settings file for FLAIR may hold."""
PRESETS = ("default", "notebook")


@dataclass(frozen=True)
class FlairSession:
    """What a FLAIR command works with."""

    workspace: Workspace
    as_json: bool
    seed: int = 0
    preset: str = "default"
    tables: dict[str, Any] = field(default_factory=dict)

    def settings(self, kind: type[Any], table: str, **given: Any) -> Any:
        """Settings from a table of the file, with what stands on the command line over it.

        Raises
        ------
        SettingsError
            For an unknown name or a value out of bounds.
        """
        over = {name: value for name, value in given.items() if value is not None}
        return from_table(kind, self.tables.get(table, {}) | over, f"settings.{table}")


def _option(help_text: str, *names: str) -> Any:
    return typer.Option(*names, help=help_text, show_default=False)


def shared(
    workspace: Annotated[
        Path | None,
        _option("Workspace folder. [default: CHIPSCAPE_WORKSPACE, or data/]", "--workspace", "-w"),
    ] = None,
    as_json: Annotated[bool, _option("Print one JSON object on one line.", "--json")] = False,
    settings: Annotated[
        Path | None, _option(f"TOML file with any of the tables {', '.join(TABLES)}.", "--settings")
    ] = None,
    preset: Annotated[
        str, _option("notebook: its arithmetic, errors and all, for comparison.", "--preset")
    ] = "default",
    seed: Annotated[int, _option("Seed of whatever is drawn. [default: 0]", "--seed")] = 0,
    scheduler: Annotated[str, _option("Address of a Dask scheduler.", "--scheduler")] = "",
) -> FlairSession:
    """Assemble a session."""
    if preset not in PRESETS:
        raise SettingsError(f"{preset!r} is not one of {', '.join(PRESETS)}", where="--preset")
    tables = from_toml(settings) if settings else {}
    for name, table in tables.items():
        if name not in TABLES or not isinstance(table, dict):
            raise SettingsError(
                f"{name!r} is no table of FLAIR's settings",
                where=str(settings),
                remedy=f"Known: {', '.join(TABLES)}.",
            )
    if scheduler:
        compute.connect(scheduler)
    return FlairSession(Workspace.at(workspace), as_json, seed, preset, tables)


def credit(session: FlairSession) -> str:
    """Citation and licence of the workspace's data; a look-alike says that it is one."""
    return attribution(look_alike=is_look_alike(session.workspace))


def with_flair(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options, and the session they make as its first argument."""
    return given_by(shared, command)
