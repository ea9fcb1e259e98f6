"""Land-cover data in a workspace: FLAIR's, synthetic ones, or imported images of your own."""

from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.artifacts.keys import file_checksum
from core.errors import WorkspaceError
from core.land.data.archive import unpack_archive
from core.land.data.dataset import Dataset
from core.land.data.download import FetchSettings, download_file
from core.land.data.file_discovery import discover_dataset
from core.land.data.nomenclature import attribution_text
from core.land.images.image_import import ImportSettings, import_images
from core.land.images.image_set import ImageSet, image_dataset, read_image_set, write_image_set
from core.land.layouts.domain_folders import unpack_domains
from core.land.layouts.hub_discovery import is_hub_folder
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent

_LOOK_ALIKE = "land-cover.json"
_LOOK_ALIKE_VERSION = 1
_DOWNLOAD = "fetched.json"
_ARCHIVE = "flair.zip"


def flair_folder(workspace: Workspace) -> Path:
    """Return the folder of a workspace's FLAIR data."""
    return workspace.root / "flair"


def images_record(workspace: Workspace) -> Path:
    """Return the path of the record of a workspace's imported images."""
    return workspace.root / "land" / "images.json"


def has_own_images(workspace: Workspace) -> bool:
    """Return True if images of the user's own were imported into a workspace."""
    return images_record(workspace).is_file()


def open_dataset(workspace: Workspace) -> Dataset:
    """Find the patches of a workspace: those of imported images, or those in its flair/.

    Raises WorkspaceError if there are no data, or the record of the import cannot be used.
    """
    if has_own_images(workspace):
        return image_dataset(read_image_set(images_record(workspace)))
    return discover_dataset(flair_folder(workspace))


def import_folder(
    workspace: Workspace,
    folder: Path,
    settings: ImportSettings,
    labels: Path | None = None,
    classes: Path | None = None,
    report: Progress = silent,
    series: Path | None = None,
) -> ImageSet:
    """Import a folder of images and labels, instead of those imported before; see `import_images`.

    Raises WorkspaceError if the workspace contains FLAIR data, which are never mixed with others.
    """
    if has_land_cover(workspace) and not has_own_images(workspace):
        raise WorkspaceError(
            "contains FLAIR data",
            where=str(flair_folder(workspace)),
            remedy="Choose another folder with --workspace.",
        )
    images = import_images(folder, settings, labels, classes, report, series)
    write_image_set(images_record(workspace), images)
    return images


def is_look_alike(workspace: Workspace) -> bool:
    """Return True if the FLAIR data of a workspace are synthetic."""
    return (flair_folder(workspace) / _LOOK_ALIKE).is_file()


def has_land_cover(workspace: Workspace) -> bool:
    """Return True if a workspace has imported images, FLAIR data or a complete synthetic set."""
    folder = flair_folder(workspace)
    if has_own_images(workspace):
        return True
    if is_look_alike(workspace):
        return bool(read_json(folder / _LOOK_ALIKE).get("complete"))
    # A fetch that was killed has left its archive, or only a folder of unfinished files.
    if (folder / _ARCHIVE).is_file() and not (folder / _DOWNLOAD).is_file():
        return False
    return folder.is_dir() and any(
        path.is_dir() and not path.name.startswith(".") for path in folder.iterdir()
    )


def data_credit(workspace: Workspace) -> str:
    """Return the credit for a workspace's data, which says whether they are synthetic."""
    if has_own_images(workspace):
        return read_image_set(images_record(workspace)).credit
    is_hub = not is_look_alike(workspace) and is_hub_folder(flair_folder(workspace))
    return attribution_text(look_alike=is_look_alike(workspace), is_hub=is_hub)


def unpack_data(
    workspace: Workspace, settings: FetchSettings, report: Progress = silent
) -> dict[Path, list[Path]]:
    """Unpack the archives of single domains in flair/; see `unpack_domains`.

    Raises WorkspaceError if there are no archives, or flair/ contains the synthetic data set.
    """
    folder = flair_folder(workspace)
    if is_look_alike(workspace) or not any(folder.rglob("*.zip")):
        raise WorkspaceError(
            "contains the synthetic data set"
            if is_look_alike(workspace)
            else "contains no archives of single domains, such as D004_2021.zip",
            where=str(folder),
            remedy="Put the downloaded folder data/ of FLAIR or FLAIR-HUB into it.",
        )
    return unpack_domains(folder, settings, report)


def ensure_land_cover(
    workspace: Workspace, patches: int = 12, seed: int = 0, report: Progress = silent
) -> bool:
    """Write a synthetic data set into flair/ unless it exists; return True if it was written.

    Raises SettingsError if `patches` or `seed` is out of bounds, and WorkspaceError if flair/
    contains other files: synthetic data are never mixed with real data.
    """
    # Imported here, because only the generation of the data set needs these modules.
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
            "contains files that do not belong to the synthetic data set",
            where=str(folder),
            remedy="Choose another folder with --workspace.",
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

    Returns the URL, checksum, size in bytes, folders, and whether anything was downloaded. Raises
    ChipscapeError if the download fails, the archive is refused, or flair/ contains the synthetic
    data set or cannot be written.
    """
    folder = flair_folder(workspace)
    if is_look_alike(workspace):
        raise WorkspaceError(
            "contains the synthetic data set",
            where=str(folder),
            remedy="Choose another folder with --workspace, or delete this one.",
        )
    path = folder / _DOWNLOAD
    if path.is_file():
        record: dict[str, Any] = read_json(path)
        if record.get("url") == settings.url and _all_exist(folder, record["files"]):
            return record | {"fetched": False}
    archive, sha256 = folder / _ARCHIVE, settings.sha256
    # A run that failed while unpacking may have left a complete archive.
    if not (sha256 and archive.is_file() and file_checksum(archive) == sha256):
        sha256 = download_file(settings, archive, loading)
    size = archive.stat().st_size
    files = [str(file) for file in unpack_archive(archive, folder, settings, unpacking)]
    record = {"url": settings.url, "sha256": sha256, "bytes": size, "files": files}
    write_json(path, record)
    archive.unlink()
    return record | {"fetched": True}


def _all_exist(folder: Path, names: list[str]) -> bool:
    """Return True if all files exist; relative names are relative to the folder."""
    return all((folder / name).exists() for name in names)
