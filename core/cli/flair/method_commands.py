"""`chipscape flair grid|score|economy`: learn, predict, judge."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, get_args

import typer

from core.cli.console import emit, reporter, say
from core.cli.flair.flair_options import FlairSession, credit, with_flair
from core.cli.flair.result_texts import (
    facts,
    judged_apart,
    line,
    marked,
    number,
    preset_of,
    row,
    spread,
)
from core.errors import ChipscapeError, DegenerateError, SceneError, SettingsError, TooFewError
from core.flair.data.nomenclature import REDUCED
from core.flair.data.pixel_sampling import SampleSettings
from core.flair.data.sentinel import SentinelSettings
from core.flair.evaluation.confusion import bootstrap, scores
from core.flair.evaluation.economy_verdict import answer
from core.flair.evaluation.protocols import TITLES
from core.flair.models.classifiers import Classifier, MethodSettings
from core.flair.models.configurations import Cell, cells
from core.flair.models.features import FeatureSpec, SentinelScaling
from core.pipeline.flair import study_results
from core.pipeline.flair.economy_stage import make_economy, open_economy
from core.pipeline.flair.flair_workspace import folder_of
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.flair.study_cells import CellResult, by_area
from core.progress import Progress, silent

FLOORS: tuple[Classifier, ...] = ("uniform", "prevalence")
ProtocolOption = Annotated[str, typer.Option(help=f"{', '.join(TITLES)}.", show_default=False)]


def study(session: FlairSession, protocol: str | None, taught: str = "") -> Study:
    """The study that a session asks for; `taught` says "with" or "without" over its "other"."""
    chosen = session.settings(StudySettings, "study", protocol=protocol)
    other = taught == "with" if taught else None
    drawn = session.settings(SampleSettings, "sample", seed=session.seed or None, other=other)
    if drawn.nomenclature != "reduced":
        raise SettingsError(
            "models learn and are judged in the reduced nomenclature only",
            where="settings.sample.nomenclature",
            remedy='Take it out, or set it to "reduced".',
        )
    dates = session.settings(SentinelSettings, "dates")
    return Study(session.workspace, dataclasses.replace(chosen, sample=drawn, dates=dates))


def features(session: FlairSession, **given: bool | None) -> FeatureSpec:
    """The features that a session asks for; the preset turns the notebook's arithmetic on."""
    preset = True if session.preset == "notebook" else None
    spec: FeatureSpec = session.settings(FeatureSpec, "features", **given, preset_notebook=preset)
    return spec


def attempt(
    work: Study, method: MethodSettings, spec: FeatureSpec, report: Progress = silent
) -> CellResult | ChipscapeError:
    """A cell, or why these data give none: then the others still can be run."""
    try:
        return work.cell(method, spec, report)
    except (SceneError, TooFewError, DegenerateError) as error:
        return error


def refuse_empty(results: Iterable[CellResult | ChipscapeError]) -> None:
    """Raise the first error where nothing worked."""
    found = list(results)
    errors = [result for result in found if isinstance(result, ChipscapeError)]
    if errors and len(errors) == len(found):
        raise errors[0]


def _asked(session: FlairSession) -> list[Cell]:
    """The grid's cells; of the table `features` only what the grid does not vary counts."""
    spec = features(session)
    varied = ("fusion", "robust", "normalised", "intensity", "extras")
    for name in varied:
        if getattr(spec, name) != getattr(FeatureSpec(), name):
            raise SettingsError(
                "the grid chooses this itself",
                where=f"settings.features.{name}",
                remedy="Take it out, or use `chipscape flair run` for one configuration.",
            )
    scaling: SentinelScaling = "intensity" if spec.preset_notebook else spec.sentinel_scaling
    return cells(preset_notebook=spec.preset_notebook, sentinel_scaling=scaling)


