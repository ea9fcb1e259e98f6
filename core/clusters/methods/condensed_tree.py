"""HDBSCAN's condensed tree and the choice of clusters in it, node by node.

Campello, Moulavi, Zimek and Sander, TKDD 2015. The linkage and the condensing are fast_hdbscan's;
the choice is made here, since its own is quadratic in the nodes and fails on one cluster beside a
larger one that max_cluster_size leaves out.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.clusters.labelling import NOISE
from core.settings import CutSettings
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray, IntArray

ROOT = 0


@dataclass(frozen=True)
class Condensed:
    """The condensed tree; node 0 is the root, children come after their parents.

    Attributes
    ----------
    parent : int array, (k,)
        Parent of each node; the root is its own.
    birth : float64 array, (k,)
        Lambda, 1 / distance, at which the node parts from its sibling; 0 for the root.
    size : int array, (k,)
        Points in the node.
    point_node : int array, (n,)
        The node that each point falls out of.
    point_lambda : float64 array, (n,)
        Lambda at which it does.
    """

    parent: AnyArray
    birth: DoubleArray
    size: AnyArray
    point_node: AnyArray
    point_lambda: DoubleArray

    @cached_property
    def stability(self) -> DoubleArray:
        """Excess of mass of each node, (k,): its points' lambdas above its birth, summed."""
        k = len(self.parent)
        mass = np.bincount(self.point_node, self.point_lambda, k)
        mass += np.bincount(self.parent[1:], self.birth[1:] * self.size[1:], k)
        excess: DoubleArray = mass - self.birth * self.size
        return excess

    @cached_property
    def densest(self) -> DoubleArray:
        """Largest lambda of the points that fall out of each node itself, (k,)."""
        found = np.zeros(len(self.parent))
        np.maximum.at(found, self.point_node, self.point_lambda)
        return found

    @cached_property
    def leaf(self) -> BoolArray:
        """Whether each node has no children, (k,)."""
        leaves = np.ones(len(self.parent), np.bool_)
        leaves[self.parent[1:]] = False
        return leaves


@dataclass(frozen=True)
class Cut:
    """Chosen nodes and what they make of the points.

    Attributes
    ----------
    nodes : int array, (m,)
    raw : int32 array, (n,)
        Position in `nodes`; -1 for noise.
    strength : float32 array, (n,), 0..1
    """

    nodes: AnyArray
    raw: IntArray
    strength: FloatArray


def linkage(edges: DoubleArray) -> DoubleArray:
    """Single linkage, (n - 1, 4), from edges sorted by distance, (n - 1, 3)."""
    from fast_hdbscan.cluster_trees import mst_to_linkage_tree

    merged: DoubleArray = mst_to_linkage_tree(np.ascontiguousarray(edges))
    return merged


def condense(merged: DoubleArray, min_cluster_size: int) -> Condensed:
    """Keep the splits whose both sides hold min_cluster_size points or more."""
    from fast_hdbscan.cluster_trees import condense_tree

    n = len(merged) + 1
    rows = condense_tree(merged, min_cluster_size=min_cluster_size)
    parent, child = rows.parent - n, rows.child
    lambdas = rows.lambda_val.astype(np.float64)
    node = child >= n
    point_node, point_lambda = np.zeros(n, np.int64), np.zeros(n)
    point_node[child[~node]] = parent[~node]
    point_lambda[child[~node]] = lambdas[~node]
    return Condensed(
        parent=np.concatenate([[ROOT], parent[node]]),
        birth=np.concatenate([[0.0], lambdas[node]]),
        size=np.concatenate([[n], rows.child_size[node].astype(np.int64)]),
        point_node=point_node,
        point_lambda=point_lambda,
    )


def cut(tree: Condensed, settings: CutSettings) -> Cut:
    """Choose clusters and label the points."""
    nodes = choose(tree, settings)
    number = np.full(len(tree.parent), NOISE, np.int32)
    number[nodes] = np.arange(len(nodes))
    raw = inherited(tree.parent, number)[tree.point_node]
    if nodes.tolist() == [ROOT]:
        raw = np.where(tree.point_lambda >= _root_level(tree, settings.epsilon), raw, NOISE)
    top = tree.densest[nodes][raw] if len(nodes) else np.zeros(len(raw))
    inside = (raw != NOISE) & (top > 0)
    strength = np.where(raw == NOISE, 0.0, 1.0)
    strength[inside] = np.minimum(tree.point_lambda[inside] / top[inside], 1.0)
    return Cut(nodes, raw.astype(np.int32), strength.astype(np.float32))


