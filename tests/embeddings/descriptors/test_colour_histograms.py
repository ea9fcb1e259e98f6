import numpy as np
import pytest
from sklearn.decomposition import PCA

from core.embeddings.descriptors.colour_histograms import DARK, Palette, fit_palette, log_bands
from core.embeddings.descriptors.masked_filters import weights
from core.types import FloatArray


def pixels(n: int = 500, bands: int = 3, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.1, 0.9, (n, 1))
    return (light * rng.uniform(0.8, 1, (n, bands))).astype(np.float32)


def as_chips(sample: FloatArray, side: int = 10) -> FloatArray:
    return np.ascontiguousarray(
        sample.reshape(-1, side, side, sample.shape[1]).transpose(0, 3, 1, 2)
    )


def test_log_bands__keeps_ends_and_order() -> None:
    values = np.linspace(0, 1, 50, dtype=np.float32)
    logs = log_bands(values)
    assert logs.dtype == np.float32
    assert (logs[0], logs[-1]) == (0, pytest.approx(1))
    assert (np.diff(logs) > 0).all()
    np.testing.assert_allclose(logs, np.log1p(values / DARK) / np.log1p(1 / DARK), atol=1e-6)


@pytest.mark.parametrize(("bands", "kept"), [(1, 1), (3, 3), (8, 8), (12, 8)])
def test_fit_palette__axes_are_the_main_axes_of_the_logarithms(bands: int, kept: int) -> None:
    sample = pixels(bands=bands)
    palette = fit_palette(sample)
    reference = PCA(kept).fit(log_bands(sample).astype(np.float64))
    assert palette.axes.shape == (bands, kept)
    np.testing.assert_allclose(np.abs(palette.axes.T), np.abs(reference.components_), atol=1e-6)
    largest = np.abs(palette.axes).argmax(0)
    assert (palette.axes[largest, np.arange(kept)] > 0).all()
    assert len(palette.low) == len(palette.high) == min(kept, 3)


def test_turn__keeps_distances_and_leaves_masked_pixels_at_zero() -> None:
    sample = pixels()
    palette, unit = fit_palette(sample), as_chips(sample)
    valid = np.ones((5, 10, 10), np.float32)
    valid[0, 0] = 0
    turned = palette.turn(unit, valid)
    logs = log_bands(unit)
    np.testing.assert_allclose(
        np.linalg.norm(turned[1, :, 0, 0] - turned[1, :, 5, 5]),
        np.linalg.norm(logs[1, :, 0, 0] - logs[1, :, 5, 5]),
        rtol=1e-4,
    )
    assert not turned[0, :, 0].any()


def test_turn__a_change_of_light_moves_the_first_axis_most() -> None:
    palette = fit_palette(pixels())
    unit = np.full((1, 3, 1, 1), 0.7, np.float32)
    valid = np.ones((1, 1, 1), np.float32)
    shift = np.abs(palette.turn(unit * np.float32(0.7), valid) - palette.turn(unit, valid)).ravel()
    assert shift[0] > 10 * shift[1:].max()


@pytest.mark.parametrize(("bands", "bins"), [(1, 64), (2, 8), (3, 4), (5, 4)])
def test_histogram__agrees_with_a_loop(bands: int, bins: int) -> None:
    sample = pixels(100, bands)
    palette = fit_palette(sample)
    valid = np.ones((1, 10, 10), np.float32)
    valid[0, 3:5] = 0
    turned = palette.turn(as_chips(sample), valid)
    weight, used = weights(valid)[0], min(bands, 3)
    joint = np.zeros((bins,) * used)
    for y, x in np.argwhere(valid[0]):
        place = (turned[0, :used, y, x] - palette.low) / (palette.high - palette.low)
        place = np.clip(place * bins - 0.5, 0, bins - 1)
        for corner in np.ndindex(*(2,) * used):
            spot = np.minimum(np.floor(place).astype(int), bins - 2) + corner
            joint[tuple(spot)] += weight[y, x] * np.prod(1 - np.abs(place - spot))
    ours = palette.histogram(turned, valid)
    assert ours.shape == (1, 64)
    np.testing.assert_allclose(ours[0] ** 2, joint.ravel() / weight.sum(), atol=1e-5)
    assert (ours**2).sum() == pytest.approx(1, abs=1e-5)


def test_histogram__fully_masked_is_nan() -> None:
    palette = fit_palette(pixels())
    nothing = np.zeros((1, 4, 4), np.float32)
    turned = palette.turn(np.zeros((1, 3, 4, 4), np.float32), nothing)
    assert np.isnan(palette.histogram(turned, nothing)).all()


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_fit_palette__constant_pixels_give_a_finite_histogram(value: float) -> None:
    sample = np.full((100, 3), value, np.float32)
    palette = fit_palette(sample)
    valid = np.ones((1, 10, 10), np.float32)
    histogram = palette.histogram(palette.turn(as_chips(sample), valid), valid)
    assert isinstance(palette, Palette)
    assert (histogram**2).sum() == pytest.approx(1, abs=1e-5)
