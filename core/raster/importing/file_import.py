"""Importing a user's files from the page or another folder: each is imported unchanged or refused.

Files with the same stem belong together (a scene with its mask and its annotations, the parts of a
Shapefile). If one of them exists already, all of them wait for the user's decision: annotations
must not end up next to a different scene, nor a scene without its mask.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from typing import BinaryIO, Literal

from core.errors import ChipscapeError, WorkspaceError
from core.progress import Progress, report_step, silent
from core.raster.annotations import vector_files
from core.raster.importing.file_placement import (
    MAX_BYTES,
    RASTER_SIDECARS,
    SIDECARS,
    check_file_content,
    copy_stream,
    free_stem,
    move_into_place,
    safe_file_name,
    set_file_aside,
    split_scene_name,
)
from core.raster.sidecars import RASTER_SUFFIXES, is_outside_link

Existing = Literal["ask", "keep", "rename", "replace"]
State = Literal["taken", "same", "kept", "there", "refused"]
Opener = Callable[[], AbstractContextManager[BinaryIO]]
Source = tuple[str, Opener]
"""The name of a file as provided, and a function that opens it for reading from its beginning."""
SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")
RASTER_PARTS = (*RASTER_SUFFIXES, *RASTER_SIDECARS)


@dataclass(frozen=True)
class ImportVerdict:
    """The outcome of importing one file.

    Attributes
    ----------
    name : str
        The name as provided.
    state : {"taken", "same", "kept", "there", "refused"}
        "taken": imported. "same": an identical file exists. "there": waiting for a decision,
        because this file, or one that belongs to it, exists with other content. "kept": the
        existing file was kept. "refused": the name or the content is invalid.
    words : str
        An explanation for the user, in sentences.
    path : Path or None
        The path of an imported file.
    """

    name: str
    state: State
    words: str
    path: Path | None = None


@dataclass(frozen=True)
class ImportableFile:
    """A file of another folder that can be imported, and whether raw/ has one of its name."""

    path: Path
    kind: str
    n_bytes: int
    exists: bool


def list_importable_files(folder: Path, raw: Path) -> tuple[list[ImportableFile], int]:
    """Return the files of a folder that can be imported, by name, and the number of other files.

    Subfolders are not searched. Links that lead out of the folder count as other files.

    Raises
    ------
    WorkspaceError
        If the folder does not exist, cannot be read, or is `raw` itself.
    """
    if not folder.is_dir():
        raise WorkspaceError(
            "this is not a folder on this machine",
            where=str(folder),
            remedy="Enter the full path of a folder.",
        )
    if folder.resolve() == raw.resolve():
        raise WorkspaceError(
            "this is the raw/ folder of the workspace already",
            where=str(folder),
            remedy="Enter the path of another folder.",
        )
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise WorkspaceError(
            "the folder cannot be read", where=str(folder), remedy=f"{error.strerror}."
        ) from error
    importable = []
    for path in files:
        try:
            name = safe_file_name(path.name)
        except WorkspaceError:
            continue
        if not is_outside_link(path) and path.name[0] != ".":
            exists = (raw / name).exists()
            importable.append(ImportableFile(path, _kind(path), path.stat().st_size, exists))
    return importable, len(files) - len(importable)


def import_files(
    raw: Path,
    sources: Sequence[Source],
    existing: Existing = "ask",
    replaced_folder: Path | None = None,
    max_bytes: int = MAX_BYTES,
    report: Progress = silent,
) -> list[ImportVerdict]:
    """Import several files; those with the same stem stay together.

    Parameters
    ----------
    raw : Path
        The folder to import into; created if it does not exist.
    sources : sequence of (name, opener)
    existing : {"ask", "keep", "rename", "replace"}
        What to do if a file exists with other content: import no file of its stem; import only
        those that do not exist; import all of its stem under a new one; or move the existing file
        to `replaced_folder`.
    replaced_folder : Path, optional
        Folder for replaced files, which are never deleted. Required to replace.
    max_bytes : int
        Largest size of one file.

    Returns
    -------
    list of ImportVerdict
        One per file; those with the same stem are adjacent.

    Raises
    ------
    WorkspaceError
        If the folder cannot be written.
    Cancelled
        If the listener asked to stop; files of finished stems stay imported.
    """
    verdicts: list[ImportVerdict] = []
    groups: dict[str, list[Source]] = {}
    for source in sources:
        try:
            stem, _ = split_scene_name(safe_file_name(source[0]))
        except WorkspaceError as error:
            verdicts.append(ImportVerdict(source[0], "refused", _refusal(error)))
        else:
            groups.setdefault(stem, []).append(source)
    n_received = 0
    for group in groups.values():
        part_folder = raw / f".{token_hex(8)}.part"
        try:
            part_folder.mkdir(parents=True)
            batch = _Batch(raw, part_folder, existing, replaced_folder)
            for source in group:
                report_step(report, n_received, len(sources), source[0])
                batch.receive(*source, max_bytes)
                n_received += 1
            verdicts += batch.finish()
        except OSError as error:
            raise WorkspaceError(
                "the file cannot be written", where=group[0][0], remedy=f"{error.strerror}."
            ) from error
        finally:
            if part_folder.is_dir():
                rmtree(part_folder)
    report_step(report, len(sources), len(sources), "")
    return verdicts


class _Batch:
    """The files of one stem: received in a temporary folder, checked, and moved into place."""

    def __init__(
        self, raw: Path, folder: Path, existing: Existing, replaced_folder: Path | None
    ) -> None:
        self.raw, self.folder = raw, folder
        self.existing, self.replaced_folder = existing, replaced_folder
        self.files: dict[str, Path] = {}
        self.verdicts: list[ImportVerdict] = []

    def receive(self, name: str, opener: Opener, max_bytes: int) -> None:
        """Copy one file into the temporary folder."""
        file = self.folder / safe_file_name(name)
        if file.exists():
            words = f"{file.name} was provided twice. Only the first one is imported."
            self._conclude(name, "refused", words)
            return
        try:
            with opener() as stream:
                copy_stream(stream, file, max_bytes)
        except WorkspaceError as error:
            file.unlink(missing_ok=True)
            self._conclude(name, "refused", _refusal(error))
            return
        self.files[name] = file

    def finish(self) -> list[ImportVerdict]:
        """Check the received files and move those into place that can be imported."""
        self._refuse_invalid()
        comparisons = {name: self._compare(file) for name, file in self.files.items()}
        clashes = [self.files[n].name for n, result in comparisons.items() if result == "differs"]
        stem = free_stem(self.raw, self.files.values()) if clashes else ""
        for name, comparison in comparisons.items():
            target = self.raw / self.files[name].name
            if stem and self.existing == "rename":
                self._move(name, target.with_name(f"{stem}{split_scene_name(target.name)[1]}"))
            elif comparison == "same":
                words = f"{target.name} was not imported: an identical file already exists."
                self._conclude(name, "same", words)
            elif clashes and self.existing == "ask":
                owners = f"it belongs to {', '.join(clashes)}, which"
                clash = owners if comparison == "new" else "it"
                words = f"{target.name} is waiting: {clash} already exists with other content."
                self._conclude(name, "there", words)
            elif comparison == "differs" and self.existing == "keep":
                words = f"{target.name} was not imported: the existing file was kept."
                self._conclude(name, "kept", words)
            else:
                self._move(name, target, replace=comparison == "differs")
        return self.verdicts

    def _compare(self, file: Path) -> Literal["new", "same", "differs"]:
        """Compare a received file with an existing file of its name."""
        target = self.raw / file.name
        if not target.exists() and not target.is_symlink():
            return "new"
        return "same" if target.is_file() and cmp(target, file, shallow=False) else "differs"

    def _move(self, name: str, target: Path, *, replace: bool = False) -> None:
        words = f"{target.name} was imported."
        if replace:
            backup = set_file_aside(target, self.replaced_folder)
            words += f" The previous file was moved to {backup}."
        try:
            move_into_place(self.files[name], target)
        except WorkspaceError as error:
            self._conclude(name, "there", str(error))
            return
        self._conclude(name, "taken", words, target)

    def _refuse_invalid(self) -> None:
        """Refuse files whose content contradicts their name, and files that depend on them.

        The parts of a Shapefile depend on its .shp. A scene and the files that change how it is
        read depend on each other, since a scene without its mask would have other valid pixels.
        """
        suffixes = {file.suffix for file in self.files.values()}
        refused_names: list[str] = []
        for name, file in list(self.files.items()):
            try:
                check_file_content(file, suffixes)
            except ChipscapeError as error:
                self._refuse(name, _refusal(error))
                refused_names.append(file.name)
        if any(file_name.endswith(".shp") for file_name in refused_names):
            self._refuse_dependants(SHAPEFILE, "its Shapefile was refused")
        parts = [file_name for file_name in refused_names if file_name.endswith(RASTER_PARTS)]
        if parts and not suffixes.isdisjoint(RASTER_SUFFIXES):
            self._refuse_dependants(RASTER_PARTS, f"{parts[0]} was refused")

    def _refuse_dependants(self, endings: tuple[str, ...], reason: str) -> None:
        for name, file in list(self.files.items()):
            if file.name.endswith(endings):
                self._refuse(name, f"{file.name} was not imported, because {reason}.")

    def _refuse(self, name: str, words: str) -> None:
        self.files.pop(name).unlink()
        self._conclude(name, "refused", words)

    def _conclude(self, name: str, state: State, words: str, path: Path | None = None) -> None:
        self.verdicts.append(ImportVerdict(name, state, words, path))


def _refusal(error: ChipscapeError) -> str:
    """Return an error as the reason why its file was not imported."""
    return f"{error.where} was not imported: {error.problem}. {error.remedy}".strip()


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in RASTER_SUFFIXES:
        return "scene"
    if suffix in SIDECARS or path.name.lower().endswith(RASTER_SIDECARS):
        return "part of another file"
    return "annotations" if suffix in vector_files.SUFFIXES else ""
