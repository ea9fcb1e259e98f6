"""Log-Euclidean region covariance of colour and texture.

How a chip's pixels vary together: each pixel gives a vector of values and derivatives, the chip
gives their covariance matrix (Tuzel, Porikli and Meer 2006, "Region covariance"), and its matrix
logarithm makes a flat space of it, in which differences may be measured (Arsigny et al. 2006,
"Log-Euclidean metrics").
"""

import numpy as np

from core.embeddings.descriptors.masked_filters import derivatives, local_mean, weights
from core.types import DoubleArray, FloatArray, IntArray

# Added to the variances before the logarithm: about the variance of rounding to 8 bits.
RIDGE = 1e-6

# Pixel features beside each band and its gradient: |gx|, |gy|, |gxx|, |gyy|, local std, contrast.
SINGLES = 6


def pixel_features(values: FloatArray, valid: FloatArray, step: int = 1) -> FloatArray:
    """What each pixel contributes: bands, gradients, curvature, local variation.

    Parameters
    ----------
    values : float32 array, (n, bands, height, width)
        Brightness or the main axis first; 0 where masked.
    valid : float32 array, (n, height, width)
        1 where a pixel counts, else 0.
    step : int
        Distance of neighbours in pixels.

    Returns
    -------
    float32 array, (n, 2 bands + 6, height, width)
        The bands, their gradient magnitudes; of the first band |gx|, |gy|, |gxx|, |gyy|, the
        standard deviation among 3 x 3 pixels, and the distance from their mean.
    """
    n, bands, height, width = values.shape
    out = np.empty((n, 2 * bands + SINGLES, height, width), np.float32)
    gx, gxx = derivatives(values, valid, 3, step)
    gy, gyy = derivatives(values, valid, 2, step)
    out[:, :bands] = values
    np.sqrt(gx * gx + gy * gy, out=out[:, bands : 2 * bands])
    for place, slope in enumerate((gx, gy, gxx, gyy)):
        np.abs(slope[:, 0], out=out[:, 2 * bands + place])
    grey = values[:, 0]
    mean = local_mean(grey, valid, step)
    spread = local_mean(grey * grey, valid, step) - mean * mean
    np.sqrt(np.maximum(spread, 0), out=out[:, -2])
    np.abs(grey - mean, out=out[:, -1])
    return out


def log_covariance(values: FloatArray, valid: FloatArray, step: int = 1) -> DoubleArray:
    """Matrix logarithm of the covariance of `pixel_features`, and their means.

    Pixels count as in `core.embeddings.descriptors.masked_filters.weights`. x and y are
    interchangeable: entries that a quarter turn of the chip swaps are averaged, so that the result
    doesn't change with it.

    Parameters
    ----------
    values, valid, step
        As in `pixel_features`.

    Returns
    -------
    float64 array, (n, length)
        NaN for a chip without any valid pixel.
    """
    features = pixel_features(values, valid, step)
    n, d, height, width = features.shape
    features = features.reshape(n, d, height * width)
    weight = weights(valid).reshape(n, height * width)
    total = weight.sum(1)
    share = weight / np.where(total > 0, total, 1)[:, None]
    mean = features @ share[:, :, None]
    features -= mean
    covariance = (features * share[:, None]) @ features.swapaxes(1, 2)
    log = _matrix_log(covariance.astype(np.float64))
    (rows, columns), mirror = _entries(d)
    swapped = log[:, mirror[rows], mirror[columns]]
    entries = (log[:, rows, columns] + swapped) / 2
    means = mean[:, :, 0].astype(np.float64)
    means = (means + means[:, mirror])[:, mirror >= np.arange(d)] / 2
    out = np.concatenate([entries, means], 1)
    out[total == 0] = np.nan
    return out


def _matrix_log(covariance: DoubleArray) -> DoubleArray:
    values, vectors = np.linalg.eigh(covariance)
    scaled = vectors * np.log(np.maximum(values, 0) + RIDGE)[:, None, :]
    log: DoubleArray = scaled @ vectors.swapaxes(1, 2)
    return log


def _entries(d: int) -> tuple[tuple[IntArray, IntArray], IntArray]:
    """Upper triangle without the entries that exchanging x and y maps onto earlier ones."""
    mirror = np.arange(d, dtype=np.int32)
    first = d - SINGLES
    mirror[first : first + 4] = (first + 1, first, first + 3, first + 2)
    rows, columns = (side.astype(np.int32) for side in np.triu_indices(d))
    low = np.minimum(mirror[rows], mirror[columns])
    high = np.maximum(mirror[rows], mirror[columns])
    keep = low * d + high >= rows * d + columns
    return (rows[keep], columns[keep]), mirror
