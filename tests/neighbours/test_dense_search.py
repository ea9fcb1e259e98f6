import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from core.errors import DegenerateError, TooFewError
from core.neighbours.dense_search import search_dense
from core.neighbours.nearest import search_other_rows


def cloud(n, d=40, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) + 100


@pytest.mark.parametrize(("n", "m"), [(50, 7), (600, 300)])
def test_search_dense__as_scikit_learn(n, m):
    points, queries = cloud(n), cloud(m, seed=1)
    distances, rows = search_dense(queries, points, 8)
    expected = NearestNeighbors(n_neighbors=8, algorithm="brute").fit(points).kneighbors(queries)
    assert np.allclose(distances, expected[0])
    assert np.array_equal(rows, expected[1])


def test_search_dense__equal_points_have_distance_zero():
    points = np.vstack([cloud(10), cloud(10)])
    distances, rows = search_dense(points[:1], points, 3)
    assert distances[0, :2].tolist() == [0, 0]
    assert rows[0, :2].tolist() == [0, 10]


def test_search_dense__groups_are_left_out():
    points = cloud(30)
    groups = np.arange(30) % 3
    _, rows = search_dense(points, points, 5, groups)
    assert (groups[rows] != groups[:, None]).all()


def test_search_dense__too_few_points_of_other_groups():
    points = cloud(6)
    distances, _ = search_dense(points, points, 4, np.array([0, 0, 0, 0, 0, 1]))
    assert np.isfinite(distances[0]).tolist() == [True, False, False, False]
    assert np.isfinite(distances[5]).all()


def test_search_dense__degenerate_input():
    with pytest.raises(TooFewError):
        search_dense(cloud(1), cloud(1), 3, np.zeros(1))
    with pytest.raises(DegenerateError):
        search_dense(np.full((1, 40), np.nan), cloud(4), 1)
    assert search_dense(np.empty((0, 40)), cloud(4), 2)[0].shape == (0, 2)


def test_search_other_rows__never_the_row_itself():
    points = np.repeat(cloud(3, 2), 5, axis=0).astype(np.float32)
    distances, rows = search_other_rows(points, 4)
    assert (rows != np.arange(15)[:, None]).all()
    assert (distances == 0).all()
