"""The store: each stage's result in a folder of its own under its key, whole or not at all."""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from core import __version__
from core.artifacts.formats import create_array, damaged, read_json, write_json
from core.artifacts.keys import make_key
from core.errors import ChipscapeError, WorkspaceError
from core.types import AnyArray

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Step:
    """A stage with all its inputs: what is to be computed, and under which key it lies.

    Attributes
    ----------
    stage : str
    version : int
    inputs : mapping
        Everything that changes the answer.
    """

    stage: str
    version: int
    inputs: Mapping[str, Any]
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", make_key(self.stage, self.version, self.inputs))


@dataclass(frozen=True)
class Artifact:
    """A finished result.

    Attributes
    ----------
    stage, key : str
    folder : Path
        Its data files.
    manifest : dict
        Inputs, versions, seconds, counts.
    cached : bool
        True where it was found, not computed.
    """

    stage: str
    key: str
    folder: Path
    manifest: dict[str, Any]
    cached: bool = True

    @property
    def counts(self) -> dict[str, Any]:
        """What the stage said of its result."""
        return dict(self.manifest["counts"])


class Store:
    """Artifacts of one workspace.

    Parameters
    ----------
    root : Path
        Created when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, step: Step) -> Artifact | None:
        """The finished artifact of a step, or None."""
        folder = self.root / step.stage / step.key
        if not (folder / MANIFEST).is_file():
            return None
        return _opened(step.stage, folder)

    def all(self, stage: str) -> list[Artifact]:
        """Every finished artifact of a stage, the oldest first."""
        found = []
        for manifest in (self.root / stage).glob(f"*/{MANIFEST}"):
            found.append(_opened(stage, manifest.parent))
        return sorted(found, key=lambda a: str(a.manifest["finished"]))

    def make(self, step: Step, compute: Callable[[Path], Mapping[str, Any]]) -> Artifact:
        """Find a step's artifact, or compute it; two processes asking at once compute it once.

        Parameters
        ----------
        step : Step
        compute : callable
            Writes data files into the folder it is given and returns counts for the manifest.
            After a kill it is called again with the same folder, so that it can go on.

        Raises
        ------
        WorkspaceError
            If the store cannot be written to.
        """
        found = self.find(step)
        if found:
            return found
        part = self.root / ".partial" / f"{step.stage}-{step.key}"
        try:
            part.mkdir(parents=True, exist_ok=True)
            (self.root / step.stage).mkdir(exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                "cannot be written to", where=str(self.root), remedy=f"{error.strerror}."
            ) from error
        lock = part.with_suffix(".lock")
        with FileLock(lock):
            made = self.find(step) or self._finish(step, part, compute)
            # Who still waits for the old file finds the artifact, so a lock made anew is harmless.
            lock.unlink(missing_ok=True)
            return made

    def _finish(
        self, step: Step, part: Path, compute: Callable[[Path], Mapping[str, Any]]
    ) -> Artifact:
        part.mkdir(parents=True, exist_ok=True)
        begun = time.perf_counter()
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
            "seconds": round(time.perf_counter() - begun, 3),
            "finished": datetime.now(UTC).isoformat(timespec="microseconds"),
            "chipscape": __version__,
        }
        (part / Blocks.LEDGER).unlink(missing_ok=True)
        write_json(part / MANIFEST, manifest)
        folder = self.root / step.stage / step.key
        # One whose manifest was deleted is no artifact, but stands in the way.
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
        log.info("%s %s computed in %.1f s", step.stage, step.key, manifest["seconds"])
        return Artifact(step.stage, step.key, folder, manifest, cached=False)


def _opened(stage: str, folder: Path) -> Artifact:
    manifest = read_json(folder / MANIFEST)
    there = manifest.keys() if isinstance(manifest, dict) else ()
    lacking = {"inputs", "counts", "version", "finished"}.difference(there)
    if lacking:
        raise damaged(folder / MANIFEST, ValueError(f"it lacks {', '.join(sorted(lacking))}"))
    return Artifact(stage, folder.name, folder, manifest)


class Blocks:
    """Rows of an artifact filled block by block; a killed run goes on at the last finished one.

    Block boundaries depend on nothing but n and size, so that the result does not depend on where
    a run was killed.

    Parameters
    ----------
    folder : Path
        The unfinished artifact.
    n : int
        Rows in all.
    size : int
        Rows a block.
    """

    LEDGER = "blocks.done"

    def __init__(self, folder: Path, n: int, size: int) -> None:
        self._ledger = folder / self.LEDGER
        self._folder = folder
        self._n = n
        self._size = size

    def array(self, name: str, shape: tuple[int, ...], dtype: str) -> AnyArray:
        """An array of n rows on disk, opened for writing; what is in it already stays."""
        path = self._folder / name
        if self._ledger.is_file() and path.is_file():
            return np.lib.format.open_memmap(path, mode="r+")
        return create_array(path, (self._n, *shape), dtype)

    def pending(self) -> Iterator[slice]:
        """The blocks not yet done, in order."""
        done = set(self._ledger.read_text().split()) if self._ledger.is_file() else set()
        for start in range(0, self._n, self._size):
            block = slice(start, min(start + self._size, self._n))
            if _named(block) not in done:
                yield block

    def finish(self, block: slice, *arrays: AnyArray) -> None:
        """Note that a block's rows are written, after they have reached the disk."""
        for array in arrays:
            array.flush()  # type: ignore[attr-defined]
        with self._ledger.open("a") as ledger:
            ledger.write(f"{_named(block)}\n")


def _named(block: slice) -> str:
    # Both ends: a version with other boundaries must not take a block for one of its own.
    return f"{block.start}-{block.stop}"
