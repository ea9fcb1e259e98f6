"""HDBSCAN in two steps: one exact tree, slow to build, and many cuts of it, each fast.

Campello, Moulavi and Sander, PAKDD 2013; McInnes and Healy, ICDMW 2017. The tree is built by one
of two exact algorithms: Prim's, from hdbscan, whose time grows with the square of the number of
chips in any dimension, or Boruvka's, from fast_hdbscan, which is fast in few dimensions.
fast_hdbscan's own entry point abandons the exact tree above 30 columns, so its parts are called
directly.

The tree is exact in the space in which it is built: coordinates of the graph of nearest neighbours,
or principal components.
"""

import threading
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from core.clusters.labelling import NOISE, Fact, Labelling, labels_by_size, make_labelling
from core.clusters.methods.centres import count_distinct
from core.clusters.methods.density import condensed_tree
from core.clusters.methods.density.condensed_tree import CondensedTree, Cut
from core.clusters.methods.density.exact_edges import build_by_boruvka, build_edges
from core.clusters.methods.density.neighbour_graph import MIN_CHIPS, GraphSpace, embed_neighbours
from core.clusters.methods.density.size_choice import SizeChoice, choose_sizes
from core.clusters.methods.row_sample import random_rows
from core.errors import ArtifactError, DegenerateError, TooFewError
from core.settings import CutSettings, TreeSettings
from core.types import DoubleArray, FloatArray

# numba's workqueue layer aborts the process if two threads search or build at the same time.
_BUILD_LOCK = threading.Lock()
# Zero distances between equal points mean infinite density, and no larger cluster persists next to
# them: 12 equal points split a compact group. Zeros are raised to this share of the smallest other
# distance.
_ZERO_DISTANCE_SHARE = 0.5
# The search computes squared distances in float32; beyond this they overflow, and it never ends.
_MAX_VALUE = 1e18
MAX_EXACT = 250_000
"""Number of chips up to which the exact tree of all is built; more are joined to that of a sample.

The exact tree of 200,000 chips takes minutes and 1 GB, and its time grows faster than linearly.
"""
# The defaults in principal components: min_samples, and the divisor of the number of chips that
# gives min_cluster_size; on labelled imagery, divisors from 25 to 40 were equally good.
_MIN_SAMPLES, _SIZE_DIVISOR = 5, 30
_INDISTINCT = (
    "The clusters are hardly more distinct than those found in random points. They may only divide "
    "a continuum; check whether they have a meaning."
)
_SAMPLED = (
    "The tree was built from a random sample of {sampled:,} of {n:,} chips; each of the others "
    "joins its nearest neighbours in the sample."
)
_NO_CLUSTER = "No cluster is denser than its surroundings. Lower min_cluster_size or min_samples."


@dataclass(frozen=True)
class SpanningTree:
    """The minimum spanning tree of the mutual reachability graph.

    Raises ArtifactError if the arrays do not match.

    Attributes
    ----------
    edges : float64 array, (n - 1, 3)
        Point, point, mutual reachability distance; sorted by distance.
    core_distances : float32 array, (n,)
        Distance to the min_samples-th neighbour.
    min_samples, n_dims : int
        Number of neighbours that define the density, and of principal components used.
    coordinates : float32 array, (n, k), or None
        The coordinates in the neighbour graph in which distances are measured; None for a tree of
        principal components.
    choice : SizeChoice or None
        The suggested values of min_cluster_size; None if they were not computed.
    n_sampled : int
        Number of chips from which the exact tree was built, if the others were joined to it (see
        `tree_extension`); 0 if it was built from all.
    """

    edges: DoubleArray
    core_distances: FloatArray
    min_samples: int
    n_dims: int
    coordinates: FloatArray | None = None
    choice: SizeChoice | None = None
    n_sampled: int = 0

    def __post_init__(self) -> None:
        n = len(self.core_distances)
        if self.edges.shape != (n - 1, 3):
            raise ArtifactError(f"{len(self.edges)} edges between {n} points", where="tree")
        if not np.isfinite(self.edges).all() or (np.diff(self.edges[:, 2]) < 0).any():
            raise ArtifactError("edges must be finite and sorted by distance", where="tree")
        if self.coordinates is not None and len(self.coordinates) != n:
            raise ArtifactError(f"{len(self.coordinates)} coordinates of {n} points", where="tree")

    def __len__(self) -> int:
        return len(self.core_distances)

    @property
    def weight(self) -> float:
        """Sum of the distances of all edges."""
        return float(self.edges[:, 2].sum())

    @property
    def longest_join(self) -> float:
        """The 99th percentile of the edge lengths, beyond which hardly any two chips are joined.

        Rounded to two digits; 1 if there are no edges or all distances are 0.
        """
        if not len(self.edges):
            return 1.0
        return float(f"{np.quantile(self.edges[:, 2], 0.99):.2g}") or 1.0

    @cached_property
    def linkage(self) -> DoubleArray:
        """Single linkage, (n - 1, 4), which all cuts share."""
        from core.internals.fast_hdbscan_internals import mst_to_linkage_tree

        edges = np.ascontiguousarray(_without_zeros(self.edges))
        linkage: DoubleArray = mst_to_linkage_tree(edges)
        return linkage

    def space(self, points: FloatArray) -> FloatArray:
        """Return the space in which the distances of the tree are measured, (n, k).

        The points, (n, d), are the principal components from which the tree was built.
        """
        return points[:, : self.n_dims] if self.coordinates is None else self.coordinates

    def resolve(self, settings: CutSettings) -> CutSettings:
        """Return the settings of a cut with the suggested min_cluster_size instead of 0."""
        if settings.min_cluster_size:
            return settings
        if self.choice is None:
            size = max(2, round(len(self) / _SIZE_DIVISOR))
        else:
            size = self.choice.sizes[settings.selection]
        return replace(settings, min_cluster_size=size)


