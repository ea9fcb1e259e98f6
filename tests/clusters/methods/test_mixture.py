import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from core.clusters.methods import mixture
from core.clusters.methods.mixture import SHAPES, fit_components, log_densities, ward_start


def blobs(n=300, k=3, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 10 * (np.arange(n) % k)[:, None]


@pytest.mark.parametrize("covariance", SHAPES)
def test_log_densities__equal_scipy(covariance):
    points = blobs()
    fitted = fit_components(points, 3, covariance, 1e-3, [0])
    logs = log_densities(fitted, points)
    for j in range(3):
        stored = fitted.covariances if covariance == "tied" else fitted.covariances[j]
        full = stored if np.ndim(stored) == 2 else np.eye(3) * stored
        expected = multivariate_normal.logpdf(points, fitted.means[j], full)
        np.testing.assert_allclose(logs[:, j], expected + np.log(fitted.weights[j]), rtol=1e-6)
    total = np.logaddexp.reduce(logs, axis=1).mean()
    assert total == pytest.approx(fitted.log_likelihood, rel=1e-6)


@pytest.mark.parametrize("covariance", [shape for shape in SHAPES if shape != "shrunk"])
def test_fit_components__equals_scikit_learn_from_the_same_means(covariance):
    points = blobs()
    fitted = fit_components(points, 3, covariance, 0, [])
    means = np.array([points[ward_start(points, 3) == j].mean(axis=0) for j in range(3)])
    other = GaussianMixture(3, covariance_type=covariance, reg_covar=0, means_init=means, tol=1e-4)
    other.fit(points)
    assert fitted.log_likelihood == pytest.approx(other.score(points), rel=1e-6)
    assert fitted.bic == pytest.approx(other.bic(points), rel=1e-6)
    assert fitted.n_parameters == other._n_parameters()


def test_fit_components__shrunk_lies_between_tied_and_full(monkeypatch):
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(0, 1, (60, 4)), rng.normal(12, 3, (60, 4))])
    fits = {shape: fit_components(points, 2, shape, 1e-9, []) for shape in SHAPES}
    assert fits["tied"].log_likelihood < fits["shrunk"].log_likelihood
    assert fits["shrunk"].log_likelihood < fits["full"].log_likelihood
    assert fits["tied"].n_parameters < fits["shrunk"].n_parameters < fits["full"].n_parameters
    monkeypatch.setattr(mixture, "_PRIOR_CHIPS_PER_DIM", 1e9)
    strongest = fit_components(points, 2, "shrunk", 1e-9, [])
    np.testing.assert_allclose(*strongest.covariances, atol=1e-6)
    assert strongest.n_parameters <= fits["tied"].n_parameters


def test_fit_components__shrunk_has_an_inverse_with_fewer_chips_than_dimensions():
    points = np.random.default_rng(0).normal(size=(12, 30))
    fitted = fit_components(points, 2, "shrunk", 1e-9, [0])
    assert np.linalg.eigvalsh(fitted.covariances).min() > 0.01


def test_fit_components__keeps_the_best_start(monkeypatch):
    points = blobs()
    poor = np.arange(300, dtype=np.int32) // 100
    monkeypatch.setattr(mixture, "ward_start", lambda *_: poor)
    from_poor = fit_components(points, 3, "spherical", 1e-3, [])
    best = fit_components(points, 3, "spherical", 1e-3, [0])
    assert best.log_likelihood >= from_poor.log_likelihood
    assert len(best.bics) == 2
    assert best.bic == min(best.bics)


def test_ward_start__a_sample_gives_the_same_clusters(monkeypatch):
    points = blobs(900)
    everything = ward_start(points, 3)
    monkeypatch.setattr(mixture, "_WARD_SAMPLE", 100)
    sampled = ward_start(points, 3)
    assert len(sampled) == 900
    assert len(set(zip(everything.tolist(), sampled.tolist(), strict=True))) == 3
    assert not ward_start(points, 1).any()


def test_ward_start__ties():
    # Eight corners of a cube: no cut of the hierarchy has five clusters.
    cube = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T.astype(float)
    assert len(np.unique(ward_start(cube, 5))) == 5
