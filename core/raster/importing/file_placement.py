"""One imported file: its safe name, its copy, a check of its content, and its final path."""

import errno
import re
import unicodedata
from collections.abc import Collection, Iterable
from itertools import count
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.disk import sync_file, sync_names
from core.errors import SceneError, WorkspaceError
from core.raster import scene, sidecars
from core.raster.annotations import vector_files
from core.raster.pixel_reader import check_blocks

MAX_BYTES = 4 * 2**30
CHUNK_BYTES = 8 * 2**20
MAX_STEM_LENGTH = 100
# The parts of a Shapefile next to its .shp; a CRS or a world file next to a raster.
SIDECARS = (".shx", ".dbf", ".prj", ".cpg", *sidecars.WORLD)
# Appended to a raster's name: masks, overviews and GDAL's metadata, which change how it is read.
RASTER_ENDINGS = (*sidecars.TIFFS, ".msk.ovr", sidecars.AUX)
SUFFIXES = (*sidecars.RASTER_SUFFIXES, *vector_files.SUFFIXES, *SIDECARS, *RASTER_ENDINGS)
RASTER_SIDECARS = (*sidecars.WORLD, *RASTER_ENDINGS)
NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
# Names that Windows reserves for devices.
DEVICE_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)


def split_scene_name(name: str) -> tuple[str, str]:
    """Return the stem that the files of one scene share, and the rest of the name.

    quay.tif.msk and quay.tif.aux.xml belong to quay.tif: they end in .tif.msk and .tif.aux.xml.
    """
    lower_name = name.lower()
    endings = (raster + part for raster in sidecars.RASTER_SUFFIXES for part in RASTER_ENDINGS)
    ending = next(filter(lower_name.endswith, endings), Path(lower_name).suffix)
    return name[: len(name) - len(ending)], ending


def file_kind(path: Path) -> str:
    """Return the kind of a file for the user: "scene", "annotations" or "part of another file"."""
    suffix = path.suffix.lower()
    if suffix in sidecars.RASTER_SUFFIXES:
        return "scene"
    if suffix in SIDECARS or path.name.lower().endswith(RASTER_SIDECARS):
        return "part of another file"
    return "annotations" if suffix in vector_files.SUFFIXES else ""


def safe_file_name(name: str) -> str:
    """Return a name that is safe in any folder: no path, no control characters, not hidden.

    Letters of any alphabet, digits, dots, hyphens and underscores are kept. Anything else becomes
    an underscore. Raises WorkspaceError if nothing of the name is left, or its format is not
    supported.
    """
    base_name = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    base_name = re.sub(r"[^\w.\-]+", "_", base_name).strip("._ ")
    stem, suffix = split_scene_name(base_name)
    # scene.msk does not identify the file that it masks; scene.tif.msk does.
    is_supported = suffix not in RASTER_ENDINGS and suffix.endswith(SUFFIXES)
    if not stem.strip("._-") or not is_supported:
        raise WorkspaceError(
            "this is not the name of a file that Chipscape reads",
            where=repr(name[:MAX_STEM_LENGTH]),
            remedy=f"Expected a name that ends in {', '.join(SUFFIXES)}.",
        )
    if DEVICE_NAMES.match(base_name):
        stem = f"_{stem}"
    return stem[:MAX_STEM_LENGTH] + suffix


def move_into_place(file: Path, target: Path) -> None:
    """Move a file to its final path; raises WorkspaceError if another file has its name.

    After a loss of power, the file is either complete or absent.
    """
    sync_file(file)
    try:
        # A hard link fails if the target exists; a rename would overwrite it.
        target.hardlink_to(file)
        sync_names(target.parent)
        return
    except FileExistsError:
        exists = True
    except OSError as error:
        # Some file systems (exFAT, many network drives) have no hard links.
        if error.errno not in NO_HARD_LINKS:
            raise
        exists = target.exists() or target.is_symlink()
    if exists:
        raise WorkspaceError(
            "a file of this name already exists",
            where=target.name,
            remedy="Rename the new file, or remove the existing one first.",
        )
    file.rename(target)
    sync_names(target.parent)


def copy_stream(stream: BinaryIO, target: Path, max_bytes: int = MAX_BYTES) -> None:
    """Write a stream to a new file; raises WorkspaceError if it is empty or too large."""
    n_bytes = 0
    with target.open("xb") as file:
        while chunk := stream.read(CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > max_bytes:
                raise WorkspaceError(
                    f"the file is larger than {max_bytes / 2**20:.0f} MiB",
                    where=target.name,
                    remedy="Copy it into raw/ by hand.",
                )
            file.write(chunk)
    if not n_bytes:
        raise WorkspaceError("the file is empty", where=target.name)


def check_file_content(file: Path, suffixes: Collection[str] = ()) -> None:
    """Refuse a file whose content contradicts its suffix.

    The files next to a scene (mask, overviews, metadata, world file) are checked by their first
    bytes, and so is a .shp without its .shx, which may follow later. `suffixes` are those of the
    files with the same stem that are imported together.

    Raises SceneError or AnnotationError.
    """
    suffix = file.suffix.lower()
    if suffix in sidecars.RASTER_SUFFIXES:
        check_blocks(scene.read_scene(file))
    elif suffix == ".shx" or (suffix == ".shp" and ".shx" not in suffixes):
        vector_files.refuse_wrong_content(file)
    elif suffix in vector_files.SUFFIXES:
        vector_files.read_annotations(file)
    elif mismatch := sidecars.sidecar_mismatch(file):
        raise SceneError(f"the file {mismatch}", where=file.name)


def free_stem(folder: Path, files: Iterable[Path]) -> str:
    """Return a stem (NAME_2, NAME_3, ...) under which none of the files exists in the folder."""
    names = [split_scene_name(file.name) for file in files]
    stems = (f"{names[0][0]}_{n}" for n in count(2))
    return next(
        stem for stem in stems if not any((folder / f"{stem}{end}").exists() for _, end in names)
    )


def set_file_aside(file: Path, folder: Path | None) -> Path:
    """Move an existing file to the folder of replaced files; returns its new path."""
    if folder is None:
        raise WorkspaceError("there is no folder for the replaced file", where=file.name)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file.name
    if target.exists():
        target = folder / f"{free_stem(folder, [file])}{split_scene_name(file.name)[1]}"
    file.rename(target)
    return target
