"""`chipscape flair run|grid|score|economy`: learn, predict, judge."""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from core.cli.console import emit, reporter, say
from core.cli.flair_options import FlairSession, with_flair
from core.errors import SettingsError
from core.flair.classifiers import MethodSettings
from core.flair.confusion import bootstrap, scores
from core.flair.features import FeatureSpec
from core.flair.grid import Cell, cells
from core.flair.nomenclature import ATTRIBUTION, REDUCED
from core.flair.protocols import TITLES, Protocol
from core.flair.sampling import SampleSettings
from core.flair.sentinel import SentinelSettings
from core.pipeline.cells import CellResult, gap
from core.pipeline.flair_bench import make_economy, open_economy
from core.pipeline.flair_data import folder_of
from core.pipeline.patches_to_confusion import Study, StudySettings

ProtocolOption = Annotated[str, typer.Option(help=f"{', '.join(TITLES)}.", show_default=False)]


def study(session: FlairSession, protocol: str | None) -> Study:
    """The study that a session asks for."""
    chosen = session.settings(StudySettings, "study", protocol=protocol)
    drawn = session.settings(SampleSettings, "sample", seed=session.seed or None)
    dates = session.settings(SentinelSettings, "dates")
    return Study(session.workspace, dataclasses.replace(chosen, sample=drawn, dates=dates))


@with_flair
def run(
    session: FlairSession,
    method: Annotated[str | None, typer.Option(help="knn, hdbscan, gmm, kmeans ...")] = None,
    fusion: Annotated[bool | None, typer.Option(help="Sentinel beside the aerial bands.")] = None,
    robust: Annotated[bool | None, typer.Option(help="RobustScaler.")] = None,
    normalised: Annotated[bool | None, typer.Option(help="Divide spectra by intensity.")] = None,
    intensity: Annotated[bool | None, typer.Option(help="Append the intensity.")] = None,
    k: Annotated[int | None, typer.Option(help="Neighbours that vote.")] = None,
    min_cluster_size: Annotated[int | None, typer.Option(help="Smallest cluster.")] = None,
    min_samples: Annotated[int | None, typer.Option(help="Not counting the pixel itself.")] = None,
    n_clusters: Annotated[int | None, typer.Option(help="Of gmm and kmeans.")] = None,
    protocol: ProtocolOption = "",
    maps: Annotated[Path | None, typer.Option(help="Folder for class maps, GeoTIFF.")] = None,
) -> None:
    """Classify by one method and judge it by each protocol, with the optimism gap."""
    chosen = session.settings(
        MethodSettings,
        "method",
        method=method,
        k=k,
        min_cluster_size=min_cluster_size,
        min_samples=min_samples,
        n_clusters=n_clusters,
        seed=session.seed or None,
    )
    preset = session.preset == "notebook"
    spec = session.settings(
        FeatureSpec,
        "features",
        fusion=fusion,
        robust=robust,
        normalised=normalised,
        intensity=intensity,
        preset_notebook=preset or None,
    )
    results: dict[Protocol, CellResult] = {}
    for name in _protocols(session, protocol):
        with reporter() as listen:
            work = study(session, name)
            results[name] = work.cell(chosen, spec, listen(name))
            if maps is not None:
                work.write_maps(chosen, spec, maps / name, listen("maps"))
    difference = gap(results)
    if session.as_json:
        judged = {name: _facts(result) for name, result in results.items()}
        emit(
            {
                "method": chosen.method,
                "features": spec.title,
                "protocols": judged,
                "optimism_gap": difference,
                "maps": str(maps) if maps else None,
            }
        )
        return
    say(f"{chosen.method}, {spec.title}" + _marked(spec))
    for name, result in results.items():
        say(f"{name:<8} {_line(result)}  ({TITLES[name]})")
    if difference is not None:
        say(f"optimism gap (training patches minus domains left out): {difference:+.3f}")
    for note in dict.fromkeys(note for result in results.values() for note in result.notes):
        say(f"note: {note}")
    say(ATTRIBUTION)


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
    if session.as_json:
        emit({"cells": [_row(cell, result) for cell, result in rows]})
        return
    say(f"{TITLES[work.settings.protocol]}; {len(rows[0][1].patches)} patches judged")
    for cell, result in rows:
        minutes = f"{result.seconds:8.1f} s (notebook {cell.notebook_minutes:.0f} min)"
        say(f"{cell.name:<40} {_line(result)} {minutes}{_marked(cell.spec)}")
    say(ATTRIBUTION)


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
    facts = {
        "patches": len(found.names),
        "first": found.first,
        "miou": _number(result.miou),
        "n_classes": result.n_classes,
        "interval": dataclasses.asdict(interval) if interval else None,
        "overall_accuracy": _number(result.overall_accuracy),
        "kappa": _number(result.kappa),
        "notebook_miou": _number(result.notebook_miou),
        "iou": {kind.name: _number(v) for kind, v in zip(REDUCED, result.iou, strict=True)},
        "problems": [str(problem) for problem in found.problems],
    }
    if session.as_json:
        emit(facts)
        return
    for name, value in facts.items():
        if name not in ("problems", "iou"):
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
        emit({"features": spec.title, "points": [dataclasses.asdict(p) for p in points]})
        return
    for point in points:
        say(f"{point.n_labels:>8} labels  mIoU {point.miou:.3f}  {point.method}: {point.rule}")


