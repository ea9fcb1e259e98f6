"""Principal axes of the logarithmic bands, and histograms and means of the colours along them.

On a logarithmic scale a change of illumination shifts all bands alike. The principal axes (PCA) of
the sample's pixels are therefore close to brightness, followed by band ratios, for any number of
bands.
"""

from dataclasses import dataclass

import numpy as np

from core.types import DoubleArray, FloatArray

# Values in 0..1 are mapped to log(1 + x / DARK), because a plain logarithm would amplify the
# sensor's noise below DARK.
DARK = 0.1

# Maximum number of principal axes, and number of axes used for histograms and patterns.
_MAX_AXES = 8
N_COLOUR_AXES = 3

# Percentiles of the sample's pixels at which a histogram begins and ends; values beyond them are
# counted in its first and last bins.
_END_PERCENTILES = (3.0, 97.0)

# Number of bins per axis for each number of axes, always with 64 bins in total.
_BINS = {1: 64, 2: 8, 3: 4}


def log_bands(unit: FloatArray) -> FloatArray:
    """Map values in 0..1 to a logarithmic scale, also in 0..1, with the same shape and dtype."""
    scaled: FloatArray = np.log(unit * np.float32(1 / DARK) + np.float32(1))
    scaled /= np.float32(np.log1p(1 / DARK))
    return scaled


@dataclass(frozen=True)
class ColourAxes:
    """Principal axes of a sample's pixels, and the range of the histograms along them.

    Attributes
    ----------
    centre : float64 array, (bands,)
        Mean of the logarithmic bands.
    axes : float64 array, (bands, k)
        Orthonormal axes in order of decreasing variance; k is the number of bands, at most 8.
    low, high : float64 array, (min(k, 3),)
        Ends of the histogram along each of the first axes.
    """

    centre: DoubleArray
    axes: DoubleArray
    low: DoubleArray
    high: DoubleArray

    def rotate(self, unit: FloatArray, valid: FloatArray) -> FloatArray:
        """Project chips (n, bands, height, width) in 0..1 onto the k axes; 0 where masked."""
        n, bands, height, width = unit.shape
        logs = log_bands(unit) - self.centre.astype(np.float32)[:, None, None]
        rotated = self.axes.T.astype(np.float32) @ logs.reshape(n, bands, height * width)
        rotated *= valid.reshape(n, 1, height * width)
        return rotated.reshape(n, self.axes.shape[1], height, width)

    def histogram(self, rotated: FloatArray, valid: FloatArray) -> DoubleArray:
        """Return the joint histogram of 64 bins along the first axes.

        Each pixel is shared linearly between the nearest bins, so that a small change in
        illumination changes the histogram only slightly. All valid pixels have the same weight,
        because the colours around an object say much about what it is.

        Maps projected chips, (n, k, height, width), and `valid`, (n, height, width), 1 or 0,
        to float64, (n, 64): square roots of the relative frequencies, so that their Euclidean
        distance is proportional to the Hellinger distance; NaN for a chip without any valid pixel.
        """
        n, n_axes = len(rotated), len(self.low)
        pixels = rotated.shape[2] * rotated.shape[3]
        bins = _BINS[n_axes]
        joint = valid.reshape(n, 1, pixels)
        for axis in range(n_axes):
            position = rotated[:, axis].reshape(n, 1, pixels) - np.float32(self.low[axis])
            position /= np.float32(self.high[axis] - self.low[axis])
            shares = _bin_shares(position, bins)
            if axis < n_axes - 1:
                joint = joint[:, :, None] * shares[:, None]
                joint = joint.reshape(n, bins ** (axis + 1), pixels)
        counts = (joint @ shares.swapaxes(1, 2)).reshape(n, bins**n_axes).astype(np.float64)
        roots: DoubleArray = np.sqrt(counts / _pixel_count(valid)[:, None])
        return roots


def mean_colour(rotated: FloatArray, valid: FloatArray) -> DoubleArray:
    """Return the mean of the valid pixels along each axis.

    Maps projected chips, (n, k, height, width), and `valid`, (n, height, width), 1 or 0, to
    float64, (n, k); NaN for a chip without any valid pixel.
    """
    means: DoubleArray = rotated.sum((2, 3), dtype=np.float64) / _pixel_count(valid)[:, None]
    return means


def fit_colour_axes(pixels: FloatArray) -> ColourAxes:
    """Fit axes and histogram ranges to valid pixels (n, bands) in 0..1; n is at least 1."""
    logs = log_bands(pixels).astype(np.float64)
    centre = logs.mean(0)
    logs -= centre
    variance, axes = np.linalg.eigh(logs.T @ logs)
    axes = axes[:, np.argsort(-variance, kind="stable")[:_MAX_AXES]]
    # The sign of an axis is arbitrary; its largest component is made positive.
    axes *= np.where(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])] < 0, -1, 1)
    low, high = np.percentile(logs @ axes[:, :N_COLOUR_AXES], _END_PERCENTILES, axis=0)
    return ColourAxes(centre, axes, low, np.where(high - low > 1e-6, high, low + 1))


def _pixel_count(valid: FloatArray) -> DoubleArray:
    """Return the number of valid pixels of each chip, (n,); NaN if there are none."""
    count: DoubleArray = valid.sum((1, 2), dtype=np.float64)
    count[count == 0] = np.nan
    return count


def _bin_shares(position: FloatArray, bins: int) -> FloatArray:
    """Return the share of each pixel that belongs to each bin, (n, bins, pixels).

    `position`, (n, 1, pixels), runs from 0 to 1 between the histogram's ends; it is overwritten.
    """
    position *= bins
    position -= np.float32(0.5)
    np.clip(position, 0, bins - 1, out=position)
    shares = position - np.arange(bins, dtype=np.float32)[:, None]
    np.abs(shares, out=shares)
    np.subtract(1, shares, out=shares)
    np.maximum(shares, 0, out=shares)
    return shares
