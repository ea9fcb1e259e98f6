import numpy as np
import pytest

from core.clusters.labelling import labelled
from core.clusters.methods.hdbscan_tree import build_tree, cut_tree
from core.clusters.noise_treatment import soft_membership, treat
from core.errors import ArtifactError, SettingsError
from core.settings import CutSettings, NoiseSettings, TreeSettings


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    blobs = rng.normal(size=(200, 2)) + 20 * (np.arange(200) % 2)[:, None]
    points = np.concatenate([blobs, rng.uniform(-5, 25, (40, 2))]).astype(np.float32)
    tree = build_tree(points, TreeSettings())
    cut = cut_tree(tree, CutSettings())
    assert 0 < cut.noise_fraction < 0.3
    return points, cut, soft_membership(tree, CutSettings(), points)


def test_treat__keep_changes_nothing(case):
    points, cut, _ = case
    treated = treat(cut, points, NoiseSettings())
    assert treated.labels.tolist() == treated.original.tolist() == cut.labels.tolist()
    assert not treated.moved.any()
    assert "are noise and shown as such" in treated.note


def test_treat__nearest_by_hand():
    points = np.array([[0.0], [1], [10], [11], [4], [8]], np.float32)
    cut = labelled(np.array([0, 0, 1, 1, -1, -1]), np.ones(6), "hdbscan", {})
    treated = treat(cut, points, NoiseSettings("nearest"))
    assert treated.labels.tolist() == [0, 0, 1, 1, 0, 1]
    assert treated.original.tolist() == [0, 0, 1, 1, -1, -1]
    assert treated.moved.tolist() == [False] * 4 + [True] * 2
    assert "2 of 2 noise chips" in treated.note
    # Nearness is no membership.
    np.testing.assert_array_equal(treated.confidence, [1, 1, 1, 1, np.nan, np.nan])


def test_treat__soft_asks_for_the_threshold(case):
    points, cut, soft = case
    noise = cut.labels == -1
    everything = treat(cut, points, NoiseSettings("soft", 0), soft)
    assert everything.moved[noise].all()
    middle = float(np.median(soft[noise].max(axis=1)))
    some = treat(cut, points, NoiseSettings("soft", middle), soft)
    assert 0 < some.moved.sum() < noise.sum()
    assert (some.membership[some.moved] >= np.float32(middle)).all()
    np.testing.assert_array_equal(some.confidence[some.moved], soft[some.moved].max(axis=1))
    assert (some.confidence[some.labels == -1] == 0).all()
    np.testing.assert_array_equal(some.labels[~noise], cut.labels[~noise])
    np.testing.assert_array_equal(some.labels[some.moved], soft[some.moved].argmax(axis=1))
    assert not treat(cut, points, NoiseSettings("soft", 1), soft).moved.any()


def test_soft_membership__favours_the_own_cluster(case):
    _, cut, soft = case
    inside = cut.labels >= 0
    assert (soft[inside].argmax(axis=1) == cut.labels[inside]).mean() > 0.95
    assert soft[inside].max(axis=1).mean() > 2 * soft[~inside].max(axis=1).mean()


def test_treat__soft_needs_a_tree(case):
    points, cut, soft = case
    with pytest.raises(SettingsError, match="HDBSCAN's tree"):
        treat(cut, points, NoiseSettings("soft"))
    with pytest.raises(ArtifactError):
        treat(cut, points, NoiseSettings("soft"), soft[:, :1])
    with pytest.raises(ArtifactError):
        treat(cut, points[1:], NoiseSettings())
