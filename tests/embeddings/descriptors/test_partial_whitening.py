import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf_shrinkage

from core.embeddings.descriptors.partial_whitening import (
    POWER,
    equal_variance_rotation,
    estimate_shrinkage,
    fit_partial_whitening,
)
from core.types import DoubleArray


def scores(n: int, d: int, seed: int = 0) -> DoubleArray:
    """Correlated columns of different variances."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.arange(1, d + 1) + 2 * rng.normal(size=(n, 1))


@pytest.mark.parametrize(("n", "d"), [(30, 50), (200, 20), (2, 5)])
def test_shrinkage__agrees_with_scikit_learn(n: int, d: int) -> None:
    sample = scores(n, d)
    expected = ledoit_wolf_shrinkage(sample, assume_centered=True)
    assert estimate_shrinkage(sample, sample.T @ sample / n) == pytest.approx(expected)


def test_shrinkage__of_a_single_chip_or_equal_variances_is_one() -> None:
    single = scores(1, 4)
    assert estimate_shrinkage(single, single.T @ single) == 1
    assert estimate_shrinkage(np.eye(4), np.eye(4) / 4) == 1


def test_whitening__reduces_the_spread_of_the_variances_by_the_power() -> None:
    sample = scores(200_000, 6)
    before = np.linalg.eigvalsh(sample.T @ sample)
    mixed = sample @ fit_partial_whitening(sample)
    after = np.linalg.eigvalsh(mixed.T @ mixed)
    assert after[-1] / after[0] == pytest.approx((before[-1] / before[0]) ** (1 - POWER), rel=0.05)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 100))
def test_whitening__all_columns_have_the_same_variance(n: int, d: int, seed: int) -> None:
    sample = scores(n, d, seed)
    mixed = sample @ fit_partial_whitening(sample)
    squares = (mixed * mixed).mean(0)
    np.testing.assert_allclose(squares, squares.mean(), rtol=1e-6)


@given(st.integers(1, 12), st.integers(0, 100))
def test_rotation__is_orthogonal(d: int, seed: int) -> None:
    sample = scores(5, d, seed)
    rotation = equal_variance_rotation(sample.T @ sample)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(d), atol=1e-10)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_whitening__without_variation_is_the_identity(n: int) -> None:
    np.testing.assert_array_equal(fit_partial_whitening(np.zeros((n, 3))), np.eye(3))


def test_whitening__an_axis_without_variation_is_amplified_by_a_limited_factor() -> None:
    sample = scores(100_000, 5)
    sample[:, 2] = 0
    gain = np.linalg.norm(fit_partial_whitening(sample), axis=1)
    assert gain[2] == gain.max()
    assert gain[2] < 4 * gain.min()