@with_flair
def grid(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Run the notebook's 24 configurations; finished cells are not run again."""
    asked = _asked(session)
    notebook = asked[0].spec.preset_notebook
    work = study(session, protocol or ("patches" if notebook else None))
    base = session.settings(MethodSettings, "method", seed=session.seed or None)
    rows: list[tuple[Cell, CellResult | ChipscapeError]] = []
    with reporter() as listen:
        listening = listen("grid")
        for at, cell in enumerate(asked):
            method = dataclasses.replace(base, method=cell.method)
            rows.append((cell, attempt(work, method, cell.spec)))
            listening(at + 1, len(asked), cell.name)
        floors = {name: attempt(work, MethodSettings(name), FeatureSpec()) for name in FLOORS}
    refuse_empty(result for _, result in rows)
    notes = _notes({cell.name: result for cell, result in rows})
    if session.as_json:
        chance = {name: facts(result) for name, result in floors.items()}
        told = [row(cell, result) for cell, result in rows]
        emit({"cells": told, "floors": chance, "notes": notes})
        return
    say(TITLES[work.settings.protocol])
    for cell, result in rows:
        if isinstance(result, ChipscapeError):
            say(f"{cell.name:<40} failed, see the notes")
            continue
        taken = f"{result.seconds:8.1f} s (notebook {cell.notebook_minutes:.0f} min)"
        patches = f"{len(result.patches)} patches"
        say(f"{cell.name:<40} {line(result)}, {patches} {taken}{marked(cell.spec)}")
    for name, result in floors.items():
        say(f"{f'chance, {name}':<40} {line(result)}")
    for note in notes:
        say(f"note: {note}")
    say(credit(session))


def _notes(results: Mapping[str, CellResult | ChipscapeError]) -> list[str]:
    """Notes of some cells, each once; then what failed, and on how much each was judged."""
    kept = [result for result in results.values() if not isinstance(result, ChipscapeError)]
    told = dict.fromkeys(note for result in kept for note in result.notes)
    errors: dict[str, list[str]] = {}
    for name, result in results.items():
        if isinstance(result, ChipscapeError):
            errors.setdefault(str(result), []).append(name)
    failed = [f"failed: {'; '.join(names)}: {error}" for error, names in errors.items()]
    return [*told, *failed, *judged_apart(results)]


@with_flair
def score(
    session: FlairSession,
    predictions: Annotated[Path, typer.Option(help="Folder of prediction rasters.")],
    masks: Annotated[
        Path | None, typer.Option(help="Folder of masks. [default: the data set's]")
    ] = None,
    first: Annotated[str, typer.Option(help="Value of class 1: 0, 1 or auto.")] = "auto",
) -> None:
    """Judge prediction rasters against masks, as the FLAIR challenge does."""
    from core.flair.data.file_discovery import discover
    from core.flair.evaluation.prediction_rasters import (
        First,
        areas_of,
        by_number,
        judge_rasters,
        masks_of,
    )

    if first not in get_args(First):
        raise SettingsError(f"{first!r} is not one of auto, 0, 1", where="--first")
    dataset = None if masks else discover(folder_of(session.workspace))
    truth = masks_of(dataset) if dataset else by_number(masks)[0]  # type: ignore[arg-type]
    found = judge_rasters(predictions, truth, first)  # type: ignore[arg-type]
    result = scores(found.counts.sum(axis=0))
    if dataset:
        places = areas_of(dataset)
        areas = [places[number] for number in found.numbers]
        interval, unit, drawn = bootstrap(by_area(found.counts, areas)), "area", "areas"
    else:
        interval, unit = bootstrap(found.counts, unit="patches"), "patch"
        drawn = "patches; areas are not known"
    told = {
        "patches": len(found.names),
        "first": found.first,
        "assumed": found.assumed,
        "unjudged_pixels": found.unjudged,
        "miou": number(result.miou),
        "n_classes": result.n_classes,
        "interval": dataclasses.asdict(interval) if interval else None,
        "interval_over": drawn,
        "overall_accuracy": number(result.overall_accuracy),
        "kappa": number(result.kappa),
        "notebook_miou": number(result.notebook_miou),
        "iou": {kind.name: number(v) for kind, v in zip(REDUCED, result.iou, strict=True)},
        "problems": [str(problem) for problem in found.problems],
        "attribution": credit(session),
    }
    if session.as_json:
        emit(told)
        return
    for name, value in told.items():
        if name == "interval":
            say(f"{name:<18} {spread(interval, unit)}")
        elif name not in ("problems", "iou", "attribution", "assumed"):
            say(f"{name:<18} {value}")
    for kind, value in zip(REDUCED, result.iou, strict=True):
        say(f"    {kind.name:<22} {'absent' if math.isnan(value) else f'{value:.3f}'}")
    if found.assumed:
        say(f"note: {found.assumed}")
    for problem in found.problems:
        say(f"problem: {problem}")


@with_flair
def economy(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Say what mIoU a person's labels buy, spent on pixels or on clusters."""
    method = session.settings(MethodSettings, "method", seed=session.seed or None)
    spec = features(session)
    with reporter() as listen:
        work = study(session, protocol or None)
        points = open_economy(make_economy(work, method, spec, listen("economy")))
        notes = study_results.notes(work, spec)
    if session.as_json:
        told = [dataclasses.asdict(point) for point in points]
        about = {"features": spec.title, **preset_of(spec), "points": told, "notes": notes}
        emit({**about, "attribution": credit(session)})
        return
    say(f"{spec.title}{marked(spec)}")
    for point in points:
        say(f"{point.n_labels:>8} labels  mIoU {point.miou:.3f} ({point.low:.3f} to "
            f"{point.high:.3f})  {point.method}: {point.rule}")  # fmt: skip
    say(answer(points))
    for note in notes:
        say(f"note: {note}")
    say(credit(session))


COMMANDS = (grid, score, economy)
