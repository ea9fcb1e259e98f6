import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from core.clusters.methods.density import hdbscan_tree
from core.clusters.methods.density.hdbscan_tree import build_tree, cluster_persistence, cut_tree
from core.clusters.methods.density.tree_extension import N_NEIGHBOURS
from core.clusters.methods.method_table import METHODS
from core.clusters.methods.row_sample import random_rows
from core.clusters.noise_treatment import soft_membership
from core.settings import CutSettings, RunSettings, TreeSettings

IN_COMPONENTS = TreeSettings(n_dims=6, min_samples=4)
IN_GRAPH = TreeSettings()


def overlapping_blobs(n=1500, k=5, d=6, seed=0):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, k, n)
    centres = np.random.default_rng(9).normal(0, 6, (k, d))
    return (centres[kinds] + rng.normal(size=(n, d))).astype(np.float32), kinds


@pytest.fixture
def at_most_600(monkeypatch):
    monkeypatch.setattr(hdbscan_tree, "MAX_EXACT", 600)


@pytest.mark.parametrize("settings", [IN_COMPONENTS, IN_GRAPH])
def test_build_tree__many_chips_join_the_tree_of_a_sample(at_most_600, settings):
    points, _ = overlapping_blobs()
    tree = build_tree(points, settings)
    rows = random_rows(1500, 600)
    assert (len(tree), tree.n_sampled) == (1500, 600)
    ends = tree.edges[:, :2].astype(int)
    graph = coo_array((np.ones(1499), (ends[:, 0], ends[:, 1])), (1500, 1500))
    assert connected_components(graph, directed=False)[0] == 1
    # The edges within the sample are those of its own tree.
    own = build_tree(points[rows], settings)
    within = np.isin(ends, rows).all(axis=1)
    assert within.sum() == 599
    np.testing.assert_array_equal(np.sort(tree.edges[within, 2]), np.sort(own.edges[:, 2]))
    # Each other chip has one edge, to one of its nearest neighbours in the sample.
    _, near = NearestNeighbors(n_neighbors=N_NEIGHBOURS).fit(points[rows]).kneighbors(points)
    for end in ends[~within]:
        other, sampled = end if end[1] in rows else end[::-1]
        assert other not in rows
        assert sampled in rows[near[other]]


def test_build_tree__mutual_reachability_of_joined_chips(at_most_600):
    points, _ = overlapping_blobs()
    tree, rows = build_tree(points, IN_COMPONENTS), random_rows(1500, 600)
    ends, length = tree.edges[:, :2].astype(int), tree.edges[:, 2]
    joined = ~np.isin(ends, rows).all(axis=1)
    first, second = ends[joined].T
    distance = np.linalg.norm(points[first] - points[second], axis=1)
    sampled = np.where(np.isin(first, rows), first, second)
    expected = np.maximum(distance, tree.core_distances[sampled])
    np.testing.assert_allclose(length[joined], expected, rtol=1e-5)


@pytest.mark.parametrize("settings", [IN_COMPONENTS, IN_GRAPH])
def test_cut__extended_tree_agrees_with_the_full_tree(monkeypatch, settings):
    points, kinds = overlapping_blobs(4000)
    full = cut_tree(build_tree(points, settings), CutSettings(60))
    monkeypatch.setattr(hdbscan_tree, "MAX_EXACT", 1500)
    extended = cut_tree(build_tree(points, settings), CutSettings(60))
    assert len(extended) == 4000
    assert extended.n_clusters == full.n_clusters == 5
    assert adjusted_rand_score(full.labels, extended.labels) > 0.9
    assert adjusted_rand_score(kinds, extended.labels) > 0.9
    assert extended.facts["n_sampled"] == 1500
    assert any("random sample of 1,500 of 4,000 chips" in note for note in extended.notes)
    assert not full.notes


def test_build_tree__suggested_size_is_scaled_to_all_chips(at_most_600):
    points, _ = overlapping_blobs()
    tree = build_tree(points, IN_GRAPH)
    own = build_tree(points[random_rows(1500, 600)], IN_GRAPH)
    assert tree.choice.sizes == {k: round(2.5 * v) for k, v in own.choice.sizes.items()}
    assert tree.resolve(CutSettings()).min_cluster_size == tree.choice.sizes["eom"]


def test_build_tree__results_that_follow_from_the_tree_are_of_all_chips(at_most_600):
    points, _ = overlapping_blobs()
    tree, cut = build_tree(points, IN_GRAPH), CutSettings(60)
    labelling = cut_tree(tree, cut)
    assert tree.space(points).shape[0] == 1500
    assert soft_membership(tree, cut, points).shape == (1500, labelling.n_clusters)
    assert cluster_persistence(tree, cut).shape == (labelling.n_clusters,)


def test_hierarchy__extended_tree_is_stored_and_restored(at_most_600):
    points, _ = overlapping_blobs()
    hierarchy = METHODS["hdbscan"].hierarchy
    tree = hierarchy.build(points, RunSettings("hdbscan"))
    restored = hierarchy.restore(hierarchy.arrays(tree), hierarchy.counts(tree))
    assert restored.n_sampled == 600
    assert cut_tree(restored, CutSettings(60)).facts == cut_tree(tree, CutSettings(60)).facts


def test_build_tree__equal_chips_and_a_second_run(at_most_600):
    points, _ = overlapping_blobs()
    points[::3] = points[0]
    first, second = build_tree(points, IN_GRAPH), build_tree(points, IN_GRAPH)
    assert first.edges.tobytes() == second.edges.tobytes()
    labels = cut_tree(first, CutSettings(30)).labels
    assert len(np.unique(labels[::3])) == 1
