"""Records of runs: one TOML file per run, with which the run can be replayed elsewhere.

A record names the settings, the key of every artifact, and the user's edits.
"""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock

from core import __version__
from core.artifacts.formats import write_atomically
from core.clusters.labelling import Labelling
from core.errors import ArtifactError, SettingsError
from core.pipeline.results.run_settings import default_run_name, read_run_settings, without_refit
from core.pipeline.results.stored_view import list_keys, scene_keys
from core.pipeline.view import View
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
        None if the run stopped before that stage. Edits do not change them.
    scenes : mapping of str to int
        Number of annotations of each file.
    fitted_to : tuple of str
        Files of the scenes that the encoder was fitted to; empty if it was fitted to all.
    curation : str
        Edits and cluster numbers, from `core.pipeline.results.curation.curation_to_json`; empty if
        there are none.
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
    curation: str = ""

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


@contextmanager
def results_lock(workspace: Workspace) -> Iterator[None]:
    """Hold the lock with which the current result and the records are changed."""
    workspace.results.mkdir(parents=True, exist_ok=True)
    with FileLock(workspace.results / ".current.lock"):
        yield


def write_run_record(
    view: View, labelling: Labelling | None, notes: list[str], n_chips: int | None = None
) -> RunRecord:
    """Write the record of a finished run; a run with the same results keeps its record."""
    keys = list_keys(view)
    if existing := find_matching_record(view.workspace, view.settings, keys):
        return read_record(record_path(view.workspace, existing))
    counts: dict[str, float] = {} if n_chips is None else {"chips": n_chips}
    if labelling is not None:
        counts["clusters"] = labelling.n_clusters
        counts["noise_fraction"] = labelling.noise_fraction
    reports = view.survey.reports
    facts = {
        "scenes": {report.path: report.annotations for report in reports},
        "fitted_to": _fitted_scenes(view),
        "notes": notes,
        "ingest": [
            {name: value for name, value in report.as_table().items() if value is not None}
            for report in reports
        ],
    }
    return create_record(view.workspace, view.settings, keys, counts, facts)


def _fitted_scenes(view: View) -> list[str]:
    """Return the scenes that the encoder was fitted to, if these are not all."""
    fits = view.artifacts.get("embeddings", ())[:1]
    keys = scene_keys(view.workspace, fits[0].manifest["inputs"]["chips"] if fits else ())
    fitted = [scene.report.path for scene in view.survey.usable if scene.artifact.key in keys]
    return fitted if len(fitted) < len(view.survey.usable) else []


def create_record(
    workspace: Workspace,
    settings: RunSettings,
    keys: Mapping[str, tuple[str, ...]],
    counts: Mapping[str, float],
    facts: Mapping[str, Any],
    name: str = "",
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
        "finished": finished.isoformat(timespec="seconds"),
        "counts": dict(counts),
        "settings": settings_table(without_refit(settings)),
        "keys": {stage: list(values) for stage, values in keys.items()},
        **facts,
    }
    last_key = [values[-1] for values in keys.values() if values][-1]
    stem, n = f"{finished:%Y%m%d-%H%M%S}-{last_key[:8]}", 1
    path = record_path(workspace, stem)
    # Two results of one second may share their last artifact and differ in the cut of a tree.
    while path.exists():
        n += 1
        path = path.with_stem(f"{stem}-{n}")
    return read_record(write_atomically(path, tomli_w.dumps(document)))


def list_run_records(workspace: Workspace) -> list[RunRecord]:
    """Return the readable records of a workspace, the latest first."""
    records = [record for record in _read_records(workspace) if isinstance(record, RunRecord)]
    return sorted(records, key=lambda record: (record.finished, record.run_id), reverse=True)


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
    workspace: Workspace, settings: RunSettings, keys: Mapping[str, tuple[str, ...]]
) -> str:
    """Return the id of the run with these settings and artifacts; empty if there is none."""
    for record in list_run_records(workspace):
        if record.settings == without_refit(settings) and have_same_artifacts(record.keys, keys):
            return record.run_id
    return ""


def change_record(record: RunRecord, **changes: Any) -> RunRecord:
    """Change the name, the note or the pin of a run; returns the changed record."""
    with FileLock(record.path.parent.parent / ".current.lock"):
        write_atomically(record.path, tomli_w.dumps(_read_document(record.path) | changes))
    return replace(record, **changes)


def write_curation(workspace: Workspace, run_id: str, curation: str) -> None:
    """Write edits and cluster numbers into the record of a run, if the record still exists."""
    path = record_path(workspace, run_id)
    if path.is_file():
        write_atomically(path, tomli_w.dumps(_read_document(path) | {"curation": curation}))


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
        counts = document.get("counts", {})
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
            curation=str(document.get("curation", "")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, f"it lacks {error}") from error


def _read_document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, reason: str) -> ArtifactError:
    return ArtifactError(
        f"is not a readable run record ({reason})",
        where=str(path),
        remedy="Choose a file of results/runs/ that `chipscape run` wrote.",
    )


def have_same_artifacts(
    keys: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]
) -> bool:
    """Return True if two runs have the same artifacts.

    The keys of scenes are left out: they also depend on how a file was read. A labelling that was
    cut from a tree while a slider moved has no artifact of its own.
    """
    stages = ("chips", "embeddings", "reduction", "projection")
    return all(tuple(keys.get(stage, ())) == tuple(other.get(stage, ())) for stage in stages)


def _unused_name(workspace: Workspace, name: str) -> str:
    """Return the name, followed by a number if another run has it."""
    names, candidate, n = {r.name for r in list_run_records(workspace)}, name, 1
    while candidate in names:
        n += 1
        candidate = f"{name} ({n})"
    return candidate
