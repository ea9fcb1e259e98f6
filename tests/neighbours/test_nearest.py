import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ArtifactError, DegenerateError, TooFewError
from core.neighbours.compiled_loops import group_rows, majority
from core.neighbours.nearest import NeighbourIndex


def made(n_blocks, per_block, seed, kind):
    """Quantised pixels, Sentinel constant over blocks; as (matrix, labels)."""
    random = np.random.default_rng(seed)
    n = n_blocks * per_block
    own = random.integers(1, 60, (n, 5)).astype(np.float32)
    spectra = np.repeat(random.random((n_blocks, 10), np.float32), per_block, axis=0)
    labels = random.integers(1, 13, n).astype(np.uint8)
    if kind == "tree":
        return own, labels
    return np.hstack([own, spectra * 40]), labels


def brute(train, queries, k):
    """Distances in float64, nearest first, of equals the lower row."""
    apart = queries.astype(np.float64)[:, None] - train.astype(np.float64)[None]
    distances = (apart**2).sum(axis=2)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, axis=1), order


KINDS = ("tree", "cells")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 3, 8])
def test_search__exact(kind, k):
    train, _ = made(60, 23, 0, kind)
    queries, _ = made(40, 9, 1, kind)
    index = NeighbourIndex(train, 5)
    assert index.kind == kind
    distances, _ = index.search(queries, k)
    expected, _ = brute(train, queries, k)
    np.testing.assert_allclose(np.sqrt(distances), np.sqrt(expected), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_search__training_pixels_find_themselves(kind):
    train, _ = made(100, 30, 2, kind)
    distances, rows = NeighbourIndex(train, 5).search(train, 1)
    assert (distances[:, 0] == 0).all()
    same = train[rows[:, 0]] == train
    assert same.all()


@pytest.mark.parametrize("kind", ["tree", "cells"])
def test_search__of_equals_the_lower_row(kind):
    """Whole numbers, so that distances are exact and ties are many."""
    random = np.random.default_rng(3)
    own = random.integers(0, 4, (600, 3)).astype(np.float32)
    sentinel = np.repeat(random.integers(0, 3, (20, 2)), 30, axis=0).astype(np.float32)
    matrix = own if kind == "tree" else np.hstack([own, sentinel])
    queries = random.integers(0, 4, (200, matrix.shape[1])).astype(np.float32)
    index = NeighbourIndex(matrix, 3)
    assert index.kind == kind
    _, rows = index.search(queries, 5)
    np.testing.assert_array_equal(rows, brute(matrix, queries, 5)[1])


@pytest.mark.parametrize("kind", KINDS)
def test_search__order_of_queries_does_not_matter(kind):
    train, _ = made(80, 25, 4, kind)
    queries, _ = made(30, 12, 5, kind)
    order = np.random.default_rng(0).permutation(len(queries))
    shuffled = queries[order]
    index = NeighbourIndex(train, 5)
    for straight, mixed in zip(index.search(queries, 3), index.search(shuffled, 3), strict=True):
        np.testing.assert_array_equal(straight[order], mixed)


def test_search__many_far_cells_are_gathered():
    """More cells than are looked at first, and the nearest row in one of the last."""
    random = np.random.default_rng(6)
    sentinel = np.repeat(np.arange(400, dtype=np.float32)[:, None] * 0.01, 5, axis=0)
    own = np.full((2000, 2), 100, np.float32) + random.random((2000, 2), np.float32)
    own[-5:] = 0
    train = np.hstack([own, sentinel])
    index = NeighbourIndex(train, 2)
    assert index.kind == "cells"
    queries = np.zeros((3, 3), np.float32)
    _, rows = index.search(queries, 3)
    assert (rows == [1995, 1996, 1997]).all()


def test_kind__interpolated_sentinel_takes_the_tree():
    random = np.random.default_rng(8)
    train = random.random((300, 15), np.float32)
    index = NeighbourIndex(train, 5)
    assert index.kind == "tree"
    distances, _ = index.search(train, 3)
    expected, _ = brute(train, train, 3)
    np.testing.assert_allclose(distances, expected, rtol=1e-5, atol=1e-7)


def test_vote__smallest_of_equally_common_labels():
    matrix = np.array([[0], [1], [2], [10]], np.float32)
    labels = np.array([7, 5, 9, 1], np.uint8)
    assert NeighbourIndex(matrix, 1).vote(labels, np.zeros((1, 1), np.float32)).tolist() == [5]
    assert NeighbourIndex(matrix, 1).vote(labels, np.zeros((1, 1), np.float32), k=1).tolist() == [7]


def test_vote__by_hand():
    matrix = np.array([[0, 0], [1, 0], [0, 1], [9, 9], [9, 8]], np.float32)
    labels = np.array([2, 2, 3, 4, 4], np.uint8)
    queries = np.array([[0.1, 0.1], [8, 8]], np.float32)
    votes = NeighbourIndex(matrix, 2).vote(labels, queries)
    assert votes.tolist() == [2, 4]
    assert votes.dtype == np.uint8


def test_vote__one_pixel():
    one = np.ones((1, 4), np.float32)
    votes = NeighbourIndex(one).vote(np.array([6], np.uint8), np.zeros((2, 4), np.float32), 1)
    assert votes.tolist() == [6, 6]


def test_vote__no_queries():
    train, labels = made(20, 20, 0, "cells")
    none = np.zeros((0, 15), np.float32)
    assert NeighbourIndex(train, 5).vote(labels, none).shape == (0,)


def test_search__all_pixels_the_same():
    matrix = np.ones((100, 6), np.float32)
    distances, rows = NeighbourIndex(matrix).search(matrix[:2], 3)
    assert (distances == 0).all()
    assert rows.tolist() == [[0, 1, 2]] * 2


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e16])
def test_search__values_that_have_no_distance(value):
    train, _ = made(20, 20, 0, "tree")
    bad = train.copy()
    bad[3, 2] = value
    with pytest.raises(DegenerateError, match="finite"):
        NeighbourIndex(bad)
    with pytest.raises(DegenerateError, match="finite"):
        NeighbourIndex(train, 5).search(bad, 3)


