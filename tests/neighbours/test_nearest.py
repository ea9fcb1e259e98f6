import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ArtifactError, DegenerateError, TooFewError
from core.neighbours.compiled_loops import group_rows, majority
from core.neighbours.nearest import NeighbourIndex


def make_rows(n_blocks, per_block, seed, kind):
    """Make labelled rows of quantised columns; for "cells", some columns repeat over blocks."""
    random = np.random.default_rng(seed)
    n = n_blocks * per_block
    varying = random.integers(1, 60, (n, 5)).astype(np.float32)
    repeated = np.repeat(random.random((n_blocks, 10), np.float32), per_block, axis=0)
    labels = random.integers(1, 13, n).astype(np.uint8)
    if kind == "tree":
        return varying, labels
    return np.hstack([varying, repeated * 40]), labels


def brute_force(train, queries, k):
    """Squared distances in float64 and row numbers, nearest first, the lower row in a tie."""
    differences = queries.astype(np.float64)[:, None] - train.astype(np.float64)[None]
    distances = (differences**2).sum(axis=2)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), order


KINDS = ("tree", "cells")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 3, 8])
def test_search__exact(kind, k):
    train, _ = make_rows(60, 23, 0, kind)
    queries, _ = make_rows(40, 9, 1, kind)
    index = NeighbourIndex(train, 5)
    assert index.kind == kind
    distances, _ = index.search(queries, k)
    expected, _ = brute_force(train, queries, k)
    np.testing.assert_allclose(np.sqrt(distances), np.sqrt(expected), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_search__training_rows_find_themselves(kind):
    train, _ = make_rows(100, 30, 2, kind)
    distances, rows = NeighbourIndex(train, 5).search(train, 1)
    assert (distances[:, 0] == 0).all()
    same = train[rows[:, 0]] == train
    assert same.all()


@pytest.mark.parametrize("kind", KINDS)
def test_search__lower_row_in_a_tie(kind):
    """Whole numbers make the distances exact and ties frequent."""
    random = np.random.default_rng(3)
    varying = random.integers(0, 4, (600, 3)).astype(np.float32)
    repeated = np.repeat(random.integers(0, 3, (20, 2)), 30, axis=0).astype(np.float32)
    matrix = varying if kind == "tree" else np.hstack([varying, repeated])
    queries = random.integers(0, 4, (200, matrix.shape[1])).astype(np.float32)
    index = NeighbourIndex(matrix, 3)
    assert index.kind == kind
    _, rows = index.search(queries, 5)
    np.testing.assert_array_equal(rows, brute_force(matrix, queries, 5)[1])


@pytest.mark.parametrize("kind", KINDS)
def test_search__order_of_queries_does_not_matter(kind):
    train, _ = make_rows(80, 25, 4, kind)
    queries, _ = make_rows(30, 12, 5, kind)
    order = np.random.default_rng(0).permutation(len(queries))
    shuffled = queries[order]
    index = NeighbourIndex(train, 5)
    for expected, actual in zip(index.search(queries, 3), index.search(shuffled, 3), strict=True):
        np.testing.assert_array_equal(expected[order], actual)


def test_search__nearest_row_in_a_distant_cell():
    """The nearest row is in one of the last cells, which the first search does not cover."""
    random = np.random.default_rng(6)
    repeated = np.repeat(np.arange(400, dtype=np.float32)[:, None] * 0.01, 5, axis=0)
    varying = np.full((2000, 2), 100, np.float32) + random.random((2000, 2), np.float32)
    varying[-5:] = 0
    train = np.hstack([varying, repeated])
    index = NeighbourIndex(train, 2)
    assert index.kind == "cells"
    queries = np.zeros((3, 3), np.float32)
    _, rows = index.search(queries, 3)
    assert (rows == [1995, 1996, 1997]).all()


def test_kind__columns_without_repeats_use_the_tree():
    random = np.random.default_rng(8)
    train = random.random((300, 15), np.float32)
    index = NeighbourIndex(train, 5)
    assert index.kind == "tree"
    distances, _ = index.search(train, 3)
    expected, _ = brute_force(train, train, 3)
    np.testing.assert_allclose(distances, expected, rtol=1e-5, atol=1e-7)


def test_vote__smallest_label_in_a_tie():
    matrix = np.array([[0], [1], [2], [10]], np.float32)
    labels = np.array([7, 5, 9, 1], np.uint8)
    assert NeighbourIndex(matrix, 1).vote(labels, np.zeros((1, 1), np.float32)).tolist() == [5]
    assert NeighbourIndex(matrix, 1).vote(labels, np.zeros((1, 1), np.float32), k=1).tolist() == [7]


def test_vote__worked_example():
    matrix = np.array([[0, 0], [1, 0], [0, 1], [9, 9], [9, 8]], np.float32)
    labels = np.array([2, 2, 3, 4, 4], np.uint8)
    queries = np.array([[0.1, 0.1], [8, 8]], np.float32)
    votes = NeighbourIndex(matrix, 2).vote(labels, queries)
    assert votes.tolist() == [2, 4]
    assert votes.dtype == np.uint8


def test_vote__one_training_row():
    train = np.ones((1, 4), np.float32)
    votes = NeighbourIndex(train).vote(np.array([6], np.uint8), np.zeros((2, 4), np.float32), 1)
    assert votes.tolist() == [6, 6]


def test_vote__no_queries():
    train, labels = make_rows(20, 20, 0, "cells")
    queries = np.zeros((0, 15), np.float32)
    assert NeighbourIndex(train, 5).vote(labels, queries).shape == (0,)


def test_search__identical_rows():
    matrix = np.ones((100, 6), np.float32)
    distances, rows = NeighbourIndex(matrix).search(matrix[:2], 3)
    assert (distances == 0).all()
    assert rows.tolist() == [[0, 1, 2]] * 2


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e16])
def test_search__values_without_a_finite_distance(value):
    train, _ = make_rows(20, 20, 0, "tree")
    invalid = train.copy()
    invalid[3, 2] = value
    with pytest.raises(DegenerateError, match="finite"):
        NeighbourIndex(invalid)
    with pytest.raises(DegenerateError, match="finite"):
        NeighbourIndex(train, 5).search(invalid, 3)


