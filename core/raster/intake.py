"""Files that come in through the page: under a safe name, whole, what they say they are, or not."""

import re
import unicodedata
from pathlib import Path, PurePosixPath
from secrets import token_hex
from typing import BinaryIO

from core.errors import AnnotationError, ChipscapeError, SceneError, WorkspaceError
from core.raster import annotations, scene
from core.raster.reading import read_test

MOST_BYTES = 4 * 2**30
CHUNK = 8 * 2**20
LONGEST_NAME = 120
# The parts of a Shapefile beside its .shp, and a CRS or a world file beside a raster.
SIDECARS = (".shx", ".dbf", ".prj", ".cpg", ".tfw")
SUFFIXES = (*scene.SUFFIXES, *annotations.SUFFIXES, *SIDECARS)
# Names that Windows keeps for devices.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)


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
    stem, suffix = Path(plain).stem, Path(plain).suffix.lower()
    if suffix not in SUFFIXES or not stem.strip("._-"):
        raise WorkspaceError(
            "is no file that Chipscape reads",
            where=repr(name[:LONGEST_NAME]),
            remedy=f"Expected one of {', '.join(SUFFIXES)}.",
        )
    if DEVICES.match(plain):
        stem = f"_{stem}"
    return stem[: LONGEST_NAME - len(suffix)] + suffix


def take_in(folder: Path, name: str, stream: BinaryIO, most: int = MOST_BYTES) -> Path:
    """Write one uploaded file into a folder, and look whether it is what its name says.

    Parameters
    ----------
    folder : Path
        Usually the workspace's raw/; made if it is not there.
    name : str
        As the user's browser gives it.
    stream : binary file, from its beginning
    most : int
        Bytes.

    Returns
    -------
    Path
        Where it lies now.

    Raises
    ------
    WorkspaceError
        If there is a file of this name already, it is too large, or the folder cannot be written.
    SceneError, AnnotationError
        If it is not what its name says; nothing of it stays.
    """
    target = folder / safe_name(name)
    part = folder / f".{token_hex(8)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_taken(target)
        part.mkdir()
        held = part / target.name
        _copy(stream, held, most, target.name)
        _look(held)
        # A hard link fails where the name was taken meanwhile; a rename would overwrite.
        target.hardlink_to(held)
    except FileExistsError:
        _refuse_taken(target)
        raise
    except OSError as error:
        raise WorkspaceError(
            "cannot be written", where=target.name, remedy=f"{error.strerror}."
        ) from error
    finally:
        _clear(part)
    return target


def take_in_all(
    folder: Path, files: list[tuple[str, BinaryIO]], most: int = MOST_BYTES
) -> tuple[list[Path], list[str]]:
    """Write several files; each is judged alone. Returns what lies there, and what was refused."""
    written, refused = [], []
    for name, stream in files:
        try:
            written.append(take_in(folder, name, stream, most))
        except ChipscapeError as error:
            refused.append(str(error))
    return written, refused


def _refuse_taken(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise WorkspaceError(
            "a file of this name is there already",
            where=target.name,
            remedy="Rename the new one, or take the old one away first.",
        )


def _copy(stream: BinaryIO, held: Path, most: int, name: str) -> None:
    size = 0
    with held.open("xb") as written:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            if size > most:
                raise WorkspaceError(
                    f"is larger than {most / 2**20:.0f} MiB",
                    where=name,
                    remedy="Copy it into raw/ by hand.",
                )
            written.write(chunk)
    if not size:
        raise WorkspaceError("is empty", where=name)


def _look(held: Path) -> None:
    """Refuse a file that is not what its suffix says."""
    suffix = held.suffix.lower()
    if suffix in scene.SUFFIXES:
        try:
            read_test(scene.read_scene(held))
        except SceneError as error:
            raise SceneError(
                f"was not taken in: {error.what}", where=held.name, remedy=error.remedy
            ) from error
    elif suffix == ".shp":
        # Its other parts may come after it: only its first bytes can be judged.
        with held.open("rb") as opened:
            if opened.read(4) != annotations.MAGIC[".shp"]:
                raise AnnotationError("is not a .shp file, whatever its name says", where=held.name)
    elif suffix in annotations.SUFFIXES:
        annotations.read_annotations(held)


def _clear(part: Path) -> None:
    if not part.is_dir():
        return
    for file in part.iterdir():
        file.unlink()
    part.rmdir()
