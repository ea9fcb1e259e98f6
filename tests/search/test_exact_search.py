import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from core.errors import SettingsError
from core.search.exact_search import find_best_rows, score_rows, search_embeddings
from core.search.ranking import BLOCK, fit_ranker


def embeddings(n, d=24, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize("n", [30, 3 * BLOCK + 7])
def test_search_embeddings__as_scikit_learn(n):
    matrix = embeddings(n)
    ranker = fit_ranker(matrix[:1], matrix[:0], matrix[:0], "mean")
    result = search_embeddings(matrix, ranker, 20)
    index = NearestNeighbors(n_neighbors=20, metric="cosine", algorithm="brute").fit(matrix)
    distances, rows = index.kneighbors(matrix[:1])
    assert np.array_equal(result.rows, rows[0])
    assert np.allclose(result.scores, 1 - distances[0], atol=1e-6)


def test_search_embeddings__memory_mapped_and_read_in_blocks(tmp_path):
    matrix = embeddings(2 * BLOCK)
    np.save(tmp_path / "matrix.npy", matrix)
    mapped = np.load(tmp_path / "matrix.npy", mmap_mode="r")
    ranker = fit_ranker(matrix[:3], matrix[3:5], matrix[:100])
    largest = []

    class Watched:
        shape, dtype = mapped.shape, mapped.dtype

        def __len__(self):
            return len(mapped)

        def __getitem__(self, key):
            part = mapped[key]
            assert isinstance(part, np.memmap)
            largest.append(len(part))
            return part

    assert np.array_equal(score_rows(mapped, ranker), ranker.scores(matrix))
    assert np.allclose(ranker.scores(Watched()), ranker.scores(matrix))
    assert max(largest) <= BLOCK


def test_find_best_rows__ties_are_in_order_of_the_rows():
    scores = np.array([1.0, 3, 2, 3, 2, 2])
    result = find_best_rows(scores, 4)
    assert result.rows.tolist() == [1, 3, 2, 4]
    assert result.scores.tolist() == [3, 3, 2, 2]


@pytest.mark.parametrize("k", [0, 1, 5, 17, 99])
def test_find_best_rows__as_a_complete_sort(k):
    scores = np.random.default_rng(k).integers(0, 6, 50).astype(float)
    expected = np.lexsort((np.arange(50), -scores))[:k]
    assert find_best_rows(scores, k).rows.tolist() == expected.tolist()


def test_find_best_rows__leaves_out_minus_infinity():
    result = find_best_rows(np.array([-np.inf, 1, -np.inf]), 3)
    assert result.rows.tolist() == [1]
    assert len(find_best_rows(np.empty(0), 3).rows) == 0


def test_find_best_rows__negative_number():
    with pytest.raises(SettingsError, match="-1 is less than 0"):
        find_best_rows(np.ones(3), -1)
