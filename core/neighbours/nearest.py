"""Exact nearest neighbours, by the faster of two searches.

With few columns, a tree is searched once for each distinct query. Where some columns repeat exactly
over many rows, as values measured at a coarser resolution do, rows that share them form cells that
are skipped as a whole. The data determine which search is used.
"""

from typing import Any

import numpy as np

from core.errors import ArtifactError, DegenerateError, TooFewError
from core.types import AnyArray, FloatArray, IntArray

# The cell search is not faster if fewer rows than this, on average, share their repeated columns.
_ROWS_PER_CELL = 4
# Squared distances between larger values could overflow float32.
_LARGEST = 1e15


class NeighbourIndex:
    """Rows prepared for nearest-neighbour search.

    Rows and queries that cannot be used raise TooFewError (too few rows), ArtifactError (wrong
    dtype, columns or labels) or DegenerateError (invalid values).

    Parameters
    ----------
    matrix : float32 array, (n, f)
        At least one row; finite values up to 1e15.
    n_varying : int, optional
        The first `n_varying` columns differ from row to row; the others may repeat over many rows.
        By default no column is expected to repeat. This affects only the speed.
    """

    def __init__(self, matrix: FloatArray, n_varying: int | None = None) -> None:
        if not len(matrix):
            raise TooFewError("there are no rows to search", where="nearest neighbours")
        _check_values(matrix, "matrix")
        self.n, self.n_columns = matrix.shape
        self.kind, self._searcher = _prepare_search(np.ascontiguousarray(matrix), n_varying)

    def search(self, queries: FloatArray, k: int = 3) -> tuple[FloatArray, IntArray]:
        """Find the k nearest rows of each query; k is at most the number of rows.

        Returns squared Euclidean distances, (m, k), ascending, and row numbers, (m, k). Rows at the
        same distance are sorted by number. Queries, (m, f), are finite float32 values up to 1e15.
        """
        if not 1 <= k <= self.n:
            raise TooFewError(
                f"{k} neighbours were requested among {self.n} rows",
                where="nearest neighbours",
                remedy=f"Set k between 1 and {self.n}.",
            )
        if queries.shape[1] != self.n_columns:
            raise ArtifactError(
                f"there are {queries.shape[1]} columns; the index has {self.n_columns}",
                where="queries",
            )
        _check_values(queries, "queries")
        distances, rows = self._searcher.search(np.ascontiguousarray(queries), k)
        return distances, rows

    def vote(self, labels: AnyArray, queries: FloatArray, k: int = 3) -> AnyArray:
        """Return the most common label among the k nearest rows of each query, (m,).

        `labels` are integers, (n,), one for each row of the index. If several labels are equally
        common, the smallest is returned, as in scikit-learn.
        """
        from core.neighbours.compiled_loops import majority

        if len(labels) != self.n:
            raise ArtifactError(f"there are {len(labels)} labels for {self.n} rows", where="labels")
        _, rows = self.search(queries, k)
        votes: AnyArray = majority(np.ascontiguousarray(labels), rows)
        return votes


def search_other_rows(points: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """Return the distances and numbers of the k nearest other rows, (n, k) each, nearest first.

    The points are float32, (n, d); k is at most n - 1. Equal rows are neighbours at distance 0.
    """
    data = np.ascontiguousarray(points, np.float32)
    squared, rows = NeighbourIndex(data).search(data, k + 1)
    # A row may come after others at distance 0, or beyond the last of them.
    is_self = rows == np.arange(len(rows))[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    shape = (len(rows), k)
    return np.sqrt(squared[~is_self]).reshape(shape), rows[~is_self].reshape(shape)


def compile_searches() -> None:
    """Compile every search on synthetic rows; takes half a minute, then is cached on disk."""
    random = np.random.default_rng(0)
    varying = random.integers(0, 255, (200, 5)).astype(np.float32)
    repeated = np.repeat(random.random((8, 10), np.float32), 25, axis=0)
    labels = np.ones(200, np.uint8)
    for matrix in (varying, np.hstack([varying, repeated])):
        NeighbourIndex(matrix, 5).vote(labels, matrix)


def _prepare_search(matrix: FloatArray, n_varying: int | None) -> tuple[str, Any]:
    """Return the kind of the faster search, ``"tree"`` or ``"cells"``, and its structure."""
    from core.neighbours.box_tree import BoxTree
    from core.neighbours.compiled_loops import group_rows
    from core.neighbours.repeated_columns import RowCells

    if n_varying and n_varying < matrix.shape[1]:
        _, firsts = group_rows(np.ascontiguousarray(matrix[:, n_varying:]))
        if len(firsts) * _ROWS_PER_CELL <= len(matrix):
            return "cells", RowCells(matrix, n_varying)
    return "tree", BoxTree(matrix)


def _check_values(matrix: FloatArray, name: str) -> None:
    if matrix.dtype != np.float32:
        raise ArtifactError(f"the values are {matrix.dtype}, not float32", where=name)
    if not (np.abs(matrix) < _LARGEST).all():
        raise DegenerateError("the values are not finite or exceed 1e15", where=name)