COMMANDS = (run, grid, score, economy)


def _protocols(session: FlairSession, asked: str) -> list[Protocol]:
    """The protocol asked for, or every one that the data allow."""
    if asked:
        return [p for p in get_args(Protocol) if p == asked] or _unknown(asked)
    from core.flair.files import discover

    found = discover(folder_of(session.workspace))
    domains = {found.patches[i].domain for i in found.of("train")}
    possible = {"domains": len(domains) > 1, "patches": True, "test": bool(found.of("test"))}
    return [p for p in get_args(Protocol) if possible[p]]


def _unknown(asked: str) -> list[Protocol]:
    raise SettingsError(f"{asked!r} is not one of {', '.join(TITLES)}", where="--protocol")


def _row(cell: Cell, result: CellResult) -> dict[str, Any]:
    return {
        "method": cell.method,
        "fusion": cell.spec.fusion,
        "robust": cell.spec.robust,
        "normalised": cell.spec.normalised,
        "intensity": cell.spec.intensity,
        "miou": _number(result.scores.miou),
        "notebook_miou": _number(result.scores.notebook_miou),
        "overall_accuracy": _number(result.scores.overall_accuracy),
        "seconds": round(result.seconds, 3),
    }


def _facts(result: CellResult) -> dict[str, Any]:
    interval = result.interval
    return {
        "miou": _number(result.scores.miou),
        "n_classes": result.scores.n_classes,
        "interval": dataclasses.asdict(interval) if interval else None,
        "notebook_miou": _number(result.scores.notebook_miou),
        "overall_accuracy": _number(result.scores.overall_accuracy),
        "kappa": _number(result.scores.kappa),
        "patches": len(result.patches),
        "seconds": round(result.seconds, 3),
        "folds": result.about["folds"],
        "artifact": str(result.artifact.folder),
    }


def _line(result: CellResult) -> str:
    judged, interval = result.scores, result.interval
    spread = "no interval, one area"
    if interval:
        spread = f"{interval.low:.3f} to {interval.high:.3f}, {interval.n_units} areas"
    return (
        f"mIoU {judged.miou:.3f} over {judged.n_classes} classes ({spread}), "
        f"accuracy {judged.overall_accuracy:.3f}"
    )


def _marked(spec: FeatureSpec) -> str:
    return "  [the notebook's arithmetic, for comparison only]" if spec.preset_notebook else ""


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(value) else value
