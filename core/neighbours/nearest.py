"""Exact nearest neighbours, by whichever search the data allow to be fast.

With few columns a tree answers each distinct query once. Where some columns repeat exactly over
many rows, as those of a coarse sensor do within one of its pixels, rows that share them form cells
that are skipped as a whole. Which of the two is faster is decided from the data.
"""

from typing import Any

import numpy as np

from core.errors import ArtifactError, DegenerateError, TooFewError
from core.types import AnyArray, FloatArray, IntArray

# With fewer rows than this per distinct value of the repeated columns, cells gain nothing.
_ROWS_PER_CELL = 4
# Squared distances are float32 and overflow beyond this.
_LARGEST = 1e15


class NeighbourIndex:
    """Rows prepared for nearest-neighbour search.

    Parameters
    ----------
    matrix : float32 array, (n, f)
    n_own : int, optional
        The first `n_own` columns differ from row to row; the others may repeat over many rows.
        By default all columns count as the row's own. Only the speed depends on it.

    Raises
    ------
    TooFewError
        If there are no rows.
    DegenerateError
        If values are not finite or exceed 1e15.
    ArtifactError
        If the matrix is not float32.
    """

    def __init__(self, matrix: FloatArray, n_own: int | None = None) -> None:
        if not len(matrix):
            raise TooFewError("there are no training pixels", where="nearest neighbours")
        _check(matrix)
        self.n, self.n_columns = matrix.shape
        self.n_own = self.n_columns if n_own is None else n_own
        self.kind = _search_kind(matrix, self.n_own)
        self._search: Any = _build_search(np.ascontiguousarray(matrix), self.n_own, self.kind)

    def search(self, queries: FloatArray, k: int = 3) -> tuple[FloatArray, IntArray]:
        """Find the k nearest rows of each query.

        Parameters
        ----------
        queries : float32 array, (m, f)
        k : int
            From 1 to the number of rows.

        Returns
        -------
        distances : float32 array, (m, k)
            Squared Euclidean distances, ascending.
        rows : int32 array, (m, k)
            Row numbers. Of rows at the same distance the lower number comes first.

        Raises
        ------
        TooFewError
            If k exceeds the number of rows.
        ArtifactError
            If the queries have other columns or another dtype.
        DegenerateError
            If values are not finite or exceed 1e15.
        """
        if not 1 <= k <= self.n:
            raise TooFewError(
                f"{k} neighbours among {self.n} training pixels",
                where="nearest neighbours",
                remedy=f"Set k between 1 and {self.n}.",
            )
        if queries.shape[1] != self.n_columns:
            raise ArtifactError(
                f"{queries.shape[1]} columns; the index has {self.n_columns}", where="queries"
            )
        _check(queries)
        if self.kind == "tree":
            distances, rows = self._search.search(np.ascontiguousarray(queries), k)
        else:
            repeated = np.ascontiguousarray(queries[:, self.n_own :])
            distances, rows = self._search.search(queries[:, : self.n_own], repeated, k)
        return distances, rows

    def vote(self, labels: AnyArray, queries: FloatArray, k: int = 3) -> AnyArray:
        """Classify queries by the most common label among their k nearest rows.

        Parameters
        ----------
        labels : integer array, (n,)
            One label for each row of the index.
        queries : float32 array, (m, f)
        k : int

        Returns
        -------
        integer array, (m,)
            Of equally common labels the smallest, as in scikit-learn.

        Raises
        ------
        ArtifactError
            If the number of labels differs from the number of rows; else as `search`.
        """
        from core.neighbours.compiled_loops import majority

        if len(labels) != self.n:
            raise ArtifactError(f"{len(labels)} labels of {self.n} pixels", where="training")
        _, rows = self.search(queries, k)
        votes: AnyArray = majority(np.ascontiguousarray(labels), rows)
        return votes


def compile_searches() -> None:
    """Compile every search on a few made-up rows: half a minute, then cached on disk."""
    random = np.random.default_rng(0)
    own = random.integers(0, 255, (200, 5)).astype(np.float32)
    repeated = np.repeat(random.random((8, 10), np.float32), 25, axis=0)
    labels = np.ones(200, np.uint8)
    for matrix in (own, np.hstack([own, repeated])):
        NeighbourIndex(matrix, 5).vote(labels, matrix)


def _search_kind(matrix: FloatArray, n_own: int) -> str:
    """The faster search, ``"tree"`` or ``"cells"``."""
    from core.neighbours.compiled_loops import group_rows

    if n_own in (0, matrix.shape[1]):
        return "tree"
    _, firsts = group_rows(np.ascontiguousarray(matrix[:, n_own:]))
    return "tree" if len(firsts) * _ROWS_PER_CELL > len(matrix) else "cells"


def _build_search(matrix: FloatArray, n_own: int, kind: str) -> Any:
    if kind == "tree":
        from core.neighbours.box_tree import BoxTree

        return BoxTree(matrix)
    from core.neighbours.repeated_columns import RowCells

    return RowCells(matrix[:, :n_own], np.ascontiguousarray(matrix[:, n_own:]))


def _check(matrix: FloatArray) -> None:
    if matrix.dtype != np.float32:
        raise ArtifactError(f"features are {matrix.dtype}, not float32", where="features")
    if not (np.abs(matrix) < _LARGEST).all():
        raise DegenerateError("features are not finite, or far too large", where="features")
