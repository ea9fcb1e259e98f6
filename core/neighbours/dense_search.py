"""Exact nearest neighbours in data with hundreds of columns, by blocks of scalar products."""

import numpy as np

from core.errors import DegenerateError, TooFewError
from core.types import AnyArray, DoubleArray, IntArray

# Queries per block of distances: 256 x 20,000 distances take 40 MB.
_BLOCK = 256


def search_dense(
    queries: AnyArray, points: AnyArray, k: int, groups: AnyArray | None = None
) -> tuple[DoubleArray, IntArray]:
    """Return exact distances and rows of the k nearest points of each query, (m, k), nearest first.

    With `groups`, (n,), the queries are the points themselves, and points of the same group are
    not neighbours; if fewer than k are left, the distances of the others are infinite. At most
    n points, or n - 1 with groups, are returned. Raises TooFewError if there are none, and
    DegenerateError if values are not finite.
    """
    data, other = np.asarray(points, np.float64), np.asarray(queries, np.float64)
    k = min(k, len(data) - (groups is not None))
    if k < 1:
        raise TooFewError("there are too few rows to compare with", where="nearest neighbours")
    if not (np.isfinite(data).all() and np.isfinite(other).all()):
        raise DegenerateError("values are not finite", where="nearest neighbours")
    centre = data.mean(axis=0)
    data, other = data - centre, other - centre
    lengths = (data**2).sum(axis=1)
    distances = np.empty((len(other), k))
    rows = np.empty((len(other), k), np.int32)
    for start in range(0, len(other), _BLOCK):
        block = slice(start, start + _BLOCK)
        squared = lengths - 2 * (other[block] @ data.T)
        if groups is not None:
            squared[groups[block, None] == groups[None, :]] = np.inf
        near = np.argpartition(squared, k - 1, axis=1)[:, :k]
        # Distances from scalar products lose the small ones to rounding.
        exact = np.sqrt(((other[block, None] - data[near]) ** 2).sum(axis=2))
        exact[np.isinf(np.take_along_axis(squared, near, axis=1))] = np.inf
        order = np.lexsort((near, exact), axis=1)
        distances[block] = np.take_along_axis(exact, order, axis=1)
        rows[block] = np.take_along_axis(near, order, axis=1)
    return distances, rows
