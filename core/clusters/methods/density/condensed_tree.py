"""HDBSCAN's condensed tree and the selection of clusters from its nodes.

Campello, Moulavi, Zimek and Sander, TKDD 2015. Condensing comes from fast_hdbscan. The
selection is implemented here, because the one in fast_hdbscan takes time quadratic in the number
of nodes, and fails if max_cluster_size leaves one cluster next to a larger one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.clusters.labelling import NOISE
from core.settings import CutSettings
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray, IntArray

ROOT = 0


@dataclass(frozen=True)
class CondensedTree:
    """The condensed tree; node 0 is the root, and children come after their parents.

    Attributes
    ----------
    parent : int array, (n_nodes,)
        Parent of each node; the root is its own parent.
    birth : float64 array, (n_nodes,)
        Lambda, 1 / distance, at which the node separates from its sibling; 0 for the root.
    size : int array, (n_nodes,)
        Number of points in the node.
    point_node : int array, (n,)
        The node that each point falls out of.
    point_lambda : float64 array, (n,)
        The lambda at which the point falls out.
    """

    parent: AnyArray
    birth: DoubleArray
    size: AnyArray
    point_node: AnyArray
    point_lambda: DoubleArray

    @cached_property
    def stability(self) -> DoubleArray:
        """Excess of mass of each node, (n_nodes,): the sum of its points' lambdas above birth."""
        n_nodes = len(self.parent)
        mass = np.bincount(self.point_node, self.point_lambda, n_nodes)
        mass += np.bincount(self.parent[1:], self.birth[1:] * self.size[1:], n_nodes)
        return mass - self.birth * self.size

    @cached_property
    def max_lambda(self) -> DoubleArray:
        """Largest lambda of the points that fall out of each node itself, (n_nodes,)."""
        max_lambda = np.zeros(len(self.parent))
        np.maximum.at(max_lambda, self.point_node, self.point_lambda)
        return max_lambda

    @cached_property
    def is_leaf(self) -> BoolArray:
        """Whether each node has no children, (n_nodes,)."""
        is_leaf = np.ones(len(self.parent), np.bool_)
        is_leaf[self.parent[1:]] = False
        return is_leaf


@dataclass(frozen=True)
class Cut:
    """The selected nodes and the clusters that they form.

    Attributes
    ----------
    nodes : int array, (n_clusters,)
        The selected nodes, in ascending order.
    numbers : int32 array, (n,)
        Cluster number of each point, a position in `nodes`; -1 for noise.
    strength : float32 array, (n,), 0..1
        Membership strength.
    """

    nodes: AnyArray
    numbers: IntArray
    strength: FloatArray


def condense_tree(linkage: DoubleArray, min_cluster_size: int) -> CondensedTree:
    """Keep only the splits that leave at least min_cluster_size points on both sides."""
    from core.internals.fast_hdbscan_internals import condense_linkage

    n = len(linkage) + 1
    rows = condense_linkage(linkage, min_cluster_size=min_cluster_size)
    parent, child = rows.parent - n, rows.child
    lambdas = rows.lambda_val.astype(np.float64)
    is_node = child >= n
    point_node, point_lambda = np.zeros(n, np.int64), np.zeros(n)
    point_node[child[~is_node]] = parent[~is_node]
    point_lambda[child[~is_node]] = lambdas[~is_node]
    return CondensedTree(
        parent=np.concatenate([[ROOT], parent[is_node]]),
        birth=np.concatenate([[0.0], lambdas[is_node]]),
        size=np.concatenate([[n], rows.child_size[is_node].astype(np.int64)]),
        point_node=point_node,
        point_lambda=point_lambda,
    )


def cut_condensed_tree(tree: CondensedTree, settings: CutSettings) -> Cut:
    """Select clusters and assign the points to them."""
    nodes = choose_nodes(tree, settings)
    numbers = cluster_of_node(tree, nodes)[tree.point_node]
    if nodes.tolist() == [ROOT]:
        threshold = _root_threshold(tree, settings.epsilon)
        numbers = np.where(tree.point_lambda >= threshold, numbers, NOISE)
    top = tree.max_lambda[nodes][numbers] if len(nodes) else np.zeros(len(numbers))
    graded = (numbers != NOISE) & (top > 0)
    strength = np.where(numbers == NOISE, 0.0, 1.0)
    strength[graded] = np.minimum(tree.point_lambda[graded] / top[graded], 1.0)
    return Cut(nodes, numbers.astype(np.int32), strength.astype(np.float32))


