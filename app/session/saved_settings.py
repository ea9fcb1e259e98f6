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
from core.pipeline.chip_images import display_path, read_display
from core.pipeline.results.current_file import current_path, load_readable
from core.pipeline.results.run_settings import read_run_settings
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import settings_table

# TARGET is the file for the settings and the last stage of the latest job.
SETTINGS, TARGET = "settings.toml", "expected.toml"


def save_settings(workspace: Workspace, settings: RunSettings) -> Path:
    """Write the settings with which a new session starts, until there is a newer result."""
    return _write(_file(workspace, SETTINGS), settings_table(settings))


def load_settings(workspace: Workspace) -> RunSettings:
    """Load the settings with which a new session starts.

    These are the settings of the current result, or those saved since then; the defaults if none
    can be read.
    """
    file, current = _file(workspace, SETTINGS), load_readable(workspace).settings
    if current is not None and not is_newer(file, current_path(workspace)):
        return current
    return _read_run_settings(_read_table(file))


def is_newer(file: Path, other: Path) -> bool:
    """Return True if a file exists and was written after another, or if the other is missing."""
    if not file.is_file():
        return False
    return not other.is_file() or file.stat().st_mtime_ns > other.stat().st_mtime_ns


def save_job_target(workspace: Workspace, settings: RunSettings, until: str, job: str) -> None:
    """Write the settings, the last stage and the key of a job to a separate file.

    New sessions start with these settings while the job is running, and after it has succeeded.
    """
    _write(
        _file(workspace, TARGET), {"until": until, "job": job, "settings": settings_table(settings)}
    )


def load_job_target(workspace: Workspace) -> tuple[RunSettings, str, str] | None:
    """Load the settings, the last stage and the key of the latest job; None if there is none."""
    file = _file(workspace, TARGET)
    if not file.is_file():
        return None
    table = _read_table(file)
    settings = _read_run_settings(table.get("settings", {}))
    return settings, str(table.get("until", "")), str(table.get("job", ""))


def is_target_latest(workspace: Workspace) -> bool:
    """Return True if the latest job was started after the current result was changed."""
    return is_newer(_file(workspace, TARGET), current_path(workspace))


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
    _write(display_path(workspace), settings_table(display))


def load_display(workspace: Workspace) -> DisplaySettings:
    """Load the bands and the stretch with which scenes and chips are displayed.

    These are the defaults if the file cannot be read.
    """
    try:
        return read_display(workspace)
    except ChipscapeError:
        return DisplaySettings()


def _file(workspace: Workspace, name: str) -> Path:
    return workspace.root / "app" / name


def _write(path: Path, table: dict[str, Any]) -> Path:
    return write_atomically(path, tomli_w.dumps(table))


def _read_table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError):
        return {}


def _read_run_settings(table: dict[str, Any]) -> RunSettings:
    try:
        settings = read_run_settings(table, SETTINGS)
        find_method(settings.method)
    except ChipscapeError:
        # The file may be from another version or edited by hand.
        return RunSettings()
    return settings
