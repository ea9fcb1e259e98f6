"""What the app keeps between sessions, in the workspace's app/: settings, and how scenes show."""

import tomllib
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

import tomli_w

from core.errors import ChipscapeError
from core.input_settings import DisplaySettings
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import as_table, from_table

Ready = Callable[[RunSettings], Mapping[str, bool]]


def save(place: Workspace, settings: RunSettings) -> Path:
    """Write settings for a new session to start from."""
    return _write(place.root / "app" / "settings.toml", tomli_w.dumps(as_table(settings)))


def last(place: Workspace) -> RunSettings:
    """The settings that were saved last; the defaults where there are none that can be read."""
    found: RunSettings = _read(RunSettings, _table(place.root / "app" / "settings.toml"))
    return found


def expect(place: Workspace, settings: RunSettings, until: str) -> None:
    """Note what a job is asked for: it is saved only once its last stage is there.

    A job that is cancelled must not be where the next session starts.
    """
    table = {"until": until, "settings": as_table(settings)}
    _write(_expected(place), tomli_w.dumps(table))


def arrived(place: Workspace, ready: Ready, asked: RunSettings | None) -> None:
    """Save what was expected if its last stage is there.

    Parameters
    ----------
    place : Workspace
    ready : callable
        Which stages are there for some settings.
    asked : RunSettings or None
        Looked up only if these were expected, so that a cancelled job costs nothing at each turn;
        None, in a new session, looks up whatever was.
    """
    if not _expected(place).is_file():
        _returned(place, ready, asked)
        return
    table = _table(_expected(place))
    settings = _read(RunSettings, table.get("settings", {}))
    if asked not in (None, settings):
        _returned(place, ready, asked)
        return
    if ready(settings).get(str(table.get("until", ""))):
        save(place, settings)
        _expected(place).unlink(missing_ok=True)


def _returned(place: Workspace, ready: Ready, asked: RunSettings | None) -> None:
    """Save settings that the visitor went back to, whose result is there already."""
    if asked is None or asked == last(place):
        return
    there = ready(asked)
    if there.get("projection") and there.get("clusters"):
        save(place, asked)


def for_job(place: Workspace, settings: RunSettings) -> Path:
    """Write settings for a job to read, into a file that no other settings are written to."""
    text = tomli_w.dumps(as_table(settings))
    name = f"{sha256(text.encode()).hexdigest()[:16]}.toml"
    return _write(place.root / "app" / "jobs" / name, text)


def display(place: Workspace) -> DisplaySettings:
    """How scenes and chips show in this workspace."""
    found: DisplaySettings = _read(DisplaySettings, _table(_display(place)))
    return found


def keep_display(place: Workspace, chosen: DisplaySettings) -> None:
    """Remember how scenes and chips show."""
    _write(_display(place), tomli_w.dumps(as_table(chosen)))


def _expected(place: Workspace) -> Path:
    return place.root / "app" / "expected.toml"


def _display(place: Workspace) -> Path:
    return place.root / "app" / "display.toml"


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        return {}


def _read(cls: type[Any], table: dict[str, Any]) -> Any:
    try:
        return from_table(cls, table)
    except ChipscapeError:
        # Written by another version, or by hand: the defaults are a fair start.
        return cls()


def _write(path: Path, text: str) -> Path:
    """Write a file that others may read at the same time: they see the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{token_hex(4)}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path
