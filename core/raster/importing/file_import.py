"""Importing uploads or files from another folder: each is imported unchanged or refused.

Files with the same stem belong together (a scene with its mask and its annotations, the parts of a
Shapefile). If one of them exists already, all of them wait for the user's decision: annotations
must not end up next to a different scene, nor a scene without its mask.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path
from typing import BinaryIO, Literal

from core.disk import disk_error, explained_disk_errors
from core.errors import ChipscapeError, WorkspaceError
from core.leftovers import scratch_folder
from core.progress import Progress, report_step, silent
from core.raster.importing import file_placement
from core.raster.sidecars import RASTER_SUFFIXES, is_outside_link

Existing = Literal["ask", "keep", "rename", "replace"]
State = Literal["taken", "same", "kept", "there", "refused"]
Opener = Callable[[], AbstractContextManager[BinaryIO]]
Source = tuple[str, Opener]
"""The name of a file as provided, and a function that opens it for reading from its beginning."""
SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")
RASTER_PARTS = (*RASTER_SUFFIXES, *file_placement.RASTER_SIDECARS)


@dataclass(frozen=True)
class ImportVerdict:
    """The outcome of importing one file: its name as provided, and an explanation in sentences.

    The states are "taken": imported, as `path`; "same": an identical file exists; "there": waiting
    for a decision, because this file, or one that belongs to it, exists with different content;
    "kept": the existing file was kept; and "refused": the name or the content is invalid.
    """

    name: str
    state: State
    words: str
    path: Path | None = None


@dataclass(frozen=True)
class ImportableFile:
    """A file in another folder that can be imported, and whether a file of its name is in raw/."""

    path: Path
    kind: str
    n_bytes: int
    exists: bool


def list_importable_files(folder: Path, raw: Path) -> tuple[list[ImportableFile], int]:
    """Return the importable files of a folder, sorted by name, and the number of other files.

    Subfolders are not searched. Links that lead out of the folder count as other files. Raises
    WorkspaceError if the folder does not exist, cannot be read, or is `raw` itself.
    """
    if not folder.is_dir():
        raise WorkspaceError(
            "this is not a folder on this machine",
            where=str(folder),
            remedy="Enter the full path of a folder.",
        )
    if folder.resolve() == raw.resolve():
        raise WorkspaceError(
            "this is already the raw/ folder of the workspace",
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
            name = file_placement.safe_file_name(path.name)
        except WorkspaceError:
            continue
        if not is_outside_link(path) and path.name[0] != ".":
            kind, exists = file_placement.file_kind(path), (raw / name).exists()
            importable.append(ImportableFile(path, kind, path.stat().st_size, exists))
    return importable, len(files) - len(importable)


def import_files(
    raw: Path,
    sources: Sequence[Source],
    existing: Existing = "ask",
    replaced_folder: Path | None = None,
    max_bytes: int = file_placement.MAX_BYTES,
    report: Progress = silent,
) -> list[ImportVerdict]:
    """Import several files into `raw`, which is created if it does not exist.

    Files with the same stem stay together. `existing` decides what happens if a file exists with
    different content: "ask" imports no file with its stem; "keep" imports only files that do not
    exist yet; "rename" imports all files with its stem under a new stem; and "replace" moves the
    existing file to `replaced_folder`, which must be given. `max_bytes` limits the size of each
    file. Returns one verdict per file; those with the same stem are adjacent.

    Raises WorkspaceError if the folder cannot be written, and Cancelled if `report` asks to stop;
    files of the stems that are already finished stay imported.
    """
    verdicts: list[ImportVerdict] = []
    groups: dict[str, list[Source]] = {}
    for source in sources:
        try:
            stem, _ = file_placement.split_scene_name(file_placement.safe_file_name(source[0]))
        except WorkspaceError as error:
            verdicts.append(ImportVerdict(source[0], "refused", _refusal(error)))
        else:
            groups.setdefault(stem, []).append(source)
    n_received = 0
    for group in groups.values():
        try:
            with scratch_folder(raw) as part_folder, explained_disk_errors(part_folder, raw):
                batch = _Batch(raw, part_folder, existing, replaced_folder)
                for source in group:
                    report_step(report, n_received, len(sources), source[0])
                    batch.receive(*source, max_bytes)
                    n_received += 1
                verdicts += batch.finish()
        except OSError as error:
            raise disk_error(error, raw, raw) or WorkspaceError(
                "the file cannot be written", where=group[0][0], remedy=f"{error.strerror}."
            ) from error
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
        file = self.folder / file_placement.safe_file_name(name)
        if file.exists():
            words = f"{file.name} was provided twice. Only the first one is imported."
            self._conclude(name, "refused", words)
            return
        try:
            with opener() as stream:
                file_placement.copy_stream(stream, file, max_bytes)
        except WorkspaceError as error:
            file.unlink(missing_ok=True)
            self._conclude(name, "refused", _refusal(error))
        else:
            self.files[name] = file

    def finish(self) -> list[ImportVerdict]:
        """Check the received files and move into place those that can be imported."""
        self._refuse_invalid()
        comparisons = {name: self._compare(file) for name, file in self.files.items()}
        clashes = [self.files[n].name for n, result in comparisons.items() if result == "differs"]
        stem = file_placement.free_stem(self.raw, self.files.values()) if clashes else ""
        for name, comparison in comparisons.items():
            target = self.raw / self.files[name].name
            if stem and self.existing == "rename":
                ending = file_placement.split_scene_name(target.name)[1]
                self._move(name, target.with_name(stem + ending))
            elif comparison == "same":
                words = f"{target.name} was not imported: an identical file already exists."
                self._conclude(name, "same", words)
            elif clashes and self.existing == "ask":
                owners = f"it belongs to {', '.join(clashes)}, which"
                clash = owners if comparison == "new" else "it"
                words = f"{target.name} is waiting: {clash} already exists with different content."
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
            backup = file_placement.set_file_aside(target, self.replaced_folder)
            words += f" The previous file was moved to {backup}."
        try:
            file_placement.move_into_place(self.files[name], target)
        except WorkspaceError as error:
            self._conclude(name, "there", str(error))
        else:
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
                file_placement.check_file_content(file, suffixes)
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
