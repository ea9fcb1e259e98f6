"""Data for the land-cover pages: the survey of all files, notes on them, and finished runs.

Finished runs are grouped by protocol, and paired by training with and without "other".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import read_arrays, read_json, write_arrays, write_json
from core.artifacts.store import Artifact
from core.errors import WeightsError
from core.land.data.bands import FLAIR_BANDS, SENTINEL_BANDS, bands_from_table
from core.land.data.data_summary import N_SURVEYED, FileSurvey, survey_dataset
from core.land.data.dataset import Dataset
from core.land.data.pixel_sampling import SampleSettings
from core.land.data.pixel_table import PixelTable
from core.land.data.sentinel import SentinelSettings
from core.land.evaluation.protocols import Protocol
from core.land.models.classifier_table import CLASSIFIERS
from core.land.models.classifiers import MethodSettings, absent_classes, describe_untrained_classes
from core.land.models.features import FeatureSpec
from core.land.models.regularisation import RegularisationSettings
from core.pipeline.land.cell_results import CellResult
from core.pipeline.land.study import (
    Study,
    StudySettings,
    layout_inputs,
    patch_inputs,
    series_inputs,
)
from core.pipeline.land.study_cells import CELLS, StudyRun
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


def _survey_inputs(files: _DatasetFiles) -> dict[str, Any]:
    checksums, patches = files.workspace.checksums, []
    for patch in files.dataset.patches:
        name, *checked = patch_inputs(checksums, patch, patch.has_sentinel)
        patches.append([name, patch.split, *checked])
    inputs = layout_inputs(files.dataset) | series_inputs(checksums, files.dataset)
    return {"patches": patches, "sampled": N_SURVEYED, **inputs}


def _survey(files: _DatasetFiles, folder: Path, _: Progress) -> dict[str, Any]:
    survey = survey_dataset(files.dataset, files.listen("survey"), files.listen("sample"))
    columns = vars(survey.sample).items()
    sample = {f"sample-{name}": v for name, v in columns if isinstance(v, np.ndarray)}
    write_arrays(folder, {"counts": survey.counts, **sample})
    write_json(folder / "problems.json", survey.problems)
    write_json(folder / "bands.json", asdict(survey.sample.bands))
    write_json(folder / "series_bands.json", asdict(survey.sample.series_bands))
    return {"patches": len(survey.counts), "sampled": len(survey.sample)}


def _open_survey(artifact: Artifact) -> FileSurvey:
    arrays: dict[str, Any] = read_arrays(artifact.folder)
    counts = arrays.pop("counts")
    columns = {name.removeprefix("sample-"): values for name, values in arrays.items()}
    problems = tuple(read_json(artifact.folder / "problems.json"))
    # Surveys of earlier versions are all of FLAIR's images, or have only Sentinel's series.
    bands, series_bands = (
        bands_from_table(read_json(path)) if path.is_file() else default
        for path, default in (
            (artifact.folder / "bands.json", FLAIR_BANDS),
            (artifact.folder / "series_bands.json", SENTINEL_BANDS),
        )
    )
    columns = {"sentinel": None, **columns}
    sample = PixelTable(**columns, bands=bands, series_bands=series_bands)
    return FileSurvey(counts, problems, sample)


def _write_notes(subject: tuple[StudyRun, int], folder: Path, _: Progress) -> dict[str, Any]:
    run, n_folds = subject
    legend = run.study.dataset.layout.legend
    absent, problems = [], []
    for fold in run.study.folds[:n_folds]:
        training, held_out = (
            run.study.sampled(fold.train, run.spec),
            run.study.judges(fold, run.spec),
        )
        absent.append(absent_classes(training.labels, legend))
        problems += [*training.problems, *held_out.problems]
    notes = [*describe_untrained_classes(absent, legend), *map(str, problems)]
    write_json(folder / "notes.json", list(dict.fromkeys(notes)))
    return {"notes": len(notes)}


SURVEYS: Stage[_DatasetFiles, FileSurvey] = Stage(
    "flair-surveys", 1, _survey_inputs, _survey, _open_survey, _survey_inputs
)
# Notes on the first folds of a run; they do not depend on its classifier.
_NOTES: Stage[tuple[StudyRun, int], list[str]] = Stage(
    name="flair-notes",
    version=1,
    inputs=lambda subject: {"cell": subject[0].key, "folds": subject[1]},
    compute=_write_notes,
    load=lambda artifact: list(read_json(artifact.folder / "notes.json")),
)


def survey_files(
    workspace: Workspace, dataset: Dataset, listen: Reporter = lambda _: silent
) -> Artifact:
    """Read every file once, count the classes, and sample the pixels that charts show.

    Raises TooFewError if no patch can be used.
    """
    artifact = SURVEYS.make(workspace.store, _DatasetFiles(workspace, dataset, listen))
    workspace.checksums.save()
    return artifact


def find_file_survey(workspace: Workspace, dataset: Dataset) -> FileSurvey | None:
    """Return the stored survey of the current files, or None."""
    artifact = find_artifact(workspace, SURVEYS, _DatasetFiles(workspace, dataset))
    return SURVEYS.open(artifact) if artifact else None


def find_artifact(
    workspace: Workspace, stage: Stage[Subject, Any], subject: Subject
) -> Artifact | None:
    """Return the finished artifact of a subject, or None.

    If the stage has no artifacts, the key is not computed, because it needs the checksums of all
    files, which take as long as reading every file.
    """
    return stage.find(workspace.store, subject) if workspace.store.all(stage.name) else None


def study_notes(study: Study, spec: FeatureSpec, n_folds: int | None = None) -> list[str]:
    """Return notes on the data of the first `n_folds` folds, by default of all folds."""
    run = StudyRun(study, MethodSettings(), spec)
    notes = _NOTES.make(study.workspace.store, (run, len(study.folds[:n_folds])))
    study.workspace.checksums.save()
    return _NOTES.open(notes)


def finished_runs(workspace: Workspace, dataset: Dataset) -> Iterator[StudyRun]:
    """Yield the finished runs whose results belong to the current files, oldest first."""
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
        smoothing = RegularisationSettings(**inputs.get("regularisation", {}))
        method = MethodSettings(**inputs["method"])
        run = StudyRun(study_with(settings), method, features, smoothing)
        try:
            is_current = run.key == artifact.key
        except WeightsError:
            # The weights of an encoder, whose checksum is part of the key, were removed.
            continue
        if is_current:
            yield run


def find_run(finished: Iterable[StudyRun], run: StudyRun) -> StudyRun | None:
    """Return the finished run that has the same key as `run`, or None."""
    settings = _model_settings(run)
    similar = [other for other in finished if _model_settings(other) == settings]
    # Keys are compared last, because they may need checksums of Sentinel files not yet computed.
    return next((other for other in similar if other.key == run.key), None)


def _model_settings(run: StudyRun) -> tuple[Any, ...]:
    return run.method, run.spec, run.regularisation.title


def group_by_protocol(runs: Iterable[StudyRun]) -> list[dict[Protocol, StudyRun]]:
    """Group runs that differ only in their protocol; groups of chance baselines come last."""
    groups: dict[Any, dict[Protocol, StudyRun]] = {}
    for run in runs:
        settings = replace(run.settings, protocol="domains", n_folds=3)
        groups.setdefault((*_model_settings(run), settings), {})[run.settings.protocol] = run
    return sorted(groups.values(), key=lambda group: next(iter(group.values())).is_chance)


def pair_by_other(runs: Iterable[StudyRun]) -> list[tuple[StudyRun, StudyRun]]:
    """Pair runs that differ only in whether they were trained without or with "other"."""
    pairs: dict[Any, dict[bool, StudyRun]] = {}
    for run in runs:
        if CLASSIFIERS[run.method.method].uses_labels:
            sample = run.settings.sample
            settings = replace(run.settings, sample=replace(sample, other=False))
            pairs.setdefault((*_model_settings(run), settings), {})[sample.other] = run
    return [(pair[False], pair[True]) for pair in pairs.values() if len(pair) == 2]


def describe_collapsed_runs(results: Mapping[str, CellResult]) -> str:
    """Warn of results with fewer clusters than classes, which are named; empty without any."""
    collapsed = [
        f"{name} ({', '.join(map(str, result.n_clusters))} clusters)"
        for name, result in results.items()
        if result.warnings
    ]
    if not collapsed:
        return ""
    return (
        "warning: fewer clusters than classes in the training pixels, so some classes cannot be "
        "predicted, and the result changes much with the training pixels: " + "; ".join(collapsed)
    )


def unjudged_patches(study: Study, results: Sequence[CellResult]) -> dict[str, list[str]]:
    """Return held-out patches that any result lacks, with the reason in each of these results."""
    reasons: dict[str, list[str]] = {}
    names = [study.dataset.patches[i].name for fold in study.folds for i in fold.test]
    for result in results:
        for name in dict.fromkeys(names):
            if name not in result.patches:
                notes = [note for note in result.notes if note.startswith(f"{name}:")]
                reason = notes[-1].removeprefix(f"{name}: ") if notes else "not predicted"
                reasons.setdefault(name, []).append(reason)
    return reasons
