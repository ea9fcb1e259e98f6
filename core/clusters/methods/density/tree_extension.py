"""A tree of many chips from the exact tree of a sample, which the other chips join.

Every other chip joins the sampled chip that it reaches at the smallest mutual reachability distance
among its exact nearest neighbours in the sample. All of them are then in one spanning tree, so that
cuts, sizes and memberships are those of all chips.
"""

from dataclasses import replace

import numpy as np

from core.clusters.methods.density.hdbscan_tree import SpanningTree
from core.neighbours.nearest import NeighbourIndex
from core.types import AnyArray, FloatArray

N_NEIGHBOURS = 5
"""Sampled neighbours of each other chip. The coordinates in the neighbour graph are their mean."""


def extend_tree(tree: SpanningTree, points: FloatArray, rows: AnyArray) -> SpanningTree:
    """Return the tree of all points from the tree of some of them.

    The points, (n, d), are those of all chips; the tree was built from the `rows`, (m,), ascending.
    The suggested sizes are scaled to all points.
    """
    n, m = len(points), len(rows)
    others = np.setdiff1d(np.arange(n), rows)
    _, near = NeighbourIndex(np.ascontiguousarray(points[rows])).search(
        np.ascontiguousarray(points[others]), min(N_NEIGHBOURS, m)
    )
    space, coordinates = points, None
    if tree.coordinates is not None:
        space = coordinates = np.empty((n, tree.coordinates.shape[1]), np.float32)
        coordinates[rows] = tree.coordinates
        coordinates[others] = tree.coordinates[near].mean(axis=1)
    reached = _mutual_reachability(space, rows, others, near, tree.core_distances)
    best, position = reached.argmin(axis=1), np.arange(len(others))
    joined = np.stack([rows[near[position, best]], others, reached[position, best]], axis=1).astype(
        np.float64
    )
    edges = tree.edges.copy()
    edges[:, :2] = rows[tree.edges[:, :2].astype(np.int64)]
    edges = np.concatenate([edges, joined])
    core = np.empty(n, np.float32)
    core[rows], core[others] = tree.core_distances, reached[position, best]
    return replace(
        tree,
        edges=edges[np.lexsort((edges[:, 1], edges[:, 0], edges[:, 2]))],
        core_distances=core,
        coordinates=coordinates,
        choice=tree.choice and tree.choice.scale(n / m),
        n_sampled=m,
    )


def _mutual_reachability(
    space: FloatArray, rows: AnyArray, others: AnyArray, near: AnyArray, core: FloatArray
) -> FloatArray:
    """Return the distance at which chips and their sampled neighbours reach each other, (n, k)."""
    columns = []
    for neighbour in near.T:
        difference = space[others] - space[rows[neighbour]]
        length = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        columns.append(np.maximum(length, core[neighbour]))
    return np.asarray(np.stack(columns, axis=1), np.float32)
