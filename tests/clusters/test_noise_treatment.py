import numpy as np
import pytest

from core.clusters.labelling import make_labelling
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.clusters.noise_treatment import soft_membership, treat_noise
from core.errors import ArtifactError, SettingsError
from core.settings import CutSettings, NoiseSettings, TreeSettings


@pytest.fixture(scope="module")
def example():
    rng = np.random.default_rng(0)
    blobs = rng.normal(size=(200, 2)) + 20 * (np.arange(200) % 2)[:, None]
    points = np.concatenate([blobs, rng.uniform(-5, 25, (40, 2))]).astype(np.float32)
    tree = build_tree(points, TreeSettings(n_dims=10, min_samples=5))
    cut = cut_tree(tree, CutSettings(15))
    assert 0 < cut.noise_fraction < 0.3
    return points, cut, soft_membership(tree, CutSettings(15), points)


def test_treat_noise__keep_changes_nothing(example):
    points, cut, _ = example
    treated = treat_noise(cut, points, NoiseSettings())
    assert treated.labels.tolist() == treated.original.tolist() == cut.labels.tolist()
    assert not treated.moved.any()
    assert "are noise and are displayed as noise" in treated.note


def test_treat_noise__nearest_by_hand():
    points = np.array([[0.0], [1], [10], [11], [4], [8]], np.float32)
    cut = make_labelling(np.array([0, 0, 1, 1, -1, -1]), np.ones(6), "hdbscan", {})
    treated = treat_noise(cut, points, NoiseSettings("nearest"))
    assert treated.labels.tolist() == [0, 0, 1, 1, 0, 1]
    assert treated.original.tolist() == [0, 0, 1, 1, -1, -1]
    assert treated.moved.tolist() == [False] * 4 + [True] * 2
    assert "2 of 2 noise chips" in treated.note
    # A chip that is only near a cluster has no membership in it.
    np.testing.assert_array_equal(treated.confidence, [1, 1, 1, 1, np.nan, np.nan])


def test_treat_noise__soft_moves_chips_at_or_above_the_threshold(example):
    points, cut, soft = example
    noise = cut.labels == -1
    everything = treat_noise(cut, points, NoiseSettings("soft", 0), soft)
    assert everything.moved[noise].all()
    middle = float(np.median(soft[noise].max(axis=1)))
    some = treat_noise(cut, points, NoiseSettings("soft", middle), soft)
    assert 0 < some.moved.sum() < noise.sum()
    assert (some.membership[some.moved] >= np.float32(middle)).all()
    np.testing.assert_array_equal(some.confidence[some.moved], soft[some.moved].max(axis=1))
    assert (some.confidence[some.labels == -1] == 0).all()
    np.testing.assert_array_equal(some.labels[~noise], cut.labels[~noise])
    np.testing.assert_array_equal(some.labels[some.moved], soft[some.moved].argmax(axis=1))
    assert not treat_noise(cut, points, NoiseSettings("soft", 1), soft).moved.any()


def test_soft_membership__is_highest_for_the_cluster_of_the_chip(example):
    _, cut, soft = example
    inside = cut.labels >= 0
    assert (soft[inside].argmax(axis=1) == cut.labels[inside]).mean() > 0.95
    assert soft[inside].max(axis=1).mean() > 2 * soft[~inside].max(axis=1).mean()


def test_treat_noise__soft_needs_a_tree(example):
    points, cut, soft = example
    with pytest.raises(SettingsError, match="the tree of HDBSCAN"):
        treat_noise(cut, points, NoiseSettings("soft"))
    with pytest.raises(ArtifactError):
        treat_noise(cut, points, NoiseSettings("soft"), soft[:, :1])
    with pytest.raises(ArtifactError):
        treat_noise(cut, points[1:], NoiseSettings())