def test_search__refusals():
    train, labels = made(20, 20, 0, "cells")
    index = NeighbourIndex(train, 5)
    with pytest.raises(TooFewError, match="401 neighbours among 400"):
        index.search(train, 401)
    with pytest.raises(ArtifactError, match="5 columns"):
        index.search(train[:, :5].copy(), 3)
    with pytest.raises(ArtifactError, match="float64"):
        index.search(train.astype(np.float64), 3)
    with pytest.raises(ArtifactError, match="3 labels"):
        index.vote(labels[:3], train)
    with pytest.raises(TooFewError, match="no training"):
        NeighbourIndex(np.zeros((0, 5), np.float32))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 90), width=st.integers(1, 7), levels=st.integers(1, 6), k=st.integers(1, 9),
    seed=st.integers(0, 10**6),
)  # fmt: skip
def test_search__property_equals_brute_force(n, width, levels, k, seed):
    random = np.random.default_rng(seed)
    matrix = random.integers(0, levels, (n, width)).astype(np.float32)
    queries = random.integers(-1, levels + 1, (17, width)).astype(np.float32)
    n_own = int(random.integers(0, width + 1))
    k = min(k, n)
    found = NeighbourIndex(matrix, n_own).search(queries, k)
    expected = brute(matrix, queries, k)
    np.testing.assert_array_equal(found[0], expected[0].astype(np.float32))
    np.testing.assert_array_equal(found[1], expected[1])


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


def test_compiled__a_change_in_one_file_reaches_its_callers():
    """What numba keeps on disk is stamped with all the sources, not with its own file's."""
    from core.neighbours import box_tree, compiled_loops

    kept = box_tree._search._cache._cache_file
    assert kept._source_stamp == compiled_loops._STAMP
    assert kept._index_path
