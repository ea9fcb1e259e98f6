import numpy as np
import pytest
from sklearn.decomposition import PCA

from core.embeddings.descriptors.colour_histograms import (
    DARK,
    ColourAxes,
    fit_colour_axes,
    log_bands,
    mean_colour,
)
from core.types import FloatArray


def pixels(n: int = 500, bands: int = 3, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.1, 0.9, (n, 1))
    return (light * rng.uniform(0.8, 1, (n, bands))).astype(np.float32)


def as_chips(sample: FloatArray, side: int = 10) -> FloatArray:
    return np.ascontiguousarray(
        sample.reshape(-1, side, side, sample.shape[1]).transpose(0, 3, 1, 2)
    )


def test_log_bands__preserves_ends_and_order() -> None:
    values = np.linspace(0, 1, 50, dtype=np.float32)
    logs = log_bands(values)
    assert logs.dtype == np.float32
    assert (logs[0], logs[-1]) == (0, pytest.approx(1))
    assert (np.diff(logs) > 0).all()
    np.testing.assert_allclose(logs, np.log1p(values / DARK) / np.log1p(1 / DARK), atol=1e-6)


@pytest.mark.parametrize(("bands", "n_axes"), [(1, 1), (3, 3), (8, 8), (12, 8)])
def test_fit__axes_are_the_principal_axes_of_the_logarithms(bands: int, n_axes: int) -> None:
    sample = pixels(bands=bands)
    colour_axes = fit_colour_axes(sample)
    reference = PCA(n_axes).fit(log_bands(sample).astype(np.float64))
    assert colour_axes.axes.shape == (bands, n_axes)
    np.testing.assert_allclose(np.abs(colour_axes.axes.T), np.abs(reference.components_), atol=1e-6)
    largest = np.abs(colour_axes.axes).argmax(0)
    assert (colour_axes.axes[largest, np.arange(n_axes)] > 0).all()
    assert len(colour_axes.low) == len(colour_axes.high) == min(n_axes, 3)


def test_rotate__preserves_distances_and_sets_masked_pixels_to_zero() -> None:
    sample = pixels()
    colour_axes, unit = fit_colour_axes(sample), as_chips(sample)
    valid = np.ones((5, 10, 10), np.float32)
    valid[0, 0] = 0
    rotated = colour_axes.rotate(unit, valid)
    logs = log_bands(unit)
    np.testing.assert_allclose(
        np.linalg.norm(rotated[1, :, 0, 0] - rotated[1, :, 5, 5]),
        np.linalg.norm(logs[1, :, 0, 0] - logs[1, :, 5, 5]),
        rtol=1e-4,
    )
    assert not rotated[0, :, 0].any()


def test_rotate__change_of_illumination_moves_mainly_the_first_axis() -> None:
    colour_axes = fit_colour_axes(pixels())
    unit = np.full((1, 3, 1, 1), 0.7, np.float32)
    valid = np.ones((1, 1, 1), np.float32)
    shift = np.abs(
        colour_axes.rotate(unit * np.float32(0.7), valid) - colour_axes.rotate(unit, valid)
    ).ravel()
    assert shift[0] > 10 * shift[1:].max()


@pytest.mark.parametrize(("bands", "bins"), [(1, 64), (2, 8), (3, 4), (5, 4)])
def test_histogram__agrees_with_a_loop(bands: int, bins: int) -> None:
    sample = pixels(100, bands)
    colour_axes = fit_colour_axes(sample)
    valid = np.ones((1, 10, 10), np.float32)
    valid[0, 3:5] = 0
    rotated = colour_axes.rotate(as_chips(sample), valid)
    weight, n_axes = valid[0], min(bands, 3)
    joint = np.zeros((bins,) * n_axes)
    for y, x in np.argwhere(valid[0]):
        position = rotated[0, :n_axes, y, x] - colour_axes.low
        position /= colour_axes.high - colour_axes.low
        position = np.clip(position * bins - 0.5, 0, bins - 1)
        for corner in np.ndindex(*(2,) * n_axes):
            index = np.minimum(np.floor(position).astype(int), bins - 2) + corner
            joint[tuple(index)] += weight[y, x] * np.prod(1 - np.abs(position - index))
    histogram = colour_axes.histogram(rotated, valid)
    assert histogram.shape == (1, 64)
    np.testing.assert_allclose(histogram[0] ** 2, joint.ravel() / weight.sum(), atol=1e-5)
    assert (histogram**2).sum() == pytest.approx(1, abs=1e-5)


def test_mean_colour__is_the_mean_of_the_valid_pixels() -> None:
    colour_axes, unit = fit_colour_axes(pixels()), as_chips(pixels())
    valid = np.ones((5, 10, 10), np.float32)
    valid[2, :, 3:] = 0
    means = mean_colour(colour_axes.rotate(unit, valid), valid)
    logs = log_bands(unit) - colour_axes.centre[:, None, None]
    np.testing.assert_allclose(means[0], logs[0].mean((1, 2)) @ colour_axes.axes, atol=1e-6)
    expected = logs[2, :, :, :3].mean((1, 2)) @ colour_axes.axes
    np.testing.assert_allclose(means[2], expected, atol=1e-6)


def test_histogram_and_mean__fully_masked_is_nan() -> None:
    colour_axes = fit_colour_axes(pixels())
    valid = np.zeros((1, 4, 4), np.float32)
    rotated = colour_axes.rotate(np.zeros((1, 3, 4, 4), np.float32), valid)
    assert np.isnan(colour_axes.histogram(rotated, valid)).all()
    assert np.isnan(mean_colour(rotated, valid)).all()


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_fit__constant_pixels_give_a_finite_histogram(value: float) -> None:
    sample = np.full((100, 3), value, np.float32)
    colour_axes = fit_colour_axes(sample)
    valid = np.ones((1, 10, 10), np.float32)
    histogram = colour_axes.histogram(colour_axes.rotate(as_chips(sample), valid), valid)
    assert isinstance(colour_axes, ColourAxes)
    assert (histogram**2).sum() == pytest.approx(1, abs=1e-5)
