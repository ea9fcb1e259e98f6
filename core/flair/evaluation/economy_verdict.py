"""The notebook's question, can clustering replace annotation, answered from a label economy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.flair.evaluation.label_economy import Point, fewest_labels


@dataclass(frozen=True)
class Match:
    """Clusters named by looks, and what as many labelled pixels reach."""

    looks: Point
    pixels: Point

    @property
    def verdict(self) -> int:
        """1 where clusters are ahead, -1 where they are behind, 0 where the bands overlap."""
        if self.looks.low > self.pixels.high:
            return 1
        return -1 if self.looks.high < self.pixels.low else 0


def matches(points: Sequence[Point]) -> list[Match]:
    """Every naming by looks beside as many labelled pixels.

    The pixels' curve is read between its points on a logarithmic axis; namings with fewer labels
    than its first point are left out.
    """
    pixels = sorted((p for p in points if p.method == "knn"), key=lambda p: p.n_labels)
    fewest = pixels[0].n_labels
    return [Match(p, _as_many(pixels, p.n_labels)) for p in _looks(points) if p.n_labels >= fewest]


def answer(points: Sequence[Point]) -> str:
    """What clusters gain or lose against as many labelled pixels, by the means of the draws.

    Parameters
    ----------
    points : sequence of Point
        A whole curve, with at least one point of "knn".

    Returns
    -------
    str
        Plain sentences.
    """
    looks = _looks(points)
    if not looks:
        return "All training pixels are noise: no cluster can be named."
    every = max((p for p in points if p.method == "knn"), key=lambda p: p.n_labels)
    best = max(looks, key=lambda p: p.miou)
    needed = fewest_labels(points, "knn", best.miou)
    same = "never reaches that on average" if needed is None else f"needs {needed} labels for that"
    text = (
        f"{_tally(matches(points))} The best of all {len(looks)}, which flatters it a little: "
        f"{best.method}, {best.rule}, mIoU {best.miou:.3f} ({best.low:.3f} to {best.high:.3f}) "
        f"with {best.n_labels} labels; kNN on pixels drawn at random {same}. All "
        f"{every.n_labels} labels reach {every.miou:.3f}."
    )
    return text.replace("kmeans", "k-means").replace("hdbscan", "HDBSCAN")


def _looks(points: Sequence[Point]) -> list[Point]:
    return [p for p in points if p.n_clusters and not p.rule.startswith("every")]


def _tally(found: Sequence[Match]) -> str:
    """How often clusters are ahead, behind, or neither; and with how many labels."""
    if not found:
        return "No naming by looks takes as many labels as the pixels' curve begins with."
    parts = []
    for verdict, words in ((1, "ahead"), (-1, "behind")):
        counts = sorted(one.looks.n_labels for one in found if one.verdict == verdict)
        span = f" ({_span(counts)} labels)" if counts else ""
        parts.append(f"{words} in {len(counts)}{span}")
    level = sum(one.verdict == 0 for one in found)
    return (
        f"Of {len(found)} ways to name clusters by looks, against as many labelled pixels: "
        f"{parts[0]}, {parts[1]}; in {level} the bands overlap: no difference that these draws "
        "can show."
    )


def _span(counts: Sequence[int]) -> str:
    low, high = counts[0], counts[-1]
    return f"with {low}" if low == high else f"with {low} to {high}"


def _as_many(pixels: Sequence[Point], n_labels: int) -> Point:
    at = np.log([p.n_labels for p in pixels])
    curves = ([p.miou for p in pixels], [p.low for p in pixels], [p.high for p in pixels])
    miou, low, high = (float(np.interp(np.log(n_labels), at, curve)) for curve in curves)
    return Point("knn", "labelled pixels", n_labels, miou, low, high)
