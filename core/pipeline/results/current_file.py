"""The file of a workspace's current result: reading, writing, and setting a damaged file aside."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from core.artifacts.integrity import file_stamp, read_versioned_json, write_sealed_json
from core.disk import explained_disk_errors
from core.errors import ArtifactError, SettingsError
from core.pipeline.results.curation import Curation, curation_from_document, curation_to_document
from core.pipeline.results.run_settings import read_run_settings
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import settings_table

FORMAT = 1
REMEDY = (
    "Repair the file, or set it aside with `chipscape runs --set-aside` or with the button in the "
    "app. Saved runs keep their own names and other edits."
)


@dataclass(frozen=True)
class CurrentResult:
    """The current result of a workspace.

    Attributes
    ----------
    settings : RunSettings or None
        None if the workspace has no complete result yet.
    keys : mapping of str to tuple of str
        Keys of the artifacts of each run stage.
    curation : Curation
        Edits and cluster numbers. They do not change with the settings.
    run : str
        Id of the run record with these settings and artifacts; empty if there is none.
    """

    settings: RunSettings | None = None
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    curation: Curation = field(default_factory=Curation)
    run: str = ""


def current_path(workspace: Workspace) -> Path:
    """Return the path of the file that holds the current result."""
    return workspace.results / "current.json"


def current_stamp(workspace: Workspace) -> tuple[int, int] | None:
    """Return numbers that change with the current result and its edits; None if there is none."""
    return file_stamp(current_path(workspace))


def load_current(workspace: Workspace) -> CurrentResult:
    """Load the current result; empty if there is none.

    Raises ArtifactError if the file is damaged or of another version.
    """
    stamp = current_stamp(workspace)
    return CurrentResult() if stamp is None else _read_current(current_path(workspace), *stamp)


def find_damage(workspace: Workspace) -> ArtifactError | None:
    """Return why the file of the current result cannot be read; None if it can, or is missing."""
    try:
        load_current(workspace)
    except ArtifactError as error:
        return error
    return None


def load_readable(workspace: Workspace) -> CurrentResult:
    """Load the current result; empty if there is none or if its file is damaged.

    Only for what is displayed: what writes or deletes files uses `load_current`.
    """
    return CurrentResult() if find_damage(workspace) else load_current(workspace)


def write_current(workspace: Workspace, current: CurrentResult) -> None:
    """Write the file of the current result; call it while `results_lock` is held."""
    write_sealed_json(current_path(workspace), _to_document(current))


def set_aside_current(workspace: Workspace) -> Path:
    """Rename a damaged file of the current result, so that the workspace has no current result.

    Returns the new path. Nothing is deleted: the edits of results that are no runs are only in this
    file. Raises SettingsError if the file is not damaged.
    """
    path = current_path(workspace)
    with results_lock(workspace.results):
        if find_damage(workspace) is None:
            raise SettingsError("the file is not damaged", where=str(path))
        target, n = path.with_name("current-damaged.json"), 1
        while target.exists():
            n += 1
            target = path.with_name(f"current-damaged-{n}.json")
        return path.rename(target)


@contextmanager
def results_lock(results: Path, timeout: float = -1) -> Iterator[None]:
    """Hold the lock with which the current result and the records of a folder are changed.

    Waits for at most `timeout` seconds, without limit if it is negative.
    """
    with explained_disk_errors(results, results):
        results.mkdir(parents=True, exist_ok=True)
        lock = FileLock(results / ".current.lock").acquire(timeout=timeout)
    with lock:
        yield


@lru_cache(maxsize=8)
def _read_current(path: Path, _changed: int, _size: int) -> CurrentResult:
    try:
        document = read_versioned_json(path, FORMAT)
        keys = {stage: tuple(values) for stage, values in document["keys"].items()}
        if not all(isinstance(key, str) for values in keys.values() for key in values):
            raise ArtifactError("a key is not text", where=str(path))
        curation = curation_from_document(document["curation"])
        table = document["settings"]
        settings = None if table is None else read_run_settings(table, str(path))
        return CurrentResult(settings, keys, curation, str(document["run"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, str(error)) from error
    except ArtifactError as error:
        raise _unreadable(path, str(error.__cause__ or error.problem)) from error
    except SettingsError as error:
        raise _unreadable(path, error.problem) from error


def _unreadable(path: Path, reason: str) -> ArtifactError:
    problem = f"the current result cannot be read ({reason})"
    return ArtifactError(problem, where=str(path), remedy=REMEDY)


def _to_document(current: CurrentResult) -> dict[str, Any]:
    settings = None if current.settings is None else settings_table(current.settings)
    return {
        "format": FORMAT,
        "run": current.run,
        "settings": settings,
        "keys": {stage: list(keys) for stage, keys in current.keys.items()},
        "curation": curation_to_document(current.curation),
    }
