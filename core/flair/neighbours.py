"""The k nearest training pixels, exactly, by whichever search the data allow to be fast.

Few features, or a Sentinel part that does not repeat: equal queries are answered once, by a tree.
A Sentinel part that repeats over blocks: cells of equal Sentinel rows. A Sentinel part that is a
repeating spectrum times the pixel's intensity: lines. Which one is found in the data.
"""

from typing import Any

import numpy as np

from core.errors import ArtifactError, DegenerateError, TooFewError
from core.flair.features import Features
from core.types import AnyArray, FloatArray, IntArray

# Below this many training rows a Sentinel row, cells are no better than a tree.
_ROWS_PER_CELL = 4
# Squared distances are float32; beyond this they overflow.
_LARGEST = 1e15


class Neighbours:
    """Training pixels, ready to be searched.

    Parameters
    ----------
    train : Features

    Raises
    ------
    TooFewError
        If there are no training pixels.
    DegenerateError
        For values that are not finite, or far too large.
    """

    def __init__(self, train: Features) -> None:
        if not len(train.matrix):
            raise TooFewError("there are no training pixels", where="nearest neighbours")
        _check(train.matrix)
        self.n, self.n_features = train.matrix.shape
        self.n_own = train.n_aerial
        self.kind = _kind(train)
        self._search: Any = _prepared(train, self.kind)

    def search(self, queries: Features, k: int = 3) -> tuple[FloatArray, IntArray]:
        """Find the k nearest training pixels of each query.

        Parameters
        ----------
        queries : Features
            Made with the same specification and scaler as the training pixels.
        k : int

        Returns
        -------
        distances : float32 array, (m, k)
            Squared, rising.
        rows : int32 array, (m, k)
            Row numbers of the training pixels. Of equally distant ones the lower number is nearer.

        Raises
        ------
        TooFewError
            For more neighbours than training pixels.
        ArtifactError
            For queries with other columns.
        """
        if not 1 <= k <= self.n:
            raise TooFewError(
                f"{k} neighbours among {self.n} training pixels",
                where="nearest neighbours",
                remedy=f"Set k between 1 and {self.n}.",
            )
        matrix, n_own = queries.matrix, queries.n_aerial
        if (matrix.shape[1], n_own) != (self.n_features, self.n_own):
            raise ArtifactError(
                f"{matrix.shape[1]} columns, {n_own} of them the pixel's own; trained with "
                f"{self.n_features} and {self.n_own}",
                where="queries",
            )
        _check(matrix)
        if self.kind == "tree":
            found = self._search.search(np.ascontiguousarray(matrix), k)
        elif self.kind == "cells":
            sentinel = np.ascontiguousarray(matrix[:, n_own:])
            found = self._search.search(matrix[:, :n_own], sentinel, k)
        else:
            spectra, factor, _ = _line(queries)
            found = self._search.search(matrix, spectra, factor, k)
        return found[0], found[1]


def vote(
    train_matrix: FloatArray,
    n_aerial: int,
    train_labels: AnyArray,
    query_matrix: FloatArray,
    k: int = 3,
) -> AnyArray:
    """Classify by the commonest label among the k nearest training pixels.

    Parameters
    ----------
    train_matrix : float32 array, (n, f)
    n_aerial : int
        The first columns are the pixel's own, the rest are Sentinel's.
    train_labels : integer array, (n,)
    query_matrix : float32 array, (m, f)
    k : int

    Returns
    -------
    integer array, (m,)
        Of labels equally common among the neighbours the smallest, as scikit-learn has it; of
        pixels equally distant the one that comes first in training is the nearer.
    """
    names = tuple(f"column {i}" for i in range(train_matrix.shape[1]))
    index = Neighbours(Features(train_matrix, n_aerial, names))
    return labels_of(index, train_labels, Features(query_matrix, n_aerial, names), k)


def labels_of(index: Neighbours, train_labels: AnyArray, queries: Features, k: int = 3) -> AnyArray:
    """`vote` with training pixels that are ready to be searched."""
    from core.flair.compiled import majority

    if len(train_labels) != index.n:
        raise ArtifactError(f"{len(train_labels)} labels of {index.n} pixels", where="training")
    _, rows = index.search(queries, k)
    votes: AnyArray = majority(np.ascontiguousarray(train_labels), rows)
    return votes


def warm_up() -> None:
    """Compile every search on a few made-up rows: half a minute, then cached on disk."""
    random = np.random.default_rng(0)
    own = random.integers(0, 255, (200, 5)).astype(np.float32)
    spectra = np.repeat(random.random((8, 10), np.float32), 25, axis=0)
    factor, shift = own[:, :3].sum(axis=1), np.zeros(10, np.float32)
    labels = np.ones(200, np.uint8)
    vote(own, 5, labels, own)
    vote(np.hstack([own, spectra]), 5, labels, np.hstack([own, spectra]))
    matrix = np.hstack([own, spectra * factor[:, None]])
    names = tuple(f"column {i}" for i in range(15))
    lines = Features(matrix, 5, names, spectra, factor, shift)
    labels_of(Neighbours(lines), labels, lines)


def _kind(train: Features) -> str:
    """Name the search: tree, cells or lines."""
    from core.flair.compiled import group_rows

    matrix, n_own = train.matrix, train.n_aerial
    if n_own in (0, matrix.shape[1]):
        return "tree"
    shared = matrix[:, n_own:] if train.spectra is None else train.spectra
    _, firsts = group_rows(np.ascontiguousarray(shared))
    if len(firsts) * _ROWS_PER_CELL > len(matrix):
        return "tree"
    return "cells" if train.spectra is None else "lines"


def _prepared(train: Features, kind: str) -> Any:
    matrix, n_own = np.ascontiguousarray(train.matrix), train.n_aerial
    if kind == "tree":
        from core.flair.tree import Tree

        return Tree(matrix)
    if kind == "cells":
        from core.flair.fused import Cells

        return Cells(matrix[:, :n_own], np.ascontiguousarray(matrix[:, n_own:]))
    from core.flair.lines import Lines

    return Lines(matrix, n_own, *_line(train))


def _line(features: Features) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Spectra, factor and shift.

    Raises
    ------
    ArtifactError
        If they are missing, as in queries that were made by another specification.
    """
    spectra, factor, shift = features.spectra, features.factor, features.shift
    if spectra is None or factor is None:
        raise ArtifactError("Sentinel spectra and intensity are missing", where="features")
    if shift is None:
        shift = np.zeros(spectra.shape[1], np.float32)
    return np.ascontiguousarray(spectra), factor, shift


def _check(matrix: FloatArray) -> None:
    if matrix.dtype != np.float32:
        raise ArtifactError(f"features are {matrix.dtype}, not float32", where="features")
    if not (np.abs(matrix) < _LARGEST).all():
        raise DegenerateError("features are not finite, or far too large", where="features")
