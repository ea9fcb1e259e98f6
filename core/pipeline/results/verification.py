"""Verification of a workspace: damaged results and edits are found, and computed again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.formats import read_array, read_json, read_table
from core.artifacts.integrity import find_damaged_files
from core.artifacts.store import FILES, Artifact
from core.artifacts.sweep import delete_folders, exclusive_access, stored_folders
from core.errors import ArtifactError
from core.pipeline.results.current_file import find_damage, load_current
from core.pipeline.results.run_records import list_unreadable_records
from core.pipeline.results.stored_view import open_view
from core.pipeline.run import Reporter, run_pipeline
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.search.chip_examples import load_examples
from core.pipeline.workspace import Workspace
from core.progress import Progress, report_step, silent

_READERS: dict[str, Callable[[Path], object]] = {
    ".npy": read_array,
    ".parquet": read_table,
    ".json": read_json,
}


@dataclass(frozen=True)
class DamagedArtifact:
    """An artifact with damaged files, and what is wrong with each file by its path."""

    stage: str
    key: str
    folder: Path
    files: dict[str, str]


@dataclass(frozen=True)
class Verification:
    """The state of a workspace.

    Attributes
    ----------
    n_intact : int
        Number of artifacts whose files have the checksums in their manifests.
    n_unchecked : int
        Number of artifacts of earlier versions, without checksums, whose files can be read.
    damaged : tuple of DamagedArtifact
    unreadable : tuple of str
        Sentences on edits, run records and examples that cannot be read. Nothing can compute them
        again.
    """

    n_intact: int
    n_unchecked: int
    damaged: tuple[DamagedArtifact, ...]
    unreadable: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        """True if nothing is damaged."""
        return not self.damaged and not self.unreadable


def verify_workspace(workspace: Workspace, report: Progress = silent) -> Verification:
    """Read every file of every artifact of a workspace, the edits and the run records.

    Raises Cancelled if `report` asks to stop.
    """
    damaged, n_intact, n_unchecked = [], 0, 0
    folders = stored_folders(workspace.store)
    for n_verified, (key, folder) in enumerate(folders.items()):
        stage = folder.parent.name
        report_step(report, n_verified, len(folders), stage)
        try:
            artifact = workspace.store.get(stage, key)
        except ArtifactError as error:
            damaged.append(DamagedArtifact(stage, key, folder, {"manifest.json": error.problem}))
            continue
        if artifact is None:
            continue
        has_checksums = FILES in artifact.manifest
        files = (
            find_damaged_files(folder, artifact.manifest[FILES])
            if has_checksums
            else _find_unreadable_files(artifact)
        )
        if files:
            damaged.append(DamagedArtifact(stage, key, folder, files))
        n_intact += has_checksums and not files
        n_unchecked += not has_checksums and not files
    report_step(report, len(folders), len(folders), "")
    unreadable = [str(error) for error in list_unreadable_records(workspace)]
    if damage := find_damage(workspace):
        unreadable.insert(0, str(damage))
    try:
        load_examples(workspace)
    except ArtifactError as error:
        unreadable.append(str(error))
    return Verification(n_intact, n_unchecked, tuple(damaged), tuple(unreadable))


def recompute_damaged(
    workspace: Workspace, verification: Verification, reporter: Reporter = lambda _: silent
) -> None:
    """Delete damaged artifacts, and compute those of the current result again.

    Others are computed again when they are next needed. Raises WorkspaceError if a process is
    computing results, and the errors of `run_pipeline`.
    """
    if not verification.damaged:
        return
    with exclusive_access(workspace.store):
        delete_folders(workspace.store, [damaged.folder for damaged in verification.damaged])
    current = load_current(workspace)
    if current.settings is None:
        return
    # Damaged reports of scenes are written again first; the stored result refers to them.
    survey_scenes(workspace, reporter("scenes"), current.settings.scenes)
    survey = open_view(workspace, current.settings, current.keys).survey
    run_pipeline(workspace, current.settings, reporter, survey=survey)


def _find_unreadable_files(artifact: Artifact) -> dict[str, str]:
    """Return the files of an artifact without checksums that cannot be read, with the reason."""
    problems = {}
    for path in sorted(artifact.folder.rglob("*")):
        if path.suffix in _READERS and path.is_file():
            try:
                _READERS[path.suffix](path)
            except ArtifactError as error:
                problems[path.relative_to(artifact.folder).as_posix()] = error.problem
    return problems