def choose_nodes(tree: CondensedTree, settings: CutSettings) -> AnyArray:
    """Return the nodes that become clusters, in ascending order."""
    if settings.selection == "leaf":
        nodes = np.flatnonzero(tree.is_leaf)
        if not settings.allow_single_cluster:
            nodes = nodes[nodes != ROOT]
    else:
        nodes = _select_by_excess_of_mass(tree, settings)
    if settings.epsilon > 0 and len(nodes) > 1:
        return np.unique([_merge_up(tree, int(node), settings) for node in nodes])
    return nodes


def node_persistence(tree: CondensedTree, cut: Cut) -> DoubleArray:
    """Return the persistence of each cluster, (n_clusters,), 0..1, as hdbscan defines it.

    The mean range of lambda over which points stay in the cluster, divided by the longest
    possible range.
    """
    sizes = np.bincount(cut.numbers[cut.numbers != NOISE], minlength=len(cut.nodes))
    longest = max(tree.point_lambda.max(), tree.birth.max())
    persistence: DoubleArray = tree.stability[cut.nodes] / (np.maximum(sizes, 1) * longest)
    return persistence


def relative_validity(edges: DoubleArray, labels: IntArray) -> float:
    """Return the density-based validity along the tree's edges, -1..1.

    An approximation from hdbscan of the index of Moulavi et al., SDM 2014: the edges of the tree
    replace the distances within and between clusters, so only cuts of the same tree can be
    compared. NaN for fewer than two clusters.
    """
    sizes = np.bincount(labels[labels != NOISE])
    if len(sizes) < 2:
        return float("nan")
    distance = edges[:, 2]
    first, second = labels[edges[:, 0].astype(np.int64)], labels[edges[:, 1].astype(np.int64)]
    clustered = (first != NOISE) & (second != NOISE)
    within, between = clustered & (first == second), clustered & (first != second)
    sparseness, separation = np.zeros(len(sizes)), np.full(len(sizes), np.inf)
    np.maximum.at(sparseness, first[within], distance[within])
    np.minimum.at(separation, first[between], distance[between])
    np.minimum.at(separation, second[between], distance[between])
    # A cluster surrounded by noise has no edge to another cluster; the substitute is hdbscan's.
    separation[np.isinf(separation)] = 2 * distance.max()
    largest = np.maximum(np.maximum(separation, sparseness), np.finfo(float).tiny)
    return float((sizes * (separation - sparseness) / largest).sum() / len(labels))


def cluster_of_node(tree: CondensedTree, nodes: AnyArray) -> IntArray:
    """Return the number of the cluster that contains each node, (n_nodes,); -1 for none.

    Clusters are numbered in the order of `nodes`, the nodes that were selected.
    """
    numbers = [NOISE] * len(tree.parent)
    for number, node in enumerate(nodes.tolist()):
        numbers[node] = number
    for node, parent in enumerate(tree.parent.tolist()):
        if numbers[node] == NOISE:
            numbers[node] = numbers[parent]
    return np.array(numbers, np.int32)


def _select_by_excess_of_mass(tree: CondensedTree, settings: CutSettings) -> AnyArray:
    """Select, from the leaves up, nodes that are at least as stable as the selection below them."""
    limit = settings.max_cluster_size or len(tree.point_node)
    parent, size = tree.parent.tolist(), tree.size.tolist()
    stability = np.maximum(tree.stability, 0).tolist()
    stability_below = [0.0] * len(parent)
    is_candidate = [False] * len(parent)
    topmost = ROOT if settings.allow_single_cluster else ROOT + 1
    for node in range(len(parent) - 1, topmost - 1, -1):
        is_candidate[node] = stability_below[node] <= stability[node] and size[node] <= limit
        best = stability[node] if is_candidate[node] else stability_below[node]
        stability_below[parent[node]] += best
    is_covered = [False] * len(parent)
    for node in range(1, len(parent)):
        is_covered[node] = is_covered[parent[node]] or is_candidate[parent[node]]
    return np.flatnonzero(np.array(is_candidate) & ~np.array(is_covered))


def _merge_up(tree: CondensedTree, node: int, settings: CutSettings) -> int:
    """Return the nearest ancestor that separated at epsilon or farther, as hdbscan does.

    If there is none, the topmost allowed ancestor: the root if all chips may form one cluster,
    otherwise a child of the root.
    """
    while node != ROOT and tree.birth[node] * settings.epsilon > 1:
        parent = int(tree.parent[node])
        if parent == ROOT and not settings.allow_single_cluster:
            return node
        node = parent
    return node


def _root_threshold(tree: CondensedTree, epsilon: float) -> float:
    """Return the lowest lambda at which points belong to the root, when it is the only cluster."""
    if epsilon > 0:
        return 1 / epsilon
    splits = tree.birth[1:][tree.parent[1:] == ROOT]
    return float(max(tree.max_lambda[ROOT], splits.max(initial=0.0)))
