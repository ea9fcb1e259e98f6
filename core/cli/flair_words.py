"""Results of land cover on the command line, in JSON and in words."""

import dataclasses
import math
from typing import Any

from core.flair.features import FeatureSpec
from core.flair.grid import Cell
from core.pipeline.cells import CellResult


def row(cell: Cell, result: CellResult) -> dict[str, Any]:
    """A cell of the grid, as JSON."""
    return {
        "method": cell.method,
        "fusion": cell.spec.fusion,
        "robust": cell.spec.robust,
        "normalised": cell.spec.normalised,
        "intensity": cell.spec.intensity,
        "miou": number(result.scores.miou),
        "notebook_miou": number(result.scores.notebook_miou),
        "overall_accuracy": number(result.scores.overall_accuracy),
        "seconds": round(result.seconds, 3),
    }


def facts(result: CellResult) -> dict[str, Any]:
    """A result in numbers, as JSON."""
    interval = result.interval
    return {
        "miou": number(result.scores.miou),
        "n_classes": result.scores.n_classes,
        "interval": dataclasses.asdict(interval) if interval else None,
        "notebook_miou": number(result.scores.notebook_miou),
        "overall_accuracy": number(result.scores.overall_accuracy),
        "kappa": number(result.scores.kappa),
        "patches": len(result.patches),
        "seconds": round(result.seconds, 3),
        "folds": result.about["folds"],
        "artifact": str(result.artifact.folder),
    }


def line(result: CellResult) -> str:
    """A result's scores in one line."""
    judged, interval = result.scores, result.interval
    spread = "no interval, one area"
    if interval:
        spread = f"{interval.low:.3f} to {interval.high:.3f}, {interval.n_units} areas"
    return (
        f"mIoU {judged.miou:.3f} over {judged.n_classes} classes ({spread}), "
        f"accuracy {judged.overall_accuracy:.3f}"
    )


def clusters(result: CellResult) -> str:
    """What the clusters are worth, over the folds; empty for a method without."""
    folds = [fold for fold in result.about["folds"] if "n_clusters" in fold]
    if not folds:
        return ""

    def mean(name: str) -> float:
        return float(sum(fold[name] for fold in folds) / len(folds))

    numbers = ", ".join(str(int(fold["n_clusters"])) for fold in folds)
    return (
        f"clusters {numbers}; noise {mean('noise_fraction'):.0%}; reliability "
        f"{mean('reliability'):.3f}, weighted {mean('weighted_reliability'):.3f}; after kNN "
        f"{mean('reliability_after_knn'):.3f}, weighted "
        f"{mean('weighted_reliability_after_knn'):.3f}"
    )


def marked(spec: FeatureSpec) -> str:
    """A remark beside results of the notebook's own arithmetic."""
    return "  [the notebook's arithmetic, for comparison only]" if spec.preset_notebook else ""


def number(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(value) else value
