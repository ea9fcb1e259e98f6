"""Files that come in from the page or another folder: taken whole, or refused in words.

Files of one stem belong together (a scene, its mask and its annotations, the parts of a Shapefile),
so they wait together where one of them is there already: annotations must not end up beside another
scene, nor a scene without its mask.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Literal

from core.errors import ChipscapeError, WorkspaceError
from core.progress import Progress, silent, step
from core.raster import scene
from core.raster.annotations import vector_files
from core.raster.importing.file_placement import (
    MOST_BYTES,
    OF_A_RASTER,
    SIDECARS,
    clear,
    copy,
    free_stem,
    look,
    put,
    safe_name,
    set_aside,
    split,
    unwritable,
)
from core.raster.sidecars import leads_out

Existing = Literal["ask", "keep", "rename", "replace"]
State = Literal["taken", "same", "kept", "there", "refused"]
Opener = Callable[[], AbstractContextManager[BinaryIO]]
Source = tuple[str, Opener]
"""A name as it was given, and what opens the file for reading from its beginning."""
SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@dataclass(frozen=True)
class Verdict:
    """What became of one file.

    Attributes
    ----------
    name : str
        As it was given.
    state : {"taken", "same", "kept", "there", "refused"}
        "same": a file with this name and content is there already. "there": not taken, because it,
        or one that it belongs to, is there already with another content; "kept": so, by choice.
    words : str
        One sentence.
    path : Path or None
        Where it lies now, if it was taken.
    """

    name: str
    state: State
    words: str
    path: Path | None = None


@dataclass(frozen=True)
class Offered:
    """A file of another folder that could be taken in."""

    path: Path
    kind: str
    n_bytes: int
    there: bool


def offered(folder: Path, raw: Path) -> tuple[list[Offered], int]:
    """What a folder holds for Chipscape, by name, and how many other files there are.

    Subfolders are not looked into; links that lead out of the folder count as other files.

    Raises
    ------
    WorkspaceError
        If it is no folder, cannot be read, or is `raw` itself.
    """
    if not folder.is_dir():
        raise WorkspaceError(
            "is no folder on this machine", where=str(folder), remedy="Give its full path."
        )
    if folder.resolve() == raw.resolve():
        raise WorkspaceError("is the folder of this workspace already", where=str(folder))
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise WorkspaceError(
            "cannot be read", where=str(folder), remedy=f"{error.strerror}."
        ) from error
    found = []
    for path in files:
        name = _safe(path.name)
        if name and not leads_out(path) and path.name[0] != ".":
            found.append(
                Offered(path, _kind(path), path.stat().st_size, there=(raw / name).exists())
            )
    return found, len(files) - len(found)


def take_in_all(
    raw: Path,
    sources: Sequence[Source],
    existing: Existing = "ask",
    aside: Path | None = None,
    most: int = MOST_BYTES,
    report: Progress = silent,
) -> list[Verdict]:
    """Take in several files; those of one stem stay together.

    Parameters
    ----------
    raw : Path
        Made if it is not there.
    sources : sequence of (name, opener)
    existing : {"ask", "keep", "rename", "replace"}
        Where a file is there already with another content: take none of its stem; take those that
        are not there; take all of its stem under another one; or move what is there to `aside`.
    aside : Path, optional
        Needed to replace; nothing is ever deleted.
    most : int
        Bytes of one file.

    Returns
    -------
    list of Verdict
        One a file, those of one stem next to each other.

    Raises
    ------
    WorkspaceError
        If the folder cannot be written.
    Cancelled
        If the listener asked to stop; stems that were finished stay.
    """
    verdicts, groups = _by_stem(sources)
    done = 0
    for group in groups:
        part = raw / f".{token_hex(8)}.part"
        try:
            part.mkdir(parents=True)
            batch = _Batch(raw, part, existing, aside)
            for source in group:
                step(report, done, len(sources), source[0])
                batch.receive(*source, most)
                done += 1
            verdicts += batch.settle()
        except OSError as error:
            raise unwritable(group[0][0], error) from error
        finally:
            clear(part)
    step(report, len(sources), len(sources), "")
    return verdicts


def _by_stem(sources: Sequence[Source]) -> tuple[list[Verdict], list[list[Source]]]:
    """What is refused by its name, and the others by stem."""
    refused, groups = [], dict[str, list[Source]]()
    for source in sources:
        try:
            groups.setdefault(split(safe_name(source[0]))[0], []).append(source)
        except WorkspaceError as error:
            refused.append(Verdict(source[0], "refused", str(error)))
    return refused, list(groups.values())


class _Batch:
    """Files of one stem on their way: received, judged, and put in place."""

    def __init__(self, raw: Path, part: Path, existing: Existing, aside: Path | None) -> None:
        self.raw, self.part, self.existing, self.aside = raw, part, existing, aside
        self.held: dict[str, Path] = {}
        self.verdicts: list[Verdict] = []
        self.refused: list[str] = []

    def receive(self, name: str, opener: Opener, most: int) -> None:
        """Copy one file into the waiting room."""
        held = self.part / safe_name(name)
        if held.exists():
            self._say(name, "refused", f"{held.name}: came twice. The first one is taken.")
            return
        try:
            with opener() as stream:
                copy(stream, held, most)
        except WorkspaceError as error:
            held.unlink(missing_ok=True)
            self._say(name, "refused", str(error))
            return
        self.held[name] = held

    def settle(self) -> list[Verdict]:
        """Judge what was received, and put in place what may be."""
        self._judge()
        taken = {name: self.raw / held.name for name, held in self.held.items()}
        there = {n: at for n, at in taken.items() if at.exists() or at.is_symlink()}
        same = {n for n, at in there.items() if at.is_file() and cmp(at, self.held[n], False)}
        clash = [at.name for n, at in there.items() if n not in same]
        if clash and self.existing == "ask":
            for name, at in taken.items():
                if name in same:
                    self._same(name)
                else:
                    own = at.name in clash
                    reason = "" if own else f" waits: it belongs to {', '.join(clash)}, which"
                    self._say(name, "there", f"{at.name}{reason} is there already, and differs.")
            return self.verdicts
        stem = free_stem(self.raw, self.held.values()) if clash else ""
        for name, at in taken.items():
            self._put(name, at, stem, same=name in same, clash=at.name in clash)
        return self.verdicts

    def _put(self, name: str, at: Path, stem: str, *, same: bool, clash: bool) -> None:
        if stem and self.existing == "rename":
            at = at.with_name(f"{stem}{split(at.name)[1]}")
        elif same:
            self._same(name)
            return
        elif clash and self.existing == "keep":
            self._say(name, "kept", f"{at.name}: the old one stays.")
            return
        words = f"{at.name}: taken in."
        if clash and self.existing == "replace":
            words = f"{at.name}: taken in. The old one lies in {set_aside(at, self.aside)}."
        try:
            put(self.held[name], at)
        except WorkspaceError as error:
            self._say(name, "there", str(error))
            return
        self._say(name, "taken", words, at)

    def _judge(self) -> None:
        """Refuse what is not what it says.

        Parts of a Shapefile go with their .shp, a scene and what is beside it with each other: a
        scene without its mask would say another thing.
        """
        came = {held.suffix for held in self.held.values()}
        rasters = [held for held in self.held.values() if held.suffix in scene.SUFFIXES]
        for name, held in list(self.held.items()):
            try:
                look(held, came)
            except ChipscapeError as error:
                self._refuse(name, str(error))
        if ".shp" in came and ".shp" not in {held.suffix for held in self.held.values()}:
            for name, held in list(self.held.items()):
                if held.suffix in SHAPEFILE:
                    self._refuse(name, f"{held.name}: its Shapefile was refused.")
        parts = [h.name for h in rasters if h not in self.held.values()]
        parts += [name for name in self.refused if name.endswith(OF_A_RASTER)]
        if rasters and parts:
            for name, held in list(self.held.items()):
                if held.suffix in scene.SUFFIXES or held.name.endswith(OF_A_RASTER):
                    self._refuse(name, f"{held.name}: not without {parts[0]}, which was refused.")

    def _refuse(self, name: str, words: str) -> None:
        held = self.held.pop(name)
        held.unlink()
        self.refused.append(held.name)
        self._say(name, "refused", words)

    def _same(self, name: str) -> None:
        self._say(name, "same", f"{self.held[name].name}: this very file is there already.")

    def _say(self, name: str, state: State, words: str, path: Path | None = None) -> None:
        self.verdicts.append(Verdict(name, state, words, path))


def _safe(name: str) -> str:
    try:
        return safe_name(name)
    except WorkspaceError:
        return ""


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in scene.SUFFIXES:
        return "scene"
    if suffix in SIDECARS or path.name.lower().endswith(OF_A_RASTER):
        return "part of another file"
    return "annotations" if suffix in vector_files.SUFFIXES else ""
