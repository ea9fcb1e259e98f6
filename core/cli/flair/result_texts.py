"""Results of land cover on the command line, in JSON and in words."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from core.errors import ChipscapeError
from core.flair.data.nomenclature import REDUCED
from core.flair.evaluation.confusion import Interval, Scores
from core.flair.models.configurations import Cell
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.study_cells import CellResult


def row(cell: Cell, result: CellResult | ChipscapeError) -> dict[str, Any]:
    """A cell of the grid, as JSON; one that failed has its error instead of figures."""
    told: dict[str, Any] = {
        "method": cell.method,
        "fusion": cell.spec.fusion,
        "robust": cell.spec.robust,
        "normalised": cell.spec.normalised,
        "intensity": cell.spec.intensity,
        **dict.fromkeys(("miou", "notebook_miou", "overall_accuracy", "seconds")),
        **preset_of(cell.spec),
    }
    if isinstance(result, ChipscapeError):
        return told | {"error": str(result)}
    return told | {
        "miou": number(result.scores.miou),
        "notebook_miou": number(result.scores.notebook_miou),
        "overall_accuracy": number(result.scores.overall_accuracy),
        "seconds": round(result.seconds, 3),
    }


def preset_of(spec: FeatureSpec) -> dict[str, str]:
    """The mark of the notebook's own arithmetic in JSON; nothing for ours."""
    return {"preset": "notebook"} if spec.preset_notebook else {}


def facts(result: CellResult | ChipscapeError) -> dict[str, Any]:
    """A result in numbers, as JSON; where there is none, the error."""
    if isinstance(result, ChipscapeError):
        return {"miou": None, "error": str(result)}
    interval = result.interval
    return {
        "miou": number(result.scores.miou),
        "n_classes": result.scores.n_classes,
        "interval": dataclasses.asdict(interval) if interval else None,
        "notebook_miou": number(result.scores.notebook_miou),
        "overall_accuracy": number(result.scores.overall_accuracy),
        "kappa": number(result.scores.kappa),
        "classes": by_class(result.scores),
        "patches": len(result.patches),
        "areas": len(set(result.areas)),
        "seconds": round(result.seconds, 3),
        "folds": result.about["folds"],
        "artifact": str(result.artifact.folder),
    }


def by_class(judged: Scores) -> dict[str, dict[str, float | int | None]]:
    """The scores of each class by its name, as JSON; null where there is nothing to divide by."""
    return {
        kind.name: {
            "iou": number(judged.iou[at]),
            "users_accuracy": number(judged.users[at]),
            "producers_accuracy": number(judged.producers[at]),
            "f1": number(judged.f1[at]),
            "support": int(judged.support[at]),
        }
        for at, kind in enumerate(REDUCED)
    }


def line(result: CellResult | ChipscapeError) -> str:
    """A result's scores in one line."""
    if isinstance(result, ChipscapeError):
        return f"failed: {result}"
    judged = result.scores
    return (
        f"mIoU {judged.miou:.3f} over {judged.n_classes} classes ({spread(result.interval)}), "
        f"accuracy {judged.overall_accuracy:.3f}"
    )


def spread(interval: Interval | None, unit: str = "area") -> str:
    """A 95 % interval in words."""
    if interval is None:
        return f"no interval, one {unit}"
    return f"{interval.low:.3f} to {interval.high:.3f}, {interval.n_units} {interval.unit}"


def judged_apart(results: Mapping[str, CellResult | ChipscapeError]) -> list[str]:
    """How much each result was judged on, where that is not the same for all of them."""
    found: dict[str, list[str]] = {}
    for name, result in results.items():
        if not isinstance(result, ChipscapeError):
            n_patches, n_areas = len(result.patches), len(set(result.areas))
            words = f"judged on {_some(n_patches, 'patch')} of {_some(n_areas, 'area')}"
            found.setdefault(words, []).append(name)
    if len(found) < 2:
        return []
    return [f"{words}: {'; '.join(names)}" for words, names in found.items()]


def _some(n: int, what: str) -> str:
    plural = f"{what}es" if what.endswith("ch") else f"{what}s"
    return f"{n} {what if n == 1 else plural}"


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
