"""Log-Euclidean region covariance of colour and texture.

Each pixel has a vector of values and derivatives, and the covariance matrix of these vectors
describes the chip (Tuzel, Porikli and Meer 2006, "Region covariance"). The matrix logarithm maps
covariance matrices to a flat space in which differences can be measured (Arsigny et al. 2006,
"Log-Euclidean metrics").
"""

import numpy as np

from core.embeddings.descriptors.masked_filters import centre_weights, derivatives, local_mean
from core.types import DoubleArray, FloatArray, IntArray

# Added to the variances before the logarithm: about the variance of rounding to 8 bits.
RIDGE = 1e-6

# Features in addition to each band and its gradient: |gx|, |gy|, |gxx|, |gyy|, local standard
# deviation, and contrast.
_N_FIRST_BAND_FEATURES = 6


def pixel_features(values: FloatArray, valid: FloatArray, step: int = 1) -> FloatArray:
    """Return the features of each pixel: bands, gradients, curvature and local variation.

    The features, (n, 2 bands + 6, height, width), are the bands and their gradient magnitudes; and
    for the first band |gx|, |gy|, |gxx|, |gyy|, the standard deviation of 3 x 3 pixels, and the
    absolute difference from the mean of these pixels.

    Parameters
    ----------
    values : float32 array, (n, bands, height, width)
        The first band is brightness or the first principal axis; 0 where masked.
    valid : float32 array, (n, height, width), 1 where a pixel is valid, else 0
    """
    n, bands, height, width = values.shape
    features = np.empty((n, 2 * bands + _N_FIRST_BAND_FEATURES, height, width), np.float32)
    gx, gxx = derivatives(values, valid, 3, step)
    gy, gyy = derivatives(values, valid, 2, step)
    features[:, :bands] = values
    np.sqrt(gx * gx + gy * gy, out=features[:, bands : 2 * bands])
    for index, slope in enumerate((gx, gy, gxx, gyy), start=2 * bands):
        np.abs(slope[:, 0], out=features[:, index])
    grey = values[:, 0]
    mean = local_mean(grey, valid, step)
    variance = local_mean(grey * grey, valid, step) - mean * mean
    np.sqrt(np.maximum(variance, 0), out=features[:, -2])
    np.abs(grey - mean, out=features[:, -1])
    return features


def log_covariance(values: FloatArray, valid: FloatArray, step: int = 1) -> DoubleArray:
    """Return the matrix logarithm of the covariance of `pixel_features`, and the feature means.

    Pixels are weighted by `masked_filters.centre_weights`. Rotating the chip by 90 degrees swaps
    x and y; entries that this swaps are averaged, so that the rotation does not change the result.
    The result is float64, (n, length); NaN for a chip without any valid pixel.
    """
    features = pixel_features(values, valid, step)
    n, d, height, width = features.shape
    features = features.reshape(n, d, height * width)
    weight = centre_weights(valid).reshape(n, height * width)
    total = weight.sum(1)
    share = weight / np.where(total > 0, total, 1)[:, None]
    mean = features @ share[:, :, None]
    features -= mean
    covariance = (features * share[:, None]) @ features.swapaxes(1, 2)
    eigenvalues, vectors = np.linalg.eigh(covariance.astype(np.float64))
    scaled = vectors * np.log(np.maximum(eigenvalues, 0) + RIDGE)[:, None, :]
    log = scaled @ vectors.swapaxes(1, 2)
    (rows, columns), mirror = _distinct_entries(d)
    swapped = log[:, mirror[rows], mirror[columns]]
    entries = (log[:, rows, columns] + swapped) / 2
    means = mean[:, :, 0].astype(np.float64)
    means = (means + means[:, mirror])[:, mirror >= np.arange(d)] / 2
    descriptor = np.concatenate([entries, means], 1)
    descriptor[total == 0] = np.nan
    return descriptor


def _distinct_entries(d: int) -> tuple[tuple[IntArray, IntArray], IntArray]:
    """Return rows and columns of the upper triangle, and each feature's index with x and y swapped.

    If swapping x and y exchanges two entries, only the first of them is included.
    """
    mirror = np.arange(d, dtype=np.int32)
    first = d - _N_FIRST_BAND_FEATURES
    mirror[first : first + 4] = (first + 1, first, first + 3, first + 2)
    rows, columns = (side.astype(np.int32) for side in np.triu_indices(d))
    low = np.minimum(mirror[rows], mirror[columns])
    high = np.maximum(mirror[rows], mirror[columns])
    distinct = low * d + high >= rows * d + columns
    return (rows[distinct], columns[distinct]), mirror
