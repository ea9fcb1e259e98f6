import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from core.clusters.evaluation.component_sweep import (
    ComponentLandscape,
    held_out,
    log_density,
    suggest_components,
    survey_components,
    unseen,
)
from core.clusters.methods.gmm import SHAPES, fit_mixture
from core.errors import Cancelled, TooFewError
from core.settings import GmmSettings


def blobs(n=300, k=3, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 10 * (np.arange(n) % k)[:, None]).astype(np.float32)


@pytest.mark.parametrize("covariance", SHAPES)
def test_log_density__as_scikit_learn(covariance):
    points = blobs()
    mixture = fit_mixture(points, GmmSettings(n_components=3, covariance=covariance, n_dims=3))
    model = GaussianMixture(3, covariance_type=covariance)
    model.weights_, model.means_ = mixture.weights, mixture.means
    model.covariances_ = mixture.covariances
    from sklearn.mixture._gaussian_mixture import _compute_precision_cholesky

    model.precisions_cholesky_ = _compute_precision_cholesky(mixture.covariances, covariance)
    np.testing.assert_allclose(
        log_density(mixture, points), model.score_samples(points.astype(float)), rtol=1e-6
    )


def test_survey_components__finds_three():
    found = survey_components(blobs(), GmmSettings(n_init=3), range(1, 6))
    assert found.n_components[found.bic.argmin()] == 3
    assert found.held_out[2] > found.held_out[:2].max() + 0.5
    assert found.bics.shape == (5, 3)
    assert found.agreement == 1
    assert found.best_by_seed.tolist() == [3, 3, 3]
    by_bic = suggest_components(found)[0]
    assert by_bic.value == 3
    assert "100% of 3 seeds" in by_bic.reason
    assert "disagree" not in by_bic.reason


def test_survey_components__each_as_the_slider_fits_it():
    points = blobs(400, d=12)
    found = survey_components(points, GmmSettings(n_init=2), [2, 9, 20])
    assert len(set(found.n_dims.tolist())) > 1
    for at, k in enumerate((2, 9, 20)):
        one = fit_mixture(points, GmmSettings(k, n_init=2))
        assert (found.covariance[at], found.n_dims[at]) == (one.covariance, one.n_dims)
        bic, aic = unseen(points[:, one.n_dims : found.n_dims.max()])
        assert found.bic[at] == pytest.approx(one.bic + bic)
        assert found.aic[at] == pytest.approx(one.aic + aic)
        np.testing.assert_allclose(found.bics[at], np.array(one.bics) + bic)


def test_survey_components__fewer_dimensions_are_no_better_for_being_fewer():
    # One Gaussian a column: what is left unseen counts as much as what is seen.
    points = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    one = GmmSettings(1, "diag", n_dims=2, n_init=1, regularisation=1e-9)
    whole = GmmSettings(1, "diag", n_dims=6, n_init=1, regularisation=1e-9)
    assert fit_mixture(points, one).bic + unseen(points[:, 2:])[0] == pytest.approx(
        fit_mixture(points, whole).bic, rel=1e-5
    )
    assert held_out(points, one, widest=6) == pytest.approx(held_out(points, whole), rel=1e-5)
    assert unseen(points[:, :0]) == (0, 0)


def test_held_out__falls_where_noise_is_fitted():
    points = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
    fits = [held_out(points, GmmSettings(k, "full", n_dims=4, n_init=1)) for k in (1, 12)]
    assert fits[0] > fits[1] + 0.2
    seen = [fit_mixture(points, GmmSettings(k, "full", n_dims=4)).log_likelihood for k in (1, 12)]
    assert seen[0] < seen[1]


def test_suggest_components__doubts_are_said():
    found = ComponentLandscape(
        np.array([2, 3, 4], np.int32), np.array([9.0, 8, 7]), np.array([9.0, 8, 7]),
        np.array([[9.0, 7, 9], [8, 8, 7], [7, 9, 8]]), np.array([-3.0, -2, -2.5]),
        ("full",) * 3, np.full(3, 5, np.int32),
    )  # fmt: skip
    by_bic, outside = suggest_components(found)
    assert found.agreement == pytest.approx(1 / 3)
    assert by_bic.value == 4
    assert "disagree" in by_bic.reason
    assert "end of what was tried" in by_bic.reason
    assert outside.value == 3
    assert "0.50 nats" in outside.reason


def test_survey_components__too_few_and_cancel():
    with pytest.raises(TooFewError):
        survey_components(blobs(), GmmSettings(), [])
    with pytest.raises(TooFewError):
        survey_components(blobs(12), GmmSettings(n_init=1, covariance="spherical"), [11])
    with pytest.raises(Cancelled):
        survey_components(blobs(), GmmSettings(n_init=1), [2, 3], lambda *_: True)
