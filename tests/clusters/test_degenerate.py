"""Degenerate input gives a sensible result, or an error that names the reason."""

import numpy as np
import pytest

from core.clusters.editing.explanation import find_exemplars
from core.clusters.evaluation.confounders import find_confounders
from core.clusters.evaluation.report_card import make_report_card
from core.clusters.evaluation.size_sweep import size_presets, suggest_sizes, sweep_sizes
from core.clusters.evaluation.stability import measure_stability
from core.clusters.labelling import make_labelling
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.clusters.methods.gmm import fit_gmm
from core.clusters.methods.kmeans import fit_kmeans
from core.clusters.methods.method_table import recluster_by_kmeans
from core.clusters.methods.ward import fit_ward
from core.clusters.noise_treatment import soft_membership, treat_noise
from core.errors import DegenerateError, TooFewError
from core.settings import (
    CutSettings,
    GmmSettings,
    KMeansSettings,
    NoiseSettings,
    TreeSettings,
    WardSettings,
)

METHODS = {
    "gmm": lambda points: fit_gmm(points, GmmSettings(n_components=2)),
    "hdbscan by default": lambda points: cut_tree(
        build_tree(points, TreeSettings()), CutSettings()
    ),
    "hdbscan": lambda points: cut_tree(
        build_tree(points, TreeSettings(n_dims=10, min_samples=5)), CutSettings(15)
    ),
    "kmeans": lambda points: fit_kmeans(points, KMeansSettings(n_clusters=2)),
    "ward": lambda points: fit_ward(points, WardSettings(n_clusters=2)),
}


def two_blobs(n=60, d=3):
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, d)) + 20 * (np.arange(n) % 2)[:, None]).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_fit__one_point(method):
    with pytest.raises(TooFewError):
        METHODS[method](np.zeros((1, 3), np.float32))


@pytest.mark.parametrize("method", METHODS)
def test_fit__all_points_equal(method):
    with pytest.raises((TooFewError, DegenerateError)):
        METHODS[method](np.ones((60, 3), np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("method", METHODS)
def test_fit__not_finite(method, bad):
    points = two_blobs()
    points[7, 1] = bad
    with pytest.raises(DegenerateError):
        METHODS[method](points)


@pytest.mark.parametrize("method", METHODS)
def test_fit__two_distinct_points(method):
    points = np.repeat(np.array([[0.0, 0], [5, 5]], np.float32), 30, axis=0)
    assert METHODS[method](points).labels.tolist() == [0] * 30 + [1] * 30


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["one column", "constant columns"])
def test_fit__flat_data(method, kind):
    points = two_blobs(d=1) if kind == "one column" else np.pad(two_blobs(d=1), ((0, 0), (0, 4)))
    labels = METHODS[method](points).labels
    # In the graph of neighbours, chips at the edge of a cluster may be noise.
    is_compared = labels >= 0 if method == "hdbscan by default" else np.ones(60, np.bool_)
    assert is_compared.sum() > 50
    first = labels[is_compared][0]
    assert (labels == np.where(np.arange(60) % 2, 1 - first, first))[is_compared].all()


def test_hdbscan__fewer_chips_than_min_cluster_size():
    points = two_blobs(12)
    tree = build_tree(points, TreeSettings(n_dims=10, min_samples=5))
    cut = cut_tree(tree, CutSettings(13))
    assert cut.noise_fraction == 1
    assert soft_membership(tree, CutSettings(13), points).shape == (12, 0)
    for method in ("keep", "nearest"):
        assert (treat_noise(cut, points, NoiseSettings(method)).labels == -1).all()
    sweep = sweep_sizes(tree, CutSettings(15))
    assert sweep.sizes.max() == 6
    assert isinstance(suggest_sizes(sweep) + size_presets(sweep), list)


def test_sweep_sizes__too_few():
    with pytest.raises(TooFewError):
        sweep_sizes(
            build_tree(two_blobs(3), TreeSettings(n_dims=10, min_samples=1)), CutSettings(15)
        )


@pytest.mark.parametrize("numbers", [[-1] * 60, [0] * 60, [0] * 59 + [1], list(range(60))])
def test_evaluation__labellings_without_two_clusters_of_two_chips(numbers):
    points = two_blobs()
    labelling = make_labelling(np.array(numbers), np.ones(60), "gmm", {})
    card = make_report_card(points, labelling)
    assert card.dbcv is None
    assert card.notes
    assert len(find_exemplars(points, labelling)) == labelling.n_clusters
    stability = measure_stability(
        points, labelling.labels, recluster_by_kmeans(KMeansSettings(2)), n_resamples=2
    )
    assert len(stability.jaccard) == labelling.n_clusters


def test_find_confounders__constant_variables():
    import pandas as pd

    facts = pd.DataFrame({"scene": ["a"] * 60})
    with pytest.raises(TooFewError):
        find_confounders(np.zeros(60, np.int32), facts)
    assert find_confounders((np.arange(60) % 2).astype(np.int32), facts) == []
