import numpy as np
import pytest

from core.clusters.evaluation.component_sweep import (
    ComponentSweep,
    suggest_components,
    sweep_components,
)
from core.clusters.methods.gmm import fit_mixture
from core.errors import Cancelled, DegenerateError, TooFewError
from core.reduction.pca import reduce_embeddings
from core.settings import GmmSettings, ReductionSettings


def blobs(n=300, k=3, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 10 * (np.arange(n) % k)[:, None]).astype(np.float32)


def made_up_sweep(held_out, stability, single=-9.0, first=2):
    m = len(held_out)
    return ComponentSweep(
        np.arange(first, first + m, dtype=np.int32),
        np.arange(m, 0, -1.0),
        np.arange(m, 0, -1.0),
        np.arange(m, 0, -1.0)[:, None],
        np.array(held_out, float),
        np.array(stability, float),
        ("shrunk",) * m,
        np.full(m, 8, np.int32),
        single,
    )


def test_sweep_components__finds_three():
    sweep = sweep_components(blobs(), GmmSettings(n_init=3), range(1, 6))
    assert sweep.n_components[sweep.bic.argmin()] == 3
    assert sweep.held_out[2] > sweep.held_out[:2].max() + 0.5
    assert sweep.bics.shape == (5, 3)
    assert sweep.agreement == 1
    assert sweep.best_by_seed.tolist() == [3, 3, 3]
    assert sweep.single == sweep.held_out[0]
    assert sweep.stability[2] == pytest.approx(1)
    assert sweep.suggestion == 3
    assert [s.value for s in suggest_components(sweep)] == [3]


def test_sweep_components__same_fits_as_the_slider():
    points = blobs(400, d=12)
    sweep = sweep_components(points, GmmSettings(n_init=2), [2, 9, 20])
    for i, k in enumerate((2, 9, 20)):
        mixture = fit_mixture(points, GmmSettings(k, n_init=2))
        structure = (mixture.covariance, mixture.means.shape[1])
        assert (sweep.covariance[i], sweep.n_dims[i]) == structure
        assert sweep.bic[i] == pytest.approx(mixture.bic)
        assert sweep.aic[i] == pytest.approx(mixture.aic)
        np.testing.assert_allclose(sweep.bics[i], mixture.bics)


@pytest.mark.parametrize(
    ("k", "n", "distance"),
    [
        pytest.param(2, 150, 4, marks=pytest.mark.long),
        (3, 200, 4),
        pytest.param(5, 400, 5, marks=pytest.mark.long),
    ],
)
def test_suggestion__known_number_of_overlapping_groups(k, n, distance):
    suggestions = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(k, 40)) * distance / np.sqrt(80)
        spread = np.exp(rng.normal(size=(k, 1)) * 0.2) * np.exp(rng.normal(size=(1, 40)) * 0.3)
        truth = np.arange(n) % k
        embeddings = centres[truth] + rng.normal(size=(n, 40)) * spread[truth]
        points = reduce_embeddings(embeddings.astype(np.float32), {}, ReductionSettings()).points
        sweep = sweep_components(points, GmmSettings(n_init=1), range(1, 9))
        suggestions.append(sweep.suggestion)
    assert sum(abs(number - k) <= 1 for number in suggestions) >= 8, suggestions


def test_suggestion__structureless_chips():
    points = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
    sweep = sweep_components(points, GmmSettings(n_init=1), range(2, 6))
    assert sweep.suggestion == 1
    assert "no clusters" in suggest_components(sweep)[0].reason


def test_suggestion__one_cluster_if_the_largest_number_is_the_least_unlikely():
    sweep = made_up_sweep([-12, -11, -10], [0.9, 0.5, 0.8])
    assert (sweep.suggestion, sweep.interval) == (1, (1, 1))
    assert "try more" not in suggest_components(sweep)[0].reason


def test_suggestion__the_most_stable_number_of_the_interval():
    sweep = made_up_sweep([-8, -4.4, -4.2, -4, -4.1], [0.9, 0.5, 0.8, 0.6, 0.99])
    assert sweep.interval == (3, 5)
    assert sweep.suggestion == 4
    reason = suggest_components(sweep)[0].reason
    assert "3 to 5" in reason
    assert "most stable" in reason
    assert "try more" not in reason


def test_suggest_components__clear_peak_and_open_end():
    clear = made_up_sweep([-8, -4, -6], [0.9, 0.5, 0.8])
    assert clear.interval == (3, 3)
    assert "clearly most likely" in suggest_components(clear)[0].reason
    rising = made_up_sweep([-8, -6, -4], [0.9, 0.5, 0.8])
    assert "try more" in suggest_components(rising)[0].reason


def test_sweep_components__leaves_out_numbers_with_too_few_chips():
    sweep = sweep_components(blobs(12), GmmSettings(n_init=1, covariance="spherical"), range(2, 21))
    assert sweep.n_components.tolist() == list(range(2, 10))


def test_sweep_components__leaves_out_numbers_above_that_of_different_chips():
    points = np.random.default_rng(0).normal(size=(10, 5)).astype(np.float32)[np.arange(100) % 10]
    sweep = sweep_components(points, GmmSettings(n_init=1), [2, 10, 11, 20])
    assert sweep.n_components.tolist() == [2, 10]


def test_sweep_components__too_few_and_cancel():
    with pytest.raises(TooFewError, match="12 chips are too few"):
        sweep_components(blobs(12), GmmSettings(), [11])
    with pytest.raises(TooFewError):
        sweep_components(blobs(), GmmSettings(), [])
    with pytest.raises(TooFewError, match="2 chips are too few"):
        sweep_components(blobs(2), GmmSettings(), range(1, 21))
    with pytest.raises(DegenerateError, match="not finite"):
        sweep_components(np.full((30, 9), np.nan, np.float32), GmmSettings(), [2])
    with pytest.raises(Cancelled):
        sweep_components(blobs(), GmmSettings(n_init=1), [2, 3], lambda *_: True)
