from itertools import pairwise

import hdbscan
import numpy as np
import pytest

from core.clusters.methods.density.hdbscan_tree import build_tree, cut_nodes, cut_tree
from core.clusters.methods.density.icicle import STEPS, lay_out_icicle, node_offsets
from core.errors import TooFewError
from core.settings import CutSettings, TreeSettings


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 6, (6, 4))
    return (centres[rng.integers(0, 6, 600)] + rng.normal(size=(600, 4))).astype(np.float32)


@pytest.fixture(scope="module")
def tree(points):
    return build_tree(points, TreeSettings(n_dims=10, min_samples=5))


def test_lay_out_icicle__same_nodes_as_hdbscan(points, tree):
    model = hdbscan.HDBSCAN(10, min_samples=5, approx_min_span_tree=False).fit(points)
    bounds = model.condensed_tree_.get_plot_data()["cluster_bounds"].values()
    reference = [(right - left, bottom, top) for left, right, bottom, top in bounds]
    icicle = lay_out_icicle(tree, CutSettings(10))
    nodes = []
    for outline, size in zip(icicle.outlines, icicle.size, strict=True):
        assert np.ptp(outline[:, 0]) == pytest.approx(size)
        nodes.append((size, 1 / outline[:, 1].max(), 1 / outline[:, 1].min()))
    pairs = zip(sorted(nodes, reverse=True), sorted(reference, reverse=True), strict=True)
    for i, (node, expected) in enumerate(pairs):
        # In hdbscan, the root starts at density 0, which corresponds to no distance.
        columns = (0, 2) if i == 0 else (0, 1, 2)
        assert [node[j] for j in columns] == pytest.approx([expected[j] for j in columns], rel=1e-4)


@pytest.mark.parametrize("size", [2, 5, 40])
def test_lay_out_icicle__children_lie_side_by_side_inside_their_parent(tree, size):
    condensed, _ = cut_nodes(tree, CutSettings(size))
    left = node_offsets(condensed)
    right = left + condensed.size
    parent = condensed.parent[1:]
    assert (left[1:] >= left[parent]).all()
    assert (right[1:] <= right[parent]).all()
    for node in range(len(left)):
        children = [c for c in np.flatnonzero(condensed.parent == node) if c]
        spans = sorted((left[c], right[c]) for c in children)
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
        if spans:
            outline = lay_out_icicle(tree, CutSettings(size)).outlines[node]
            end = outline[outline[:, 1] == outline[:, 1].min(), 0]
            assert (end.min(), end.max()) == (spans[0][0], spans[-1][1])


def test_lay_out_icicle__labels_are_those_of_the_cut(tree):
    settings = CutSettings(10)
    icicle, labelling = lay_out_icicle(tree, settings), cut_tree(tree, settings)
    condensed, cut = cut_nodes(tree, settings)
    assert len(cut.nodes) == labelling.n_clusters
    assert sorted(icicle.label[cut.nodes]) == list(range(labelling.n_clusters))
    assert (icicle.label[condensed.point_node] == labelling.labels).all()
    assert max(map(len, icicle.outlines)) <= 2 * STEPS + 3


def test_lay_out_icicle__one_node_and_too_few_chips(tree):
    icicle = lay_out_icicle(tree, CutSettings(400))
    assert icicle.n_leaves == 1
    assert icicle.label.tolist() == [-1]
    assert np.isfinite(icicle.outlines[0]).all()
    with pytest.raises(TooFewError):
        lay_out_icicle(tree, CutSettings(601))


def test_lay_out_icicle__equal_chips_have_a_finite_depth():
    points = np.repeat(np.array([[0.0, 0], [5, 5]], np.float32), 30, axis=0)
    icicle = lay_out_icicle(
        build_tree(points, TreeSettings(n_dims=10, min_samples=5)), CutSettings(15)
    )
    assert all(np.isfinite(outline).all() for outline in icicle.outlines)
