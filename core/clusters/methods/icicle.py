"""The condensed tree as a picture: nodes hang under their parents, as wide as they hold chips.

As hdbscan draws it (Kruskal and Landwehr's icicle plot, 1983), but packed: children lie side by
side under what is left of their parent, so that the width of everything is a number of chips.
"""

from dataclasses import dataclass

import numpy as np

from core.clusters.labelling import NOISE, in_order
from core.clusters.methods.condensed_tree import ROOT, Condensed, inherited
from core.clusters.methods.hdbscan_tree import Tree, cut_nodes
from core.errors import TooFewError
from core.settings import CutSettings
from core.types import BoolArray, DoubleArray, IntArray

# Corners along each side of a node; more cannot be told apart.
STEPS = 24


@dataclass(frozen=True)
class Icicle:
    """Outlines of the nodes of a condensed tree, the root first.

    Attributes
    ----------
    outlines : tuple of float64 array, (corners, 2)
        Of each node, closed: place along the chips, 0..n, and distance at which chips join.
    label : int32 array, (k,)
        The cluster of the cut that each node lies in; -1 for none.
    chosen : bool array, (k,)
        Whether the node is itself what the cut chose.
    size : int32 array, (k,)
        Chips in each node.
    leaves : int
    """

    outlines: tuple[DoubleArray, ...]
    label: IntArray
    chosen: BoolArray
    size: IntArray
    leaves: int


def icicle(tree: Tree, settings: CutSettings) -> Icicle:
    """Lay out the condensed tree of a cut.

    Raises
    ------
    TooFewError
        For fewer chips than the smallest cluster.
    """
    if len(tree) < settings.min_cluster_size:
        raise TooFewError("fewer chips than the smallest cluster make no tree", where="tree")
    condensed, found = cut_nodes(tree, settings)
    k = len(condensed.parent)
    order = in_order(found.raw)
    label = np.full(k, NOISE, np.int32)
    for at, node in enumerate(found.nodes.tolist()):
        label[node] = order.get(at, NOISE)
    chosen = np.zeros(k, np.bool_)
    chosen[found.nodes] = True
    return Icicle(
        outlines=_outlines(condensed),
        label=inherited(condensed.parent, label).astype(np.int32),
        chosen=chosen,
        size=condensed.size.astype(np.int32),
        leaves=int(condensed.leaf.sum()),
    )


def lefts(tree: Condensed) -> DoubleArray:
    """Where each node begins along the chips, (k,): children centred under what is left."""
    k = len(tree.parent)
    children: list[list[int]] = [[] for _ in range(k)]
    for node in range(ROOT + 1, k):
        children[tree.parent[node]].append(node)
    left = np.zeros(k)
    for node, below in enumerate(children):
        rest = tree.size[node] - sum(tree.size[child] for child in below)
        at = left[node] + rest / 2
        for child in sorted(below, key=lambda one: (-tree.size[one], one)):
            left[child] = at
            at += tree.size[child]
    return left


def _outlines(tree: Condensed) -> tuple[DoubleArray, ...]:
    """The sides of each node, drawn in where chips fall out of it."""
    k, left = len(tree.parent), lefts(tree)
    order = np.lexsort((tree.point_lambda, tree.point_node))
    edges = np.searchsorted(tree.point_node[order], np.arange(k + 1))
    ends = np.zeros(k)
    np.maximum.at(ends, tree.parent[1:], tree.birth[1:])
    first = min(tree.point_lambda.min(), tree.birth[1:].min(initial=np.inf))
    drawn = []
    for node in range(k):
        falling = tree.point_lambda[order[edges[node] : edges[node + 1]]]
        steps = np.unique(np.linspace(0, len(falling), STEPS).round().astype(int))
        at = np.concatenate([[0.0], falling])[steps]
        birth = max(tree.birth[node], first)
        level = np.maximum(at, birth)
        end = max(ends[node], level[-1])
        level, gone = np.append(level, end), np.append(steps, steps[-1]) / 2
        one, other = left[node] + gone, left[node] + tree.size[node] - gone
        x = np.concatenate([one, other[::-1], one[:1]])
        y = 1 / np.concatenate([level, level[::-1], level[:1]])
        drawn.append(np.column_stack([x, y]))
    return tuple(drawn)
