"""HDBSCAN in two halves: one exact tree, dear; many cuts of it, cheap.

Campello, Moulavi and Sander, PAKDD 2013; McInnes and Healy, ICDMW 2017. Two exact routes lead to
the tree: Prim's, hdbscan's, whose work grows with the square of the chips whatever their shape,
and Boruvka's, fast_hdbscan's, which few dimensions make quick. fast_hdbscan's own entry leaves the
exact tree above 30 columns, so the parts are called here.
"""

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from core.clusters.labelling import NOISE, Fact, Labelling, in_order, labelled
from core.clusters.methods import condensed_tree
from core.clusters.methods.condensed_tree import Condensed, Cut
from core.errors import ArtifactError, DegenerateError, TooFewError
from core.settings import CutSettings, TreeSettings
from core.types import DoubleArray, FloatArray

# numba's workqueue layer aborts the process in which two threads build trees at once.
_BUILDING = threading.Lock()
# Zero distances, of equal points, mean infinite density, beside which no larger cluster persists:
# 12 equal points shattered a blob. They count as this share of the smallest other distance.
_ZERO_SHARE = 0.5
# Up to this many points Prim is the faster route, in 8 dimensions or more and in fewer.
_WIDE, _PRIM_WIDE, _PRIM_NARROW = 8, 60_000, 10_000
# Squared distances are float32 there; beyond this they overflow and the search never ends.
_LARGEST = 1e18


@dataclass(frozen=True)
class Tree:
    """The minimum spanning tree of the mutual reachability graph.

    Attributes
    ----------
    edges : float64 array, (n - 1, 3)
        Point, point, mutual reachability distance; by rising distance.
    core_distances : float32 array, (n,)
        Distance to the min_samples-th neighbour.
    min_samples, n_dims : int
        What it was built with.

    Raises
    ------
    ArtifactError
        If the arrays do not belong together.
    """

    edges: DoubleArray
    core_distances: FloatArray
    min_samples: int
    n_dims: int

    def __post_init__(self) -> None:
        n = len(self.core_distances)
        if self.edges.shape != (n - 1, 3):
            raise ArtifactError(f"{len(self.edges)} edges between {n} points", where="tree")
        if not np.isfinite(self.edges).all() or (np.diff(self.edges[:, 2]) < 0).any():
            raise ArtifactError("edges are not finite and sorted by distance", where="tree")

    def __len__(self) -> int:
        return len(self.core_distances)

    @property
    def weight(self) -> float:
        """Sum of the edges' distances."""
        return float(self.edges[:, 2].sum())

    @cached_property
    def linkage(self) -> DoubleArray:
        """Single linkage, (n - 1, 4), which every cut shares."""
        return condensed_tree.linkage(_without_zeros(self.edges))


def build_tree(points: FloatArray, settings: TreeSettings) -> Tree:
    """Build the exact tree, in any number of dimensions.

    Dear: seconds at 20,000 points. One at a time in a process: a second call waits. The same
    bytes in any number of threads.

    Parameters
    ----------
    points : float32 array, (n, d)
        Principal components, strongest first; the first `settings.n_dims` are used.
    settings : TreeSettings

    Raises
    ------
    TooFewError
        For no more points than min_samples.
    DegenerateError
        For values that are not finite or far too large, or points that are all the same.
    """
    n = len(points)
    if n <= settings.min_samples:
        raise TooFewError(
            f"{settings.min_samples} neighbours of each chip need {settings.min_samples + 1} "
            f"chips, there are {n}",
            where="min_samples",
            remedy=f"Set it to {n - 1} or less." if n > 1 else "Cut at least two chips.",
        )
    data = np.ascontiguousarray(points[:, : settings.n_dims], dtype=np.float32)
    if not (np.abs(data) < _LARGEST).all():
        raise DegenerateError("points are not finite, or far too large", where="HDBSCAN")
    if (data == data[0]).all():
        raise DegenerateError(
            f"all {n} points are the same",
            where="HDBSCAN",
            remedy="Look at the chips: they may be blank, or masked as a whole.",
        )
    build = _prim if route(n, data.shape[1]) == "prim" else _boruvka
    with _BUILDING:
        edges, core = build(data, settings.min_samples)
    order = np.lexsort((edges[:, 1], edges[:, 0], edges[:, 2]))
    return Tree(edges[order], core, settings.min_samples, data.shape[1])


