"""Settings that the app saves between sessions, in the workspace's app/ folder."""

import dataclasses
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import tomli_w

from core.artifacts.formats import write_atomically
from core.clusters.methods.method_table import find_method
from core.embeddings.registry import replace_removed
from core.errors import ChipscapeError
from core.input_settings import DisplaySettings
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import settings_from_table, settings_table

# TARGET is the file for the settings and the last stage of the latest job.
SETTINGS, DISPLAY, TARGET = "settings.toml", "display.toml", "expected.toml"


def save_settings(workspace: Workspace, settings: RunSettings) -> Path:
    """Write the settings with which a new session starts."""
    return _write(_file(workspace, SETTINGS), settings_table(settings))


def load_settings(workspace: Workspace) -> RunSettings:
    """Load the settings that were saved last; the defaults if none can be read."""
    return _read_run_settings(_read_table(_file(workspace, SETTINGS)))


def save_job_target(workspace: Workspace, settings: RunSettings, until: str) -> None:
    """Write the settings and the last stage of a job to a separate file.

    New sessions start with these settings only if the job succeeds.
    """
    _write(_file(workspace, TARGET), {"until": until, "settings": settings_table(settings)})


def load_job_target(workspace: Workspace) -> tuple[RunSettings, str] | None:
    """Load the settings and the last stage of the latest job; None if there is none."""
    file = _file(workspace, TARGET)
    if not file.is_file():
        return None
    table = _read_table(file)
    return _read_run_settings(table.get("settings", {})), str(table.get("until", ""))


def remove_job_target(workspace: Workspace) -> None:
    """Forget the settings and the last stage of the latest job."""
    _file(workspace, TARGET).unlink(missing_ok=True)


def write_job_settings(workspace: Workspace, settings: RunSettings) -> Path:
    """Write the settings of a job to a file that its commands read."""
    table = settings_table(settings)
    name = f"{sha256(tomli_w.dumps(table).encode()).hexdigest()[:16]}.toml"
    return _write(_file(workspace, f"jobs/{name}"), table)


def save_display(workspace: Workspace, display: DisplaySettings) -> None:
    """Write the bands and the stretch with which scenes and chips are displayed."""
    _write(_file(workspace, DISPLAY), settings_table(display))


def load_display(workspace: Workspace) -> DisplaySettings:
    """Load the bands and the stretch with which scenes and chips are displayed."""
    try:
        table = _read_table(_file(workspace, DISPLAY))
        return cast(DisplaySettings, settings_from_table(DisplaySettings, table))
    except ChipscapeError:
        return DisplaySettings()


def _file(workspace: Workspace, name: str) -> Path:
    return workspace.root / "app" / name


def _write(path: Path, table: dict[str, Any]) -> Path:
    return write_atomically(path, tomli_w.dumps(table))


def _read_table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        return {}


def _read_run_settings(table: dict[str, Any]) -> RunSettings:
    try:
        settings: RunSettings = settings_from_table(RunSettings, table)
        find_method(settings.method)
        encoder = replace_removed(settings.embed.encoder)
        if encoder != settings.embed.encoder:
            embed = dataclasses.replace(settings.embed, encoder=encoder)
            settings = dataclasses.replace(settings, embed=embed)
    except ChipscapeError:
        # The file may be from another version or edited by hand.
        return RunSettings()
    return settings
