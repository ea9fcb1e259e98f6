from itertools import pairwise

import hdbscan
import numpy as np
import pytest

from core.clusters.methods.hdbscan_tree import build_tree, cut_nodes, cut_tree
from core.clusters.methods.icicle import STEPS, icicle, lefts
from core.errors import TooFewError
from core.settings import CutSettings, TreeSettings


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 6, (6, 4))
    return (centres[rng.integers(0, 6, 600)] + rng.normal(size=(600, 4))).astype(np.float32)


@pytest.fixture(scope="module")
def tree(points):
    return build_tree(points, TreeSettings())


def test_icicle__nodes_are_those_that_hdbscan_draws(points, tree):
    model = hdbscan.HDBSCAN(10, min_samples=5, approx_min_span_tree=False).fit(points)
    theirs = model.condensed_tree_.get_plot_data()["cluster_bounds"].values()
    found = icicle(tree, CutSettings(10))
    ours = []
    for outline, size in zip(found.outlines, found.size, strict=True):
        assert np.ptp(outline[:, 0]) == pytest.approx(size)
        ours.append((size, 1 / outline[:, 1].max(), 1 / outline[:, 1].min()))
    drawn = [(right - left, bottom, top) for left, right, bottom, top in theirs]
    # Theirs begins the root at density 0, which no distance has.
    sides = zip(sorted(ours, reverse=True), sorted(drawn, reverse=True), strict=True)
    for at, (mine, other) in enumerate(sides):
        compared = (0, 2) if at == 0 else (0, 1, 2)
        assert [mine[i] for i in compared] == pytest.approx([other[i] for i in compared], rel=1e-4)


@pytest.mark.parametrize("size", [2, 5, 40])
def test_icicle__children_lie_side_by_side_inside_their_parent(tree, size):
    condensed, _ = cut_nodes(tree, CutSettings(size))
    left = lefts(condensed)
    right = left + condensed.size
    up = condensed.parent[1:]
    assert (left[1:] >= left[up]).all()
    assert (right[1:] <= right[up]).all()
    for node in range(len(left)):
        below = sorted((left[c], right[c]) for c in np.flatnonzero(condensed.parent == node) if c)
        assert all(one[1] <= other[0] for one, other in pairwise(below))
        if below:
            outline = icicle(tree, CutSettings(size)).outlines[node]
            end = outline[outline[:, 1] == outline[:, 1].min(), 0]
            assert (end.min(), end.max()) == (below[0][0], below[-1][1])


def test_icicle__labels_are_those_of_the_cut(tree):
    settings = CutSettings(10)
    found, labelling = icicle(tree, settings), cut_tree(tree, settings)
    assert found.chosen.sum() == labelling.n_clusters
    assert sorted(found.label[found.chosen]) == list(range(labelling.n_clusters))
    condensed, _ = cut_nodes(tree, settings)
    assert (found.label[condensed.point_node] == labelling.labels).all()
    assert max(map(len, found.outlines)) <= 2 * STEPS + 3


def test_icicle__one_node_and_too_few_chips(tree):
    found = icicle(tree, CutSettings(400))
    assert found.leaves == 1
    assert found.label.tolist() == [-1]
    assert np.isfinite(found.outlines[0]).all()
    with pytest.raises(TooFewError):
        icicle(tree, CutSettings(601))


def test_icicle__equal_chips_have_a_finite_depth():
    places = np.repeat(np.array([[0.0, 0], [5, 5]], np.float32), 30, axis=0)
    found = icicle(build_tree(places, TreeSettings()), CutSettings())
    assert all(np.isfinite(outline).all() for outline in found.outlines)
