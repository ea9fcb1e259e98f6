"""Whether clustering can replace annotation, according to the results of a label economy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.land.evaluation.label_economy import EconomyPoint, fewest_labels


@dataclass(frozen=True)
class LookMatch:
    """The results of named clusters and of kNN with the same number of labelled pixels."""

    clusters: EconomyPoint
    pixels: EconomyPoint

    @property
    def verdict(self) -> int:
        """1 if the clusters are better, -1 if they are worse, 0 if the ranges of draws overlap."""
        if self.clusters.low > self.pixels.high:
            return 1
        return -1 if self.clusters.high < self.pixels.low else 0


def match_points(points: Sequence[EconomyPoint]) -> list[LookMatch]:
    """Pair each point of named clusters with kNN on the same number of labelled pixels.

    The kNN curve is interpolated on a logarithmic axis. Points of clusters that use fewer labels
    than the first point of the kNN curve are left out.
    """
    pixels = sorted((p for p in points if not p.n_clusters), key=lambda p: p.n_labels)
    fewest = pixels[0].n_labels
    return [
        LookMatch(p, _interpolate(pixels, p.n_labels))
        for p in _sparsely_labelled(points)
        if p.n_labels >= fewest
    ]


def economy_answer(points: Sequence[EconomyPoint]) -> str:
    """Summarise how named clusters compare with kNN on the same number of labelled pixels.

    `points` are all points of a label economy, at least one of them with the method "knn".
    """
    clusters = _sparsely_labelled(points)
    if not clusters:
        return "All training pixels are noise, so no cluster can be named."
    every = max((p for p in points if not p.n_clusters), key=lambda p: p.n_labels)
    best = max(clusters, key=lambda p: p.miou)
    needed = fewest_labels(points, "knn", best.miou)
    knn = "does not reach this mIoU" if needed is None else f"needs {needed} labels to reach it"
    text = (
        f"{_count_verdicts(match_points(points))} The best of all {len(clusters)} (a slightly "
        f"optimistic score, because it was selected) is {best.method}, {best.rule}: mIoU "
        f"{best.miou:.3f} ({best.low:.3f} to {best.high:.3f}) with {best.n_labels} labels. On "
        f"average, kNN on randomly selected pixels {knn}. With all {every.n_labels} labels, kNN "
        f"reaches {every.miou:.3f}."
    )
    return text.replace("kmeans", "k-means").replace("hdbscan", "HDBSCAN")


def _sparsely_labelled(points: Sequence[EconomyPoint]) -> list[EconomyPoint]:
    """Return the points whose clusters are assigned a class from a few labelled pixels each."""
    return [p for p in points if p.n_clusters and not p.rule.startswith("every")]


def _count_verdicts(matches: Sequence[LookMatch]) -> str:
    """Describe how often clusters are better than kNN, worse or equal, and with how many labels."""
    if not matches:
        return (
            "Named clusters cannot be compared with kNN, because every way of naming them uses "
            "fewer labels than the first point of the kNN curve."
        )
    parts = []
    for verdict, word in ((1, "better"), (-1, "worse")):
        counts = sorted(match.clusters.n_labels for match in matches if match.verdict == verdict)
        labels = f" ({_range_text(counts)} labels)" if counts else ""
        parts.append(f"{word} in {len(counts)}{labels}")
    n_equal = sum(match.verdict == 0 for match in matches)
    return (
        "Clusters named from a few labelled pixels each were compared with kNN on the same number "
        f"of labelled pixels in {len(matches)} cases. The clusters are {' and '.join(parts)}; in "
        f"{n_equal}, the ranges of the draws overlap, so there is no clear difference."
    )


def _range_text(counts: Sequence[int]) -> str:
    first, last = counts[0], counts[-1]
    return f"with {first}" if first == last else f"with {first} to {last}"


def _interpolate(pixels: Sequence[EconomyPoint], n_labels: int) -> EconomyPoint:
    """Interpolate the kNN curve at a number of labels, on a logarithmic axis."""
    x = np.log([p.n_labels for p in pixels])
    curves = ([p.miou for p in pixels], [p.low for p in pixels], [p.high for p in pixels])
    miou, low, high = (float(np.interp(np.log(n_labels), x, curve)) for curve in curves)
    return EconomyPoint("knn", "labelled pixels", n_labels, miou, low, high)
