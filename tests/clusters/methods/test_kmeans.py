import numpy as np
import pytest
from sklearn.cluster import KMeans

from core.clusters.methods.kmeans import fit_kmeans
from core.errors import DegenerateError, TooFewError
from core.settings import KMeansSettings


def blobs(n=210, k=3, d=4, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    return (spread * rng.normal(size=(n, d)) + 10 * (np.arange(n) % k)[:, None]).astype(np.float32)


def test_fit_kmeans__finds_blobs():
    labelling = fit_kmeans(blobs(), KMeansSettings(3))
    assert labelling.labels.tolist() == [0, 1, 2] * 70
    assert labelling.method == "kmeans"
    assert labelling.noise_fraction == 0
    assert labelling.confidence.min() > 0.3


def test_fit_kmeans__same_bytes_twice():
    first, second = (fit_kmeans(blobs(spread=6), KMeansSettings(5)) for _ in range(2))
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.confidence.tobytes() == second.confidence.tobytes()


def test_fit_kmeans__one_cluster():
    assert fit_kmeans(blobs(), KMeansSettings(1)).sizes().tolist() == [210]


@pytest.mark.parametrize("seed", range(3))
def test_fit_kmeans__inertia_equals_that_of_scikit_learn(seed):
    points = blobs(seed=seed, spread=5)
    model = KMeans(4, n_init=10, random_state=0).fit(points.astype(float))
    labelling = fit_kmeans(points, KMeansSettings(4))
    assert labelling.facts["inertia"] == pytest.approx(model.inertia_, rel=1e-3)


def test_fit_kmeans__fewer_different_chips_than_clusters():
    with pytest.raises(TooFewError, match="there are 2"):
        fit_kmeans(np.repeat(blobs(2), 10, axis=0), KMeansSettings(3))


def test_fit_kmeans__values_that_are_not_finite():
    points = blobs()
    points[3, 1] = np.nan
    with pytest.raises(DegenerateError, match="not finite"):
        fit_kmeans(points, KMeansSettings(3))


def test_fit_kmeans__uses_the_first_components_only():
    points = np.hstack([blobs(d=2), 1000 * np.random.default_rng(0).normal(size=(210, 1))])
    labelling = fit_kmeans(points.astype(np.float32), KMeansSettings(3, n_dims=2))
    assert labelling.labels.tolist() == [0, 1, 2] * 70
