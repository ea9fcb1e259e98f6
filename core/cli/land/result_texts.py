"""Results of land-cover models on the command line, as JSON values and as lines of text."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from core.cli.console import counted
from core.errors import ChipscapeError
from core.land.data.dataset import adapt_terms
from core.land.evaluation.confusion import ConfusionScores, Interval, describe_missing_interval
from core.land.evaluation.protocols import Protocol
from core.land.evaluation.small_objects import SMALL_OBJECT
from core.land.models.configurations import GridCell
from core.land.models.features import FeatureSpec
from core.pipeline.land.cell_results import CellResult
from core.pipeline.land.repeated_training import Stability
from core.pipeline.land.study_results import describe_collapsed_runs

Name = TypeVar("Name", bound=str)
Outcome = CellResult | ChipscapeError
"""The result of a run, or the error that it failed with."""
GRID_FEATURES = ("fusion", "robust", "normalised", "intensity")
"""The features in which the configurations of the grid differ."""
_WARNING = "warning: "


def successful_results(outcomes: Mapping[Name, Outcome]) -> dict[Name, CellResult]:
    """Return the outcomes that are results, not errors."""
    return {name: o for name, o in outcomes.items() if isinstance(o, CellResult)}


def score_fields(scores: ConfusionScores) -> dict[str, Any]:
    """Return the scorer and the scores over all classes as JSON."""
    names = ("miou", "n_classes", "notebook_miou", "overall_accuracy", "kappa")
    values = {name: json_number(getattr(scores, name)) for name in names}
    return {"scorer": scores.scorer, **values}


def result_table(outcome: Outcome) -> dict[str, Any]:
    """Return a result as JSON, or its error."""
    if isinstance(outcome, ChipscapeError):
        return {"miou": None, "error": str(outcome)}
    scores, interval = outcome.scores, outcome.interval
    n_areas = len(set(outcome.areas))
    names = ("iou", "users_accuracy", "producers_accuracy", "f1")
    return {
        **score_fields(scores),
        "interval": dataclasses.asdict(interval) if interval else None,
        "no_interval_because": "" if interval else describe_missing_interval(n_areas),
        "classes": {
            cover.name: {name: json_number(getattr(scores, name)[i]) for name in names}
            | {"support": int(scores.support[i])}
            for i, cover in enumerate(outcome.scored_classes)
        },
        **_regularisation_field(outcome),
        "patches": len(outcome.patches),
        "areas": n_areas,
        "n_clusters": outcome.n_clusters,
        "seconds": round(outcome.seconds, 3),
        "folds": outcome.about["folds"],
        "artifact": str(outcome.artifact.folder),
    }


def grid_row(
    cell: GridCell, outcome: Outcome, other_results: Mapping[Protocol, CellResult]
) -> dict[str, Any]:
    """Return a configuration of the grid as JSON, with an error instead of scores if it failed.

    `other_results` are its results by other protocols.
    """
    names = ("scorer", "miou", "notebook_miou", "overall_accuracy", "seconds", "n_clusters")
    table = result_table(outcome)
    return {
        "method": cell.method,
        **{name: getattr(cell.spec, name) for name in GRID_FEATURES},
        **{name: table.get(name) for name in names},
        "protocols": {
            name: {"miou": json_number(result.scores.miou), "n_clusters": result.n_clusters}
            for name, result in other_results.items()
        },
        **({"error": table["error"]} if "error" in table else {}),
        **preset_field(cell.spec),
    }


def other_protocols_text(other_results: Mapping[Protocol, CellResult]) -> str:
    """Return the mIoU and the clusters by other protocols, for the end of a line."""
    parts = [
        f"; {protocol} {result.scores.miou:.3f}{cluster_count_text(result)}"
        for protocol, result in other_results.items()
    ]
    return "".join(parts)


def cluster_count_text(result: CellResult) -> str:
    """Return the numbers of clusters of all folds in brackets; empty without clusters."""
    numbers = ", ".join(map(str, result.n_clusters))
    return f" ({numbers} clusters)" if numbers else ""


def stability_fields(stability: Stability | None, protocol: str) -> dict[str, Any]:
    """Return the stability and the optimism gap as JSON; empty fields if not measured."""
    if stability is None:
        return {"stability": None, "optimism_gap": None, "optimism_gap_range": None}
    gap, interval = stability.gap, stability.interval
    table = {
        "protocol": protocol,
        "scorer": stability.scorer.name,
        "draws": len(stability.counts),
        "training_pixels": stability.n_pixels,
        "miou": [json_number(float(value)) for value in stability.mious],
        "n_clusters": stability.n_clusters.tolist() if stability.n_clusters.any() else [],
        "interval": dataclasses.asdict(interval) if interval else None,
    }
    ranges = {"optimism_gap": gap[0], "optimism_gap_range": list(gap[1:])} if gap else {}
    return {"stability": table, "optimism_gap": None, "optimism_gap_range": None} | ranges


def preset_field(spec: FeatureSpec) -> dict[str, str]:
    """Return the JSON field that marks the original notebook's arithmetic; empty without it."""
    return {"preset": "notebook"} if spec.preset_notebook else {}


