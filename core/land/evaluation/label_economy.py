"""The label economy: the mIoU that kNN and named clusters reach with a number of labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from core.clusters.labelling import NOISE
from core.errors import TooFewError
from core.land.evaluation.confusion import count_confusion, mean_iou
from core.land.models.classifier_table import TreeReader, cluster_pixels
from core.land.models.classifiers import MethodSettings
from core.land.models.cluster_names import count_cluster_classes, name_clusters
from core.land.models.features import Features
from core.progress import Progress, report_step, silent
from core.types import AnyArray, ByteArray, IntArray

PIXELS_PER_CLUSTER = (1, 3, 10)
"""Numbers of labelled pixels per cluster; the cluster gets their most common class."""
DRAWS = 5
"""Default number of random draws of the labelled pixels."""
SIZES = (10, 30, 100, 300)
"""Values of min_cluster_size at which HDBSCAN's tree is cut."""
CENTRES = (13, 50, 200)
"""Numbers of centres for k-means."""
_FEWEST_LABELS = 13


@dataclass(frozen=True)
class EconomyPoint:
    """One point of a label economy's curve: the mIoU with a number of labels, over all folds.

    Attributes
    ----------
    method : str
        "knn" if pixels are labelled, otherwise the title of the clustering.
    rule : str
        How the labels are used, in words.
    n_labels : int
        Labels needed for one model: the mean over the folds.
    miou : float
        On held-out pixels, over classes 1 to 12: mean of the draws, each pooled over all folds.
    low, high : float
        The mIoU of the worst and of the best draw.
    n_clusters : int
        0 for "knn", otherwise the mean over the folds.
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
    """The evaluation of one way of using labels (`method` and `rule`) in one fold.

    Attributes
    ----------
    budget : int
        The requested number of labels, or of labelled pixels per cluster; 0 for all labels.
    counts : int64 array, (draws, 13, 13)
        Confusion matrix of the held-out pixels for each draw; rows are the truth.
    """

    method: str
    rule: str
    budget: int
    n_labels: int
    n_clusters: int
    counts: AnyArray


@dataclass(frozen=True)
class Bench:
    """Training pixels that may be labelled, and held-out pixels for the evaluation."""

    train: Features
    train_labels: ByteArray
    held_out: Features
    held_out_labels: ByteArray

    def __post_init__(self) -> None:
        if not len(self.train_labels) or not len(self.held_out_labels):
            raise TooFewError(
                "there are no training pixels, or no held-out pixels", where="label economy"
            )


def label_counts(n: int) -> list[int]:
    """Return the numbers of labelled pixels to evaluate: 13, 26, 52 and so on, and finally n."""
    counts, count = [], _FEWEST_LABELS
    while count < n:
        counts.append(count)
        count *= 2
    return [*counts, n]


def spend_on_pixels(
    bench: Bench, settings: MethodSettings, draws: int = DRAWS, seed: int = 0
) -> Iterator[Spending]:
    """Evaluate kNN on increasing numbers of labelled pixels, each with `draws` random samples."""
    n = len(bench.train_labels)
    orders = [_rng(seed, draw).permutation(n) for draw in range(draws)]
    for n_labels in label_counts(n):
        counts = []
        for order in orders[: 1 if n_labels == n else draws]:
            chosen = np.sort(order[:n_labels])
            index = bench.train.take(chosen).neighbour_index()
            _, rows = index.search(bench.held_out.matrix, min(settings.k, n_labels))
            counts.append(_evaluate(bench, bench.train_labels[chosen], rows))
        budget = n_labels if n_labels < n else 0
        yield Spending("knn", "labelled pixels", budget, n_labels, 0, _stack_draws(counts, draws))


def spend_on_clusters(
    bench: Bench,
    clusters: IntArray,
    method: str,
    settings: MethodSettings,
    draws: int = DRAWS,
    seed: int = 0,
) -> Iterator[Spending]:
    """Evaluate clusters that are assigned a class from one, a few or all of their labelled pixels.

    `clusters` holds the cluster of each training pixel, -1 for noise. Only the labelled pixels
    change from draw to draw, not the clusters or the neighbours of the held-out pixels. Yields
    nothing if all pixels are noise.
    """
    clustered = np.flatnonzero(clusters != NOISE)
    if not clustered.size:
        return
    index = bench.train.take(clustered).neighbour_index()
    _, rows = index.search(bench.held_out.matrix, min(settings.k, index.n))
    members, labels = clusters[clustered], bench.train_labels[clustered]
    n_clusters = int(members.max()) + 1
    for budget in (*PIXELS_PER_CLUSTER, 0):
        counts, n_labels = [], len(members)
        for draw in range(draws if budget else 1):
            chosen = np.arange(len(members))
            if budget:
                chosen = pixels_to_label(members, budget, seed, draw)
            votes = count_cluster_classes(members[chosen], labels[chosen], n_clusters)
            counts.append(_evaluate(bench, name_clusters(votes).classes[members], rows))
            n_labels = len(chosen)
        stacked = _stack_draws(counts, draws)
        yield Spending(method, _rule(budget), budget, n_labels, n_clusters, stacked)


def economy_clusterings(
    settings: MethodSettings, sizes: Sequence[int] = SIZES, centres: Sequence[int] = CENTRES
) -> dict[str, MethodSettings]:
    """Return settings of clusterings by title: cuts of HDBSCAN's tree, and k-means."""
    cuts = {
        f"hdbscan, clusters of {size} or more": replace(
            settings, method="hdbscan", min_cluster_size=size
        )
        for size in sizes
    }
    kmeans = {
        f"kmeans, {n} centres": replace(settings, method="kmeans", n_clusters=n) for n in centres
    }
    return cuts | kmeans


