import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from core.clusters.methods.density.hdbscan_tree import (
    SpanningTree,
    build_tree,
    compile_hdbscan,
    cut_tree,
)
from core.errors import ArtifactError, DegenerateError, TooFewError
from core.settings import CutSettings, TreeSettings

BY_FIVE = TreeSettings(n_dims=10, min_samples=5)


def blobs(n=300, k=3, d=4, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, d)) + 15 * (np.arange(n) % k)[:, None]
    return points.astype(np.float32)


def reachability_weight(points, min_samples):
    """Return the weight of the tree and the core distances, by brute force."""
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import cdist

    distances = cdist(points, points)
    core = np.sort(distances, axis=1)[:, min_samples]
    graph = np.maximum(distances, np.maximum(core[:, None], core[None, :]))
    return minimum_spanning_tree(np.triu(graph, 1)).sum(), core


@pytest.mark.parametrize("d", [1, 4, 45])
@pytest.mark.parametrize("min_samples", [1, 5])
def test_build_tree__exact_in_any_dimension(d, min_samples):
    points = np.random.default_rng(d).normal(size=(150, d)).astype(np.float32)
    tree = build_tree(points, TreeSettings(n_dims=100, min_samples=min_samples))
    weight, core = reachability_weight(points.astype(np.float64), min_samples)
    assert tree.weight == pytest.approx(weight, rel=1e-4)
    assert tree.n_dims == d
    if min_samples > 1:
        np.testing.assert_allclose(tree.core_distances, core, rtol=1e-3)


def test_build_tree__uses_the_first_components_only():
    points = blobs(d=6)
    tree = build_tree(points, TreeSettings(n_dims=3))
    assert (
        tree.edges.tobytes()
        == build_tree(points[:, :3], TreeSettings(n_dims=10, min_samples=5)).edges.tobytes()
    )


def test_build_tree__same_bytes_on_quantised_data():
    rng = np.random.default_rng(0)
    points = np.round(rng.normal(size=(3000, 3)) * 6).astype(np.float32)
    trees = {build_tree(points, BY_FIVE).edges.tobytes() for _ in range(5)}
    assert len(trees) == 1


def test_build_tree__restores_the_number_of_threads():
    import numba

    before = numba.get_num_threads()
    build_tree(blobs(), BY_FIVE)
    assert numba.get_num_threads() == before


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_build_tree__too_few(n):
    with pytest.raises(TooFewError, match=f"got {n}"):
        build_tree(blobs(n), BY_FIVE)


def test_build_tree__just_enough():
    tree = build_tree(blobs(6, 1), BY_FIVE)
    assert len(tree) == 6
    assert cut_tree(tree, CutSettings(min_cluster_size=2)).noise_fraction == 1


