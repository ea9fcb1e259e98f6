"""One file that comes in: its safe name, its copy, whether it is what it says, its place."""

import errno
import re
import unicodedata
from collections.abc import Collection, Iterable
from itertools import count
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.errors import AnnotationError, SceneError, WorkspaceError
from core.raster import scene, sidecars
from core.raster.annotations import vector_files
from core.raster.pixel_reader import read_test

MOST_BYTES = 4 * 2**30
CHUNK = 8 * 2**20
LONGEST_STEM = 100
# The parts of a Shapefile beside its .shp, and a CRS or a world file beside a raster.
SIDECARS = (".shx", ".dbf", ".prj", ".cpg", *sidecars.WORLD)
# After a raster's whole name: masks, overviews and GDAL's notes on it, which change what it says.
AFTER_RASTER = (*sidecars.TIFFS, ".msk.ovr", sidecars.AUX)
SUFFIXES = (*scene.SUFFIXES, *vector_files.SUFFIXES, *SIDECARS, *AFTER_RASTER)
OF_A_RASTER = (*sidecars.WORLD, *AFTER_RASTER)
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
# Names that Windows keeps for devices.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)


def split(name: str) -> tuple[str, str]:
    """The stem that files of one scene share, and the rest of the name.

    quay.tif.msk and quay.tif.aux.xml belong to quay.tif: their rest is .tif.msk, .tif.aux.xml.
    """
    low = name.lower()
    ends = (f"{raster}{end}" for raster in scene.SUFFIXES for end in AFTER_RASTER)
    end = next((end for end in ends if low.endswith(end)), Path(low).suffix)
    return name[: len(name) - len(end)], end


def safe_name(name: str) -> str:
    """A file's name that is safe in any folder: no path, no control characters, none hidden.

    Letters of any alphabet, digits, dot, minus and underscore stay; anything else becomes an
    underscore.

    Raises
    ------
    WorkspaceError
        If nothing is left of it, or its suffix is of no format that is read.
    """
    plain = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    plain = re.sub(r"[^\w.\-]+", "_", plain).strip("._ ")
    stem, suffix = split(plain)
    # .msk alone says not what it is the mask of: scene.tif.msk does.
    known = suffix not in AFTER_RASTER and suffix.endswith(SUFFIXES)
    if not stem.strip("._-") or not known:
        raise WorkspaceError(
            "is no file that Chipscape reads",
            where=repr(name[:LONGEST_STEM]),
            remedy=f"Expected one of {', '.join(SUFFIXES)}.",
        )
    if DEVICES.match(plain):
        stem = f"_{stem}"
    return stem[:LONGEST_STEM] + suffix


def put(held: Path, target: Path) -> None:
    """Give a file its place, unless the name was taken meanwhile.

    Raises
    ------
    WorkspaceError
        If it was.
    """
    try:
        # A hard link fails where there is a file; a rename would overwrite it.
        target.hardlink_to(held)
    except FileExistsError:
        refuse_taken(target)
        raise
    except OSError as error:
        # Some file systems (exFAT, many network drives) have no links.
        if error.errno not in NO_LINKS:
            raise
        refuse_taken(target)
        held.rename(target)


def unwritable(name: str, error: OSError) -> WorkspaceError:
    """The error of a disk that is full, a folder that is not ours, and the like."""
    return WorkspaceError("cannot be written", where=name, remedy=f"{error.strerror}.")


def refuse_taken(target: Path) -> None:
    """Raise WorkspaceError where there is a file, or a link, of this name."""
    if target.exists() or target.is_symlink():
        raise WorkspaceError(
            "a file of this name is there already",
            where=target.name,
            remedy="Rename the new one, or take the old one away first.",
        )


def copy(stream: BinaryIO, held: Path, most: int = MOST_BYTES) -> None:
    """Write a stream into a new file; WorkspaceError where it is empty or too large."""
    size = 0
    with held.open("xb") as written:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            if size > most:
                raise WorkspaceError(
                    f"is larger than {most / 2**20:.0f} MiB",
                    where=held.name,
                    remedy="Copy it into raw/ by hand.",
                )
            written.write(chunk)
    if not size:
        raise WorkspaceError("is empty", where=held.name)


def look(held: Path, came: Collection[str] = ()) -> None:
    """Refuse a file that is not what its suffix says.

    Parameters
    ----------
    held : Path
    came : collection of str
        Suffixes of the files of its stem that came with it. A .shp is read where its .shx is
        among them; alone it is judged by its first bytes, since the others may come after it.

    Raises
    ------
    SceneError, AnnotationError
        Of a file beside a scene (mask, overviews, metadata, world file) by its first bytes.
    """
    suffix = held.suffix.lower()
    if suffix in scene.SUFFIXES:
        try:
            read_test(scene.read_scene(held))
        except SceneError as error:
            raise SceneError(
                f"was not taken in: {error.what}", where=held.name, remedy=error.remedy
            ) from error
    elif suffix in (".shp", ".shx") and (suffix == ".shx" or ".shx" not in came):
        with held.open("rb") as opened:
            if opened.read(4) != vector_files.MAGIC[".shp"]:
                raise AnnotationError(
                    f"is not a {suffix} file, whatever its name says", where=held.name
                )
    elif suffix in vector_files.SUFFIXES:
        vector_files.read_annotations(held)
    elif words := sidecars.not_what_it_says(held):
        raise SceneError(words, where=held.name)


def free_stem(folder: Path, held: Iterable[Path]) -> str:
    """A stem under which none of the files is there yet: NAME_2, NAME_3 ..."""
    files = list(held)
    stems = (f"{split(files[0].name)[0]}_{n}" for n in count(2))
    ends = [split(file.name)[1] for file in files]
    return next(
        stem for stem in stems if not any((folder / f"{stem}{end}").exists() for end in ends)
    )


def set_aside(at: Path, aside: Path | None) -> Path:
    """Move what is there out of the way, and say where it lies now."""
    if aside is None:
        raise WorkspaceError("nowhere to put the old one", where=at.name)
    aside.mkdir(parents=True, exist_ok=True)
    place = aside / at.name
    if place.exists():
        place = aside / f"{free_stem(aside, [at])}{split(at.name)[1]}"
    at.rename(place)
    return place


def clear(part: Path) -> None:
    """Remove a folder of files that were not, or not yet, put in place."""
    if not part.is_dir():
        return
    for file in part.iterdir():
        file.unlink()
    part.rmdir()
