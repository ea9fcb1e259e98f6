"""Exact search: the best-scoring rows of a matrix of embeddings that may be memory-mapped."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from core.compute.work_streams import map_row_chunks
from core.errors import SettingsError
from core.search.ranking import Ranker
from core.types import AnyArray, DoubleArray, IntArray


@dataclass(frozen=True, eq=False)
class BestRows:
    """The rows of a search, best first.

    Attributes
    ----------
    rows : int32 array, (k,)
    scores : float64 array, (k,)
        Scores of these rows in descending order; 0 is the mean of the background of the ranker and
        1 the mean of its examples.
    """

    rows: IntArray
    scores: DoubleArray


def score_rows(embeddings: AnyArray, ranker: Ranker) -> DoubleArray:
    """Return the score of each row of a matrix, (n, d) -> float64 (n,), on all cores.

    The matrix is read in blocks, so a memory-mapped one is never in memory as a whole.
    """
    scores = np.empty(len(embeddings))

    def score(start: int, stop: int) -> None:
        scores[start:stop] = ranker.scores(embeddings[start:stop])

    # Each thread computes its own products: more threads within a product would compete with them.
    with threadpool_limits(1, user_api="blas"):
        map_row_chunks(len(embeddings), score)
    return scores


def find_best_rows(scores: DoubleArray, k: int) -> BestRows:
    """Return the k rows with the highest scores, or all if there are fewer; equal ones by row.

    Rows with a score of minus infinity are left out. Raises SettingsError if k is negative.
    """
    if k < 0:
        raise SettingsError(f"{k} is less than 0", where="number of results")
    k = min(k, int((scores > -np.inf).sum()))
    if k == 0:
        return BestRows(np.empty(0, np.int32), np.empty(0))
    # The kth score decides; rows that equal it are taken in order.
    limit = np.partition(scores, len(scores) - k)[len(scores) - k]
    above, ties = np.flatnonzero(scores > limit), np.flatnonzero(scores == limit)
    rows = np.concatenate([above, ties[: k - len(above)]])
    rows = rows[np.lexsort((rows, -scores[rows]))].astype(np.int32)
    return BestRows(rows, scores[rows])


def search_embeddings(embeddings: AnyArray, ranker: Ranker, k: int) -> BestRows:
    """Return the k rows of a matrix, (n, d), with the highest scores; see `score_rows`."""
    return find_best_rows(score_rows(embeddings, ranker), k)
