"""Treatment of HDBSCAN's noise: keep it, or assign it to the nearest or most probable cluster."""

from dataclasses import dataclass

import numpy as np

from core.clusters.labelling import NOISE, Labelling, labels_by_size
from core.clusters.methods.density.condensed_tree import ROOT, CondensedTree, Cut, cluster_of_node
from core.clusters.methods.density.hdbscan_tree import SpanningTree, cut_nodes
from core.errors import ArtifactError, SettingsError
from core.settings import CutSettings, NoiseSettings
from core.types import BoolArray, DoubleArray, FloatArray, IntArray


@dataclass(frozen=True)
class TreatedLabelling:
    """A labelling after noise treatment.

    Attributes
    ----------
    labels : int32 array, (n,)
        The labels to display; -1 for chips that remain noise.
    original : int32 array, (n,)
        The labels before the treatment; -1 for noise.
    membership : float32 array, (n,), 0..1
        The confidence of chips that were clustered. For noise: the membership computed by "soft",
        NaN for chips assigned by "nearest" (a distance is not a membership), 0 for "keep".
    note : str
        A sentence on the result of the treatment.
    """

    labels: IntArray
    original: IntArray
    membership: FloatArray
    note: str

    @property
    def moved(self) -> BoolArray:
        """Whether each chip was noise and is now in a cluster, (n,)."""
        moved: BoolArray = (self.original == NOISE) & (self.labels != NOISE)
        return moved

    @property
    def confidence(self) -> FloatArray:
        """Confidence of the displayed labels, (n,): the membership, or 0 for noise."""
        return np.where(self.labels == NOISE, np.float32(0), self.membership)


def treat_noise(
    labelling: Labelling,
    points: FloatArray,
    settings: NoiseSettings,
    soft: FloatArray | None = None,
) -> TreatedLabelling:
    """Treat the noise of a labelling according to the settings.

    The points, (n, d), are those that were clustered; "soft" needs the result of `soft_membership`.
    Raises SettingsError for "soft" without that result (only HDBSCAN has one), and
    ArtifactError if the arrays are of different chips or clusters.
    """
    n, k = len(labelling), labelling.n_clusters
    if len(points) != n or (soft is not None and soft.shape != (n, k)):
        raise ArtifactError("points, memberships and labelling do not match", where="noise")
    labels, membership = labelling.labels.copy(), labelling.confidence.copy()
    noise = np.flatnonzero(labels == NOISE)
    if settings.method == "nearest" and k and len(noise):
        from scipy.spatial import cKDTree

        clustered = np.flatnonzero(labels != NOISE)
        index = cKDTree(points[clustered].astype(np.float64))
        _, nearest = index.query(points[noise].astype(np.float64))
        labels[noise] = labels[clustered[nearest]]
        membership[noise] = np.nan
    elif settings.method == "soft":
        if soft is None:
            raise SettingsError(
                "soft membership needs the tree of HDBSCAN",
                where="noise",
                remedy='Cluster with HDBSCAN, or set the noise treatment to "keep" or "nearest".',
            )
        if k and len(noise):
            best = soft[noise].argmax(axis=1)
            membership[noise] = soft[noise, best]
            sufficient = membership[noise] >= settings.threshold
            labels[noise[sufficient]] = best[sufficient]
    note = _note(settings, n, len(noise), n_moved=int((labels[noise] != NOISE).sum()))
    return TreatedLabelling(labels, labelling.labels, membership, note)