def test_search__invalid_requests():
    train, labels = make_rows(20, 20, 0, "cells")
    index = NeighbourIndex(train, 5)
    with pytest.raises(TooFewError, match="401 neighbours were requested among 400 rows"):
        index.search(train, 401)
    with pytest.raises(ArtifactError, match="5 columns"):
        index.search(train[:, :5].copy(), 3)
    with pytest.raises(ArtifactError, match="float64"):
        index.search(train.astype(np.float64), 3)
    with pytest.raises(ArtifactError, match="3 labels for 400 rows"):
        index.vote(labels[:3], train)
    with pytest.raises(TooFewError, match="no rows to search"):
        NeighbourIndex(np.zeros((0, 5), np.float32))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 90),
    width=st.integers(1, 7),
    levels=st.integers(1, 6),
    k=st.integers(1, 9),
    seed=st.integers(0, 10**6),
)
def test_search__property_equals_brute_force(n, width, levels, k, seed):
    random = np.random.default_rng(seed)
    matrix = random.integers(0, levels, (n, width)).astype(np.float32)
    queries = random.integers(-1, levels + 1, (17, width)).astype(np.float32)
    n_varying = int(random.integers(0, width + 1))
    k = min(k, n)
    distances, rows = NeighbourIndex(matrix, n_varying).search(queries, k)
    expected = brute_force(matrix, queries, k)
    np.testing.assert_array_equal(distances, expected[0].astype(np.float32))
    np.testing.assert_array_equal(rows, expected[1])


def test_group_rows__first_appearance_and_signed_zero():
    rows = np.array([[1, 2], [0, 0], [1, 2], [-0.0, 0], [2, 1]], np.float32)
    groups, firsts = group_rows(rows)
    assert groups.tolist() == [0, 1, 0, 1, 2]
    assert firsts.tolist() == [0, 1, 4]


@given(seed=st.integers(0, 10**6), n=st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_group_rows__property_equals_unique(seed, n):
    rows = np.random.default_rng(seed).integers(0, 3, (n, 3)).astype(np.float32)
    groups, firsts = group_rows(rows)
    assert len(firsts) == len(np.unique(rows, axis=0))
    np.testing.assert_array_equal(rows[firsts][groups], rows)


def test_majority__ties():
    labels = np.array([3, 1, 2, 2], np.uint8)
    rows = np.array([[0, 1, 2], [0, 2, 3], [1, 1, 0]], np.int32)
    assert majority(labels, rows).tolist() == [1, 2, 1]


def test_compiled__cache_is_stamped_with_all_sources():
    """A change in one file also invalidates the compiled callers in other files."""
    from core.neighbours import box_tree, compiled_loops

    cache_file = box_tree._search._cache._cache_file
    assert cache_file._source_stamp == compiled_loops._STAMP
    assert cache_file._index_path
