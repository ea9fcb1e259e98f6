import numpy as np
import pytest

from core.embeddings.descriptors.binary_patterns import N_CLASSES, TOLERANCE, pattern_histogram
from core.embeddings.descriptors.masked_filters import centre_weights
from core.types import FloatArray


def chips(n: int = 2, bands: int = 2, size: int = 11, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).uniform(size=(n, bands, size, size)).astype(np.float32)


def all_valid(values: FloatArray) -> FloatArray:
    return np.ones((len(values), *values.shape[2:]), np.float32)


def reference_histogram(values: FloatArray, valid: FloatArray, radius: int) -> list[float]:
    """Compute the histogram of one band of one chip, pixel by pixel."""
    circle = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    counts = [0.0] * N_CLASSES
    weight = centre_weights(valid[None])[0]
    side = len(values)
    for y in range(radius, side - radius):
        for x in range(radius, side - radius):
            around = [(y + radius * dy, x + radius * dx) for dy, dx in circle]
            if not all(valid[pixel] for pixel in [(y, x), *around]):
                continue
            bits = [values[pixel] >= values[y, x] + np.float32(TOLERANCE) for pixel in around]
            changes = sum(bits[i] != bits[i - 1] for i in range(8))
            counts[sum(bits) if changes <= 2 else N_CLASSES - 1] += weight[y, x]
    return [float(np.sqrt(count / sum(counts))) for count in counts]


@pytest.mark.parametrize("radius", [1, 2])
def test_pattern_histogram__agrees_with_a_loop(radius: int) -> None:
    values = chips()
    valid = all_valid(values)
    valid[1, 2:5, 6:] = 0
    histogram = pattern_histogram(values, valid, radius).reshape(2, 2, N_CLASSES)
    for chip, band in np.ndindex(2, 2):
        expected = reference_histogram(values[chip, band], valid[chip], radius)
        np.testing.assert_allclose(histogram[chip, band], expected, atol=1e-6)


def test_pattern_histogram__frequencies_sum_to_one() -> None:
    values = chips(3)
    roots = pattern_histogram(values, all_valid(values), 1).reshape(3, 2, N_CLASSES)
    np.testing.assert_allclose((roots**2).sum(2), 1)


def test_pattern_histogram__noise_below_the_tolerance_is_ignored() -> None:
    values = chips(1, 1) * np.float32(TOLERANCE * 0.9) + np.float32(0.5)
    histogram = pattern_histogram(values, all_valid(values), 1)
    np.testing.assert_allclose(histogram[0], [1, *[0] * 9], atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_pattern_histogram__nan_if_too_small_or_fully_masked(size: int) -> None:
    values = chips(2, 1, size)
    assert np.isnan(pattern_histogram(values, all_valid(values), 2)).all()
    values = chips(2, 1)
    valid = all_valid(values)
    valid[0] = 0
    histogram = pattern_histogram(values, valid, 1)
    assert np.isnan(histogram[0]).all()
    assert np.isfinite(histogram[1]).all()
