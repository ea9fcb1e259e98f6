"""Records of runs: one TOML file per run, with which the run can be replayed elsewhere.

A record names the settings, the key of every artifact, and the user's edits.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from core import __version__
from core.artifacts.integrity import read_sealed_toml, write_sealed_toml
from core.errors import ArtifactError, SettingsError
from core.pipeline.results.curation import Curation, curation_from_document, curation_to_document
from core.pipeline.results.current_file import CurrentResult, results_lock
from core.pipeline.results.run_settings import default_run_name, read_run_settings, without_refit
from core.pipeline.results.stored_view import have_same_artifacts
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import settings_table


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    Attributes
    ----------
    path : Path
        The file; its name without the suffix is the id of the run.
    name, note : str
        The user can change both. Names need not be unique.
    pinned : bool
        True if the artifacts of the run must not be deleted.
    finished : str
        Time at which the run finished, ISO 8601 with the offset from UTC.
    settings : RunSettings
    keys : mapping of str to tuple of str
        Keys of the artifacts of each run stage.
    n_chips, n_clusters, noise_fraction : number or None
        Edits do not change them. None in records of earlier versions, which were also written for
        runs that stopped before that stage.
    scenes : mapping of str to int
        Number of annotations of each file.
    fitted_to : tuple of str
        Files of the scenes that the encoder was fitted to; empty if it was fitted to all.
    curation : Curation
        The edits of the run and the numbers of its clusters.
    """

    path: Path
    name: str
    settings: RunSettings
    note: str = ""
    pinned: bool = False
    finished: str = ""
    chipscape: str = ""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    n_chips: int | None = None
    n_clusters: int | None = None
    noise_fraction: float | None = None
    scenes: Mapping[str, int] = field(default_factory=dict)
    fitted_to: tuple[str, ...] = ()
    curation: Curation = field(default_factory=Curation)

    @property
    def run_id(self) -> str:
        """The id of the run, unique in its workspace."""
        return self.path.stem

    @property
    def is_complete(self) -> bool:
        """True if the run has clusters and a projection."""
        return self.n_clusters is not None and bool(self.keys.get("projection"))


def records_folder(workspace: Workspace) -> Path:
    """Return the folder of the run records of a workspace."""
    return workspace.results / "runs"


def record_path(workspace: Workspace, run_id: str) -> Path:
    """Return the path of the record of a run."""
    return records_folder(workspace) / f"{run_id}.toml"


def create_record(
    workspace: Workspace,
    settings: RunSettings,
    keys: Mapping[str, tuple[str, ...]],
    counts: Mapping[str, float],
    facts: Mapping[str, Any],
    name: str = "",
    curation: Curation | None = None,
) -> RunRecord:
    """Write a new record; without a name, it gets one that describes the settings.

    `counts` may have "chips", "clusters" and "noise_fraction"; `facts` are further entries.
    """
    finished, n_clusters = datetime.now(UTC), counts.get("clusters")
    name = name or default_run_name(settings, None if n_clusters is None else int(n_clusters))
    document = {
        "chipscape": __version__,
        "name": _unused_name(workspace, name),
        "note": "",
        "pinned": False,
        "finished": finished.isoformat(timespec="milliseconds"),
        "counts": dict(counts),
        "settings": settings_table(without_refit(settings)),
        "keys": {stage: list(values) for stage, values in keys.items()},
        **facts,
    }
    if curation is not None:
        document["curation"] = json.dumps(curation_to_document(curation))
    last_key = [values[-1] for values in keys.values() if values][-1]
    stem, n = f"{finished:%Y%m%d-%H%M%S}-{last_key[:8]}", 1
    path = record_path(workspace, stem)
    # Two results of one second may share their last artifact and differ in the cut of a tree.
    while path.exists():
        n += 1
        path = path.with_stem(f"{stem}-{n}")
    return read_record(write_sealed_toml(path, document))


def list_run_records(workspace: Workspace) -> list[RunRecord]:
    """Return the readable records of a workspace, the latest first."""
    records = [record for record in _read_records(workspace) if isinstance(record, RunRecord)]
    return sorted(records, key=lambda record: (record.finished, record.run_id), reverse=True)


def list_complete_runs(workspace: Workspace) -> list[RunRecord]:
    """Return the runs with clusters and a projection, the latest first.

    Earlier versions also wrote records of runs that stopped before.
    """
    return [record for record in list_run_records(workspace) if record.is_complete]


