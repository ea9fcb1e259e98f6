"""The artifact store: each result has its own folder, which is complete or absent."""

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from filecmp import cmp
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock

from core import __version__
from core.artifacts.blocks import BLOCK_LEDGER
from core.artifacts.formats import damaged_error, read_table
from core.artifacts.integrity import (
    describe_files,
    find_damaged_files,
    read_sealed_json,
    with_current_times,
    write_sealed_json,
)
from core.artifacts.keys import KEY_LENGTH, make_key
from core.compute.cores import machine_mark
from core.compute.worker_results import count_calls
from core.disk import disk_error, explained_disk_errors, sync_tree
from core.errors import ArtifactError, ChipscapeError, ClusterError, WorkspaceError

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
PARTIAL = ".partial"
"""Folder of unfinished artifacts, and of the locks of the processes that compute them."""
SWEEP_LOCK = "sweep.lock"
FILES = "files"
"""Entry of the manifest with size, checksum and times of each data file."""
# The same with current times, of artifacts that this process has verified.
_CURRENT_FILES: dict[tuple[Path, str], Mapping[str, Mapping[str, Any]]] = {}
# Folders of the artifacts that this process has computed again to check them.
_CHECKED: set[Path] = set()


@dataclass(frozen=True)
class Step:
    """A stage, the version of its code, all inputs that affect its result, and the result's key."""

    stage: str
    version: int
    inputs: Mapping[str, Any]
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", make_key(self.stage, self.version, self.inputs))


@dataclass(frozen=True)
class Artifact:
    """A finished result in a folder of data files.

    The manifest holds inputs, versions, counts, duration in seconds and time of completion.
    `cached` is False if the call that returned the artifact computed it.
    """

    stage: str
    key: str
    folder: Path
    manifest: dict[str, Any]
    cached: bool = True

    @property
    def counts(self) -> dict[str, Any]:
        """Counts and notes that the stage recorded about its result."""
        return dict(self.manifest["counts"])

    def require_intact(self) -> None:
        """Raise ArtifactError if a data file is damaged.

        Files are read only if their size or times differ from those in the manifest. Artifacts of
        earlier versions have no checksums.
        """
        files, version = self.manifest.get(FILES), (self.folder, self.manifest["finished"])
        if not files:
            return
        known = _CURRENT_FILES.get(version, files)
        for name, problem in find_damaged_files(self.folder, known, trust_times=True).items():
            raise damaged_error(self.folder / name, ValueError(problem))
        current = _CURRENT_FILES[version] = with_current_times(self.folder, files)
        if current != known:
            # A copy has been verified; other processes need not read it again.
            manifest = {n: v for n, v in self.manifest.items() if n != "checksum"} | {
                FILES: current
            }
            with suppress(WorkspaceError, OSError):
                write_sealed_json(self.folder / MANIFEST, manifest)

    @property
    def failed(self) -> bool:
        """True if the artifact holds an error instead of a result, such as a damaged scene."""
        return bool(self.counts.get("error")) or self.counts.get("ok") is False


