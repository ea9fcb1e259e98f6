import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score

from core.clusters.methods import kmeans_ward
from core.clusters.methods.kmeans_ward import cut_ward, fit_kmeans, fit_ward, margin, ward_tree
from core.errors import ArtifactError, SettingsError, TooFewError
from core.settings import KMeansSettings, WardSettings

FITS = {
    "kmeans": lambda points, k: fit_kmeans(points, KMeansSettings(k)),
    "ward": lambda points, k: fit_ward(points, WardSettings(k)),
}


def blobs(n=210, k=3, d=4, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    return (spread * rng.normal(size=(n, d)) + 10 * (np.arange(n) % k)[:, None]).astype(np.float32)


@pytest.mark.parametrize("method", FITS)
def test_fit__finds_blobs(method):
    labelling = FITS[method](blobs(), 3)
    assert labelling.labels.tolist() == [0, 1, 2] * 70
    assert labelling.method == method
    assert labelling.noise_fraction == 0
    assert labelling.confidence.min() > 0.3


@pytest.mark.parametrize("method", FITS)
def test_fit__same_bytes_twice_and_one_cluster(method):
    first, second = (FITS[method](blobs(spread=6), 5) for _ in range(2))
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.confidence.tobytes() == second.confidence.tobytes()
    assert FITS[method](blobs(), 1).sizes().tolist() == [210]


@pytest.mark.parametrize("seed", range(3))
def test_fit__as_scikit_learn(seed):
    points = blobs(seed=seed, spread=5)
    ward = AgglomerativeClustering(4).fit_predict(points.astype(float))
    assert adjusted_rand_score(FITS["ward"](points, 4).labels, ward) == 1
    model = KMeans(4, n_init=10, random_state=0).fit(points.astype(float))
    assert FITS["kmeans"](points, 4).facts["inertia"] == pytest.approx(model.inertia_, rel=1e-3)


@pytest.mark.parametrize("method", FITS)
def test_fit__fewer_different_chips_than_clusters(method):
    with pytest.raises(TooFewError, match="there are 2"):
        FITS[method](np.repeat(blobs(2), 10, axis=0), 3)


def test_fit_ward__refuses_what_would_not_fit(monkeypatch):
    monkeypatch.setattr(kmeans_ward, "WARD_LIMIT", 100)
    with pytest.raises(SettingsError, match="GB of memory, 100 are the most"):
        fit_ward(blobs(), WardSettings())


@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_cut_ward__of_one_tree_is_a_fresh_fit(k):
    points = blobs(spread=6)
    cut = cut_ward(ward_tree(points, WardSettings(3)), points, WardSettings(k))
    fresh = AgglomerativeClustering(k).fit_predict(points.astype(float))
    assert cut.n_clusters == k
    assert adjusted_rand_score(cut.labels, fresh) == 1


def test_cut_ward__refuses_the_tree_of_other_chips():
    tree = ward_tree(blobs(), WardSettings())
    with pytest.raises(ArtifactError, match="different chips"):
        cut_ward(tree, blobs(209), WardSettings())


def test_fit__sees_the_first_components_only():
    points = np.hstack([blobs(d=2), 1000 * np.random.default_rng(0).normal(size=(210, 1))])
    labelling = fit_kmeans(points.astype(np.float32), KMeansSettings(3, n_dims=2))
    assert labelling.labels.tolist() == [0, 1, 2] * 70


def test_margin__by_hand():
    data = np.array([[0.0], [2], [10], [12]])
    # Centres 1 and 11: each chip is 1 from its own and 9 or 11 from the other.
    found = margin(data, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(found, 1 - 1 / np.array([11, 9, 9, 11]), rtol=1e-6)
