"""Labels and parameters of known mixtures are recovered, with few chips and with many."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from core.clusters.methods.gmm import fit_gmm, fit_mixture
from core.clusters.methods.mixture import SHAPES
from core.reduction.pca import reduce_embeddings
from core.settings import GmmSettings, ReductionSettings

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0], [9.0, 2.0], [-2.0, 9.0]])
COVARIANCES = {
    "full": np.array([[[2.0, 1.2], [1.2, 1.5]], [[1.0, -0.6], [-0.6, 2.0]], [[0.6, 0], [0, 1.2]]]),
    "tied": np.array([[[2.0, 1.2], [1.2, 1.5]]] * 3),
    "diag": np.array([np.diag([2.0, 0.5]), np.diag([1.0, 1.5]), np.diag([0.5, 2.0])]),
    "spherical": np.array([np.eye(2) * 2, np.eye(2), np.eye(2) * 0.5]),
}


def full_covariances(mixture):
    """Return the fitted covariances, (3, 2, 2)."""
    stored = mixture.covariances
    if mixture.covariance == "tied":
        return np.repeat(stored[None], 3, axis=0)
    return np.array([c if np.ndim(c) == 2 else np.eye(2) * c for c in stored])


# Shrunk covariances are biased on purpose.
@pytest.mark.parametrize("covariance", [shape for shape in SHAPES if shape != "shrunk"])
@pytest.mark.parametrize("n", [200, 3000])
def test_fit_mixture__recovers_labels_and_parameters(n, covariance):
    rng = np.random.default_rng(n)
    truth = np.repeat(np.arange(3), (WEIGHTS * n).astype(int))
    roots = np.linalg.cholesky(COVARIANCES[covariance])
    noise = np.einsum("nij,nj->ni", roots[truth], rng.normal(size=(n, 2)))
    points = (MEANS[truth] + noise).astype(np.float32)
    # No regularisation, because it would bias the estimates.
    settings = GmmSettings(n_components=3, covariance=covariance, n_dims=2, regularisation=0)
    mixture = fit_mixture(points, settings)
    labels = mixture.responsibilities.argmax(axis=1)
    assert adjusted_rand_score(truth, labels) > 0.97
    # Four standard errors of the estimates for the smallest component.
    error = 4 / np.sqrt(0.2 * n)
    np.testing.assert_allclose(mixture.weights, WEIGHTS, atol=0.02)
    np.testing.assert_allclose(mixture.means, MEANS, atol=1.5 * error)
    np.testing.assert_allclose(full_covariances(mixture), COVARIANCES[covariance], atol=3 * error)


@pytest.mark.parametrize("n", [200, 3000])
def test_fit_gmm__recovers_seven_groups_in_fifty_components(n):
    rng = np.random.default_rng(0)
    truth = np.arange(n) % 7
    embeddings = (rng.normal(size=(7, 60)) * 1.5)[truth] + rng.normal(size=(n, 60))
    points = reduce_embeddings(embeddings.astype(np.float32), {}, ReductionSettings()).points
    assert points.shape[1] == 50
    labelling = fit_gmm(points, GmmSettings(n_components=7))
    assert adjusted_rand_score(truth, labelling.labels) >= 0.95
    assert labelling.notes == ()