def result_line(outcome: Outcome, *, brief: bool = False) -> str:
    """Return the scores of a result in one line; `brief` leaves out why there is no interval."""
    if isinstance(outcome, ChipscapeError):
        return f"failed: {outcome}"
    scores, n_areas = outcome.scores, len(set(outcome.areas))
    interval = adapt_terms(interval_text(outcome.interval, n_areas), is_own=is_own(outcome))
    miou = f"mIoU {scores.miou:.3f} over {scores.n_classes} classes"
    if outcome.interval or not brief:
        miou += f" ({interval})"
    if outcome.legend.has_other:
        miou += f", {outcome.scorer.title}"
    return f"{miou}, accuracy {scores.overall_accuracy:.3f}"


def is_own(result: CellResult) -> bool:
    """Return True for a result on images of the user's own, whose classes are all scored."""
    return not result.legend.has_other


def interval_text(interval: Interval | None, n_units: int, unit: str = "areas") -> str:
    """Return a 95 % confidence interval as text, or the reason why there is none."""
    if interval is None:
        return describe_missing_interval(n_units, unit)
    return f"{interval.low:.3f} to {interval.high:.3f}, {interval.n_units} {interval.unit}"


def cluster_line(result: CellResult) -> str:
    """Return cluster counts, mean noise and reliability of the folds; empty without clusters."""
    numbers = [str(number) for number in result.n_clusters]
    if not numbers:
        return ""
    mean = result.fold_mean
    return (
        f"clusters {', '.join(numbers)}; noise {mean('noise_fraction'):.0%}; "
        f"reliability {mean('reliability'):.3f}, weighted {mean('weighted_reliability'):.3f}; "
        f"after kNN {mean('reliability_after_knn'):.3f}, "
        f"weighted {mean('weighted_reliability_after_knn'):.3f}"
    )


def regularisation_line(result: CellResult) -> str:
    """Return the effect of the regularisation; empty without one."""
    effect = result.regularisation_effect
    if effect is None:
        return ""
    before, after = effect.objects_before, effect.objects_after
    line = (
        f"regularisation: mIoU {effect.miou_before:.3f} without it, {effect.miou_after:.3f} with it"
    )
    if not before.n_objects:
        return f"{line}; there are no small objects"
    return (
        f"{line}; of {before.n_objects:,} objects smaller than {SMALL_OBJECT} pixels, "
        f"{before.recall:.0%} found without it, {after.recall:.0%} with it"
    )


def _regularisation_field(result: CellResult) -> dict[str, Any]:
    effect = result.regularisation_effect
    if effect is None:
        return {}
    objects = {
        "smaller_than": SMALL_OBJECT,
        "n": effect.objects_before.n_objects,
        "recall_before": json_number(effect.objects_before.recall),
        "recall_after": json_number(effect.objects_after.recall),
    }
    before = json_number(effect.miou_before)
    return {"regularisation": {"miou_before": before, "small_objects": objects}}


def notebook_remark(spec: FeatureSpec) -> str:
    """Return a remark on results of the original notebook's arithmetic; empty for all others."""
    return "  [the notebook's arithmetic, for comparison only]" if spec.preset_notebook else ""


def result_notes(results: Iterable[CellResult]) -> list[str]:
    """Return the notes of several results, without repetitions."""
    return list(dict.fromkeys(note for result in results for note in result.notes))


def outcome_notes(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Return all notes and errors, and the numbers of evaluated patches if the results differ."""
    results = successful_results(outcomes)
    errors = {name: str(outcome) for name, outcome in outcomes.items() if name not in results}
    failures = [f"failed: {names}: {error}" for error, names in _group_names(errors)]
    extents = _group_names({name: _extent(result) for name, result in results.items()})
    scope = [f"evaluated on {extent}: {names}" for extent, names in extents]
    warnings = {note for result in results.values() for note in result.warnings}
    notes = [note for note in result_notes(results.values()) if note not in warnings]
    without = [result for result in results.values() if result.interval is None]
    fewest = min(without, key=lambda result: len(set(result.areas)), default=None)
    missing = []
    if fewest is not None:
        reason = describe_missing_interval(len(set(fewest.areas)))
        missing = [adapt_terms(reason, is_own=is_own(fewest))]
    notes += [*missing, *filter(None, [describe_collapsed_runs(results)])]
    return [*notes, *failures, *(scope if len(scope) > 1 else ())]


def note_lines(notes: Iterable[str]) -> list[str]:
    """Return notes and warnings as lines of text."""
    return [
        f"warning: {note.replace(_WARNING, '', 1)}" if _WARNING in note else f"note: {note}"
        for note in notes
    ]


def json_number(value: float) -> float | None:
    """Return a number, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else value


def _extent(result: CellResult) -> str:
    patches = "1 patch" if len(result.patches) == 1 else f"{len(result.patches)} patches"
    if is_own(result):
        return adapt_terms(patches, is_own=True)
    return f"{patches} of {counted(len(set(result.areas)), 'area')}"


def _group_names(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each different text with the names that have it, separated by semicolons."""
    unique = dict.fromkeys(texts.values())
    return [(text, "; ".join(name for name in texts if texts[name] == text)) for text in unique]
