"""Honest noise: kept, given to the nearest cluster, or to the likeliest one; -1 always beside."""

from dataclasses import dataclass

import numpy as np

from core.clusters.labelling import NOISE, Labelling, in_order
from core.clusters.methods.condensed_tree import ROOT, Condensed, Cut, inherited
from core.clusters.methods.hdbscan_tree import Tree, cut_nodes
from core.errors import ArtifactError, SettingsError
from core.settings import CutSettings, NoiseSettings
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray, IntArray

# Rows at a time: 1,000 x 20,000 distances are 160 MB.
_BLOCK = 1000


@dataclass(frozen=True)
class Treated:
    """A labelling whose noise was treated.

    Attributes
    ----------
    labels : int32 array, (n,)
        What is shown; -1 for what stayed noise.
    original : int32 array, (n,)
        What HDBSCAN said, -1 for noise: exported beside.
    membership : float32 array, (n,), 0..1
        The confidence of chips that were clustered; of the others the membership that "soft"
        found. NaN for those that "nearest" gave to a cluster: being near is no membership. 0 for
        those of which nothing was asked.
    note : str
        What was done, in a sentence.
    """

    labels: IntArray
    original: IntArray
    membership: FloatArray
    note: str

    @property
    def moved(self) -> BoolArray:
        """Chips that were noise and are shown in a cluster, (n,)."""
        shown: BoolArray = (self.original == NOISE) & (self.labels != NOISE)
        return shown

    @property
    def confidence(self) -> FloatArray:
        """How sure what is shown is, (n,): the membership; 0 for what is shown as noise."""
        sure: FloatArray = np.where(self.labels == NOISE, np.float32(0), self.membership)
        return sure


def treat(
    labelling: Labelling,
    points: FloatArray,
    settings: NoiseSettings,
    soft: FloatArray | None = None,
) -> Treated:
    """Treat the noise of a labelling as the user chose.

    Parameters
    ----------
    labelling : Labelling
    points : float32 array, (n, d)
        The space that was clustered.
    settings : NoiseSettings
    soft : float32 array, (n, n_clusters), optional
        From `soft_membership`; needed for "soft".

    Raises
    ------
    SettingsError
        For "soft" without memberships, as for labellings that are not HDBSCAN's.
    ArtifactError
        If the arrays are of different chips or clusters.
    """
    n, k = len(labelling), labelling.n_clusters
    if len(points) != n or (soft is not None and soft.shape != (n, k)):
        raise ArtifactError("points, memberships and labelling differ", where="noise")
    labels, membership = labelling.labels.copy(), labelling.confidence.copy()
    noise = np.flatnonzero(labels == NOISE)
    if settings.method == "nearest" and k and len(noise):
        labels[noise] = _nearest(points, labels, noise)
        membership[noise] = np.nan
    elif settings.method == "soft":
        if soft is None:
            raise SettingsError(
                "soft membership needs HDBSCAN's tree",
                where="noise",
                remedy='Cluster by HDBSCAN, or choose "keep" or "nearest".',
            )
        if k and len(noise):
            best = soft[noise].argmax(axis=1)
            membership[noise] = soft[noise, best]
            clear = membership[noise] >= settings.threshold
            labels[noise[clear]] = best[clear]
    moved = int((labels[noise] != NOISE).sum())
    return Treated(labels, labelling.labels, membership, _note(settings, n, len(noise), moved))


