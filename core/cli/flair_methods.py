"""`chipscape flair grid|score|economy`: learn, predict, judge."""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, get_args

import typer

from core.cli.console import emit, reporter, say
from core.cli.flair_options import FlairSession, credit, with_flair
from core.cli.flair_words import facts, line, marked, number, row
from core.errors import SettingsError
from core.flair.classifiers import Classifier, MethodSettings
from core.flair.confusion import bootstrap, scores
from core.flair.features import FeatureSpec
from core.flair.grid import Cell, cells
from core.flair.nomenclature import REDUCED
from core.flair.protocols import TITLES
from core.flair.sampling import SampleSettings
from core.flair.sentinel import SentinelSettings
from core.pipeline.cells import CellResult
from core.pipeline.flair_bench import make_economy, open_economy
from core.pipeline.flair_data import folder_of
from core.pipeline.patches_to_confusion import Study, StudySettings

FLOORS: tuple[Classifier, ...] = ("uniform", "prevalence")
ProtocolOption = Annotated[str, typer.Option(help=f"{', '.join(TITLES)}.", show_default=False)]


def study(session: FlairSession, protocol: str | None, taught: str = "") -> Study:
    """The study that a session asks for; `taught` says "with" or "without" over its "other"."""
    chosen = session.settings(StudySettings, "study", protocol=protocol)
    other = taught == "with" if taught else None
    drawn = session.settings(SampleSettings, "sample", seed=session.seed or None, other=other)
    dates = session.settings(SentinelSettings, "dates")
    return Study(session.workspace, dataclasses.replace(chosen, sample=drawn, dates=dates))


@with_flair
def grid(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Run the notebook's 24 configurations; finished cells are not run again."""
    notebook = session.preset == "notebook"
    name = protocol or ("patches" if notebook else None)
    work = study(session, name)
    asked = cells(
        preset_notebook=notebook, sentinel_scaling="intensity" if notebook else "reflectance"
    )
    base = session.settings(MethodSettings, "method", seed=session.seed or None)
    rows: list[tuple[Cell, CellResult]] = []
    with reporter() as listen:
        listening = listen("grid")
        for at, cell in enumerate(asked):
            method = dataclasses.replace(base, method=cell.method)
            rows.append((cell, work.cell(method, cell.spec)))
            listening(at + 1, len(asked), cell.name)
        floors = {name: work.cell(MethodSettings(name), FeatureSpec()) for name in FLOORS}
    if session.as_json:
        chance = {name: facts(result) for name, result in floors.items()}
        emit({"cells": [row(cell, result) for cell, result in rows], "floors": chance})
        return
    say(f"{TITLES[work.settings.protocol]}; {len(rows[0][1].patches)} patches judged")
    for cell, result in rows:
        minutes = f"{result.seconds:8.1f} s (notebook {cell.notebook_minutes:.0f} min)"
        say(f"{cell.name:<40} {line(result)} {minutes}{marked(cell.spec)}")
    for name, result in floors.items():
        say(f"{f'chance, {name}':<40} {line(result)}")
    say(credit(session))


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
    from core.flair.files import discover
    from core.flair.rasters import First, by_number, judge_rasters, masks_of

    if first not in get_args(First):
        raise SettingsError(f"{first!r} is not one of auto, 0, 1", where="--first")
    dataset = None if masks else discover(folder_of(session.workspace))
    truth = by_number(masks)[0] if masks else masks_of(dataset)  # type: ignore[arg-type]
    found = judge_rasters(predictions, truth, first)  # type: ignore[arg-type]
    result, interval = scores(found.counts.sum(axis=0)), bootstrap(found.counts)
    told = {
        "patches": len(found.names),
        "first": found.first,
        "miou": number(result.miou),
        "n_classes": result.n_classes,
        "interval": dataclasses.asdict(interval) if interval else None,
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
        if name not in ("problems", "iou", "attribution"):
            say(f"{name:<18} {value}")
    for kind, value in zip(REDUCED, result.iou, strict=True):
        say(f"    {kind.name:<22} {'absent' if math.isnan(value) else f'{value:.3f}'}")
    for problem in found.problems:
        say(f"problem: {problem}")


@with_flair
def economy(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Say what mIoU a person's labels buy, spent on pixels or on clusters."""
    method = session.settings(MethodSettings, "method", seed=session.seed or None)
    spec = session.settings(FeatureSpec, "features")
    with reporter() as listen:
        work = study(session, protocol or None)
        points = open_economy(make_economy(work, method, spec, listen("economy")))
    if session.as_json:
        told = [dataclasses.asdict(point) for point in points]
        emit({"features": spec.title, "points": told, "attribution": credit(session)})
        return
    for point in points:
        say(f"{point.n_labels:>8} labels  mIoU {point.miou:.3f}  {point.method}: {point.rule}")
    say(credit(session))


COMMANDS = (grid, score, economy)
