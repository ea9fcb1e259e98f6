"""Replaying a recorded run, in its own workspace or in another one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import WorkspaceError
from core.pipeline.results.current_result import replace_result
from core.pipeline.results.run_records import RunRecord, change_record
from core.pipeline.results.stored_view import list_keys
from core.pipeline.run import Reporter, Run, run_pipeline
from core.pipeline.run_stages import STAGE_NAMES
from core.pipeline.scene_survey import Survey, survey_scenes
from core.pipeline.workspace import Workspace
from core.progress import silent
from core.raster.importing.file_import import import_files, list_importable_files
from core.raster.scene import find_rasters


@dataclass(frozen=True)
class ReplayedRun:
    """A run that was replayed.

    `identical` is True if chips, embeddings and clusters have the keys of the record, and so the
    same content. The notes are sentences on what differs.
    """

    run: Run
    identical: bool
    notes: tuple[str, ...]


def missing_scenes(record: RunRecord, workspace: Workspace) -> list[str]:
    """Return the names of the scenes of a run that are not in raw/, sorted."""
    names = {path.name for path in find_rasters(workspace.raw)} if workspace.raw.is_dir() else set()
    return sorted(scene for scene in record.scenes if Path(scene).name not in names)


def copy_scenes(record: RunRecord, workspace: Workspace) -> list[str]:
    """Copy the scenes of a run into a workspace without scenes, and return the files' names.

    The files are looked for in the workspace in which the record lies. Files of scenes that were
    added to that workspace later are not copied, and no file is replaced.
    """
    source = record.path.resolve().parents[2] / "raw"
    has_scenes = workspace.raw.is_dir() and any(find_rasters(workspace.raw))
    if has_scenes or source == workspace.raw.resolve() or not source.is_dir():
        return []
    names = {Path(scene).name for scene in record.scenes}
    rasters = list(find_rasters(source))
    own_stems = {path.stem for path in rasters if path.name in names}
    other_stems = {path.stem for path in rasters if path.name not in names} - own_stems
    files = [
        file
        for file in list_importable_files(source, workspace.raw)[0]
        if file.path.name.split(".")[0] not in other_stems and file.path.stem not in other_stems
    ]
    sources = [(file.path.name, lambda path=file.path: path.open("rb")) for file in files]
    verdicts = import_files(workspace.raw, sources, "keep", workspace.replaced, report=silent)
    return [verdict.name for verdict in verdicts if verdict.state == "taken"]


def replay_run(
    record: RunRecord, workspace: Workspace, reporter: Reporter = lambda _: silent
) -> ReplayedRun:
    """Compute a recorded run in a workspace and make it the current result, with its edits.

    Raises WorkspaceError if scenes of the run are missing, and the ChipscapeError of a stage that
    cannot be computed.
    """
    if missing := missing_scenes(record, workspace):
        raise WorkspaceError(
            f"lacks {len(missing)} of the {len(record.scenes)} scenes of the run, "
            f"{', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}",
            where=str(workspace.raw),
            remedy="Copy the scenes and their annotations there.",
        )
    survey = survey_scenes(workspace, reporter("scenes"), record.settings.scenes)
    # The encoder stays fitted to the scenes that were there when it was fitted.
    if record.fitted_to:
        fitted = restrict_survey(survey, record.fitted_to)
        run_pipeline(workspace, record.settings, reporter, "embeddings", fitted)
    until = last_stage(record)
    survey = restrict_survey(survey, record.scenes)
    run = run_pipeline(workspace, record.settings, reporter, until, survey)
    # Earlier versions also recorded runs that stopped before the projection.
    if run.record is not None and run.labelling is not None:
        if run.record.run_id != record.run_id and run.record.path.parent != record.path.parent:
            run.record = change_record(run.record, name=record.name, note=record.note)
        replace_result(run.view, run.labelling, run.chip_ids, run.record.run_id, record.curation)
    identical = _has_same_results(record, run)
    return ReplayedRun(run, identical, tuple(_list_differences(record, run, identical)))


def last_stage(record: RunRecord) -> str:
    """Return the name of the last stage that a recorded run computed."""
    return [stage for stage in STAGE_NAMES if record.keys.get(stage)][-1]


def restrict_survey(survey: Survey, files: Iterable[str]) -> Survey:
    """Return a survey with some of its scenes, given their files."""
    names = set(files)
    return replace(survey, scenes=tuple(s for s in survey.scenes if s.report.path in names))


def _has_same_results(record: RunRecord, run: Run) -> bool:
    keys = list_keys(run.view)
    stages = [stage for stage in STAGE_NAMES[1:] if record.keys.get(stage)]
    return all(tuple(record.keys[stage]) == keys.get(stage) for stage in stages)


def _list_differences(record: RunRecord, run: Run, identical: bool) -> Sequence[str]:
    if identical:
        return []
    scenes = {report.path: report.annotations for report in run.view.survey.reports}
    notes = ["The results do not have the keys of the record, so they may differ."]
    changed = [s for s, n in record.scenes.items() if s in scenes and scenes[s] != n]
    if changed:
        notes.append(f"Scenes with another number of annotations: {', '.join(changed[:5])}.")
    return notes
