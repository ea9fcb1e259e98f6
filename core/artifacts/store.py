"""The artifact store: each result has its own folder, which is complete or absent."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from filelock import FileLock

from core import __version__
from core.artifacts.formats import damaged_error, read_json, write_json
from core.artifacts.keys import KEY_LENGTH, make_key
from core.errors import ChipscapeError, WorkspaceError
from core.types import AnyArray

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
PARTIAL = ".partial"
"""Folder of unfinished artifacts, and of the locks of the processes that compute them."""
SWEEP_LOCK = "sweep.lock"


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


class Store:
    """The artifacts of one workspace, in a folder that the first write creates."""

    def __init__(self, root: Path) -> None:
        self.root = root

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
        if artifact := self.find(step):
            return artifact
        part = self.root / PARTIAL / f"{step.stage}-{step.key}"
        try:
            # Another process may move the folder away while its existence is checked.
            with suppress(FileExistsError):
                part.mkdir(parents=True, exist_ok=True)
            (self.root / step.stage).mkdir(exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                "cannot be written to", where=str(self.root), remedy=f"{error.strerror}."
            ) from error
        lock = part.with_suffix(".lock")
        with FileLock(lock):
            self._await_sweep()
            artifact = self.find(step) or self._compute(step, part, compute)
            # A process that still waits for the deleted lock will find the artifact, so it does no
            # harm if another process creates the lock again.
            lock.unlink(missing_ok=True)
            return artifact

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep other processes from deleting artifacts until the block ends.

        A store that is not writable is left as it is: nothing can be deleted from it either.
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
        self, step: Step, part: Path, compute: Callable[[Path], Mapping[str, Any]]
    ) -> Artifact:
        part.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        try:
            counts = dict(compute(part))
        except (ChipscapeError, OSError):
            shutil.rmtree(part, ignore_errors=True)
            raise
        manifest = {
            "stage": step.stage,
            "version": step.version,
            "key": step.key,
            "inputs": dict(step.inputs),
            "counts": counts,
            "seconds": round(time.perf_counter() - start, 3),
            "finished": datetime.now(UTC).isoformat(timespec="microseconds"),
            "chipscape": __version__,
        }
        (part / Blocks.LEDGER).unlink(missing_ok=True)
        write_json(part / MANIFEST, manifest)
        folder = self.root / step.stage / step.key
        # A folder without a manifest is not an artifact, but would block the rename.
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
        log.info("%s %s computed in %.1f s", step.stage, step.key, manifest["seconds"])
        return Artifact(step.stage, step.key, folder, manifest, cached=False)


def _open(stage: str, folder: Path) -> Artifact:
    manifest = read_json(folder / MANIFEST)
    fields = manifest.keys() if isinstance(manifest, dict) else ()
    missing = {"inputs", "counts", "version", "finished"}.difference(fields)
    if missing:
        raise damaged_error(folder / MANIFEST, ValueError(f"it lacks {', '.join(sorted(missing))}"))
    return Artifact(stage, folder.name, folder, manifest)


class Blocks:
    """Rows of an artifact computed block by block; an interrupted run resumes at the next block.

    The boundaries of the blocks depend only on `n`, the total number of rows, and `size`, the
    number of rows in a block, so the result does not depend on where a run was interrupted.
    """

    LEDGER = "blocks.done"

    def __init__(self, folder: Path, n: int, size: int) -> None:
        self._ledger = folder / self.LEDGER
        self._folder, self._n, self._size = folder, n, size

    def array(self, name: str, shape: tuple[int, ...], dtype: str) -> AnyArray:
        """Open the .npy file `name`, shape (n, *shape), for writing; it is initially all zeros."""
        path = self._folder / name
        mode: Any = "r+" if self._ledger.is_file() and path.is_file() else "w+"
        return np.lib.format.open_memmap(path, mode, np.dtype(dtype), (self._n, *shape))

    def pending(self) -> Iterator[slice]:
        """Yield the blocks that are not finished, in order."""
        names = self._ledger.read_text().split() if self._ledger.is_file() else []
        for start in range(0, self._n, self._size):
            block = slice(start, min(start + self._size, self._n))
            if _block_name(block) not in names:
                yield block

    def finish(self, block: slice, *arrays: AnyArray) -> None:
        """Write the rows of a block to disk, then record the block as finished."""
        for array in arrays:
            array.flush()  # type: ignore[attr-defined]
        with self._ledger.open("a") as ledger:
            ledger.write(f"{_block_name(block)}\n")


def _block_name(block: slice) -> str:
    # Both ends are named, so that a version with another block size does not use this block.
    return f"{block.start}-{block.stop}"
