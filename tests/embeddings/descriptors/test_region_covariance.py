import numpy as np
import pytest
from scipy.linalg import logm

from core.embeddings.descriptors.masked_filters import centre_weights
from core.embeddings.descriptors.region_covariance import RIDGE, log_covariance, pixel_features
from core.types import FloatArray


def chips(n: int = 2, bands: int = 3, size: int = 12, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).uniform(size=(n, bands, size, size)).astype(np.float32)


def all_valid(values: FloatArray) -> FloatArray:
    return np.ones((len(values), *values.shape[2:]), np.float32)


def test_pixel_features__agree_with_numpy_inside_the_chip() -> None:
    values = chips(1)
    features = pixel_features(values, all_valid(values))[0]
    gy, gx = np.gradient(values[0], axis=(1, 2))
    grey = values[0, 0]
    inside = np.s_[1:-1, 1:-1]
    windows = np.lib.stride_tricks.sliding_window_view(grey, (3, 3))
    expected = [
        *values[0],
        *np.hypot(gx, gy),
        np.abs(gx[0]),
        np.abs(gy[0]),
        np.abs(np.pad(np.diff(grey, 2, axis=1), ((0, 0), (1, 1)))),
        np.abs(np.pad(np.diff(grey, 2, axis=0), ((1, 1), (0, 0)))),
        np.pad(windows.std((2, 3)), 1),
        np.pad(np.abs(grey[inside] - windows.mean((2, 3))), 1),
    ]
    assert len(features) == len(expected) == 2 * 3 + 6
    for feature, reference in zip(features, expected, strict=True):
        np.testing.assert_allclose(feature[inside], reference[inside], atol=1e-5)


def test_log_covariance__agrees_with_scipy_on_the_valid_pixels() -> None:
    values = chips(1)
    valid = all_valid(values)
    valid[:, :5, 3:] = 0
    values *= valid[:, None]
    features = pixel_features(values, valid)[0][:, valid[0] > 0].astype(np.float64)
    d = len(features)
    share = centre_weights(valid)[valid > 0]
    log = logm(np.cov(features, aweights=share, bias=True) + RIDGE * np.eye(d))
    mean = np.average(features, axis=1, weights=share)
    swap = [*range(6), 7, 6, 9, 8, 10, 11]
    pairs: dict[tuple[tuple[int, int], ...], float] = {}
    for a, b in zip(*np.triu_indices(d), strict=True):
        mirrored = sorted((swap[a], swap[b]))
        key = tuple(sorted([(int(a), int(b)), (mirrored[0], mirrored[1])]))
        pairs[key] = (log[a, b] + log[mirrored[0], mirrored[1]]) / 2
    means = [*mean[:6], mean[6:8].mean(), mean[8:10].mean(), *mean[10:]]
    descriptor = log_covariance(values, valid)[0]
    assert len(descriptor) == len(pairs) + len(means)
    np.testing.assert_allclose(descriptor[: len(pairs)], list(pairs.values()), atol=2e-3)
    np.testing.assert_allclose(descriptor[len(pairs) :], means, atol=1e-6)


@pytest.mark.parametrize("bands", [1, 2, 8])
def test_log_covariance__quarter_turns_and_flips_change_nothing(bands: int) -> None:
    values = chips(2, bands)
    upright = log_covariance(values, all_valid(values))
    for turned in (np.rot90(values, axes=(2, 3)), values[..., ::-1]):
        descriptor = log_covariance(np.ascontiguousarray(turned), all_valid(values))
        np.testing.assert_allclose(descriptor, upright, atol=1e-3)


def test_log_covariance__separates_a_texture_from_a_flat_chip() -> None:
    values = chips(1)
    flat = np.full_like(values, 0.5)
    textured, constant = (log_covariance(v, all_valid(v)) for v in (values, flat))
    assert np.linalg.norm(textured - constant) > 10


def test_log_covariance__constant_and_single_pixel_chips_are_finite() -> None:
    for size in (1, 2, 9):
        values = np.full((1, 3, size, size), 0.25, np.float32)
        log = log_covariance(values, all_valid(values))
        assert np.isfinite(log).all()
        assert log.min() == pytest.approx(np.log(RIDGE), abs=0.01)


def test_log_covariance__only_fully_masked_chips_are_nan() -> None:
    values = chips(2)
    valid = all_valid(values)
    valid[1] = 0
    log = log_covariance(values * valid[:, None], valid)
    assert np.isfinite(log[0]).all()
    assert np.isnan(log[1]).all()