class Store:
    """The artifacts of one workspace, in a folder that the first write creates.

    With `verify`, stages compute artifacts that depend on input files again, to compare them.
    """

    def __init__(self, root: Path, *, verify: bool = False) -> None:
        self.root = root
        self.verify = verify

    def find(self, step: Step) -> Artifact | None:
        """Return the finished artifact of a step, or None."""
        return self.get(step.stage, step.key)

    def get(self, stage: str, key: str) -> Artifact | None:
        """Return the finished artifact of a stage with a key, or None."""
        folder = self.root / stage / key
        # A key may come from a file that was edited, so it must not lead to another folder.
        is_key = len(key) == KEY_LENGTH and key.isalnum()
        return _open(stage, folder) if is_key and (folder / MANIFEST).is_file() else None

    def all(self, stage: str) -> list[Artifact]:
        """Return every finished artifact of a stage, the oldest first."""
        manifests = (self.root / stage).glob(f"*/{MANIFEST}")
        artifacts = [_open(stage, manifest.parent) for manifest in manifests]
        return sorted(artifacts, key=lambda artifact: str(artifact.manifest["finished"]))

    def make(self, step: Step, compute: Callable[[Path], Mapping[str, Any]]) -> Artifact:
        """Return a step's artifact, which is computed if it does not exist yet.

        `compute` writes data files into the folder that it receives and returns counts for the
        manifest. After an interruption it is called again with the same folder, so that it can
        resume. Of several processes that need the same artifact, one computes it and the others
        wait. Raises WorkspaceError if the store is not writable.
        """
        return self.find(step) or self._make(step, compute)

    def is_first_check(self, artifact: Artifact) -> bool:
        """Return True at the first call for an artifact in this process."""
        is_first = artifact.folder not in _CHECKED
        _CHECKED.add(artifact.folder)
        return is_first

    def make_again(self, step: Step, compute: Callable[[Path], Mapping[str, Any]]) -> Artifact:
        """Compute a finished artifact again, and replace it if its data files or counts differ.

        The existing artifact is returned, as cached, if it is the same, or if it cannot be computed
        now: its input files may be gone, or the store may not be writable.
        """
        existing = self.find(step)
        try:
            return self._make(step, compute, existing)
        except (ChipscapeError, OSError):
            if existing is None:
                raise
            return existing

    def _make(
        self,
        step: Step,
        compute: Callable[[Path], Mapping[str, Any]],
        existing: Artifact | None = None,
    ) -> Artifact:
        part = self.root / PARTIAL / f"{step.stage}-{step.key}"
        try:
            # Another process may move the folder away while its existence is checked.
            with suppress(FileExistsError):
                part.mkdir(parents=True, exist_ok=True)
            (self.root / step.stage).mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable_store_error(self, error) from error
        lock = part.with_suffix(".lock")
        with FileLock(lock):
            self._await_sweep()
            artifact = None if existing else self.find(step)
            artifact = artifact or self._compute(step, part, compute, existing)
            # A process that waits for the deleted lock will find the artifact, so it does no harm
            # if another one creates the lock again.
            lock.unlink(missing_ok=True)
            return artifact

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep other processes from deleting artifacts until the block ends.

        Nothing can be deleted from a store that is not writable.
        """
        lock = self.root / PARTIAL / f"run-{os.getpid()}-{uuid4().hex[:8]}.lock"
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.touch()
        except OSError:
            yield
            return
        with FileLock(lock):
            self._await_sweep()
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)

    def _await_sweep(self) -> None:
        """Wait until no process deletes artifacts; call it while a lock of this store is held."""
        with FileLock(self.root / PARTIAL / SWEEP_LOCK):
            pass

    def _compute(
        self,
        step: Step,
        part: Path,
        compute: Callable[[Path], Mapping[str, Any]],
        existing: Artifact | None,
    ) -> Artifact:
        folder = self.root / step.stage / step.key
        start, core_start, n_calls = time.perf_counter(), time.process_time(), count_calls()
        try:
            with explained_disk_errors(part, folder):
                part.mkdir(parents=True, exist_ok=True)
                counts = dict(compute(part))
                (part / BLOCK_LEDGER).unlink(missing_ok=True)
                manifest: dict[str, Any] = {
                    "stage": step.stage,
                    "version": step.version,
                    "key": step.key,
                    "inputs": dict(step.inputs),
                    "counts": counts,
                    "seconds": round(time.perf_counter() - start, 3),
                    "core_seconds": round(time.process_time() - core_start, 3),
                    # Estimates learn from the core-seconds, but not from those of workers.
                    "machine": machine_mark() if count_calls() == n_calls else "cluster",
                    "finished": datetime.now(UTC).isoformat(timespec="microseconds"),
                    "chipscape": __version__,
                }
                manifest[FILES] = describe_files(part, MANIFEST)
                write_sealed_json(part / MANIFEST, manifest, durable=False)
                sync_tree(part)
        except (ChipscapeError, OSError) as error:
            # A failed cluster says nothing about the data: finished blocks are kept.
            if not isinstance(error, ClusterError):
                shutil.rmtree(part, ignore_errors=True)
            raise
        if existing and _same_counts(counts, existing) and _same_files(part, existing.folder):
            shutil.rmtree(part)
            return existing
        # A folder without a manifest is not an artifact, but would block the rename.
        shutil.rmtree(folder, ignore_errors=True)
        # The new name need not be on the disk: a folder that is lost is computed again.
        part.replace(folder)
        log.info("%s %s computed in %.1f s", step.stage, step.key, manifest["seconds"])
        return Artifact(step.stage, step.key, folder, manifest, cached=False)


def unwritable_store_error(store: Store, error: OSError) -> WorkspaceError:
    """Return the error for a store in which no folder can be created."""
    remedy = f"{error.strerror}."
    unwritable = WorkspaceError("cannot be written to", where=str(store.root), remedy=remedy)
    return disk_error(error, store.root, store.root) or unwritable


def _same_counts(counts: Mapping[str, Any], existing: Artifact) -> bool:
    texts = (json.dumps(c, sort_keys=True, default=list) for c in (dict(counts), existing.counts))
    return len(set(texts)) == 1


def _same_files(folder: Path, existing: Path) -> bool:
    """Return True if two folders have the same files, apart from the manifest."""
    files, stored = (
        {str(p.relative_to(f)): p for p in f.rglob("*") if p.is_file() and p.name != MANIFEST}
        for f in (folder, existing)
    )
    return files.keys() == stored.keys() and all(
        _same_content(file, stored[name]) for name, file in files.items()
    )


def _same_content(file: Path, other: Path) -> bool:
    # Other versions of Arrow write other bytes for the same table.
    if cmp(file, other, shallow=False) or file.suffix != ".parquet":
        return cmp(file, other, shallow=False)
    try:
        return read_table(file).equals(read_table(other))
    except ArtifactError:
        return False


def _open(stage: str, folder: Path) -> Artifact:
    manifest = read_sealed_json(folder / MANIFEST)
    fields = manifest.keys() if isinstance(manifest, dict) else ()
    missing = {"inputs", "counts", "version", "finished"}.difference(fields)
    if missing:
        raise damaged_error(folder / MANIFEST, ValueError(f"it lacks {', '.join(sorted(missing))}"))
    return Artifact(stage, folder.name, folder, manifest)
