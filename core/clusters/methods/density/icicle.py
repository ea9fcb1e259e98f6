"""The condensed tree as an icicle plot: nodes hang below their parents.

Like hdbscan's plot (after Kruskal and Landwehr, 1983), but packed: children lie side by side below
their parent, so that the width of a node is always its number of chips.
"""

from dataclasses import dataclass

import numpy as np

from core.clusters.labelling import NOISE, labels_by_size
from core.clusters.methods.density.condensed_tree import ROOT, CondensedTree, cluster_of_node
from core.clusters.methods.density.hdbscan_tree import SpanningTree, cut_nodes
from core.errors import TooFewError
from core.settings import CutSettings
from core.types import DoubleArray, IntArray

# Corners along each side of a node; more cannot be distinguished.
STEPS = 24


@dataclass(frozen=True)
class Icicle:
    """Outlines of the nodes of a condensed tree, starting with the root.

    Attributes
    ----------
    outlines : tuple of float64 array, (corners, 2)
        Closed outline of each node: x is the position in the row of all chips, 0..n, and y the
        distance at which chips join the node.
    label : int32 array, (n_nodes,)
        The cluster that contains each node; -1 for none.
    size : int32 array, (n_nodes,)
        Number of chips in each node.
    n_leaves : int
    """

    outlines: tuple[DoubleArray, ...]
    label: IntArray
    size: IntArray
    n_leaves: int


def lay_out_icicle(tree: SpanningTree, settings: CutSettings) -> Icicle:
    """Lay out the tree of a cut; raises TooFewError if it has fewer chips than min_cluster_size."""
    if len(tree) < tree.resolve(settings).min_cluster_size:
        raise TooFewError("there are fewer chips than min_cluster_size", where="tree")
    condensed, cut = cut_nodes(tree, settings)
    order = labels_by_size(cut.numbers)
    numbers = cluster_of_node(condensed, cut.nodes).tolist()
    return Icicle(
        outlines=_outlines(condensed),
        label=np.array([order.get(number, NOISE) for number in numbers], np.int32),
        size=condensed.size.astype(np.int32),
        n_leaves=int(condensed.is_leaf.sum()),
    )


def node_offsets(tree: CondensedTree) -> DoubleArray:
    """Return the left edge of each node, (n_nodes,); children are centred, the largest first."""
    n_nodes = len(tree.parent)
    children: list[list[int]] = [[] for _ in range(n_nodes)]
    for node in range(ROOT + 1, n_nodes):
        children[tree.parent[node]].append(node)
    offsets = np.zeros(n_nodes)
    for parent, nodes in enumerate(children):
        free = tree.size[parent] - sum(tree.size[node] for node in nodes)
        offset = offsets[parent] + free / 2
        for node in sorted(nodes, key=lambda child: (-tree.size[child], child)):
            offsets[node] = offset
            offset += tree.size[node]
    return offsets


def _outlines(tree: CondensedTree) -> tuple[DoubleArray, ...]:
    """Return the outline of each node.

    The width at each distance is the number of chips that have not yet fallen out of the node.
    """
    n_nodes, offsets = len(tree.parent), node_offsets(tree)
    order = np.lexsort((tree.point_lambda, tree.point_node))
    bounds = np.searchsorted(tree.point_node[order], np.arange(n_nodes + 1))
    ends = np.zeros(n_nodes)
    np.maximum.at(ends, tree.parent[1:], tree.birth[1:])
    first = min(tree.point_lambda.min(), tree.birth[1:].min(initial=np.inf))
    outlines = []
    for node in range(n_nodes):
        falling = tree.point_lambda[order[bounds[node] : bounds[node + 1]]]
        n_fallen = np.unique(np.linspace(0, len(falling), STEPS).round().astype(int))
        birth = max(tree.birth[node], first)
        level = np.maximum(np.concatenate([[0.0], falling])[n_fallen], birth)
        level = np.append(level, max(ends[node], level[-1]))
        inset = np.append(n_fallen, n_fallen[-1]) / 2
        left, right = offsets[node] + inset, offsets[node] + tree.size[node] - inset
        x = np.concatenate([left, right[::-1], left[:1]])
        y = 1 / np.concatenate([level, level[::-1], level[:1]])
        outlines.append(np.column_stack([x, y]))
    return tuple(outlines)