def build_tree(points: FloatArray, settings: TreeSettings, suggest: bool = True) -> SpanningTree:
    """Build the exact tree of principal components, or of the graph of their neighbours.

    This takes seconds at 20,000 points. Only one tree is built at a time in a process; other calls
    wait. The result is the same, byte for byte, with any number of threads. Of more than MAX_EXACT
    points, a random sample of that size is used, and the others are joined to its tree.

    The points, (n, d), are principal components, strongest first. The first `settings.n_dims` are
    used; with 0 all are, to find neighbours, and the tree is built from log2(n) coordinates in
    their graph, unless nearly all points are equal. Then it also has a suggested min_cluster_size,
    unless `suggest` is False. Raises TooFewError if there are no more than min_samples points, and
    DegenerateError if values are not finite or far too large, or if all points are the same.
    """
    n = len(points)
    is_graph = settings.n_dims == 0 and count_distinct(points, MIN_CHIPS) >= MIN_CHIPS
    min_samples = settings.min_samples or _default_min_samples(n, is_graph)
    if n <= min_samples:
        raise TooFewError(
            f"a value of {min_samples} needs at least {min_samples + 1} chips, got {n}",
            where="min_samples",
            remedy=f"Set it to {n - 1} or less." if n > 1 else "Extract at least two chips.",
        )
    data = np.ascontiguousarray(points[:, : settings.n_dims or None], dtype=np.float32)
    if not (np.abs(data) < _MAX_VALUE).all():
        raise DegenerateError("points are not finite, or far too large", where="HDBSCAN")
    if (data == data[0]).all():
        raise DegenerateError(
            f"all {n} points are the same",
            where="HDBSCAN",
            remedy="Check the chips: they may be blank or fully masked.",
        )
    if n > MAX_EXACT:
        return _build_sampled_tree(data, settings, suggest)
    with _BUILD_LOCK:
        if is_graph:
            return _build_graph_tree(data, min_samples, suggest)
        return _span(data, min_samples, data.shape[1])


def _build_sampled_tree(data: FloatArray, settings: TreeSettings, suggest: bool) -> SpanningTree:
    """Return the exact tree of a random sample, to which all other points are joined."""
    from core.clusters.methods.density.tree_extension import TreeArrays, extend_tree

    rows = random_rows(len(data), MAX_EXACT)
    tree = build_tree(data[rows], settings, suggest)
    sampled = TreeArrays(tree.edges, tree.core_distances, tree.coordinates)
    choice = tree.choice and tree.choice.scale(len(data) / len(rows))
    arrays = vars(extend_tree(sampled, data, rows))
    return replace(tree, **arrays, choice=choice, n_sampled=len(rows))


def _build_graph_tree(data: FloatArray, min_samples: int, suggest: bool) -> SpanningTree:
    """Return the tree of the coordinates in the neighbour graph, with the suggested sizes."""
    space = embed_neighbours(data)
    tree = _span(space.coordinates, min_samples, data.shape[1])

    def link(points: FloatArray) -> tuple[GraphSpace, DoubleArray]:
        space = embed_neighbours(points)
        # A resample may have no more points than min_samples, which _span does not check.
        n_neighbours = min(min_samples, len(points) - 1)
        return space, _span(space.coordinates, n_neighbours, data.shape[1]).linkage

    choice = choose_sizes(data, space, tree.linkage, link) if suggest else None
    return replace(tree, coordinates=space.coordinates, choice=choice)


