import numpy as np
import pytest

from core.clusters.methods.density import condensed_tree
from core.clusters.methods.density.condensed_tree import CondensedTree
from core.clusters.methods.density.exact_edges import choose_tree_algorithm
from core.clusters.methods.density.hdbscan_tree import (
    build_tree,
    cluster_persistence,
    cut_nodes,
    cut_tree,
)
from core.settings import CutSettings, TreeSettings

BY_FIVE = TreeSettings(n_dims=10, min_samples=5)


def pairs(n=400):
    """Return two pairs of blobs: the pairs are far apart, the blobs of a pair are close."""
    rng = np.random.default_rng(2)
    centres = np.array([[0, 0], [5, 0], [60, 0], [65, 0]])
    return (rng.normal(size=(n, 2)) + np.repeat(centres, n // 4, axis=0)).astype(np.float32)


def hand_made():
    """Root 0 with children 1 (two points) and 2; 2 with children 3 and 4 of two points each."""
    return CondensedTree(
        parent=np.array([0, 0, 0, 2, 2]),
        birth=np.array([0, 1, 1, 2, 2.0]),
        size=np.array([6, 2, 4, 2, 2]),
        point_node=np.array([1, 1, 3, 3, 4, 4]),
        point_lambda=np.array([1.5, 1.5, 5, 5, 6, 6.0]),
    )


def test_condensed__properties_by_hand():
    assert hand_made().stability.tolist() == [6, 1, 4, 6, 8]
    assert hand_made().is_leaf.tolist() == [False, True, False, True, True]


@pytest.mark.parametrize(
    ("settings", "nodes"),
    [
        (CutSettings(2), [1, 3, 4]),
        (CutSettings(2, allow_single_cluster=True), [1, 3, 4]),
        (CutSettings(2, "leaf"), [1, 3, 4]),
        # 3 and 4 separate at distance 1/2, which is below 0.8, so they join.
        (CutSettings(2, epsilon=0.8), [1, 2]),
        (CutSettings(2, epsilon=0.4), [1, 3, 4]),
        (CutSettings(2, epsilon=2), [1, 2]),
        (CutSettings(2, epsilon=2, allow_single_cluster=True), [0]),
    ],
)
def test_choose_nodes__by_hand(settings, nodes):
    assert condensed_tree.choose_nodes(hand_made(), settings).tolist() == nodes


def test_choose_nodes__a_stable_parent_stays_unless_it_is_too_large():
    tree = hand_made()
    stable = CondensedTree(
        tree.parent, np.array([0, 1, 1, 4, 4.0]), tree.size, tree.point_node, tree.point_lambda
    )
    assert stable.stability.tolist() == [6, 1, 12, 2, 4]
    for limit, nodes in ((0, [1, 2]), (4, [1, 2]), (3, [1, 3, 4])):
        settings = CutSettings(2, max_cluster_size=limit)
        assert condensed_tree.choose_nodes(stable, settings).tolist() == nodes


def test_cut_condensed_tree__one_cluster_next_to_one_that_is_too_large():
    # The cut of fast_hdbscan looks for the label of the large cluster and finds none.
    tree = CondensedTree(
        parent=np.array([0, 0, 0]),
        birth=np.array([0, 1.0, 1]),
        size=np.array([8, 5, 3]),
        point_node=np.array([1, 1, 1, 1, 1, 2, 2, 2]),
        point_lambda=np.full(8, 2.0),
    )
    cut = condensed_tree.cut_condensed_tree(tree, CutSettings(2, max_cluster_size=4))
    assert cut.nodes.tolist() == [2]
    assert cut.numbers.tolist() == [-1] * 5 + [0] * 3


def test_cut_tree__a_single_cluster_only_if_allowed():
    points = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    tree = build_tree(points, BY_FIVE)
    for selection in ("eom", "leaf"):
        assert cut_tree(tree, CutSettings(60, selection)).n_clusters == 0
        labelling = cut_tree(tree, CutSettings(60, selection, allow_single_cluster=True))
        assert labelling.n_clusters == 1
        assert labelling.sizes()[0] >= 60


def test_cut_tree__max_cluster_size_zero_is_no_limit():
    tree = build_tree(pairs(), BY_FIVE)
    unlimited, limited = CutSettings(40), CutSettings(40, max_cluster_size=150)
    assert cut_tree(tree, unlimited).sizes().max() > 150
    assert cut_tree(tree, limited).sizes().max() <= 150


def test_cluster_persistence__in_the_order_of_the_labels():
    points = np.concatenate([pairs(), np.random.default_rng(0).normal((0, 50), 0.2, (300, 2))])
    tree = build_tree(points.astype(np.float32), BY_FIVE)
    persistence = cluster_persistence(tree, CutSettings(40))
    cut = cut_tree(tree, CutSettings(40))
    assert len(persistence) == cut.n_clusters
    # The dense blob of 300 is the largest cluster and the most persistent.
    assert cut.sizes()[0] == 300
    assert persistence.argmax() == 0
    assert cluster_persistence(tree, CutSettings(10_000)).size == 0


def test_relative_validity__high_if_separate_and_low_if_cut_across():
    points = pairs()
    tree = build_tree(points, BY_FIVE)
    separate = (points[:, 0] > 30).astype(np.int32)
    across = (points[:, 1] > 0).astype(np.int32)
    assert condensed_tree.relative_validity(tree.edges, separate) > 0.9
    assert condensed_tree.relative_validity(tree.edges, across) < 0
    assert np.isnan(condensed_tree.relative_validity(tree.edges, np.zeros(400, np.int32)))


def test_cut_nodes__strength_is_one_in_the_densest_part():
    _, cut = cut_nodes(build_tree(pairs(), BY_FIVE), CutSettings(40))
    for number in range(len(cut.nodes)):
        assert cut.strength[cut.numbers == number].max() == 1
    assert (cut.strength[cut.numbers == -1] == 0).all()


@pytest.mark.parametrize(
    ("n", "d", "name"),
    [(10_000, 5, "prim"), (10_001, 5, "boruvka"), (60_000, 8, "prim"), (60_001, 50, "boruvka")],
)
def test_choose_tree_algorithm__by_size_and_dimensions(n, d, name):
    assert choose_tree_algorithm(n, d) == name
