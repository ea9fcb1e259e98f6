"""FLAIR's data in a workspace: the look-alike, or the real thing fetched."""

import logging
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.errors import WorkspaceError
from core.flair.data.archive import unpack
from core.flair.data.download import FetchSettings, checksum, download
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent

log = logging.getLogger(__name__)

MARK = "land-cover.json"
VERSION = 1
ARCHIVE = "flair.zip"
FETCHED = "fetched.json"


def folder_of(workspace: Workspace) -> Path:
    """Where a workspace keeps FLAIR's trees."""
    return workspace.root / "flair"


def is_look_alike(workspace: Workspace) -> bool:
    """True if the workspace's FLAIR data are the procedural ones."""
    return (folder_of(workspace) / MARK).is_file()


def is_there(workspace: Workspace) -> bool:
    """True if land cover lies in the workspace; a download that did not arrive is none."""
    folder = folder_of(workspace)
    if is_look_alike(workspace):
        return bool(read_json(folder / MARK).get("complete"))
    return folder.is_dir() and any(path.is_dir() for path in folder.iterdir())


def ensure_land_cover(
    workspace: Workspace, patches: int = 12, seed: int = 0, report: Progress = silent
) -> bool:
    """Write the look-alike into flair/, unless it is there.

    Returns
    -------
    bool
        True if it was written.

    Raises
    ------
    SettingsError
        If `patches` or `seed` is out of bounds.
    WorkspaceError
        If flair/ holds other files: the look-alike is never mixed into real data.
    """
    # The painters are only loaded where something is painted.
    from core.demo.land_cover.patches import check_settings, write_land_cover

    check_settings(patches, seed)
    folder = folder_of(workspace)
    mark = folder / MARK
    wanted = {"version": VERSION, "patches": patches, "seed": seed}
    if mark.is_file():
        kept = read_json(mark)
        whole = kept.get("complete") and all((folder / name).exists() for name in kept["files"])
        if whole and {name: kept.get(name) for name in wanted} == wanted:
            return False
    elif folder.is_dir() and any(folder.iterdir()):
        raise WorkspaceError(
            "holds files that are not the look-alike's",
            where=str(folder),
            remedy="Name another folder with --workspace.",
        )
    # Marked first, so that what an interrupted run left is known for what it is.
    write_json(mark, {"files": [], **wanted, "complete": False})
    written = write_land_cover(folder, patches=patches, seed=seed, report=report)
    write_json(mark, {"files": [path.name for path in written], **wanted, "complete": True})
    return True


def fetch(
    workspace: Workspace,
    settings: FetchSettings,
    loading: Progress = silent,
    unpacking: Progress = silent,
) -> dict[str, Any]:
    """Download FLAIR's toy data into flair/ and unpack them; what is there stays.

    Returns
    -------
    dict
        Address, checksum, size in bytes, the folders, and whether anything was done.

    Raises
    ------
    ChipscapeError
        If the download fails or the archive is refused.
    WorkspaceError
        If flair/ holds the look-alike or cannot be written.
    """
    folder = folder_of(workspace)
    if is_look_alike(workspace):
        raise WorkspaceError(
            "holds the look-alike",
            where=str(folder),
            remedy="Name another folder with --workspace, or delete it.",
        )
    note = folder / FETCHED
    if note.is_file():
        kept: dict[str, Any] = read_json(note)
        if kept.get("url") == settings.url and all(Path(p).exists() for p in kept["files"]):
            return kept | {"fetched": False}
    archive = folder / ARCHIVE
    # An archive that is whole was downloaded before, and only its unpacking failed.
    whole = archive.is_file() and bool(settings.sha256) and checksum(archive) == settings.sha256
    found = settings.sha256 if whole else download(settings, archive, loading)
    size = archive.stat().st_size
    files = [str(path) for path in unpack(archive, folder, settings, unpacking)]
    done = {"url": settings.url, "sha256": found, "bytes": size, "files": files}
    write_json(note, done)
    archive.unlink()
    return done | {"fetched": True}