def soft_membership(tree: Tree, settings: CutSettings, points: FloatArray) -> FloatArray:
    """Membership of each chip in each cluster of a cut, (n, n_clusters), rows sum to 0..1.

    The product of nearness to the clusters' exemplars and of the height at which the chip joins
    each in the tree, times the probability of being in any: hdbscan's soft clustering
    (all_points_membership_vectors; "How Soft Clustering for HDBSCAN Works" in its manual), from
    the tree that is there instead of a second fit.

    Parameters
    ----------
    tree : Tree
    settings : CutSettings
    points : float32 array, (n, d)
        What the tree was built from; its first `tree.n_dims` columns are used.
    """
    if len(tree) < settings.min_cluster_size:
        return np.zeros((len(tree), 0), np.float32)
    condensed, found = cut_nodes(tree, settings)
    if not len(found.nodes):
        return np.zeros((len(tree), 0), np.float32)
    data = np.asarray(points[:, : tree.n_dims], np.float64)
    heights = _heights(condensed, found)
    densest = _leaf_densest(condensed)
    top = densest[condensed.point_node][:, None]
    scores = np.exp(-top / np.maximum(heights, np.finfo(float).tiny))
    joining = np.exp(scores - scores.max())
    share = _nearness(data, condensed, found) * (joining / joining.sum(axis=1, keepdims=True))
    share /= np.maximum(share.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    likeliest = heights.argmax(axis=1)
    height = heights[np.arange(len(heights)), likeliest]
    ceiling = np.maximum(densest[found.nodes][likeliest], condensed.point_lambda)
    order = list(in_order(found.raw))
    membership: FloatArray = (share * (height / ceiling)[:, None])[:, order].astype(np.float32)
    return membership


def _heights(tree: Condensed, found: Cut) -> DoubleArray:
    """Lambda at which each point joins each cluster, (n, m)."""
    k = len(tree.parent)
    table = np.empty((k, len(found.nodes)))
    for column, cluster in enumerate(found.nodes.tolist()):
        path = {cluster}
        while cluster != ROOT:
            cluster = int(tree.parent[cluster])  # noqa: PLW2901
            path.add(cluster)
        # NaN: the node lies on the cluster's own branch, where a point's own lambda counts.
        heights = [np.nan] * k
        below = {int(found.nodes[column])}
        for node, above in enumerate(tree.parent.tolist()):
            if node in path:
                continue
            if above in below:
                below.add(node)
            else:
                heights[node] = tree.birth[node] if above in path else heights[above]
        table[:, column] = heights
    joined = table[tree.point_node]
    return np.where(np.isnan(joined), tree.point_lambda[:, None], joined)


def _leaf_densest(tree: Condensed) -> DoubleArray:
    """Largest lambda among each node's own rows, points and children, (k,)."""
    densest = tree.densest.copy()
    np.maximum.at(densest, tree.parent[1:], tree.birth[1:])
    return densest


def _nearness(data: DoubleArray, tree: Condensed, found: Cut) -> DoubleArray:
    """Inverse distance of each point to each cluster's nearest exemplar, rows sum to 1, (n, m).

    Exemplars are the points of a cluster's leaves that fall out last.
    """
    from scipy.spatial import cKDTree

    last = tree.point_lambda == _leaf_densest(tree)[tree.point_node]
    exemplar = last & tree.leaf[tree.point_node]
    inside = _owner(tree, found)[tree.point_node]
    distance = np.empty((len(data), len(found.nodes)))
    for column in range(len(found.nodes)):
        rows = exemplar & (inside == column)
        distance[:, column] = cKDTree(data[rows]).query(data)[0]
    touching = distance == 0
    inverse = 1 / np.where(touching, 1, distance)
    inverse = np.where(touching.any(axis=1, keepdims=True), touching, inverse)
    nearness: DoubleArray = inverse / inverse.sum(axis=1, keepdims=True)
    return nearness


def _owner(tree: Condensed, found: Cut) -> AnyArray:
    """The position of the cluster that each node lies in, (k,); -1 outside."""
    number = np.full(len(tree.parent), NOISE, np.int64)
    number[found.nodes] = np.arange(len(found.nodes))
    return inherited(tree.parent, number)


def _nearest(points: FloatArray, labels: IntArray, noise: AnyArray) -> IntArray:
    """The label of the nearest clustered chip of each noise chip."""
    from scipy.spatial import cKDTree

    there = np.flatnonzero(labels != NOISE)
    _, nearest = cKDTree(points[there].astype(np.float64)).query(points[noise].astype(np.float64))
    found: IntArray = labels[there[nearest]]
    return found


def _note(settings: NoiseSettings, n: int, noise: int, moved: int) -> str:
    if settings.method == "keep" or not noise:
        return f"{noise} of {n} chips are noise and shown as such."
    how = {
        "nearest": "the cluster of the nearest clustered chip",
        "soft": f"their likeliest cluster, at a membership of {settings.threshold:g} or more",
    }[settings.method]
    return (
        f"{moved} of {noise} noise chips are shown in {how}; {noise - moved} stay noise. "
        "The original -1 is kept beside."
    )
