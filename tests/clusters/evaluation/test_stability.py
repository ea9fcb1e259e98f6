import numpy as np
import pytest

from core.clusters.evaluation.stability import (
    by_density,
    by_kmeans,
    by_mixture,
    by_ward,
    jaccard,
    stability,
)
from core.clusters.methods.hdbscan_tree import build_tree, cut_tree
from core.errors import ArtifactError, Cancelled
from core.settings import (
    CutSettings,
    GmmSettings,
    KMeansSettings,
    NoiseSettings,
    TreeSettings,
    WardSettings,
)


def blobs(n=240, spread=1.0):
    rng = np.random.default_rng(0)
    labels = (np.arange(n) % 3).astype(np.int32)
    points = (rng.normal(size=(n, 3)) * spread + 12 * labels[:, None]).astype(np.float32)
    return points, labels


METHODS = {
    "gmm": by_mixture(GmmSettings(3)),
    "hdbscan": by_density(TreeSettings(), CutSettings(20)),
    "kmeans": by_kmeans(KMeansSettings(3)),
    "ward": by_ward(WardSettings(3)),
}


@pytest.mark.parametrize("method", METHODS)
def test_stability__clear_blobs_come_back(method):
    points, labels = blobs()
    found = stability(points, labels, METHODS[method], n_resamples=5)
    assert found.jaccard.min() > 0.9
    assert found.n_failed == 0
    again = stability(points, labels, METHODS[method], n_resamples=5)
    assert again.jaccard.tobytes() == found.jaccard.tobytes()


def test_stability__what_is_not_there_does_not():
    points, labels = blobs()
    halves = np.where(labels == 2, 2 + (points[:, 1] > 24), labels)
    found = stability(points, halves.astype(np.int32), METHODS["kmeans"], n_resamples=5)
    assert found.jaccard[:2].min() > 0.95
    assert found.jaccard[2:].max() < 0.75


def test_stability__cluster_sizes_shrink_with_the_chips():
    points, _ = blobs(600)
    cut = CutSettings(150)
    labels = cut_tree(build_tree(points, TreeSettings()), cut).labels
    assert labels.max() == 2
    # 200 chips drawn: clusters of some 60, which 150 at full size would call noise.
    found = stability(points, labels, by_density(TreeSettings(), cut), n_resamples=3, most=200)
    assert found.n_drawn == 200
    assert found.jaccard.min() > 0.8


def test_jaccard__by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2, -1], np.int32)
    again = np.array([5, 5, 0, 0, 0, 0, -1], np.int32)
    found = jaccard(labels, again, 4)
    np.testing.assert_allclose(found[:2], [2 / 3, 2 / 4])
    assert np.isnan(found[2:]).all()
    assert jaccard(labels, np.full(7, -1, np.int32), 3)[:2].tolist() == [0, 0]


def test_stability__draws_too_small_count_as_lost():
    points, labels = blobs(30)
    found = stability(points, labels, by_kmeans(KMeansSettings(25)), n_resamples=4)
    assert found.n_failed == 4
    assert (found.jaccard == 0).all()


def test_stability__progress_and_cancel():
    points, labels = blobs()
    seen = []

    def stop(done, total, note):
        seen.append((done, total))
        return done == 2

    with pytest.raises(Cancelled):
        stability(points, labels, METHODS["kmeans"], stop)
    assert seen == [(1, 20), (2, 20)]
    with pytest.raises(ArtifactError):
        stability(points[1:], labels, METHODS["kmeans"])


@pytest.mark.parametrize("method", ["nearest", "soft"])
def test_by_density__treats_noise_as_what_is_judged(method):
    rng = np.random.default_rng(0)
    points = np.vstack(
        [rng.normal(8 * k, 1, (60, 2)) for k in range(2)] + [rng.uniform(-4, 12, (40, 2))]
    )
    asked = (TreeSettings(), CutSettings(15))
    kept = by_density(*asked)(points.astype(np.float32), 1.0)
    shown = by_density(*asked, NoiseSettings(method, 0))(points.astype(np.float32), 1.0)
    assert (kept == -1).sum() > 10
    assert (shown == -1).sum() == 0
    assert (shown[kept >= 0] == kept[kept >= 0]).all()


def test_stability__draws_of_equal_points_count_as_lost():
    points = np.zeros((12, 3), np.float32)
    points[0] = 1
    labels = (np.arange(12) > 5).astype(np.int32)
    method = by_density(TreeSettings(min_samples=2), CutSettings(2))
    found = stability(points, labels, method)
    assert 0 < found.n_failed < 20
    assert np.isfinite(found.jaccard).all()
