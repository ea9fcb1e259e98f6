"""A tree of many chips from the exact tree of a sample, which the other chips join.

Every other chip joins the sampled chip that it reaches at the smallest mutual reachability distance
among its exact nearest neighbours in the sample. All of them are then in one spanning tree, so that
cuts, sizes and memberships are those of all chips.
"""

from dataclasses import dataclass

import numpy as np

from core.neighbours.nearest import NeighbourIndex
from core.types import AnyArray, DoubleArray, FloatArray

N_NEIGHBOURS = 5
"""Sampled neighbours of each other chip. The coordinates in the neighbour graph are their mean."""


@dataclass(frozen=True)
class TreeArrays:
    """The edges, core distances and coordinates of a spanning tree; see `SpanningTree`."""

    edges: DoubleArray
    core_distances: FloatArray
    coordinates: FloatArray | None = None


def extend_tree(sampled: TreeArrays, points: FloatArray, rows: AnyArray) -> TreeArrays:
    """Return the tree of all points from the tree of some of them.

    The points, (n, d), are those of all chips; the tree was built from the `rows`, (m,), ascending.
    """
    n, outside_rows = len(points), np.setdiff1d(np.arange(len(points)), rows)
    _, near = NeighbourIndex(np.ascontiguousarray(points[rows])).search(
        np.ascontiguousarray(points[outside_rows]), min(N_NEIGHBOURS, len(rows))
    )
    space, coordinates = points, None
    if sampled.coordinates is not None:
        space = coordinates = np.empty((n, sampled.coordinates.shape[1]), np.float32)
        coordinates[rows] = sampled.coordinates
        coordinates[outside_rows] = sampled.coordinates[near].mean(axis=1)
    reached = _mutual_reachability(space, rows, outside_rows, near, sampled.core_distances)
    best, position = reached.argmin(axis=1), np.arange(len(outside_rows))
    ends, lengths = rows[near[position, best]], reached[position, best]
    within = sampled.edges.copy()
    within[:, :2] = rows[sampled.edges[:, :2].astype(np.int64)]
    edges = np.concatenate([within, np.stack([ends, outside_rows, lengths], axis=1)])
    core = np.empty(n, np.float32)
    core[rows], core[outside_rows] = sampled.core_distances, lengths
    order = np.lexsort((edges[:, 1], edges[:, 0], edges[:, 2]))
    return TreeArrays(edges[order], core, coordinates)


def _mutual_reachability(
    space: FloatArray, rows: AnyArray, outside_rows: AnyArray, near: AnyArray, core: FloatArray
) -> FloatArray:
    """Return the distance at which chips and their sampled neighbours reach each other, (n, k)."""
    columns = []
    for neighbour in near.T:
        difference = space[outside_rows] - space[rows[neighbour]]
        length = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        columns.append(np.maximum(length, core[neighbour]))
    return np.asarray(np.stack(columns, axis=1), np.float32)
