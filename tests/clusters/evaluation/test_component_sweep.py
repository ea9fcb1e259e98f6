import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from core.clusters.evaluation.component_sweep import (
    ComponentSweep,
    ShapeRun,
    held_out_likelihood,
    log_density,
    suggest_components,
    sweep_components,
    unmodelled_criteria,
)
from core.clusters.methods.gmm import SHAPES, fit_mixture
from core.errors import Cancelled, TooFewError
from core.settings import GmmSettings


def blobs(n=300, k=3, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 10 * (np.arange(n) % k)[:, None]).astype(np.float32)


@pytest.mark.parametrize("covariance", SHAPES)
def test_log_density__equals_scikit_learn(covariance):
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


def test_sweep_components__finds_three():
    sweep = sweep_components(blobs(), GmmSettings(n_init=3), range(1, 6))
    assert sweep.n_components[sweep.bic.argmin()] == 3
    assert sweep.held_out[2] > sweep.held_out[:2].max() + 0.5
    assert sweep.bics.shape == (5, 3)
    assert sweep.agreement == 1
    assert sweep.best_by_seed.tolist() == [3, 3, 3]
    by_bic = suggest_components(sweep)[0]
    assert by_bic.value == 3
    assert "100% of 3 seeds" in by_bic.reason
    assert "disagree" not in by_bic.reason


def test_sweep_components__same_fits_as_the_slider():
    points = blobs(400, d=12)
    sweep = sweep_components(points, GmmSettings(n_init=2), [2, 9, 20])
    assert len(set(sweep.n_dims.tolist())) > 1
    for i, k in enumerate((2, 9, 20)):
        mixture = fit_mixture(points, GmmSettings(k, n_init=2))
        n_dims = mixture.means.shape[1]
        assert (sweep.covariance[i], sweep.n_dims[i]) == (mixture.covariance, n_dims)
        bic, aic = unmodelled_criteria(points[:, n_dims : sweep.n_dims.max()])
        assert sweep.bic[i] == pytest.approx(mixture.bic + bic)
        assert sweep.aic[i] == pytest.approx(mixture.aic + aic)
        np.testing.assert_allclose(sweep.bics[i], np.array(mixture.bics) + bic)


def test_sweep_components__criteria_account_for_unused_dimensions():
    # With one Gaussian per column, unused columns count as much as used ones.
    points = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    narrow = GmmSettings(1, "diag", n_dims=2, n_init=1, regularisation=1e-9)
    wide = GmmSettings(1, "diag", n_dims=6, n_init=1, regularisation=1e-9)
    assert fit_mixture(points, narrow).bic + unmodelled_criteria(points[:, 2:])[0] == pytest.approx(
        fit_mixture(points, wide).bic, rel=1e-5
    )
    assert held_out_likelihood(points, narrow, widest=6) == pytest.approx(
        held_out_likelihood(points, wide), rel=1e-5
    )
    assert unmodelled_criteria(points[:, :0]) == (0, 0)


def test_held_out_likelihood__falls_if_noise_is_fitted():
    points = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
    held_out = [
        held_out_likelihood(points, GmmSettings(k, "full", n_dims=4, n_init=1)) for k in (1, 12)
    ]
    assert held_out[0] > held_out[1] + 0.2
    fitted = [fit_mixture(points, GmmSettings(k, "full", n_dims=4)).log_likelihood for k in (1, 12)]
    assert fitted[0] < fitted[1]


def test_suggest_components__mentions_doubts():
    sweep = ComponentSweep(
        np.array([2, 3, 4], np.int32),
        np.array([9.0, 8, 7]),
        np.array([9.0, 8, 7]),
        np.array([[9.0, 7, 9], [8, 8, 7], [7, 9, 8]]),
        np.array([-3.0, -2, -2.5]),
        ("full",) * 3,
        np.full(3, 5, np.int32),
    )
    by_bic, by_held_out = suggest_components(sweep)
    assert sweep.agreement == pytest.approx(1 / 3)
    assert by_bic.value == 4
    assert "disagree" in by_bic.reason
    assert "first or last value tried" in by_bic.reason
    assert by_held_out.value == 3
    assert "0.50 nats" in by_held_out.reason


def test_sweep_components__too_few_and_cancel():
    with pytest.raises(TooFewError):
        sweep_components(blobs(), GmmSettings(), [])
    with pytest.raises(TooFewError):
        sweep_components(blobs(12), GmmSettings(n_init=1, covariance="spherical"), [11])
    with pytest.raises(Cancelled):
        sweep_components(blobs(), GmmSettings(n_init=1), [2, 3], lambda *_: True)


def test_shape_runs__consecutive_mixtures_of_one_shape():
    k = np.array([2, 3, 4, 5], np.int32)
    scores = (np.ones(4), np.ones(4), np.ones((4, 1)), np.ones(4))
    same = ComponentSweep(k, *scores, ("tied",) * 4, np.full(4, 5))
    assert same.shape_runs == [ShapeRun(2, 5, "tied", 5)]
    covariance, n_dims = ("full", "full", "tied", "tied"), np.array([6, 6, 6, 10])
    different = ComponentSweep(k, *scores, covariance, n_dims)
    assert [(run.first, run.last) for run in different.shape_runs] == [(2, 3), (4, 4), (5, 5)]
