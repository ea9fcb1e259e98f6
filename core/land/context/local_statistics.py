"""Means, deviations and gradients in windows around each pixel, at several sizes.

Windows are squares with an odd side in pixels. Beyond the edge, an image is reflected. Pixels
without data are left out of every mean.
"""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_gradient_magnitude, uniform_filter

from core.land.context.image_bands import Surroundings
from core.types import BoolArray, DoubleArray, FloatArray

MEAN_WINDOWS = (3, 7)
DEVIATION_WINDOWS = (7, 31)
GRADIENT_WINDOWS = (15, 31)
GRADIENT_SIGMA = 1.0
"""Standard deviation, in pixels, of the Gaussian whose derivatives are the gradient."""
TEXTURE_WINDOW = 9
"""Side of the window in which `texture` is measured."""

Planes = Iterator[tuple[str, DoubleArray | FloatArray]]
"""Features of all pixels, (h, w), each with a name."""


def window_mean(values: DoubleArray, window: int, usable: BoolArray | None = None) -> DoubleArray:
    """Compute the mean of the usable pixels in a window around each pixel; 0 if there is none."""
    if usable is None:
        return np.asarray(uniform_filter(values, window, mode="reflect"), np.float64)
    weights = uniform_filter(usable.astype(np.float64), window, mode="reflect")
    sums = uniform_filter(np.where(usable, values, 0.0), window, mode="reflect")
    # Sums of rounding errors in a window without usable pixels are smaller than one pixel's share.
    covered = weights > 0.5 / window**2
    return np.where(covered, sums / np.where(covered, weights, 1), 0.0)


def window_deviation(
    values: DoubleArray, window: int, usable: BoolArray | None = None
) -> DoubleArray:
    """Compute the standard deviation of the usable pixels in a window around each pixel."""
    mean = window_mean(values, window, usable)
    mean_square = window_mean(values * values, window, usable)
    deviation: DoubleArray = np.sqrt(np.maximum(mean_square - mean * mean, 0))
    return deviation


def mean_planes(image: Surroundings) -> Planes:
    """Yield the mean of each band."""
    for window in MEAN_WINDOWS:
        for name, band in zip(image.roles.names, image.bands, strict=True):
            yield f"means: {name}, {window} px", window_mean(band, window, image.usable)


def deviation_planes(image: Surroundings) -> Planes:
    """Yield the standard deviation of the brightness and of the near infrared."""
    for name, values in image.surfaces().items():
        for window in DEVIATION_WINDOWS if name != "elevation" else ():
            deviation = window_deviation(values, window, image.usable)
            yield f"deviations: {name}, {window} px", deviation


def gradient_planes(image: Surroundings) -> Planes:
    """Yield the mean length of the gradient, per pixel, of the brightness and of the elevation."""
    for name, values in image.surfaces().items():
        if name != "near infrared":
            lengths = gaussian_gradient_magnitude(values, GRADIENT_SIGMA, mode="reflect")
            for window in GRADIENT_WINDOWS:
                mean = window_mean(lengths, window, image.usable)
                yield f"gradients: {name}, {window} px", mean


def texture_planes(image: Surroundings) -> Planes:
    """Yield the standard deviation of the brightness in 9 x 9 windows."""
    # Computed in stored values, as in earlier versions, so that the values remain the same.
    deviation = window_deviation(image.stored_brightness, TEXTURE_WINDOW, image.usable)
    yield "texture", np.asarray(deviation, np.float32) / np.float32(image.roles.divisor)