def soft_membership(tree: SpanningTree, settings: CutSettings, points: FloatArray) -> FloatArray:
    """Return the membership of each chip in each cluster of a cut.

    For each cluster, the nearness to its exemplars is multiplied by a score for the height at which
    the chip joins the cluster in the tree. The products are normalised, then multiplied by the
    probability that the chip belongs to any cluster. This is hdbscan's soft clustering
    (`all_points_membership_vectors`; "How Soft Clustering for HDBSCAN Works" in its documentation),
    computed from the existing tree instead of a second fit.

    The points, (n, d), are those that the tree was built from. Distances are measured in the space
    of the tree. The result has the shape (n, n_clusters), and each row sums to at most 1.
    """
    if len(tree) < tree.resolve(settings).min_cluster_size:
        return np.zeros((len(tree), 0), np.float32)
    condensed, cut = cut_nodes(tree, settings)
    if not len(cut.nodes):
        return np.zeros((len(tree), 0), np.float32)
    data = np.asarray(tree.space(points), np.float64)
    heights = _joining_heights(condensed, cut)
    # The largest lambda at which a point or a child leaves each node.
    densest = condensed.max_lambda.copy()
    np.maximum.at(densest, condensed.parent[1:], condensed.birth[1:])
    top = densest[condensed.point_node]
    scores = np.exp(-top[:, None] / np.maximum(heights, np.finfo(float).tiny))
    joining = np.exp(scores - scores.max())
    joining /= joining.sum(axis=1, keepdims=True)
    # The exemplars of a cluster are the last points to leave its leaves.
    is_exemplar = (condensed.point_lambda == top) & condensed.is_leaf[condensed.point_node]
    cluster = cluster_of_node(condensed, cut.nodes)[condensed.point_node]
    exemplars = [data[is_exemplar & (cluster == j)] for j in range(len(cut.nodes))]
    share = _nearness(data, exemplars) * joining
    share /= np.maximum(share.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    ceiling = np.maximum(densest[cut.nodes][heights.argmax(axis=1)], condensed.point_lambda)
    in_any_cluster = heights.max(axis=1) / ceiling
    order = list(labels_by_size(cut.numbers))
    membership: FloatArray = (share * in_any_cluster[:, None])[:, order].astype(np.float32)
    return membership


def _joining_heights(tree: CondensedTree, cut: Cut) -> DoubleArray:
    """Return the lambda at which each point joins each cluster, (n, n_clusters)."""
    n_nodes = len(tree.parent)
    table = np.empty((n_nodes, len(cut.nodes)))
    for column, cluster in enumerate(cut.nodes.tolist()):
        path, ancestor = {cluster}, cluster
        while ancestor != ROOT:
            ancestor = int(tree.parent[ancestor])
            path.add(ancestor)
        # NaN: the node is on the cluster's own branch, where the lambda of the point is used.
        heights = [np.nan] * n_nodes
        inside = {cluster}
        for node, parent in enumerate(tree.parent.tolist()):
            if node in path:
                continue
            if parent in inside:
                inside.add(node)
            else:
                heights[node] = tree.birth[node] if parent in path else heights[parent]
        table[:, column] = heights
    joined = table[tree.point_node]
    return np.where(np.isnan(joined), tree.point_lambda[:, None], joined)


def _nearness(data: DoubleArray, exemplars: list[DoubleArray]) -> DoubleArray:
    """Return the inverse distance to the nearest exemplar of each cluster; rows sum to 1."""
    from scipy.spatial import cKDTree

    distance = np.column_stack([cKDTree(points).query(data)[0] for points in exemplars])
    touching = distance == 0
    inverse = 1 / np.where(touching, 1, distance)
    inverse = np.where(touching.any(axis=1, keepdims=True), touching, inverse)
    nearness: DoubleArray = inverse / inverse.sum(axis=1, keepdims=True)
    return nearness


def _note(settings: NoiseSettings, n: int, n_noise: int, n_moved: int) -> str:
    if settings.method == "keep" or not n_noise:
        return f"{n_noise} of {n} chips are noise and are displayed as noise."
    outcome = "were assigned to the cluster of the nearest clustered chip"
    if settings.method == "soft":
        outcome = (
            f"have a membership of {settings.threshold:g} or more and were assigned to their most "
            "probable cluster"
        )
    return (
        f"{n_moved} of {n_noise} noise chips {outcome}; {n_noise - n_moved} remain noise. Exports "
        "also contain the original labels."
    )