def choose(tree: Condensed, settings: CutSettings) -> AnyArray:
    """The nodes that become clusters, rising."""
    if settings.selection == "leaf":
        chosen = np.flatnonzero(tree.leaf)
        if not settings.allow_single_cluster:
            chosen = chosen[chosen != ROOT]
    else:
        chosen = _excess_of_mass(tree, settings)
    if settings.epsilon > 0 and len(chosen) > 1:
        return np.unique([_climb(tree, int(node), settings) for node in chosen])
    return chosen


def persistence(tree: Condensed, found: Cut) -> DoubleArray:
    """How long each cluster lives beside the longest life possible, (m,), 0..1; as in hdbscan."""
    sizes = np.bincount(found.raw[found.raw != NOISE], minlength=len(found.nodes))
    longest = max(tree.point_lambda.max(), tree.birth.max())
    share: DoubleArray = tree.stability[found.nodes] / (np.maximum(sizes, 1) * longest)
    return share


def relative_validity(edges: DoubleArray, labels: IntArray) -> float:
    """Density-based validity along the tree's edges, -1..1; NaN for fewer than two clusters.

    Moulavi et al., SDM 2014, in hdbscan's approximation: the tree's own edges stand for the
    distances inside and between clusters, so it compares cuts of one tree and nothing else.
    """
    sizes = np.bincount(labels[labels != NOISE])
    if len(sizes) < 2:
        return float("nan")
    distance = edges[:, 2]
    one, other = labels[edges[:, 0].astype(np.int64)], labels[edges[:, 1].astype(np.int64)]
    both = (one != NOISE) & (other != NOISE)
    same, between = both & (one == other), both & (one != other)
    sparseness, separation = np.zeros(len(sizes)), np.full(len(sizes), np.inf)
    np.maximum.at(sparseness, one[same], distance[same])
    np.minimum.at(separation, one[between], distance[between])
    np.minimum.at(separation, other[between], distance[between])
    # A cluster that noise surrounds has no edge to another one: hdbscan's stand-in.
    separation[np.isinf(separation)] = 2 * distance.max()
    largest = np.maximum(np.maximum(separation, sparseness), np.finfo(float).tiny)
    return float((sizes * (separation - sparseness) / largest).sum() / len(labels))


def inherited(parent: AnyArray, value: AnyArray) -> AnyArray:
    """Each node's value where it is not -1, else that of its nearest ancestor that has one."""
    given = value.tolist()
    for node, above in enumerate(parent.tolist()):
        if given[node] == NOISE:
            given[node] = given[above]
    return np.array(given, value.dtype)


def _excess_of_mass(tree: Condensed, settings: CutSettings) -> AnyArray:
    """From the leaves up: a node stays where it outweighs what is chosen below it."""
    limit = settings.max_cluster_size or len(tree.point_node)
    parent, size = tree.parent.tolist(), tree.size.tolist()
    score = np.maximum(tree.stability, 0).tolist()
    below = [0.0] * len(parent)
    stays = [False] * len(parent)
    last = ROOT if settings.allow_single_cluster else ROOT + 1
    for node in range(len(parent) - 1, last - 1, -1):
        stays[node] = below[node] <= score[node] and size[node] <= limit
        below[parent[node]] += score[node] if stays[node] else below[node]
    inside = [False] * len(parent)
    for node in range(1, len(parent)):
        inside[node] = inside[parent[node]] or stays[parent[node]]
    return np.flatnonzero(np.array(stays) & ~np.array(inside))


def _climb(tree: Condensed, node: int, settings: CutSettings) -> int:
    """The nearest ancestor that parted at epsilon or farther, else the topmost one allowed.

    That is the root where all chips may be one cluster, its child where not; as in hdbscan.
    """
    while node != ROOT and tree.birth[node] * settings.epsilon > 1:
        above = int(tree.parent[node])
        if above == ROOT and not settings.allow_single_cluster:
            return node
        node = above
    return node


def _root_level(tree: Condensed, epsilon: float) -> float:
    """The lambda from which points belong to the root chosen as the only cluster."""
    if epsilon > 0:
        return 1 / epsilon
    splits = tree.birth[1:][tree.parent[1:] == ROOT]
    return float(max(tree.densest[ROOT], splits.max(initial=0.0)))