def spend_labels(
    bench: Bench,
    tree: TreeReader,
    settings: MethodSettings,
    clusterings: Mapping[str, MethodSettings],
    draws: int = DRAWS,
    report: Progress = silent,
) -> Iterator[Spending]:
    """Evaluate all ways to use labels in one fold: on pixels, and on several clusterings.

    `clusterings` are settings by title. Of `settings`, only k and the seed are used. The tree
    reader is called at most once.
    """
    yield from spend_on_pixels(bench, settings, draws, settings.seed)
    read_tree = cache(tree)
    for step, (title, method) in enumerate(clusterings.items(), start=1):
        clusters, _ = cluster_pixels(bench.train, method, read_tree)
        yield from spend_on_clusters(bench, clusters, title, method, draws, settings.seed)
        report_step(report, step, len(clusterings), title)


def pool_folds(folds: Sequence[Sequence[Spending]]) -> list[EconomyPoint]:
    """Pool the results of all folds: add the counts draw by draw, then average the draws.

    A result that any fold lacks is left out. A fold lacks a result if all of its pixels are noise,
    or if it has fewer pixels than the result needs labels.
    """
    by_budget: dict[tuple[str, int], list[Spending]] = {}
    for fold in folds:
        for spending in fold:
            by_budget.setdefault((spending.method, spending.budget), []).append(spending)
    points = []
    for parts in by_budget.values():
        if len(parts) < len(folds):
            continue
        pooled = np.sum([part.counts for part in parts], axis=0)
        scores = [float(mean_iou(counts)) for counts in pooled]
        points.append(
            EconomyPoint(
                parts[0].method,
                parts[0].rule,
                round(sum(part.n_labels for part in parts) / len(parts)),
                sum(scores) / len(scores),
                min(scores),
                max(scores),
                round(sum(part.n_clusters for part in parts) / len(parts)),
            )
        )
    return points


def pixels_to_label(clusters: IntArray, n: int, seed: int = 0, draw: int = 0) -> AnyArray:
    """Select up to n random pixels of each cluster; return their row numbers, ascending."""
    order = _rng(seed, draw).permutation(len(clusters))
    shuffled = clusters[order]
    by_cluster = np.argsort(shuffled, kind="stable")
    ranked = shuffled[by_cluster]
    first = np.searchsorted(ranked, ranked, side="left")
    chosen: AnyArray = np.sort(order[by_cluster[np.arange(len(ranked)) - first < n]])
    return chosen


def fewest_labels(points: Sequence[EconomyPoint], method: str, miou: float) -> int | None:
    """Return the fewest labels with which a method reaches `miou` on average; None if never."""
    sufficient = [p.n_labels for p in points if p.method == method and p.miou >= miou]
    return min(sufficient, default=None)


def _rule(budget: int) -> str:
    if not budget:
        return "every training label"
    return "one look per cluster" if budget == 1 else f"{budget} pixels per cluster"


def _rng(seed: int, draw: int) -> np.random.Generator:
    return np.random.default_rng([seed, draw])


def _stack_draws(counts: Sequence[AnyArray], draws: int) -> AnyArray:
    """Stack the counts of all draws; a result that does not depend on the draw is repeated."""
    stacked = np.stack(counts)
    return stacked if len(counts) == draws else np.repeat(stacked, draws, axis=0)


def _evaluate(bench: Bench, classes: ByteArray, rows: IntArray) -> AnyArray:
    """Count the confusion of the held-out pixels; `classes[rows]` are the votes for each."""
    from core.neighbours.compiled_loops import majority

    votes = majority(np.ascontiguousarray(classes), rows)
    return count_confusion(bench.held_out_labels, votes)
