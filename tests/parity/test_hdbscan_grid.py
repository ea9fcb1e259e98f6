"""Cuts, persistence, validity and soft membership compared with hdbscan, for many settings."""

from types import SimpleNamespace

import hdbscan
import numpy as np
import pytest
from hdbscan.prediction import PredictionData, all_points_membership_vectors
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from core.clusters.labelling import labels_by_size
from core.clusters.methods.density import condensed_tree, hdbscan_tree
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_nodes, cut_tree
from core.clusters.noise_treatment import soft_membership
from core.settings import CutSettings, TreeSettings


def noisy_blobs(seed):
    blobs = make_blobs(500, 3, centers=6, random_state=seed)[0]
    noise = np.random.default_rng(seed).uniform(-12, 12, (120, 3))
    return np.concatenate([blobs, noise]).astype(np.float32)


@pytest.fixture(scope="module")
def trees():
    return {s: build_tree(noisy_blobs(s), TreeSettings(n_dims=10, min_samples=5)) for s in range(3)}


def reference(tree, points, **settings):
    """Return labels, strengths and persistence of hdbscan's own cut of the same tree.

    Both start from one tree, so ties cannot differ.
    """
    from hdbscan.hdbscan_ import _tree_to_labels

    labels, strength, persistence, *_ = _tree_to_labels(points, tree.linkage, **settings)
    return labels, strength, persistence


def check_cut(tree, points, settings, **hdbscan_settings):
    labels, strength, persistence = reference(tree, points, **hdbscan_settings)
    cut = cut_tree(tree, settings)
    assert cut.n_clusters == labels.max() + 1
    assert adjusted_rand_score(cut.labels, labels) == 1
    # hdbscan counts the split below a cluster as its densest part; fast_hdbscan and Chipscape do
    # not.
    assert np.median(np.abs(cut.confidence - strength)) < 1e-5
    assert ((cut.confidence - strength) > -1e-5).all()
    order = [int(labels[cut.labels == j][0]) for j in range(cut.n_clusters)]
    np.testing.assert_allclose(
        hdbscan_tree.cluster_persistence(tree, settings), persistence[order], rtol=1e-4, atol=1e-7
    )
    return cut


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("selection", ["eom", "leaf"])
@pytest.mark.parametrize("size", [4, 6, 12, 30, 70])
@pytest.mark.parametrize("single", [False, True])
def test_cut_tree__over_a_grid(trees, seed, selection, size, single):
    cut = check_cut(
        trees[seed],
        noisy_blobs(seed),
        CutSettings(size, selection, allow_single_cluster=single),
        min_cluster_size=size,
        cluster_selection_method=selection,
        allow_single_cluster=single,
    )
    model = hdbscan.HDBSCAN(gen_min_span_tree=True)
    model.labels_, model._min_spanning_tree = cut.labels, trees[seed].edges
    validity = condensed_tree.relative_validity(trees[seed].edges, cut.labels)
    if cut.n_clusters > 1:
        assert validity == pytest.approx(model.relative_validity_)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("largest", [20, 40, 80, 120])
@pytest.mark.parametrize("size", [5, 10])
def test_cut_tree__max_cluster_size(trees, seed, largest, size):
    cut = check_cut(
        trees[seed],
        noisy_blobs(seed),
        CutSettings(size, max_cluster_size=largest),
        min_cluster_size=size,
        max_cluster_size=largest,
    )
    assert cut.sizes().max(initial=0) <= largest


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("selection", ["eom", "leaf"])
@pytest.mark.parametrize("epsilon", [0.3, 0.8, 1.5])
def test_cut_tree__epsilon(trees, seed, selection, epsilon):
    settings = CutSettings(6, selection, epsilon)
    if cut_tree(trees[seed], settings).n_clusters > 1:
        check_cut(
            trees[seed],
            noisy_blobs(seed),
            settings,
            min_cluster_size=6,
            cluster_selection_method=selection,
            cluster_selection_epsilon=epsilon,
        )


@pytest.mark.parametrize("seed", range(3))
def test_soft_membership__from_the_same_tree(trees, seed):
    points, settings = noisy_blobs(seed), CutSettings(12)
    condensed, cut = cut_nodes(trees[seed], settings)
    n, k = len(points), len(condensed.parent)
    rows = [
        (int(p) + n, i, lam, 1)
        for i, (p, lam) in enumerate(zip(condensed.point_node, condensed.point_lambda, strict=True))
    ]
    rows += [
        (int(condensed.parent[j]) + n, j + n, condensed.birth[j], int(condensed.size[j]))
        for j in range(1, k)
    ]
    dtypes = {"parent": np.intp, "child": np.intp, "lambda_val": float, "child_size": np.intp}
    raw_tree = np.array(rows, dtype=list(dtypes.items()))
    selected = [int(c) + n for c in cut.nodes]
    tree = SimpleNamespace(_raw_tree=raw_tree, _select_clusters=lambda: selected)
    data = PredictionData(points, tree, 5)
    expected = all_points_membership_vectors(
        SimpleNamespace(condensed_tree_=tree, prediction_data_=data)
    )[:, list(labels_by_size(cut.numbers))]
    membership = soft_membership(trees[seed], settings, points)
    np.testing.assert_allclose(membership, expected, atol=1e-5)
    assert 0 < membership.sum(axis=1).min() < membership.sum(axis=1).max() <= 1.00001
