"""What the land-cover pages read: the survey of all files, finished runs, and notes on files."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import read_arrays, read_json, write_arrays, write_json
from core.artifacts.store import Artifact
from core.flair.data.data_summary import N_SURVEYED, FileSurvey, survey_dataset
from core.flair.data.dataset import Dataset
from core.flair.data.pixel_sampling import SampleSettings
from core.flair.data.pixel_table import PixelTable
from core.flair.data.sentinel import SentinelSettings
from core.flair.models.classifiers import MethodSettings, absent_classes, describe_untrained_classes
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.study import Study, StudySettings, patch_inputs
from core.pipeline.flair.study_cells import CELLS, StudyRun
from core.pipeline.run import Reporter
from core.pipeline.stage import Stage, Subject
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent


@dataclass(frozen=True)
class _DatasetFiles:
    """The files of a data set in a workspace."""

    workspace: Workspace
    dataset: Dataset
    listen: Reporter = lambda _: silent


@dataclass(frozen=True)
class _FirstFolds:
    """The first folds of a run; its classifier does not matter."""

    run: StudyRun
    n_folds: int


def _survey_inputs(files: _DatasetFiles) -> dict[str, Any]:
    checksums, patches = files.workspace.checksums, []
    for patch in files.dataset.patches:
        name, *inputs = patch_inputs(checksums, patch, patch.has_sentinel)
        patches.append([name, patch.split, *inputs])
    return {"patches": patches, "sampled": N_SURVEYED}


def _survey(files: _DatasetFiles, folder: Path, _: Progress) -> dict[str, Any]:
    survey = survey_dataset(files.dataset, files.listen("survey"), files.listen("sample"))
    columns = vars(survey.sample).items()
    sample = {f"sample-{name}": v for name, v in columns if isinstance(v, np.ndarray)}
    write_arrays(folder, {"counts": survey.counts, **sample})
    write_json(folder / "problems.json", survey.problems)
    return {"patches": len(survey.counts), "sampled": len(survey.sample)}


def _open_survey(artifact: Artifact) -> FileSurvey:
    arrays: dict[str, Any] = read_arrays(artifact.folder)
    counts = arrays.pop("counts")
    columns = {name.removeprefix("sample-"): values for name, values in arrays.items()}
    problems = tuple(read_json(artifact.folder / "problems.json"))
    return FileSurvey(counts, problems, PixelTable(**columns))


def _write_notes(subject: _FirstFolds, folder: Path, _: Progress) -> dict[str, Any]:
    study, spec = subject.run.study, subject.run.spec
    absent, problems = [], []
    for fold in study.folds[: subject.n_folds]:
        training, held_out = study.sampled(fold.train, spec), study.judges(fold, spec)
        absent.append(absent_classes(training.labels))
        problems += [*training.problems, *held_out.problems]
    notes = [*describe_untrained_classes(absent), *map(str, problems)]
    write_json(folder / "notes.json", list(dict.fromkeys(notes)))
    return {"notes": len(notes)}


SURVEYS: Stage[_DatasetFiles, FileSurvey] = Stage(
    name="flair-surveys", version=1, inputs=_survey_inputs, compute=_survey, open=_open_survey
)
_NOTES: Stage[_FirstFolds, list[str]] = Stage(
    name="flair-notes",
    version=1,
    inputs=lambda subject: {"cell": subject.run.key, "folds": subject.n_folds},
    compute=_write_notes,
    open=lambda artifact: list(read_json(artifact.folder / "notes.json")),
)


def survey_files(
    workspace: Workspace, dataset: Dataset, listen: Reporter = lambda _: silent
) -> Artifact:
    """Read every file once, count the classes, and sample the pixels that charts show.

    Raises
    ------
    TooFewError
        If no patch can be used.
    """
    artifact = SURVEYS.make(workspace.store, _DatasetFiles(workspace, dataset, listen))
    workspace.checksums.save()
    return artifact


def find_file_survey(workspace: Workspace, dataset: Dataset) -> FileSurvey | None:
    """Return the survey of the present files, or None."""
    artifact = find_artifact(workspace, SURVEYS, _DatasetFiles(workspace, dataset))
    return SURVEYS.open(artifact) if artifact else None


def find_artifact(
    workspace: Workspace, stage: Stage[Subject, Any], subject: Subject
) -> Artifact | None:
    """Return the finished artifact of a subject, or None.

    Without any artifact of the stage, no key is made: it needs the checksums of all files, and
    computing them takes as long as reading every file.
    """
    return stage.find(workspace.store, subject) if workspace.store.all(stage.name) else None


def finished_runs(workspace: Workspace, dataset: Dataset) -> Iterator[StudyRun]:
    """Yield the runs whose results belong to the present files, the oldest first."""
    names = {patch.name for patch in dataset.patches}
    study_with = cache(lambda settings: Study(workspace, settings, dataset))
    for artifact in workspace.store.all(CELLS.name):
        inputs = artifact.manifest["inputs"]
        patches = {patch[0] for data in inputs["judged"] for patch in data["patches"]}
        if artifact.manifest["version"] != CELLS.version or not patches <= names:
            continue
        data, spec = inputs["taught"][0], inputs["spec"]
        settings = StudySettings(
            inputs["protocol"],
            max(2, len(inputs["taught"])),
            SampleSettings(**data["sample"]),
            SentinelSettings(**data.get("dates", {})),
        )
        features = FeatureSpec(**{**spec, "extras": tuple(spec["extras"])})
        run = StudyRun(study_with(settings), MethodSettings(**inputs["method"]), features)
        if run.key == artifact.key:
            yield run


def study_notes(study: Study, spec: FeatureSpec, n_folds: int | None = None) -> list[str]:
    """Return the problems of the files that the first folds of a study are read from.

    Parameters
    ----------
    study : Study
    spec : FeatureSpec
    n_folds : int, optional
        Number of folds; by default all of them.
    """
    run = StudyRun(study, MethodSettings(), spec)
    notes = _NOTES.make(study.workspace.store, _FirstFolds(run, len(study.folds[:n_folds])))
    study.workspace.checksums.save()
    return _NOTES.open(notes)