def _default_min_samples(n: int, is_graph: bool) -> int:
    """Return the number of neighbours that define the density if none is set.

    Density in the graph is reliable with a number of neighbours that grows with log n (Chaudhuri
    and Dasgupta, 2010): 1 below 100 chips, 2 below 1,000.
    """
    return max(1, int(np.log10(max(n, 1))) if is_graph else min(_MIN_SAMPLES, n - 1))


def _span(data: FloatArray, min_samples: int, n_dims: int) -> SpanningTree:
    """Return the exact tree of points in the space of the data, by the faster algorithm."""
    edges, core = build_edges(data, min_samples)
    order = np.lexsort((edges[:, 1], edges[:, 0], edges[:, 2]))
    return SpanningTree(edges[order], core, min_samples, n_dims)


def cut_tree(tree: SpanningTree, settings: CutSettings) -> Labelling:
    """Cut the tree into clusters and noise. This is fast and gives the labels of a new fit.

    The confidence is the membership strength: 1 in the densest part of a cluster. As in hdbscan, an
    epsilon beyond all splits leaves the topmost clusters, or one cluster if that is allowed.
    """
    n, settings = len(tree), tree.resolve(settings)
    facts: dict[str, Fact] = {
        "min_cluster_size": settings.min_cluster_size,
        "min_samples": tree.min_samples,
        "n_dims": tree.n_dims,
        "tree_weight": tree.weight,
    }
    if tree.coordinates is not None:
        facts["graph_dims"] = tree.coordinates.shape[1]
    if n < settings.min_cluster_size:
        note = (
            f"{n} chips are fewer than min_cluster_size, {settings.min_cluster_size}, so all of "
            "them are noise. Lower min_cluster_size."
        )
        return make_labelling(np.full(n, NOISE), np.zeros(n), "hdbscan", facts, (note,))

    _, cut = cut_nodes(tree, settings)
    notes: tuple[str, ...] = () if len(cut.nodes) else (_NO_CLUSTER,)
    if tree.n_sampled:
        facts["n_sampled"] = tree.n_sampled
        notes += (_SAMPLED.format(sampled=tree.n_sampled, n=n),)
    if len(cut.nodes) and tree.choice is not None and not tree.choice.is_distinct:
        notes += (_INDISTINCT,)
    return make_labelling(cut.numbers, cut.strength, "hdbscan", facts, notes)


def cut_nodes(tree: SpanningTree, settings: CutSettings) -> tuple[CondensedTree, Cut]:
    """Return the condensed tree and the cut, before the clusters are numbered by size."""
    settings = tree.resolve(settings)
    condensed = condensed_tree.condense_tree(tree.linkage, settings.min_cluster_size)
    return condensed, condensed_tree.cut_condensed_tree(condensed, settings)


def cluster_persistence(tree: SpanningTree, settings: CutSettings) -> DoubleArray:
    """Return the persistence of each cluster of a cut, by label, (n_clusters,), 0..1."""
    if len(tree) < tree.resolve(settings).min_cluster_size:
        return np.zeros(0)
    condensed, cut = cut_nodes(tree, settings)
    order = list(labels_by_size(cut.numbers))
    return condensed_tree.node_persistence(condensed, cut)[order]


def compile_hdbscan() -> None:
    """Compile the functions of numba in advance: up to two minutes, then cached on disk."""
    points = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    points[:100] += 8
    tree = build_tree(points, TreeSettings())
    build_tree(points, TreeSettings(n_dims=3, min_samples=5))
    with _BUILD_LOCK:
        for min_samples in (1, 5):
            build_by_boruvka(points, min_samples)
    for settings in (CutSettings(), CutSettings(selection="leaf"), CutSettings(epsilon=0.5)):
        cut_tree(tree, settings)


def _without_zeros(edges: DoubleArray) -> DoubleArray:
    """Return the edges with zero distances raised to a small value."""
    is_zero = edges[:, 2] <= 0
    if not is_zero.any():
        return edges
    raised = edges.copy()
    raised[is_zero, 2] = edges[~is_zero, 2].min() * _ZERO_DISTANCE_SHARE
    return raised
