"""FLAIR's data in a workspace: generated, downloaded or copied there by the user."""

from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.artifacts.keys import file_checksum
from core.errors import WorkspaceError
from core.flair.data.archive import unpack_archive
from core.flair.data.download import FetchSettings, download_file
from core.flair.data.nomenclature import attribution_text
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent

_LOOK_ALIKE = "land-cover.json"
_LOOK_ALIKE_VERSION = 1
_DOWNLOAD = "fetched.json"
_ARCHIVE = "flair.zip"


def flair_folder(workspace: Workspace) -> Path:
    """Return the folder of a workspace's FLAIR data."""
    return workspace.root / "flair"


def is_look_alike(workspace: Workspace) -> bool:
    """Return True if the FLAIR data of a workspace are generated."""
    return (flair_folder(workspace) / _LOOK_ALIKE).is_file()


def has_land_cover(workspace: Workspace) -> bool:
    """Return True if a workspace has FLAIR data; an incomplete download or look-alike is none."""
    folder = flair_folder(workspace)
    if is_look_alike(workspace):
        return bool(read_json(folder / _LOOK_ALIKE).get("complete"))
    return folder.is_dir() and any(path.is_dir() for path in folder.iterdir())


def data_credit(workspace: Workspace) -> str:
    """Return the citation and licence of a workspace's data; a look-alike is named as such."""
    return attribution_text(look_alike=is_look_alike(workspace))


def ensure_land_cover(
    workspace: Workspace, patches: int = 12, seed: int = 0, report: Progress = silent
) -> bool:
    """Write the look-alike into flair/, unless it exists already.

    Returns
    -------
    bool
        True if it was written.

    Raises
    ------
    SettingsError
        If `patches` or `seed` is out of bounds.
    WorkspaceError
        If flair/ contains other files: the look-alike is never mixed with real data.
    """
    # Generating the look-alike needs modules that nothing else needs.
    from core.demo.land_cover.patches import check_patch_settings, write_land_cover

    check_patch_settings(patches, seed)
    folder = flair_folder(workspace)
    path = folder / _LOOK_ALIKE
    recipe = {"version": _LOOK_ALIKE_VERSION, "patches": patches, "seed": seed}
    if path.is_file():
        record = read_json(path)
        is_complete = record.get("complete") and _all_exist(folder, record["files"])
        if is_complete and {name: record.get(name) for name in recipe} == recipe:
            return False
    elif folder.is_dir() and any(folder.iterdir()):
        raise WorkspaceError(
            "contains files that are not the look-alike's",
            where=str(folder),
            remedy="Name another folder with --workspace.",
        )
    # Written first, so that the files of an interrupted run are not mistaken for real data.
    write_json(path, {"files": [], **recipe, "complete": False})
    trees = write_land_cover(folder, patches=patches, seed=seed, report=report)
    write_json(path, {"files": [tree.name for tree in trees], **recipe, "complete": True})
    return True


def fetch_toy_data(
    workspace: Workspace,
    settings: FetchSettings,
    loading: Progress = silent,
    unpacking: Progress = silent,
) -> dict[str, Any]:
    """Download FLAIR's toy data into flair/ and unpack them, unless this was done before.

    Returns
    -------
    dict
        Address, checksum, size in bytes, the folders, and whether anything was downloaded.

    Raises
    ------
    ChipscapeError
        If the download fails or the archive is refused.
    WorkspaceError
        If flair/ contains the look-alike or cannot be written.
    """
    folder = flair_folder(workspace)
    if is_look_alike(workspace):
        raise WorkspaceError(
            "contains the look-alike",
            where=str(folder),
            remedy="Name another folder with --workspace, or delete this one.",
        )
    path = folder / _DOWNLOAD
    if path.is_file():
        record: dict[str, Any] = read_json(path)
        if record.get("url") == settings.url and _all_exist(folder, record["files"]):
            return record | {"fetched": False}
    archive = folder / _ARCHIVE
    sha256 = settings.sha256
    # A complete archive was left by a run that failed while unpacking.
    if not (sha256 and archive.is_file() and file_checksum(archive) == sha256):
        sha256 = download_file(settings, archive, loading)
    size = archive.stat().st_size
    files = [str(file) for file in unpack_archive(archive, folder, settings, unpacking)]
    record = {"url": settings.url, "sha256": sha256, "bytes": size, "files": files}
    write_json(path, record)
    archive.unlink()
    return record | {"fetched": True}


def _all_exist(folder: Path, names: list[str]) -> bool:
    """Return True if all files exist; absolute paths are not relative to the folder."""
    return all((folder / name).exists() for name in names)
