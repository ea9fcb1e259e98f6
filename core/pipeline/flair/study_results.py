"""What the pages about land cover read: surveys, finished runs, class maps."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import read_array, read_json, write_array, write_json
from core.artifacts.store import Artifact, Step
from core.flair.data.data_summary import inspect_all
from core.flair.data.dataset import Dataset
from core.flair.data.patch_reading import Needs
from core.flair.data.pixel_sampling import SampleSettings, sample
from core.flair.data.pixel_table import PixelTable
from core.flair.data.sentinel import SentinelSettings
from core.flair.models.classifiers import MethodSettings, absent
from core.flair.models.features import FeatureSpec
from core.pipeline.flair import kept_models
from core.pipeline.flair import study as studies
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.flair.study_cells import untaught
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent

VERSION, MAPS_VERSION, NOTES_VERSION = 1, 2, 1
SURVEY, MAPS, NOTES = "flair-surveys", "flair-maps", "flair-notes"
CELLS = "flair-cells"
SAMPLED = 600
"""Pixels a patch on average that charts are drawn from."""


@dataclass(frozen=True)
class Survey:
    """What was found when every file was read.

    Attributes
    ----------
    counts : int64 array, (p, 20)
        Pixels of each patch by value of the full nomenclature.
    problems : tuple of str
    sample : PixelTable
        As many pixels of each class (full nomenclature) as there are of the others, or all.
    """

    counts: Any
    problems: tuple[str, ...]
    sample: PixelTable


@dataclass(frozen=True)
class Configuration:
    """A finished run that belongs to the data as they are now."""

    settings: StudySettings
    method: MethodSettings
    spec: FeatureSpec
    artifact: Artifact


def survey_step(workspace: Workspace, dataset: Dataset) -> Step:
    """What a survey is made from."""
    sums = workspace.checksums
    marks: list[list[Any]] = []
    for patch in dataset.patches:
        mark: list[Any] = [
            patch.name,
            patch.split,
            patch.place,
            sums.of(patch.image),
            sums.of(patch.mask),
        ]
        if patch.fused and patch.super_area is not None:
            area = patch.super_area
            mark += [patch.centroid, *map(sums.of, (area.data, area.masks, area.products))]
        marks.append(mark)
    return Step(SURVEY, VERSION, {"patches": marks, "sampled": SAMPLED})


def make_survey(
    workspace: Workspace,
    dataset: Dataset,
    inspecting: Progress = silent,
    drawing: Progress = silent,
) -> Artifact:
    """Read every file once, count its classes, and draw the pixels that charts show.

    Raises
    ------
    TooFewError
        If no patch can be used.
    """

    def compute(folder: Path) -> dict[str, Any]:
        counts, problems = inspect_all(dataset, inspecting)
        fused = [i for i, patch in enumerate(dataset.patches) if patch.fused]
        chosen = fused or list(range(len(dataset.patches)))
        wanted = SampleSettings(
            draw="stratified", n_per_patch=SAMPLED, other=True, nomenclature="full"
        )
        drawn = sample(dataset, chosen, wanted, Needs(sentinel=bool(fused)), drawing)
        write_array(folder / "counts.npy", counts)
        for field in dataclasses.fields(PixelTable):
            values = getattr(drawn, field.name)
            if isinstance(values, np.ndarray):
                write_array(folder / f"sample-{field.name}.npy", values)
        write_json(folder / "problems.json", [str(problem) for problem in problems])
        return {"patches": len(dataset.patches), "sampled": len(drawn)}

    made = workspace.store.make(survey_step(workspace, dataset), compute)
    workspace.checksums.save()
    return made


def survey(workspace: Workspace, dataset: Dataset) -> Survey | None:
    """The survey of these data, None where none was made."""
    # Without any survey no checksum is known: taking them all would be the survey's work.
    if not workspace.store.all(SURVEY):
        return None
    found = workspace.store.find(survey_step(workspace, dataset))
    if found is None:
        return None
    arrays: dict[str, Any] = {
        path.stem.removeprefix("sample-"): read_array(path)
        for path in found.folder.glob("sample-*.npy")
    }
    told = tuple(read_json(found.folder / "problems.json"))
    return Survey(read_array(found.folder / "counts.npy"), told, PixelTable(**arrays))


def configurations(workspace: Workspace, dataset: Dataset) -> Iterator[Configuration]:
    """The finished runs of the data as they are now, the oldest first."""
    for artifact in workspace.store.all(CELLS):
        if artifact.manifest["version"] != studies.VERSION:
            continue
        inputs = artifact.manifest["inputs"]
        method = MethodSettings(**inputs["method"])
        kept = inputs["spec"]
        spec = FeatureSpec(**{**kept, "extras": tuple(kept["extras"])})
        first = inputs["taught"][0]
        settings = StudySettings(
            inputs["protocol"],
            max(2, len(inputs["taught"])),
            SampleSettings(**first["sample"]),
            SentinelSettings(**first.get("dates", {})),
        )
        names = {patch.name for patch in dataset.patches}
        if not {mark[0] for part in inputs["judged"] for mark in part["patches"]} <= names:
            continue
        study = Study(workspace, settings, dataset)
        if study.step(method, spec).key == artifact.key:
            yield Configuration(settings, method, spec, artifact)


def notes(study: Study, spec: FeatureSpec, n_folds: int | None = None) -> list[str]:
    """What was wrong with the files that the first folds of a study are read from; kept.

    Parameters
    ----------
    study : Study
    spec : FeatureSpec
    n_folds : int, optional
        Folds that are looked at; all of them if not given.
    """
    folds = study.folds[:n_folds]

    def compute(folder: Path) -> dict[str, Any]:
        lacking, problems = [], []
        for fold in folds:
            taught, judges = study.sampled(fold.train, spec), study.judges(fold, spec)
            lacking.append(absent(taught.labels))
            problems += [*taught.problems, *judges.problems]
        told = [*untaught(lacking), *map(str, problems)]
        write_json(folder / "notes.json", list(dict.fromkeys(told)))
        return {"notes": len(told)}

    inputs = {"cell": study.step(MethodSettings(), spec).key, "folds": len(folds)}
    made = study.workspace.store.make(Step(NOTES, NOTES_VERSION, inputs), compute)
    study.workspace.checksums.save()
    told: list[str] = read_json(made.folder / "notes.json")
    return told


def maps_step(cell: str) -> Step:
    """Where the class maps of a run lie."""
    return Step(MAPS, MAPS_VERSION, {"cell": cell})


def make_maps(
    study: Study, method: MethodSettings, spec: FeatureSpec, report: Progress = silent
) -> Artifact:
    """Class maps of a run, and what its first model learnt; kept, so that pages can show them."""

    def compute(folder: Path) -> dict[str, Any]:
        study.write_maps(method, spec, folder, report)
        kept_models.keep(study, method, spec, folder)
        return {"maps": len(list(folder.glob("*.tif")))}

    made = study.workspace.store.make(maps_step(study.step(method, spec).key), compute)
    study.workspace.checksums.save()
    return made