def route(n: int, d: int) -> Literal["prim", "boruvka"]:
    """The faster exact route for n points in d dimensions, as measured (decision 6)."""
    return "prim" if n <= (_PRIM_WIDE if d >= _WIDE else _PRIM_NARROW) else "boruvka"


def cut_tree(tree: Tree, settings: CutSettings) -> Labelling:
    """Cut the tree into clusters and noise: the labels of a fresh fit, in milliseconds.

    Parameters
    ----------
    tree : Tree
    settings : CutSettings
        An epsilon that joins everything gives one cluster, as DBSCAN does, where the hdbscan
        package goes back to its leaves.

    Returns
    -------
    Labelling
        With the membership strength as confidence: 1 at the densest part of the cluster.
    """
    n = len(tree)
    facts: dict[str, Fact] = {
        "min_cluster_size": settings.min_cluster_size,
        "min_samples": tree.min_samples,
        "n_dims": tree.n_dims,
        "tree_weight": tree.weight,
    }
    if n < settings.min_cluster_size:
        note = f"{n} chips are fewer than the smallest cluster allowed: all are noise. " + _LOWER
        nothing = np.zeros(n)
        return labelled(nothing + NOISE, nothing, "hdbscan", facts, (note,))

    _, found = cut_nodes(tree, settings)
    notes = () if len(found.nodes) else ("No cluster stands out from the rest. " + _LOWER,)
    return labelled(found.raw, found.strength, "hdbscan", facts, notes)


def cut_nodes(tree: Tree, settings: CutSettings) -> tuple[Condensed, Cut]:
    """The condensed tree and the nodes cut from it, in the tree's own numbers."""
    condensed = condensed_tree.condense(tree.linkage, settings.min_cluster_size)
    return condensed, condensed_tree.cut(condensed, settings)


def persistence(tree: Tree, settings: CutSettings) -> DoubleArray:
    """Persistence of each cluster of a cut, by label, (n_clusters,), 0..1."""
    if len(tree) < settings.min_cluster_size:
        return np.zeros(0)
    condensed, found = cut_nodes(tree, settings)
    lives = condensed_tree.persistence(condensed, found)
    return np.array([lives[old] for old in in_order(found.raw)], np.float64)


def warm_up() -> None:
    """Compile what numba compiles on first use: up to two minutes, then cached on disk."""
    points = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    points[:100] += 8
    tree = build_tree(points, TreeSettings())
    with _BUILDING:
        for min_samples in (1, 5):
            _boruvka(points, min_samples)
    for settings in (CutSettings(), CutSettings(selection="leaf"), CutSettings(epsilon=0.5)):
        cut_tree(tree, settings)


_LOWER = "Lower min_cluster_size or min_samples."


def _prim(data: FloatArray, min_samples: int) -> tuple[DoubleArray, FloatArray]:
    """Edges, (n - 1, 3), and core distances, (n,): one chip after another, in one thread."""
    from hdbscan._hdbscan_linkage import mst_linkage_core_vector
    from hdbscan.dist_metrics import DistanceMetric

    from core.clusters.methods.boruvka import core_distances

    core = core_distances(data, min_samples)
    metric = DistanceMetric.get_metric("euclidean")
    edges = mst_linkage_core_vector(data.astype(np.float64), core.astype(np.float64), metric, 1.0)
    return edges, core


def _boruvka(data: FloatArray, min_samples: int) -> tuple[DoubleArray, FloatArray]:
    """The same by Boruvka's rounds."""
    from core.clusters.methods.boruvka import boruvka

    return boruvka(data, min_samples)


def _without_zeros(edges: DoubleArray) -> DoubleArray:
    """The edges with zero distances raised to a small one."""
    zero = edges[:, 2] <= 0
    if not zero.any():
        return edges
    raised = edges.copy()
    raised[zero, 2] = edges[~zero, 2].min() * _ZERO_SHARE
    return raised
