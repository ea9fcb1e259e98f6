"""Local statistics against plain loops over windows, and with pixels without data."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from core.land.context import local_statistics as statistics
from core.land.context.image_bands import ImageBands, Surroundings
from core.land.data.bands import FLAIR_BANDS, Bands

NAMES = ("red", "green", "blue", "nir", "elevation")


def surroundings(bands: np.ndarray, valid: np.ndarray | None = None) -> Surroundings:
    return Surroundings(ImageBands(bands, FLAIR_BANDS, valid=valid))


def random_bands(shape: tuple[int, int] = (40, 50), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (5, *shape), dtype=np.uint8)


@pytest.mark.parametrize("window", [3, 7, 9])
def test_window_mean_and_deviation__plain_loops(window: int) -> None:
    rng = np.random.default_rng(1)
    values, usable = rng.random((20, 24)), rng.random((20, 24)) > 0.4
    half = window // 2
    mean = statistics.window_mean(values, window, usable)
    deviation = statistics.window_deviation(values, window, usable)
    for row in range(half, 20 - half):
        for column in range(half, 24 - half):
            part = np.s_[row - half : row + half + 1, column - half : column + half + 1]
            pixels = values[part][usable[part]]
            if len(pixels):
                assert mean[row, column] == pytest.approx(pixels.mean(), abs=1e-9)
                assert deviation[row, column] == pytest.approx(pixels.std(), abs=1e-6)
            else:
                assert mean[row, column] == 0


def test_window_mean__edges_are_reflected_and_masks_without_holes_change_nothing() -> None:
    values = np.random.default_rng(2).random((9, 11))
    padded = np.pad(values, 3, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
    np.testing.assert_allclose(statistics.window_mean(values, 7), windows.mean((2, 3)))
    full = statistics.window_mean(values, 7, np.ones((9, 11), bool))
    np.testing.assert_allclose(full, statistics.window_mean(values, 7))


def test_window_mean__no_usable_pixel_gives_0() -> None:
    assert (statistics.window_mean(np.ones((5, 5)), 3, np.zeros((5, 5), bool)) == 0).all()


def test_gradient_planes__plain_gaussian_derivatives() -> None:
    image = surroundings(random_bands())
    planes = dict(statistics.gradient_planes(image))
    assert list(planes) == [
        f"gradients: {name}, {window} px"
        for name in ("brightness", "elevation")
        for window in (15, 31)
    ]
    grey = image.brightness
    down, right = (gaussian_filter(grey, 1.0, order=order) for order in ((1, 0), (0, 1)))
    lengths = np.sqrt(down**2 + right**2)
    expected = lengths[13:28, 18:33].mean()
    assert planes["gradients: brightness, 15 px"][20, 25] == pytest.approx(expected)


def test_mean_planes__every_band_at_every_size() -> None:
    bands = random_bands()
    planes = dict(statistics.mean_planes(surroundings(bands)))
    assert len(planes) == 10
    expected = bands[4, 7:14, 7:14].mean() / 255
    assert planes["means: elevation, 7 px"][10, 10] == pytest.approx(expected)


def test_deviation_planes__only_bands_with_a_role() -> None:
    image = Surroundings(ImageBands(random_bands(), Bands(NAMES, (0,))))
    assert [name for name, _ in statistics.deviation_planes(image)] == [
        "deviations: brightness, 7 px",
        "deviations: brightness, 31 px",
    ]


def test_nodata__does_not_contribute_to_valid_pixels() -> None:
    bands = random_bands().astype(np.float64)
    valid = np.random.default_rng(3).random((40, 50)) > 0.2
    other = np.where(valid, bands, 10_000)
    for group in (
        statistics.mean_planes,
        statistics.deviation_planes,
        statistics.gradient_planes,
        statistics.texture_planes,
    ):
        first, second = (dict(group(surroundings(b, valid))) for b in (bands, other))
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
