"""Whether clusters can replace labels, according to the results of a label economy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.land.evaluation.cluster_labels import EVERY_LABEL
from core.land.evaluation.label_economy import (
    EconomyPoint,
    Kind,
    LabelEconomy,
    cheapest_point,
    point_table,
)
from core.types import DoubleArray

Verdict = Literal["yes", "few", "mixed", "no", "undecided", "unknown"]
"""The answer to whether clusters replace labels; "few" is yes with few labels, no with more."""
TITLES = {
    "knn": "kNN on random pixels",
    "1nn": "1-NN on random pixels",
    "logistic": "logistic regression on random pixels",
    "boosting": "gradient boosting on random pixels",
    "medoids": "1-NN on medoids of k-means",
    "medoids logistic": "logistic regression on medoids of k-means",
    "semi-supervised hdbscan": "semi-supervised HDBSCAN from random pixels",
    "spreading": "label spreading from random pixels",
    "self-training": "self-training from random pixels",
    "active": "logistic regression on uncertain pixels",
    "regions": "logistic regression on random regions",
    "active regions": "logistic regression on uncertain regions",
}
"""The names of methods that are shown to users, everywhere; see `describe_point`."""
KIND_TITLES: dict[Kind, str] = {
    "simple": "labelled pixels",
    "clusters": "clusters with names",
    "few": "methods for few labels",
}
"""The kinds of methods, in the order of tables."""


@dataclass(frozen=True)
class PointMatch:
    """A point of a label economy and the best simple alternative with the same number of labels.

    Attributes
    ----------
    low, high : float
        Range of 95 % of the differences, `point` minus `best`, over draws of labels and areas.
    """

    point: EconomyPoint
    best: EconomyPoint
    low: float
    high: float

    @property
    def difference(self) -> float:
        """The mean difference of the mIoU, `point` minus `best`."""
        return self.point.miou - self.best.miou

    @property
    def verdict(self) -> int:
        """1 if the point is better, -1 if it is worse, 0 if the range includes both."""
        return int(self.low > 0) - int(self.high < 0)

    @property
    def text(self) -> str:
        """The difference to the best alternative, and whether it is clear, as a clause."""
        size, n_labels = f"{abs(self.difference):.3f}", self.best.n_labels
        best = f"the best alternative with {n_labels} labels, {describe_point(self.best)}"
        best += f" ({self.best.miou:.3f})"
        if self.difference == self.low == self.high == 0:
            return f"which equals that of {best}"
        direction = "higher" if self.difference > 0 else "lower"
        if self.verdict:
            near, far = sorted((abs(self.low), abs(self.high)))
            return (
                f"which is {size} {direction} (range {near:.3f} to {far:.3f}) than that of {best}"
            )
        return (
            f"which is {size} {direction} than that of {best}, but this difference is not clear: "
            f"its range, from {_signed_text(self.low)} to {_signed_text(self.high)}, includes 0"
        )


def match_points(points: Sequence[EconomyPoint], kind: Kind = "clusters") -> list[PointMatch]:
    """Pair each point of a kind with the best simple alternative at its number of labels.

    The curves of the alternatives are interpolated on a logarithmic axis. Points with fewer labels
    than the first point of every alternative are left out, and so are clusters that are named by
    every label.
    """
    curves: dict[str, list[EconomyPoint]] = {}
    for point in sorted(points, key=lambda point: point.n_labels):
        if point.kind == "simple":
            curves.setdefault(point.method, []).append(point)
    matches = []
    for point in points:
        if point.kind != kind or point.rule == EVERY_LABEL:
            continue
        alternatives = [
            _interpolate(curve, point.n_labels)
            for curve in curves.values()
            if curve[0].n_labels <= point.n_labels <= curve[-1].n_labels
        ]
        if alternatives:
            best = max(alternatives, key=lambda alternative: alternative.miou)
            differences = _replicates(point) - _replicates(best)
            low, high = np.nanquantile(differences, (0.025, 0.975))
            matches.append(PointMatch(point, best, float(low), float(high)))
    return sorted(matches, key=lambda match: match.point.n_labels)


def best_matches(matches: Iterable[PointMatch]) -> list[PointMatch]:
    """Return the matches whose point no other point with as few labels exceeds."""
    front: list[PointMatch] = []
    for match in sorted(matches, key=lambda match: (match.point.n_labels, -match.point.miou)):
        if not front or match.point.miou > front[-1].point.miou:
            front.append(match)
    return front


def economy_verdict(points: Sequence[EconomyPoint]) -> Verdict:
    """Judge whether clusters replace labels, from the best clusters for each number of labels."""
    front = best_matches(match_points(points))
    if not front:
        return "unknown"
    better = [match.point.n_labels for match in front if match.verdict > 0]
    worse = [match.point.n_labels for match in front if match.verdict < 0]
    if better and worse:
        return "few" if max(better) < min(worse) else "mixed"
    return "yes" if better else "no" if worse else "undecided"


def economy_answer(economy: LabelEconomy) -> str:
    """Answer whether clusters replace labels, in one sentence, and support the answer in others."""
    return " ".join(economy_sentences(economy))


def economy_sentences(economy: LabelEconomy) -> list[str]:
    """Return the answer to whether clusters replace labels, and the sentences that support it."""
    points = economy.points
    sentences = (
        f"Do clusters replace labels here? {_answer(points)}",
        f"The ranges cover {economy.range_text}.",
        "Between the numbers of labels evaluated, the mIoU of the alternatives is interpolated.",
        _support(points),
        _few_label_answer(points),
        economy.left_out_text,
    )
    return [text for text in sentences if text]


def describe_point(point: EconomyPoint) -> str:
    """Return what a point stands for, such as "kNN on random pixels"."""
    method = point.method.replace("kmeans", "k-means").replace("hdbscan", "HDBSCAN")
    return TITLES.get(point.method) or f"{method} ({point.rule})"


def point_rows(points: Sequence[EconomyPoint]) -> list[dict[str, Any]]:
    """Return points as rows of a table, with their titles: by kind, method and number of labels."""
    kinds, methods = list(KIND_TITLES), list(dict.fromkeys(point.method for point in points))
    ordered = sorted(
        points, key=lambda p: (kinds.index(p.kind), methods.index(p.method), p.n_labels, p.miou)
    )
    return [point_table(point) | {"title": describe_point(point)} for point in ordered]


def _answer(points: Sequence[EconomyPoint]) -> str:
    verdict, front = economy_verdict(points), best_matches(match_points(points))
    better = [match for match in front if match.verdict > 0]
    worse = [match for match in front if match.verdict < 0]
    if verdict == "unknown":
        if not any(point.kind == "clusters" for point in points):
            return "This is not known, because all training pixels are noise."
        return (
            "This is not known, because every way of naming the clusters uses fewer labels than "
            "the alternatives were evaluated with."
        )
    if verdict == "undecided":
        return (
            "Undecided: no number of labels shows a clear difference between the best clusters "
            f"and the best alternative; with {_compare(front[-1])}."
        )
    if verdict == "yes":
        return f"Yes, with few labels: with {_compare(max(better, key=_gain))}."
    if verdict == "no":
        return f"No: with {_compare(min(worse, key=_gain))}."
    start = "Only with very few labels" if verdict == "few" else "It depends on their number"
    return (
        f"{start}: with {_compare(max(better, key=_gain))}; with {_compare(min(worse, key=_gain))}."
    )


def _gain(match: PointMatch) -> float:
    return match.difference


def _compare(match: PointMatch) -> str:
    """Describe a match, without "with" at the beginning and without a full stop."""
    point = match.point
    return (
        f"{point.n_labels} labels, {describe_point(point)} reaches an mIoU of {point.miou:.3f}, "
        f"{match.text}"
    )


def _signed_text(difference: float) -> str:
    """Return a signed difference in words, such as "0.049 lower"."""
    return f"{abs(difference):.3f} {'lower' if difference < 0 else 'higher'}"


def _support(points: Sequence[EconomyPoint]) -> str:
    """Describe the best clusters, and the labels that the alternatives need to equal them."""
    clusters = [p for p in points if p.kind == "clusters" and p.rule != EVERY_LABEL]
    simple = [p for p in points if p.kind == "simple"]
    if not clusters or not simple:
        return ""
    best, top = (max(group, key=lambda p: p.miou) for group in (clusters, simple))
    cheapest = cheapest_point(simple, best.miou)
    reach = (
        "none reaches it"
        if cheapest is None
        else f"{describe_point(cheapest)} reaches it first, with {cheapest.n_labels} labels"
    )
    return (
        f"The best of {len(clusters)} ways of naming clusters, {describe_point(best)}, reaches "
        f"{best.miou:.3f} with {best.n_labels} labels; of the alternatives, {reach}. With any "
        f"number of labels, the best alternative is {describe_point(top)}: {top.miou:.3f} with "
        f"{top.n_labels} labels. Scores that were selected as the best are slightly optimistic."
    )


def _few_label_answer(points: Sequence[EconomyPoint]) -> str:
    """Describe whether the methods for few labels are better than the best alternative."""
    matches = match_points(points, "few")
    if not matches:
        return ""
    better = [match for match in matches if match.verdict > 0]
    if not better:
        best = max(matches, key=_gain)
        return (
            "Of the methods for few labels, none is clearly better than the best alternative. The "
            f"largest mean difference: with {_compare(best)}."
        )
    best = max(better, key=_gain)
    return f"Of the methods for few labels, this is the largest clear gain: with {_compare(best)}."


def _replicates(point: EconomyPoint) -> DoubleArray:
    """Return the replicates of a point; its range if there are none."""
    return np.asarray(point.replicates or (point.low, point.high), np.float64)


def _interpolate(curve: Sequence[EconomyPoint], n_labels: int) -> EconomyPoint:
    """Interpolate a curve, sorted by labels, at a number of labels on a logarithmic axis."""
    x = np.log([point.n_labels for point in curve])
    position = float(np.interp(np.log(n_labels), x, np.arange(len(curve))))
    first = min(int(position), len(curve) - 1)
    second = min(first + 1, len(curve) - 1)
    weight = position - first

    def mix(a: float, b: float) -> float:
        return a + weight * (b - a)

    before, after = curve[first], curve[second]
    replicates = mix(_replicates(before), _replicates(after))  # type: ignore[arg-type]
    return EconomyPoint(
        before.method,
        before.rule,
        n_labels,
        mix(before.miou, after.miou),
        mix(before.low, after.low),
        mix(before.high, after.high),
        kind="simple",
        replicates=tuple(replicates),  # type: ignore[arg-type]
    )
