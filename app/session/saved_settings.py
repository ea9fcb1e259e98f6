"""Settings that the app saves between sessions, in the workspace's app/ folder."""

import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import tomli_w

from core.artifacts.formats import write_atomically
from core.clusters.methods.method_table import find_method
from core.errors import ChipscapeError
from core.input_settings import DisplaySettings
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import settings_from_table, settings_table

SETTINGS, DISPLAY = "settings.toml", "display.toml"
TARGET = "expected.toml"
"""The file on the latest job."""


def save_settings(workspace: Workspace, settings: RunSettings) -> Path:
    """Write the settings that a new session starts from."""
    return _write(_file(workspace, SETTINGS), settings_table(settings))


def load_settings(workspace: Workspace) -> RunSettings:
    """Load the settings that were saved last; the defaults if there are no readable ones."""
    return _read_run_settings(_read_table(_file(workspace, SETTINGS)))


def save_job_target(workspace: Workspace, settings: RunSettings, until: str) -> None:
    """Note the settings and the last stage of a job; they are saved as settings if it succeeds.

    A new session must not start with the settings of a cancelled job.
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
    """Write the settings that a job reads into a file of their own."""
    table = settings_table(settings)
    name = f"{sha256(tomli_w.dumps(table).encode()).hexdigest()[:16]}.toml"
    return _write(_file(workspace, f"jobs/{name}"), table)


def save_display(workspace: Workspace, display: DisplaySettings) -> None:
    """Write how scenes and chips are displayed."""
    _write(_file(workspace, DISPLAY), settings_table(display))


def load_display(workspace: Workspace) -> DisplaySettings:
    """Load how scenes and chips are displayed in this workspace."""
    table = _read_table(_file(workspace, DISPLAY))
    try:
        display: DisplaySettings = settings_from_table(DisplaySettings, table)
    except ChipscapeError:
        return DisplaySettings()
    return display


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
    except ChipscapeError:
        # Another version, or a person, may have written the file.
        return RunSettings()
    return settings
