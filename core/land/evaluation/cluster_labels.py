"""Clusters that are assigned a class by a few labelled pixels each, in the label economy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from core.clusters.labelling import NOISE
from core.land.evaluation.label_economy import DRAWS, Bench, Spending, draw_generator, stack_draws
from core.land.models.classifier_table import TreeReader, cluster_pixels
from core.land.models.classifiers import MethodSettings
from core.land.models.cluster_names import count_cluster_classes, name_clusters
from core.progress import Progress, report_step, silent
from core.types import AnyArray, BoolArray, ByteArray, IntArray

PIXELS_PER_CLUSTER = (1, 3, 10)
"""Numbers of labelled pixels per cluster; the cluster gets their most common class."""
EVERY_LABEL = "every training label"
"""The rule of clusters that are named by all labels, which saves no labelling."""
SIZES = (10, 30, 100, 300)
"""Values of min_cluster_size at which HDBSCAN's tree is cut."""
CENTRES = (13, 50, 200)
"""Numbers of centres for k-means."""


class TrainingVote:
    """Prediction of the held-out pixels by training pixels whose assumed classes may change."""

    def __init__(self, bench: Bench, k: int) -> None:
        self._bench, self._k = bench, k
        self._voters: BoolArray | None = None
        self._rows = np.zeros((0, 0), np.int64)

    def predict(self, classes: ByteArray) -> ByteArray:
        """Return the vote of the k nearest training pixels for each held-out pixel.

        `classes`, uint8 (n,), are those of the training pixels. Pixels of class 0 (unknown) or of
        the class left out do not vote.
        """
        from core.neighbours.compiled_loops import majority

        voters = (classes != 0) & (classes != self._bench.left_out)
        if not voters.any():
            return self._bench.predict_none()
        if self._voters is None or not np.array_equal(voters, self._voters):
            numbers = np.flatnonzero(voters)
            index = self._bench.train.take(numbers).neighbour_index()
            _, rows = index.search(self._bench.held_out.matrix, min(self._k, index.n))
            self._voters, self._rows = voters, numbers[rows]
        votes: ByteArray = majority(np.ascontiguousarray(classes), self._rows)
        return votes


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
    change from draw to draw, not the clusters. Yields nothing if all pixels are noise.
    """
    clustered = np.flatnonzero(clusters != NOISE)
    if not clustered.size:
        return
    vote = TrainingVote(bench, settings.k)
    members = clusters[clustered]
    n_clusters = int(members.max()) + 1
    for budget in (*PIXELS_PER_CLUSTER, 0):
        counts, n_labels = [], len(members)
        for draw in range(draws if budget else 1):
            chosen = clustered
            if budget:
                chosen = clustered[pixels_to_label(members, budget, seed, draw)]
            counts.append(bench.count(vote.predict(name_pixels(bench, clusters, chosen))))
            n_labels = len(chosen)
        stacked = stack_draws(counts, draws)
        yield Spending(method, _rule(budget), budget, n_labels, n_clusters, stacked, "clusters")


def name_pixels(bench: Bench, clusters: IntArray, labelled: AnyArray) -> ByteArray:
    """Return the class of each training pixel's cluster, as named by the labelled pixels, (n,).

    It is 0 for noise and for clusters without labelled pixels.
    """
    n_clusters = int(clusters.max(initial=NOISE)) + 1
    votes = count_cluster_classes(
        clusters[labelled], bench.train_labels[labelled], n_clusters, bench.legend.other
    )
    # The last entry is that of noise, whose number is -1.
    classes: ByteArray = np.append(name_clusters(votes).classes, np.uint8(0))[clusters]
    return classes


def pixels_to_label(clusters: IntArray, n: int, seed: int = 0, draw: int = 0) -> AnyArray:
    """Select up to n random pixels of each cluster; return their row numbers, ascending."""
    order = draw_generator(seed, draw).permutation(len(clusters))
    shuffled = clusters[order]
    by_cluster = np.argsort(shuffled, kind="stable")
    ranked = shuffled[by_cluster]
    first = np.searchsorted(ranked, ranked, side="left")
    chosen: AnyArray = np.sort(order[by_cluster[np.arange(len(ranked)) - first < n]])
    return chosen


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


def spend_on_clusterings(
    bench: Bench,
    tree: TreeReader,
    clusterings: Mapping[str, MethodSettings],
    draws: int = DRAWS,
    report: Progress = silent,
) -> Iterator[Spending]:
    """Evaluate named clusters of several clusterings, which are settings by title.

    The tree reader is called for each of those that cut the tree.
    """
    for step, (title, method) in enumerate(clusterings.items(), start=1):
        clusters, _ = cluster_pixels(bench.train, method, tree)
        yield from spend_on_clusters(bench, clusters, title, method, draws, method.seed)
        report_step(report, step, len(clusterings), title)


def _rule(budget: int) -> str:
    if not budget:
        return EVERY_LABEL
    return "one label per cluster" if budget == 1 else f"{budget} labels per cluster"
