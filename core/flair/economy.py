"""The label economy: what mIoU a person's labels buy, spent on pixels or on clusters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.clusters.labelling import NOISE
from core.errors import TooFewError
from core.flair.classifiers import MethodSettings, take
from core.flair.confusion import count, miou
from core.flair.features import Features
from core.flair.naming import name_clusters, tally
from core.flair.neighbours import Neighbours
from core.types import AnyArray, ByteArray, IntArray

LOOKS = (1, 3, 10)
"""Pixels of each cluster that a person names; the cluster takes their commonest class."""
_FEWEST = 13


@dataclass(frozen=True)
class Point:
    """One point of the curve.

    Attributes
    ----------
    method : str
        "knn" where the labels are those of pixels, else the clustering.
    rule : str
        How the labels were spent, in words.
    n_labels : int
        Labels that a person must give.
    miou : float
        On held-out pixels, classes 1 to 12.
    n_clusters : int
        0 for "knn".
    """

    method: str
    rule: str
    n_labels: int
    miou: float
    n_clusters: int = 0


@dataclass(frozen=True)
class Bench:
    """Training pixels that may be labelled, and held-out pixels that judge."""

    train: Features
    train_labels: ByteArray
    held_out: Features
    held_out_labels: ByteArray

    def __post_init__(self) -> None:
        if not len(self.train_labels) or not len(self.held_out_labels):
            raise TooFewError("no pixels to train on, or none to judge by", where="label economy")


def label_counts(n: int) -> list[int]:
    """Numbers of labelled pixels: 13, then twice as many each time, to all of them."""
    found, wanted = [], _FEWEST
    while wanted < n:
        found.append(wanted)
        wanted *= 2
    return [*found, n]


def by_pixels(bench: Bench, settings: MethodSettings, seed: int = 0) -> Iterator[Point]:
    """Votes of ever more labelled pixels, drawn at random."""
    n = len(bench.train_labels)
    order = np.random.default_rng(seed).permutation(n)
    for n_labels in label_counts(n):
        chosen = np.sort(order[:n_labels])
        index = Neighbours(take(bench.train, chosen))
        _, rows = index.search(bench.held_out, min(settings.k, n_labels))
        result = _judge(bench, bench.train_labels[chosen], rows)
        yield Point("knn", "labelled pixels", n_labels, result)


def by_clusters(
    bench: Bench, clusters: IntArray, method: str, settings: MethodSettings, seed: int = 0
) -> Iterator[Point]:
    """Clusters named by one look, by a few pixels each, and by every training label.

    Parameters
    ----------
    bench : Bench
    clusters : int32 array, (n,)
        Of the training pixels; -1 for noise.
    method : str
    settings : MethodSettings
    seed : int
        Of the draw of the pixels that are looked at.
    """
    inside = np.flatnonzero(clusters != NOISE)
    if not inside.size:
        return
    index = Neighbours(take(bench.train, inside))
    _, rows = index.search(bench.held_out, min(settings.k, index.n))
    members, labels = clusters[inside], bench.train_labels[inside]
    n_clusters = int(members.max()) + 1
    for looks in (*LOOKS, 0):
        seen = looked_at(members, looks, seed) if looks else np.arange(len(members))
        naming = name_clusters(tally(members[seen], labels[seen], n_clusters))
        result = _judge(bench, naming.classes[members], rows)
        yield Point(method, _rule(looks), len(seen), result, n_clusters)


def looked_at(clusters: IntArray, looks: int, seed: int = 0) -> AnyArray:
    """Up to `looks` pixels of each cluster, drawn at random; their row numbers, rising."""
    order = np.random.default_rng(seed).permutation(len(clusters))
    shuffled = clusters[order]
    grouped = np.argsort(shuffled, kind="stable")
    ranked = shuffled[grouped]
    first = np.searchsorted(ranked, ranked, side="left")
    chosen: AnyArray = np.sort(order[grouped[np.arange(len(ranked)) - first < looks]])
    return chosen


def fewest_labels(points: Sequence[Point], method: str, wanted: float) -> int | None:
    """The fewest labels with which a method reaches an mIoU; None where it never does."""
    reached = [p.n_labels for p in points if p.method == method and p.miou >= wanted]
    return min(reached, default=None)


def _rule(looks: int) -> str:
    if not looks:
        return "every training label"
    return "one look per cluster" if looks == 1 else f"{looks} pixels per cluster"


def _judge(bench: Bench, classes: ByteArray, rows: IntArray) -> float:
    from core.flair.compiled import majority

    voted = majority(np.ascontiguousarray(classes), rows)
    return float(miou(count(bench.held_out_labels, voted)))