def list_unreadable_records(workspace: Workspace) -> list[ArtifactError | SettingsError]:
    """Return the error of each record of a workspace that cannot be read, sorted by file."""
    return [error for error in _read_records(workspace) if not isinstance(error, RunRecord)]


def find_run_record(text: str, workspace: Workspace) -> RunRecord:
    """Return the run with a path, id or name; of runs with the same name, the latest.

    Raises SettingsError if there is none, and ArtifactError if its file is damaged.
    """
    path = Path(text).expanduser()
    if path.suffix == ".toml" and path.is_file():
        return read_record(path)
    records = list_run_records(workspace)
    for record in records:
        if text in (record.run_id, record.name):
            return record
    names = ", ".join(repr(record.name) for record in records[:5]) or "none"
    raise SettingsError(
        f"{text!r} is neither a run of this workspace nor the path of a run record",
        where=str(records_folder(workspace)),
        remedy=f"Latest runs: {names}.",
    )


def find_matching_record(
    workspace: Workspace,
    settings: RunSettings,
    keys: Mapping[str, tuple[str, ...]],
    current: CurrentResult,
) -> str:
    """Return the id of the run with these settings and artifacts; empty if there is none.

    Of several, whose edits differ, it is the one whose edits the current result continues, if
    possible the current run; otherwise the latest.
    """
    matches = [
        record
        for record in list_run_records(workspace)
        if record.settings == without_refit(settings) and have_same_artifacts(record.keys, keys)
    ]
    edits = current.curation.history.edits

    def rank(record: RunRecord) -> tuple[int, bool]:
        saved = record.curation.history.edits
        return (len(saved) if edits[: len(saved)] == saved else -1), record.run_id == current.run

    return max(matches, key=rank).run_id if matches else ""


def change_record(record: RunRecord, **changes: Any) -> RunRecord:
    """Change the name, the note or the pin of a run; returns the changed record."""
    with results_lock(record.path.parents[1]):
        write_sealed_toml(record.path, _read_document(record.path) | changes)
    return replace(record, **changes)


def write_curation(workspace: Workspace, run_id: str, curation: Curation) -> None:
    """Write edits and cluster numbers into the record of a run, if the record still exists."""
    path = record_path(workspace, run_id)
    if path.is_file():
        changes = {"curation": json.dumps(curation_to_document(curation))}
        write_sealed_toml(path, _read_document(path) | changes)


def read_record(path: Path) -> RunRecord:
    """Read a run record; raises ArtifactError or SettingsError if it cannot be used."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    return _read_unchanged(path, status.st_mtime_ns, status.st_size)


def _read_records(workspace: Workspace) -> Iterator[RunRecord | ArtifactError | SettingsError]:
    for path in sorted(records_folder(workspace).glob("*.toml")):
        try:
            yield read_record(path)
        except (ArtifactError, SettingsError) as error:
            # One unreadable file must not hide the other runs.
            yield error


@lru_cache(maxsize=512)
def _read_unchanged(path: Path, _changed: int, _size: int) -> RunRecord:
    document = _read_document(path)
    try:
        counts, curation = document.get("counts", {}), document.get("curation")
        return RunRecord(
            path=path,
            name=str(document.get("name", path.stem)),
            settings=read_run_settings(document["settings"], str(path)),
            note=str(document.get("note", "")),
            pinned=bool(document.get("pinned", False)),
            finished=str(document["finished"]),
            chipscape=str(document.get("chipscape", "")),
            keys={stage: tuple(values) for stage, values in document["keys"].items()},
            n_chips=counts.get("chips"),
            n_clusters=counts.get("clusters"),
            noise_fraction=counts.get("noise_fraction"),
            scenes=document.get("scenes", {}),
            fitted_to=tuple(document.get("fitted_to", ())),
            curation=curation_from_document(json.loads(curation)) if curation else Curation(),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, f"it lacks {error}") from error
    except ArtifactError as error:
        raise _unreadable(path, error.problem) from error


def _read_document(path: Path) -> dict[str, Any]:
    try:
        return read_sealed_toml(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, reason: str) -> ArtifactError:
    return ArtifactError(
        f"is not a readable run record ({reason})",
        where=str(path),
        remedy="Choose a file of results/runs/ that `chipscape run` wrote.",
    )


def _unused_name(workspace: Workspace, name: str) -> str:
    """Return the name, followed by a number if another run has it."""
    names = {r.name for r in list_run_records(workspace)}
    numbered = (f"{name} ({n})" for n in count(2))
    return name if name not in names else next(n for n in numbered if n not in names)
