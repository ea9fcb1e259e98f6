import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from core.clusters.methods import ward
from core.clusters.methods.ward import build_ward_tree, cut_ward_tree, fit_ward
from core.errors import ArtifactError, SettingsError, TooFewError
from core.settings import WardSettings


def blobs(n=210, k=3, d=4, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    return (spread * rng.normal(size=(n, d)) + 10 * (np.arange(n) % k)[:, None]).astype(np.float32)


def test_fit_ward__finds_blobs():
    labelling = fit_ward(blobs(), WardSettings(3))
    assert labelling.labels.tolist() == [0, 1, 2] * 70
    assert labelling.method == "ward"
    assert labelling.noise_fraction == 0
    assert labelling.confidence.min() > 0.3


def test_fit_ward__same_bytes_twice():
    first, second = (fit_ward(blobs(spread=6), WardSettings(5)) for _ in range(2))
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.confidence.tobytes() == second.confidence.tobytes()


def test_fit_ward__one_cluster():
    assert fit_ward(blobs(), WardSettings(1)).sizes().tolist() == [210]


@pytest.mark.parametrize("seed", range(3))
def test_fit_ward__agrees_with_scikit_learn(seed):
    points = blobs(seed=seed, spread=5)
    expected = AgglomerativeClustering(4).fit_predict(points.astype(float))
    assert adjusted_rand_score(fit_ward(points, WardSettings(4)).labels, expected) == 1


def test_fit_ward__fewer_different_chips_than_clusters():
    with pytest.raises(TooFewError, match="there are 2"):
        fit_ward(np.repeat(blobs(2), 10, axis=0), WardSettings(3))


def test_build_ward_tree__refuses_too_many_chips(monkeypatch):
    monkeypatch.setattr(ward, "WARD_LIMIT", 100)
    with pytest.raises(SettingsError, match="GB of memory; the limit is 100 chips"):
        fit_ward(blobs(), WardSettings())


@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_cut_ward_tree__equals_a_new_fit(k):
    points = blobs(spread=6)
    cut = cut_ward_tree(build_ward_tree(points, WardSettings(3)), points, WardSettings(k))
    expected = AgglomerativeClustering(k).fit_predict(points.astype(float))
    assert cut.n_clusters == k
    assert adjusted_rand_score(cut.labels, expected) == 1


def test_cut_ward_tree__refuses_the_tree_of_other_chips():
    tree = build_ward_tree(blobs(), WardSettings())
    with pytest.raises(ArtifactError, match="different chips"):
        cut_ward_tree(tree, blobs(209), WardSettings())