def test_build_tree__two_points():
    assert build_tree(blobs(2), TreeSettings(n_dims=10, min_samples=1)).edges.shape == (1, 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_build_tree__not_finite_or_too_large(bad):
    points = blobs()
    points[5, 1] = bad
    with pytest.raises(DegenerateError):
        build_tree(points, BY_FIVE)


def test_build_tree__all_points_the_same():
    with pytest.raises(DegenerateError, match="same"):
        build_tree(np.ones((50, 3), np.float32), BY_FIVE)


def test_cut_tree__finds_blobs():
    labelling = cut_tree(build_tree(blobs(), BY_FIVE), CutSettings(15))
    assert labelling.labels.tolist() == [0, 1, 2] * 100
    assert 0 < labelling.confidence.min() < labelling.confidence.max() == 1


def test_cut_tree__eom_takes_larger_clusters_than_leaf():
    rng = np.random.default_rng(2)
    centres = np.array([[0, 0], [3.5, 0], [60, 0], [63.5, 0]])
    points = (rng.normal(size=(400, 2)) + np.repeat(centres, 100, axis=0)).astype(np.float32)
    tree = build_tree(points, BY_FIVE)
    cuts = [
        cut_tree(tree, CutSettings(min_cluster_size=40, selection=selection, epsilon=epsilon))
        for selection, epsilon in (("eom", 0.0), ("leaf", 0.0), ("leaf", 3.0), ("leaf", 500.0))
    ]
    assert [labelling.n_clusters for labelling in cuts] == [2, 4, 2, 2]


def test_cut_tree__fewer_points_than_a_cluster():
    labelling = cut_tree(build_tree(blobs(30), BY_FIVE), CutSettings(min_cluster_size=31))
    assert labelling.noise_fraction == 1
    assert "30 chips are fewer" in labelling.notes[0]


def test_cut_tree__notes_that_there_is_no_cluster():
    points = np.random.default_rng(0).uniform(size=(200, 2)).astype(np.float32)
    labelling = cut_tree(build_tree(points, BY_FIVE), CutSettings(min_cluster_size=90))
    assert labelling.n_clusters == 0
    assert "No cluster" in labelling.notes[0]


def test_cut_tree__only_duplicates():
    points = np.repeat(np.array([[0.0, 0], [5, 0], [0, 9]], np.float32), 30, axis=0)
    labelling = cut_tree(build_tree(points, BY_FIVE), CutSettings(15))
    assert labelling.labels.tolist() == [0] * 30 + [1] * 30 + [2] * 30
    assert np.isfinite(labelling.confidence).all()


def test_cut_tree__duplicates_next_to_blobs():
    points = np.concatenate([blobs(200, 2), np.full((40, 4), 100, np.float32)])
    labelling = cut_tree(build_tree(points, BY_FIVE), CutSettings(15))
    assert labelling.sizes().tolist() == [100, 100, 40]
    assert (labelling.labels[200:] == 2).all()


def test_cut_tree__blank_chips_do_not_break_up_their_cluster():
    # The infinite density of 12 equal points would break one of two groups up: seven clusters.
    rng = np.random.default_rng(0)
    left, right = rng.normal(0, 1, (150, 2)), rng.normal((7, 0), 1, (150, 2))
    points = np.concatenate([left, right, np.zeros((12, 2))]).astype(np.float32)
    labelling = cut_tree(build_tree(points, BY_FIVE), CutSettings(min_cluster_size=5))
    assert labelling.n_clusters == 2


def test_cut_tree__same_bytes_twice_and_does_not_change_the_tree():
    tree = build_tree(blobs(), BY_FIVE)
    edges = tree.edges.copy()
    tree.edges.flags.writeable = False
    first, second = cut_tree(tree, CutSettings(15)), cut_tree(tree, CutSettings(15))
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.confidence.tobytes() == second.confidence.tobytes()
    np.testing.assert_array_equal(tree.edges, edges)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000))
def test_cut_tree__row_order_only_renumbers(seed):
    points = blobs(seed=3)
    order = np.random.default_rng(seed).permutation(len(points))
    labels = cut_tree(build_tree(points, BY_FIVE), CutSettings(15)).labels[order]
    shuffled = cut_tree(build_tree(points[order], BY_FIVE), CutSettings(15)).labels
    assert len(set(zip(labels.tolist(), shuffled.tolist(), strict=True))) == 3


def test_tree__refuses_invalid_edges():
    tree = build_tree(blobs(), BY_FIVE)
    with pytest.raises(ArtifactError, match="298 edges between 300"):
        SpanningTree(tree.edges[1:], tree.core_distances, 5, 4)
    with pytest.raises(ArtifactError, match="sorted"):
        SpanningTree(tree.edges[::-1], tree.core_distances, 5, 4)


def test_compile_hdbscan__runs():
    compile_hdbscan()


def test_cut_tree__an_epsilon_beyond_all_splits_like_hdbscan():
    from hdbscan import HDBSCAN

    points, common = blobs(), {"min_cluster_size": 20}
    tree = build_tree(points, BY_FIVE)
    for single in (False, True):
        labelling = cut_tree(tree, CutSettings(**common, epsilon=1e6, allow_single_cluster=single))
        model = HDBSCAN(
            **common,
            min_samples=5,
            cluster_selection_epsilon=1e6,
            allow_single_cluster=single,
            approx_min_span_tree=False,
        ).fit(points.astype(np.float64))
        assert labelling.n_clusters == model.labels_.max() + 1 == (1 if single else 2)
        assert adjusted_rand_score(labelling.labels, model.labels_) == 1


def test_longest_join__many_edges_or_none():
    edges = np.column_stack([np.arange(100), np.arange(1, 101), np.arange(1, 101) / 10])
    assert SpanningTree(edges, np.ones(101, np.float32), 1, 2).longest_join == 9.9
    assert SpanningTree(edges[:0], np.ones(1, np.float32), 1, 2).longest_join == 1.0
