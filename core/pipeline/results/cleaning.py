"""Deleting runs, and the artifacts that neither a remaining run nor the current result needs."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.artifacts.store import Artifact
from core.artifacts.sweep import (
    StoredArtifact,
    delete_folders,
    exclusive_access,
    find_keys,
    find_unneeded,
    folder_bytes,
    list_leftovers,
    list_stored,
    stored_folders,
)
from core.clusters.methods.method_table import METHODS, method_of
from core.errors import ChipscapeError, SettingsError
from core.leftovers import delete_leftovers, find_leftovers
from core.pipeline.assignment.assigned_scenes import ASSIGNMENTS
from core.pipeline.chip_images import APPEARANCE, SAMPLES
from core.pipeline.chip_stages import CHIPS, SCREENING
from core.pipeline.cluster_stages import (
    COMPONENT_SWEEP,
    PROJECTION,
    REDUCTION,
    labelling_stage,
    tree_stage,
)
from core.pipeline.corrections import correction_comparison
from core.pipeline.embedding_stages import EMBEDDINGS, ENCODER_FITS
from core.pipeline.encoders import encoder_comparison
from core.pipeline.inputs.scene_files import checksum_of_input
from core.pipeline.overview_stage import OVERVIEWS
from core.pipeline.quality_stage import QUALITY
from core.pipeline.results.current_file import load_current, results_lock
from core.pipeline.results.run_records import RunRecord, list_run_records, records_folder
from core.pipeline.scene_search.scan_stages import EXAMPLE_WINDOWS, SCENE_SCANS
from core.pipeline.scene_survey import SCENES, Survey
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

RESULT_STAGES = frozenset(
    stage.name for stage in (SCENES, CHIPS, ENCODER_FITS, EMBEDDINGS, REDUCTION, PROJECTION)
)
"""Stages whose artifacts stay only while a run or the current result needs them."""

# What is computed from a result stays with the result: trees and mixtures let the sliders respond
# at once. Stages that are named nowhere here, such as those of the land cover, are never deleted.
BY_PRODUCT_STAGES = frozenset(
    {
        *(stage.name for stage in (SCREENING, APPEARANCE, OVERVIEWS, QUALITY, COMPONENT_SWEEP)),
        *(stage.name for stage in (SAMPLES, ASSIGNMENTS, SCENE_SCANS, EXAMPLE_WINDOWS)),
        encoder_comparison.COMPARISON.name,
        correction_comparison.COMPARISON.name,
        *(method.stage for method in METHODS.values()),
        *(method.hierarchy.stage for method in METHODS.values() if method.hierarchy),
    }
)
"""Stages whose artifacts stay while everything that they were computed from stays."""


@dataclass(frozen=True)
class Cleaning:
    """What is deleted: records of runs, artifacts, and folders that no process has finished.

    `n_bytes` is the space on the disk that the artifacts and folders take.
    """

    runs: tuple[RunRecord, ...]
    artifacts: tuple[StoredArtifact, ...]
    leftovers: tuple[Path, ...]
    n_bytes: int

    @property
    def n_by_stage(self) -> dict[str, int]:
        """The number of artifacts by stage."""
        stages = [artifact.stage for artifact in self.artifacts]
        return {stage: stages.count(stage) for stage in dict.fromkeys(stages)}


def select_deletable(workspace: Workspace, older_than_days: float = 0.0) -> list[RunRecord]:
    """Return the runs that are neither pinned nor current and are older than a number of days."""
    latest = datetime.now(UTC) - timedelta(days=older_than_days)
    return [
        record
        for record in list_run_records(workspace)
        if not _reason_to_stay(workspace, record)
        and datetime.fromisoformat(record.finished) <= latest
    ]


def plan_cleaning(
    workspace: Workspace, runs: Sequence[RunRecord] = (), *, only_freed: bool = False
) -> Cleaning:
    """Return what can be deleted together with some runs; nothing is deleted.

    This is everything that is no longer needed; with `only_freed`, only what nothing needs because
    these runs are deleted. Raises SettingsError if one of the runs is pinned or current, and
    ArtifactError if the current result cannot be read.
    """
    latest = {record.path: record for record in list_run_records(workspace)}
    for record in runs:
        if reason := _reason_to_stay(workspace, latest.get(record.path, record)):
            raise SettingsError(f"{record.name!r} {reason}", where=str(record.path))
    stored = list_stored(workspace.store)
    unneeded = _find_unneeded(workspace, stored, runs)
    leftovers: list[Path] = [] if only_freed else list_leftovers(workspace.store)
    unfinished = [] if only_freed else find_leftovers(_written_folders(workspace))
    if only_freed:
        already = {artifact.key for artifact in _find_unneeded(workspace, stored, ())}
        unneeded = [artifact for artifact in unneeded if artifact.key not in already]
    n_bytes = sum(map(folder_bytes, [*(item.folder for item in unneeded), *leftovers, *unfinished]))
    return Cleaning(tuple(runs), tuple(unneeded), (*leftovers, *unfinished), n_bytes)


def clean_workspace(
    workspace: Workspace, runs: Sequence[RunRecord] = (), *, only_freed: bool = False
) -> Cleaning:
    """Delete what `plan_cleaning` lists, and return it.

    Raises WorkspaceError, before anything is deleted, if a process is computing results.
    """
    store = workspace.store
    access = exclusive_access(store) if store.root.is_dir() else nullcontext()
    with access:
        # No other process may make one of the runs the current result, or pin it, in between.
        with results_lock(workspace.results):
            cleaning = plan_cleaning(workspace, runs, only_freed=only_freed)
            # The records go first: if the deletion is interrupted, the next one finds the rest.
            _delete_records(cleaning.runs)
        folders = [artifact.folder for artifact in cleaning.artifacts]
        if not only_freed:
            folders += list_leftovers(store)
        delete_folders(store, folders)
        delete_leftovers(cleaning.leftovers)
    return cleaning


def _written_folders(workspace: Workspace) -> list[Path]:
    """Return the folders into which imports, exports, fetches and demos are written."""
    names = ("flair", "land", "app", "edits", "results/runs")
    folders = (workspace.root, workspace.raw, workspace.results, workspace.extracted)
    return [*folders, workspace.artifacts, *(workspace.root / name for name in names)]


@dataclass(frozen=True)
class RunStorage:
    """The artifacts that a run names: their space on the disk, and how many were deleted."""

    n_bytes: int
    n_missing: int


def measure_runs(workspace: Workspace, records: Iterable[RunRecord]) -> dict[str, RunStorage]:
    """Return the storage of each run by its id; artifacts shared by runs count for each of them."""
    folders = stored_folders(workspace.store)
    sizes: dict[str, int] = {}
    storage = {}
    for record in records:
        keys = {key for stage_keys in record.keys.values() for key in stage_keys}
        for key in keys & folders.keys() - sizes.keys():
            sizes[key] = folder_bytes(folders[key])
        n_bytes = sum(sizes.get(key, 0) for key in keys)
        storage[record.run_id] = RunStorage(n_bytes, len(keys - folders.keys()))
    return storage


def _reason_to_stay(workspace: Workspace, record: RunRecord) -> str:
    """Return why a run must not be deleted; empty if it may be."""
    if record.pinned:
        return "is pinned; unpin it before you delete it"
    if record.run_id == load_current(workspace).run:
        return "is the current result; load another run before you delete it"
    return ""


def _find_unneeded(
    workspace: Workspace, stored: Sequence[StoredArtifact], runs: Sequence[RunRecord]
) -> list[StoredArtifact]:
    """Return the artifacts that nothing needs once some runs are deleted."""
    records, deleted = list_run_records(workspace), {record.path for record in runs}
    current = load_current(workspace)
    results = [(r.settings, r.keys) for r in records if r.path not in deleted]
    if current.settings is not None:
        results.append((current.settings, current.keys))
    roots = _unreadable_keys(workspace, records) | _present_scenes(workspace)
    for settings, keys in results:
        roots |= set(find_keys(dict(keys))) | _cut_keys(workspace, settings, keys)
    return find_unneeded(stored, roots, RESULT_STAGES, BY_PRODUCT_STAGES)


def _cut_keys(
    workspace: Workspace, settings: RunSettings, keys: Mapping[str, Sequence[str]]
) -> set[str]:
    """Return the keys of a result's tree and labelling, even if they are not stored.

    A labelling that was cut while a slider moved is not stored, but its report card is.
    """
    reductions: list[Artifact | None] = [
        workspace.store.get(REDUCTION.name, key) for key in keys.get("reduction", ())
    ]
    if not reductions or reductions[0] is None:
        return set()
    view = View(workspace, settings, Survey((), 0.0), {"reduction": (reductions[0],)})
    cut_keys = set()
    with suppress(SettingsError):
        method = method_of(settings)
        cut_keys.add(labelling_stage(method).step(view).key)
        if method.hierarchy is not None:
            cut_keys.add(tree_stage(method).step(view).key)
    return cut_keys


def _unreadable_keys(workspace: Workspace, records: Iterable[RunRecord]) -> set[str]:
    """Return all keys in record files that cannot be read, whose artifacts therefore stay."""
    readable, keys = {record.path for record in records}, set()
    for path in records_folder(workspace).glob("*.toml"):
        if path not in readable:
            words = path.read_text(encoding="utf-8", errors="replace").replace('"', " ")
            keys |= set(find_keys(words.replace(",", " ").split()))
    return keys


def _present_scenes(workspace: Workspace) -> set[str]:
    """Return the keys of the scenes whose files in raw/ are unchanged."""
    keys = set()
    for artifact in workspace.store.all(SCENES.name):
        files = artifact.manifest["inputs"].get("files") or {}
        with suppress(OSError, ChipscapeError):
            if all(checksum_of_input(workspace, workspace.raw / n) == c for n, c in files.items()):
                keys.add(artifact.key)
    return keys


def _delete_records(runs: Iterable[RunRecord]) -> None:
    for record in runs:
        record.path.unlink(missing_ok=True)
