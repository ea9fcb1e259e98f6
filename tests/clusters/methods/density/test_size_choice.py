from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, silhouette_score

from core.clusters.evaluation.size_sweep import find_cliffs, size_presets, sweep_sizes
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.clusters.methods.density.neighbour_graph import embed_neighbours
from core.clusters.methods.density.size_choice import CutScorer, sizes_to_try
from core.errors import TooFewError
from core.settings import CutSettings, TreeSettings

AUTOMATIC = TreeSettings(), CutSettings()


def blobs(n, n_centres, std=1.0, seed=1):
    points, labels = make_blobs(
        n, 10, centers=n_centres, cluster_std=std, center_box=(-5, 5), random_state=seed
    )
    return points.astype(np.float32), labels


def cut_automatically(points):
    return cut_tree(build_tree(points, AUTOMATIC[0]), AUTOMATIC[1])


def test_scorer__modularity_and_silhouette_as_defined():
    points, labels = blobs(90, 3, 3.0)
    scorer = CutScorer(points, embed_neighbours(points))
    assert scorer.silhouette(labels) == pytest.approx(silhouette_score(points, labels), rel=1e-5)
    graph = embed_neighbours(points).graph.toarray()
    degrees, total = graph.sum(axis=1), graph.sum()
    same = labels[:, None] == labels[None]
    expected = ((graph - np.outer(degrees, degrees) / total) * same).sum() / total
    assert scorer.modularity(labels) == pytest.approx(expected)
    noisy = np.where(np.arange(90) < 30, -1, labels)
    assert scorer.score(noisy) < scorer.score(labels)
    assert scorer.score(np.full(90, -1)) == 0


@pytest.mark.parametrize("n", [30, 60, 200, 1000, 5000])
@pytest.mark.parametrize("n_centres", [3, 8])
def test_choice__finds_blobs_at_any_number_of_chips(n, n_centres):
    points, labels = blobs(n, n_centres)
    labelling = cut_automatically(points)
    assert labelling.n_clusters == n_centres
    assert adjusted_rand_score(labels, labelling.labels) > 0.95
    assert labelling.notes == ()
    assert labelling.facts["min_cluster_size"] >= 2


@pytest.mark.parametrize("n", [60, 200, 1000])
@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_choice__warns_where_there_are_no_clusters(n, distribution):
    rng = np.random.default_rng(0)
    points = getattr(rng, distribution)(size=(n, 10)).astype(np.float32)
    labelling = cut_automatically(points)
    assert labelling.noise_fraction < 1
    assert "random points" in labelling.notes[0]


def test_choice__is_stable_in_resamples():
    points, _ = blobs(240, 6, 2.0)
    rng = np.random.default_rng(3)
    rows = [rng.choice(240, 192, replace=False) for _ in range(10)]
    numbers = np.array([cut_automatically(points[r]).n_clusters for r in rows])
    middle = np.median(numbers)
    assert ((numbers <= 1.5 * middle) & (1.5 * numbers >= middle)).sum() >= 8


@pytest.mark.parametrize("n", [60, 240, 1000])
def test_presets__monotone_away_from_cliffs_and_with_the_suggestion(n):
    tree = build_tree(blobs(n, 6, 2.0)[0], AUTOMATIC[0])
    sweep = sweep_sizes(tree, AUTOMATIC[1])
    presets = size_presets(sweep)
    numbers = [preset.n_clusters for preset in presets]
    assert len(presets) >= 2
    assert all(fewer < more for fewer, more in pairwise(numbers))
    edges = {size for cliff in find_cliffs(sweep) for size in (cliff.lower, cliff.upper)}
    assert not edges & {preset.value for preset in presets}
    assert tree.resolve(AUTOMATIC[1]).min_cluster_size in {preset.value for preset in presets}


def test_resolve__explicit_sizes_stay_and_other_trees_use_a_thirtieth():
    points, _ = blobs(300, 3)
    tree = build_tree(points, AUTOMATIC[0])
    assert tree.resolve(CutSettings(17)).min_cluster_size == 17
    for selection in ("eom", "leaf"):
        resolved = tree.resolve(CutSettings(0, selection))
        assert resolved == CutSettings(tree.choice.sizes[selection], selection)
    components = build_tree(points, TreeSettings(n_dims=5))
    assert (components.min_samples, components.coordinates, components.choice) == (5, None, None)
    assert components.resolve(CutSettings()).min_cluster_size == 10
    assert build_tree(points, AUTOMATIC[0], suggest=False).choice is None


def test_build_tree__of_the_graph_is_exact_in_its_coordinates_and_repeatable():
    points, _ = blobs(150, 4, 3.0)
    tree = build_tree(points, AUTOMATIC[0])
    again = build_tree(tree.coordinates, TreeSettings(n_dims=2000, min_samples=tree.min_samples))
    np.testing.assert_array_equal(tree.edges, again.edges)
    second = build_tree(points, AUTOMATIC[0])
    assert tree.edges.tobytes() == second.edges.tobytes()
    assert tree.choice == second.choice
    shuffled = np.random.default_rng(0).permutation(150)
    other = build_tree(points[shuffled], AUTOMATIC[0])
    np.testing.assert_allclose(other.edges[:, 2], tree.edges[:, 2], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("n", range(2, 14))
def test_choice__few_chips(n):
    labelling = cut_automatically(blobs(n, 2)[0])
    assert len(labelling) == n


def test_choice__mostly_equal_chips():
    points = np.concatenate([np.ones((40, 5), np.float32), blobs(20, 2)[0][:, :5]])
    labelling = cut_automatically(points)
    assert labelling.noise_fraction < 1
    assert len(set(labelling.labels[:40])) == 1


@pytest.mark.parametrize("n", [4, 5, 100, 20_000])
def test_sizes_to_try__rising_and_within_bounds(n):
    sizes = sizes_to_try(n)
    assert (np.diff(sizes) > 0).all()
    assert (sizes[0], sizes[-1]) == (2, n // 2)


def test_sizes_to_try__too_few():
    with pytest.raises(TooFewError, match="at least 4 chips"):
        sizes_to_try(3)
