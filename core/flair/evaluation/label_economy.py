"""The label economy: what mIoU a person's labels buy, spent on pixels or on clusters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.clusters.labelling import NOISE
from core.errors import TooFewError
from core.flair.evaluation.confusion import count, miou
from core.flair.models.classifiers import MethodSettings
from core.flair.models.cluster_names import name_clusters, tally
from core.flair.models.features import Features
from core.types import AnyArray, ByteArray, IntArray

LOOKS = (1, 3, 10)
"""Pixels of each cluster that a person names; the cluster takes their commonest class."""
DRAWS = 5
"""Draws of the labels that are spent, where nothing else is asked for."""
_FEWEST = 13


@dataclass(frozen=True)
class Point:
    """One point of the curve, over all folds.

    Attributes
    ----------
    method : str
        "knn" where the labels are those of pixels, else the clustering.
    rule : str
        How the labels were spent, in words.
    n_labels : int
        Labels that a person must give for one model: the mean over the folds.
    miou : float
        On held-out pixels, classes 1 to 12: counts of all folds together, the mean over the draws.
    low, high : float
        The lowest and the highest draw.
    n_clusters : int
        0 for "knn"; the mean over the folds.
    """

    method: str
    rule: str
    n_labels: int
    miou: float
    low: float
    high: float
    n_clusters: int = 0


@dataclass(frozen=True)
class Spending:
    """One way to spend labels in one fold.

    Attributes
    ----------
    method, rule : str
    rung : int
        The number of labels, or of looks, that was asked for; 0 for all there are.
    n_labels, n_clusters : int
    counts : int64 array, (draws, 13, 13)
        Confusion of the held-out pixels by draw, rows the truth.
    """

    method: str
    rule: str
    rung: int
    n_labels: int
    n_clusters: int
    counts: AnyArray


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


def by_pixels(
    bench: Bench, settings: MethodSettings, draws: int = DRAWS, seed: int = 0
) -> Iterator[Spending]:
    """Votes of ever more labelled pixels, drawn at random, so many times."""
    n = len(bench.train_labels)
    orders = [_rng(seed, at).permutation(n) for at in range(draws)]
    for n_labels in label_counts(n):
        each = []
        for order in orders[: 1 if n_labels == n else draws]:
            chosen = np.sort(order[:n_labels])
            index = bench.train.take(chosen).neighbour_index()
            _, rows = index.search(bench.held_out.matrix, min(settings.k, n_labels))
            each.append(_judge(bench, bench.train_labels[chosen], rows))
        rung = n_labels if n_labels < n else 0
        counts = _all_draws(each, draws)
        yield Spending("knn", "labelled pixels", rung, n_labels, 0, counts)


def by_clusters(
    bench: Bench,
    clusters: IntArray,
    method: str,
    settings: MethodSettings,
    draws: int = DRAWS,
    seed: int = 0,
) -> Iterator[Spending]:
    """Clusters named by one look, by a few pixels each, and by every training label.

    The clusters and the neighbours of the held-out pixels are the same in every draw; which pixels
    are looked at is not. Nothing comes where all pixels are noise.

    Parameters
    ----------
    bench : Bench
    clusters : int32 array, (n,)
        Of the training pixels; -1 for noise.
    method : str
    settings : MethodSettings
    draws : int
        How often the pixels that are looked at are drawn.
    seed : int
    """
    inside = np.flatnonzero(clusters != NOISE)
    if not inside.size:
        return
    index = bench.train.take(inside).neighbour_index()
    _, rows = index.search(bench.held_out.matrix, min(settings.k, index.n))
    members, labels = clusters[inside], bench.train_labels[inside]
    n_clusters = int(members.max()) + 1
    for looks in (*LOOKS, 0):
        each, n_labels = [], len(members)
        for at in range(draws if looks else 1):
            seen = looked_at(members, looks, seed, at) if looks else np.arange(len(members))
            naming = name_clusters(tally(members[seen], labels[seen], n_clusters))
            each.append(_judge(bench, naming.classes[members], rows))
            n_labels = len(seen)
        counts = _all_draws(each, draws)
        yield Spending(method, _rule(looks), looks, n_labels, n_clusters, counts)


def pooled(folds: Sequence[Sequence[Spending]]) -> list[Point]:
    """The folds' spendings as one curve: counts added up draw by draw, then the mean of the draws.

    A way that some fold does not have is left out: clusters that are all noise there, or more
    labels than it has pixels.
    """
    found: dict[tuple[str, int], list[Spending]] = {}
    for fold in folds:
        for one in fold:
            found.setdefault((one.method, one.rung), []).append(one)
    points = []
    for parts in found.values():
        if len(parts) < len(folds):
            continue
        joined = np.sum([part.counts for part in parts], axis=0)
        reached = [float(miou(counts)) for counts in joined]
        points.append(
            Point(
                parts[0].method,
                parts[0].rule,
                round(sum(part.n_labels for part in parts) / len(parts)),
                sum(reached) / len(reached),
                min(reached),
                max(reached),
                round(sum(part.n_clusters for part in parts) / len(parts)),
            )
        )
    return points


def looked_at(clusters: IntArray, looks: int, seed: int = 0, draw: int = 0) -> AnyArray:
    """Up to `looks` pixels of each cluster, drawn at random; their row numbers, rising."""
    order = _rng(seed, draw).permutation(len(clusters))
    shuffled = clusters[order]
    grouped = np.argsort(shuffled, kind="stable")
    ranked = shuffled[grouped]
    first = np.searchsorted(ranked, ranked, side="left")
    chosen: AnyArray = np.sort(order[grouped[np.arange(len(ranked)) - first < looks]])
    return chosen


def fewest_labels(points: Sequence[Point], method: str, wanted: float) -> int | None:
    """The fewest labels with which a method's mean reaches an mIoU; None where it never does."""
    reached = [p.n_labels for p in points if p.method == method and p.miou >= wanted]
    return min(reached, default=None)


def _rule(looks: int) -> str:
    if not looks:
        return "every training label"
    return "one look per cluster" if looks == 1 else f"{looks} pixels per cluster"


def _rng(seed: int, draw: int) -> np.random.Generator:
    return np.random.default_rng([seed, draw])


def _all_draws(each: Sequence[AnyArray], draws: int) -> AnyArray:
    """Counts of each draw; what was judged once, because nothing is drawn, stands for all."""
    counts = np.stack(each)
    return counts if len(each) == draws else np.repeat(counts, draws, axis=0)


def _judge(bench: Bench, classes: ByteArray, rows: IntArray) -> AnyArray:
    from core.neighbours.compiled_loops import majority

    voted = majority(np.ascontiguousarray(classes), rows)
    return count(bench.held_out_labels, voted)
