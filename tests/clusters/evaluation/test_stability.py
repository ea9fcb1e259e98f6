import numpy as np
import pytest

from core.clusters.evaluation.stability import (
    describe_stability,
    jaccard_overlaps,
    measure_stability,
)
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.clusters.methods.method_table import (
    recluster_by_density,
    recluster_by_kmeans,
    recluster_by_mixture,
    recluster_by_ward,
)
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
    "gmm": recluster_by_mixture(GmmSettings(3)),
    "hdbscan": recluster_by_density(TreeSettings(n_dims=10, min_samples=5), CutSettings(20)),
    "kmeans": recluster_by_kmeans(KMeansSettings(3)),
    "ward": recluster_by_ward(WardSettings(3)),
}


@pytest.mark.parametrize("method", METHODS)
def test_measure_stability__clear_blobs_are_found_again(method):
    points, labels = blobs()
    stability = measure_stability(points, labels, METHODS[method], n_resamples=5)
    assert stability.jaccard.min() > 0.9
    assert stability.n_failed == 0
    repeated = measure_stability(points, labels, METHODS[method], n_resamples=5)
    assert repeated.jaccard.tobytes() == stability.jaccard.tobytes()


def test_measure_stability__halves_of_a_blob_are_not_found_again():
    points, labels = blobs()
    halves = np.where(labels == 2, 2 + (points[:, 1] > 24), labels)
    stability = measure_stability(points, halves.astype(np.int32), METHODS["kmeans"], n_resamples=5)
    assert stability.jaccard[:2].min() > 0.95
    assert stability.jaccard[2:].max() < 0.75


def test_measure_stability__cluster_sizes_shrink_with_the_chips():
    points, _ = blobs(600)
    cut = CutSettings(150)
    labels = cut_tree(build_tree(points, TreeSettings(n_dims=10, min_samples=5)), cut).labels
    assert labels.max() == 2
    # 200 chips are drawn: clusters of about 60, which would be noise for a size of 150.
    stability = measure_stability(
        points,
        labels,
        recluster_by_density(TreeSettings(n_dims=10, min_samples=5), cut),
        n_resamples=3,
        most=200,
    )
    assert stability.n_drawn == 200
    assert stability.jaccard.min() > 0.8


def test_jaccard_overlaps__by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2, -1], np.int32)
    new_labels = np.array([5, 5, 0, 0, 0, 0, -1], np.int32)
    overlaps = jaccard_overlaps(labels, new_labels, 4)
    np.testing.assert_allclose(overlaps[:2], [2 / 3, 2 / 4])
    assert np.isnan(overlaps[2:]).all()
    assert jaccard_overlaps(labels, np.full(7, -1, np.int32), 3)[:2].tolist() == [0, 0]


def test_measure_stability__resamples_that_are_too_small_count_as_lost():
    points, labels = blobs(30)
    stability = measure_stability(
        points, labels, recluster_by_kmeans(KMeansSettings(25)), n_resamples=4
    )
    assert stability.n_failed == 4
    assert (stability.jaccard == 0).all()


def test_measure_stability__progress_and_cancel():
    points, labels = blobs()
    steps = []

    def stop_at_second(step, total, note):
        steps.append((step, total))
        return step == 2

    with pytest.raises(Cancelled):
        measure_stability(points, labels, METHODS["kmeans"], stop_at_second)
    assert steps == [(1, 20), (2, 20)]
    with pytest.raises(ArtifactError):
        measure_stability(points[1:], labels, METHODS["kmeans"])


@pytest.mark.parametrize("method", ["nearest", "soft"])
def test_recluster_by_density__treats_noise_as_set(method):
    rng = np.random.default_rng(0)
    points = np.vstack(
        [rng.normal(8 * k, 1, (60, 2)) for k in range(2)] + [rng.uniform(-4, 12, (40, 2))]
    )
    tree_and_cut = (TreeSettings(n_dims=10, min_samples=5), CutSettings(15))
    points = points.astype(np.float32)
    untreated = recluster_by_density(*tree_and_cut)(points, 1.0)
    treated = recluster_by_density(*tree_and_cut, NoiseSettings(method, 0))(points, 1.0)
    assert (untreated == -1).sum() > 10
    assert (treated == -1).sum() == 0
    assert (treated[untreated >= 0] == untreated[untreated >= 0]).all()


def test_measure_stability__resamples_of_equal_points_count_as_lost():
    points = np.zeros((12, 3), np.float32)
    points[0] = 1
    labels = (np.arange(12) > 5).astype(np.int32)
    method = recluster_by_density(TreeSettings(n_dims=10, min_samples=2), CutSettings(2))
    stability = measure_stability(points, labels, method)
    assert 0 < stability.n_failed < 20
    assert np.isfinite(stability.jaccard).all()


def test_describe_stability__classifies_the_displayed_digits():
    assert describe_stability(0.5994) == "uncertain"
    assert describe_stability(0.594) == "unstable"
    assert describe_stability(0.8461) == "stable"
