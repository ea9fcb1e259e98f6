"""The folders that were opened as workspaces, remembered in the user's own workspace."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from core.artifacts.formats import write_atomically
from core.pipeline.workspace import Workspace

FILE = "app/workspaces.json"
MOST_FOLDERS = 8


def recent_folders(home: Workspace) -> list[Path]:
    """Return the folders opened last that still exist, the most recent first."""
    folders = (Path(name) for name in _read_names(home, "folders"))
    return [folder for folder in folders if folder.is_dir() and folder != home.root]


def last_folder(home: Workspace) -> Path | None:
    """Return the folder with which a new session starts; None for the user's own workspace."""
    names = _read_names(home, "last")
    return next((folder for folder in recent_folders(home) if str(folder) in names), None)


def remember_folder(home: Workspace, folder: Path) -> None:
    """Put a folder first in the list, and start new sessions with it."""
    former = [str(other) for other in recent_folders(home) if other != folder]
    _write_names(home, [str(folder), *former][:MOST_FOLDERS], str(folder))


def forget_last_folder(home: Workspace) -> None:
    """Start new sessions with the user's own workspace or the demo."""
    if _read_names(home, "last"):
        _write_names(home, [str(folder) for folder in recent_folders(home)], "")


def _read_names(home: Workspace, entry: str) -> list[str]:
    try:
        document = json.loads((home.root / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    names = document.get(entry, []) if isinstance(document, dict) else []
    names = names if isinstance(names, list) else [names]
    return [name for name in names if isinstance(name, str) and name]


def _write_names(home: Workspace, folders: Sequence[str], last: str) -> None:
    # The list is a convenience, so a folder that cannot be written to is no error.
    with suppress(OSError):
        document = {"folders": list(folders), "last": last}
        write_atomically(home.root / FILE, json.dumps(document, indent=1))
