"""Methods that learn from few labels and many unlabelled pixels, in the label economy."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from core.clusters.labelling import NOISE
from core.clusters.methods.density.condensed_tree import (
    CondensedTree,
    cluster_of_node,
    condense_tree,
)
from core.clusters.methods.density.hdbscan_tree import SpanningTree
from core.land.evaluation.active_labels import (
    choose_regions,
    choose_uncertain,
    choose_uncertain_regions,
)
from core.land.evaluation.cluster_labels import TrainingVote, name_pixels
from core.land.evaluation.label_economy import Bench, label_counts
from core.land.evaluation.labelled_pixels import (
    RANDOM,
    PixelUse,
    choose_randomly,
    fit_logistic,
    logistic_shares,
)
from core.types import AnyArray, ByteArray, DoubleArray, IntArray

# The graph joins each pixel to its 10 nearest. The share of a pixel's classes that comes from its
# neighbours in each iteration; 0.9 and 0.99 were equal on the synthetic data set.
_NEIGHBOURS, _ALPHA = 10, 0.9
_ITERATIONS, _TOLERANCE = 100, 1e-3
# Self-training adds pixels whose likeliest class has this share, at most this many in each of at
# most this many rounds, and stops once fewer than this share of the pixels is added.
_CONFIDENCE, _MOST_ADDED, _ROUNDS, _LEAST_ADDED = 0.9, 1500, 5, 0.01
# The smallest clusters of semi-supervised HDBSCAN, which the labels then merge.
_LEAST_CLUSTER = 10


def few_label_uses(
    bench: Bench, k: int, most: int, read_tree: Callable[[], SpanningTree]
) -> list[PixelUse]:
    """Return the methods for few labels, on at most `most` training pixels.

    Semi-supervised HDBSCAN cuts the tree of all training pixels, which `read_tree` returns.
    """
    thinned = bench.thin(most)
    n = len(thinned.train_labels)
    counts = [budget for budget in label_counts(n)[:-1] if budget <= 1664]
    every_other, regions = tuple(counts[1::2]), tuple(b for b in counts[2:] if b <= 832)
    graph, tree_labels = LabelGraph(thinned, k), TreeLabels(bench, k, read_tree)
    return [
        PixelUse(
            "semi-supervised hdbscan",
            RANDOM,
            "clusters",
            every_other,
            bench,
            tree_labels.learn,
            choose_randomly,
        ),
        PixelUse("spreading", RANDOM, "few", every_other, thinned, graph.learn, choose_randomly),
        PixelUse(
            "self-training", RANDOM, "few", every_other[:3], thinned, self_train, choose_randomly
        ),
        PixelUse(
            "active",
            "uncertain pixels",
            "few",
            tuple(b for b in counts if b <= 832),
            thinned,
            fit_logistic,
            choose_uncertain,
        ),
        PixelUse(
            "regions", "random regions", "few", regions, thinned, fit_logistic, choose_regions
        ),
        PixelUse(
            "active regions",
            "uncertain regions",
            "few",
            regions,
            thinned,
            fit_logistic,
            choose_uncertain_regions,
        ),
    ]


class LabelGraph:
    """Label spreading over the graph of nearest neighbours (Zhou et al., NeurIPS 2003)."""

    def __init__(self, bench: Bench, k: int) -> None:
        self._bench, self._vote = bench, TrainingVote(bench, k)

    @cached_property
    def affinity(self) -> AnyArray:
        """The normalised graph: 1 for neighbours in either direction, divided by both degrees."""
        from scipy import sparse

        from core.neighbours.nearest import search_other_rows

        n = len(self._bench.train_labels)
        n_neighbours = min(_NEIGHBOURS, n - 1)
        _, rows = search_other_rows(self._bench.train.matrix, n_neighbours)
        ends = (np.repeat(np.arange(n), n_neighbours), rows.ravel())
        graph = sparse.csr_matrix((np.ones(rows.size), ends), shape=(n, n))
        graph = graph.maximum(graph.T)
        scale = sparse.diags(1 / np.sqrt(np.maximum(graph.sum(axis=1).A1, 1)))
        affinity: AnyArray = (scale @ graph @ scale).tocsr()
        return affinity

    def spread(self, rows: AnyArray) -> ByteArray:
        """Return the class of each training pixel, uint8 (n,); 0 where no label arrives."""
        labels = self._bench.train_labels[rows]
        classes = np.unique(labels)
        start = np.zeros((len(self._bench.train_labels), len(classes)))
        start[rows, np.searchsorted(classes, labels)] = 1
        shares: DoubleArray = start
        for _ in range(_ITERATIONS if len(start) > 1 else 0):
            previous = shares
            shares = _ALPHA * (self.affinity @ shares) + (1 - _ALPHA) * start
            if np.abs(shares - previous).sum() < _TOLERANCE:
                break
        spread = np.where(shares.any(axis=1), classes[shares.argmax(axis=1)], 0)
        return spread.astype(np.uint8)

    def learn(self, _: Bench, rows: AnyArray) -> ByteArray:
        """Predict the held-out pixels by a vote of the training pixels, which all have a class."""
        return self._vote.predict(self.spread(rows))


def self_train(bench: Bench, rows: AnyArray) -> ByteArray:
    """Predict the held-out pixels by logistic regression that labels confident pixels itself.

    It stops when few pixels are added, or after a few rounds (Yarowsky, ACL 1995).
    """
    n = len(bench.train_labels)
    labels = np.zeros(n, np.uint8)
    labels[rows] = bench.train_labels[rows]
    for _ in range(_ROUNDS):
        known = np.flatnonzero(labels)
        classes, shares = logistic_shares(bench, known, labels[known], bench.train.matrix)
        confident = np.flatnonzero((labels == 0) & (shares.max(axis=1) >= _CONFIDENCE))
        if len(classes) < 2 or len(confident) < _LEAST_ADDED * n:
            break
        # Evenly over the rows rather than the most confident, which are all alike.
        step = -(-len(confident) // _MOST_ADDED)
        added = confident[::step]
        labels[added] = classes[shares[added].argmax(axis=1)]
    known = np.flatnonzero(labels)
    classes, shares = logistic_shares(bench, known, labels[known], bench.held_out.matrix)
    predicted: ByteArray = classes[shares.argmax(axis=1)]
    return predicted


class TreeLabels:
    """Semi-supervised HDBSCAN: the labels select the clusters from the tree, and name them.

    The clusters are those with the highest BCubed F-measure of the labelled pixels, and the most
    stable ones in a tie (Gertrudes et al., Data Mining and Knowledge Discovery 33, 2019).
    """

    def __init__(self, bench: Bench, k: int, read_tree: Callable[[], SpanningTree]) -> None:
        self._bench, self._vote, self._read_tree = bench, TrainingVote(bench, k), read_tree

    @cached_property
    def condensed(self) -> CondensedTree:
        """The condensed tree of the smallest clusters."""
        return condense_tree(self._read_tree().linkage, _LEAST_CLUSTER)

    def learn(self, _: Bench, rows: AnyArray) -> ByteArray:
        """Predict the held-out pixels by a vote of the pixels in named clusters."""
        clusters = cut_by_labels(self.condensed, rows, self._bench.train_labels[rows])
        return self._vote.predict(name_pixels(self._bench, clusters, rows))


def cut_by_labels(tree: CondensedTree, rows: AnyArray, labels: ByteArray) -> IntArray:
    """Return the cluster of each point, int32 (n,), that the labels of some rows select.

    -1 stands for noise, which includes points that fall out of the tree above the clusters.
    """
    scores = bcubed_scores(tree, rows, labels)
    n_nodes = len(scores)
    parent, stability = tree.parent.tolist(), np.maximum(tree.stability, 0).tolist()
    below = [(0.0, 0.0)] * n_nodes
    is_candidate = [False] * n_nodes
    # Children come after their parents. The root would be one cluster of all points.
    for node in range(n_nodes - 1, 0, -1):
        value = (round(float(scores[node]), 12), stability[node])
        is_candidate[node] = value >= below[node]
        best = value if is_candidate[node] else below[node]
        above = below[parent[node]]
        below[parent[node]] = (round(above[0] + best[0], 12), above[1] + best[1])
    is_covered = [False] * n_nodes
    for node in range(1, n_nodes):
        is_covered[node] = is_covered[parent[node]] or is_candidate[parent[node]]
    nodes = np.flatnonzero(np.array(is_candidate) & ~np.array(is_covered))
    if not len(nodes):
        return np.full(len(tree.point_node), NOISE, np.int32)
    return cluster_of_node(tree, nodes)[tree.point_node]


def bcubed_scores(tree: CondensedTree, rows: AnyArray, labels: ByteArray) -> DoubleArray:
    """Return the BCubed F-measure that each node contributes as a cluster, (n_nodes,), 0..1.

    The sum over the selected nodes is that of the clustering. For a labelled point, precision is
    the share of its class among the labelled points of its cluster, and recall is the share of its
    class that is in the cluster (Amigó et al., Information Retrieval 12, 2009).
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(tree.parent), len(classes)))
    np.add.at(counts, (tree.point_node[rows], numbers), 1)
    for node in range(len(counts) - 1, 0, -1):
        counts[tree.parent[node]] += counts[node]
    precision = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    recall = counts / np.maximum(counts[0], 1)
    measure = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    scores: DoubleArray = (counts * measure).sum(axis=1) / max(len(labels), 1)
    return scores
