"""Colour as texture sees it: logarithm of the bands, turned onto their main axes, and histograms.

In logarithms a change of light moves all bands alike. The main axes of the sample's pixels (PCA)
are then close to brightness first and to ratios of bands next, for any number of bands.
"""

from dataclasses import dataclass

import numpy as np

from core.embeddings.descriptors.masked_filters import weights
from core.types import DoubleArray, FloatArray

# Values in 0..1 are taken as log(1 + x / DARK): below DARK the sensor's noise would be magnified.
DARK = 0.1

# Bands kept after turning, and bands that enter histogram and patterns.
MAX_AXES = 8
COLOUR_AXES = 3

# Ends of a histogram, in percent of the sample's pixels; what lies beyond falls into its end bins.
ENDS = (3.0, 97.0)

# Bins a band, by the number of bands: 64 in all.
BINS = {1: 64, 2: 8, 3: 4}


def log_bands(unit: FloatArray) -> FloatArray:
    """Values of 0..1 on a logarithmic scale, again 0..1; shape and dtype are kept."""
    scaled: FloatArray = np.log(unit * np.float32(1 / DARK) + np.float32(1))
    scaled /= np.float32(np.log1p(1 / DARK))
    return scaled


@dataclass(frozen=True)
class Palette:
    """The main axes of the pixels of a sample, and where its histograms begin and end.

    Attributes
    ----------
    centre : float64 array, (bands,)
        Mean of the logarithmic bands.
    axes : float64 array, (bands, k)
        Orthonormal main axes, the one of greatest variance first; k is `bands`, at most 8.
    low, high : float64 array, (min(k, 3),)
        Ends of the histogram along each of the first axes.
    """

    centre: DoubleArray
    axes: DoubleArray
    low: DoubleArray
    high: DoubleArray

    def turn(self, unit: FloatArray, valid: FloatArray) -> FloatArray:
        """Chips (n, bands, height, width) of 0..1 on the main axes; 0 where masked.

        Returns
        -------
        float32 array, (n, k, height, width)
        """
        n, bands, height, width = unit.shape
        logs = log_bands(unit) - self.centre.astype(np.float32)[:, None, None]
        turned = self.axes.T.astype(np.float32) @ logs.reshape(n, bands, height * width)
        turned *= valid.reshape(n, 1, height * width)
        return turned.reshape(n, self.axes.shape[1], height, width)

    def histogram(self, turned: FloatArray, valid: FloatArray) -> DoubleArray:
        """Joint histogram of 64 bins along the first axes.

        A pixel is shared linearly among the nearest bins, so that a small change of light
        changes little; it counts as in `core.embeddings.descriptors.masked_filters.weights`.

        Parameters
        ----------
        turned : float32 array, (n, k, height, width)
        valid : float32 array, (n, height, width)
            1 where a pixel counts, else 0.

        Returns
        -------
        float64 array, (n, 64)
            Square roots of the shares (Hellinger); NaN for a chip without any valid pixel.
        """
        n, used = len(turned), len(self.low)
        pixels = turned.shape[2] * turned.shape[3]
        bins = BINS[used]
        weight = weights(valid)
        joint = weight.reshape(n, 1, pixels)
        for axis in range(used):
            place = turned[:, axis].reshape(n, 1, pixels) - np.float32(self.low[axis])
            place /= np.float32(self.high[axis] - self.low[axis])
            shares = _bin_shares(place, bins)
            if axis < used - 1:
                joint = joint[:, :, None] * shares[:, None]
                joint = joint.reshape(n, bins ** (axis + 1), pixels)
        counts = (joint @ shares.swapaxes(1, 2)).reshape(n, bins**used).astype(np.float64)
        total = weight.sum((1, 2), dtype=np.float64)
        total[total == 0] = np.nan
        roots: DoubleArray = np.sqrt(counts / total[:, None])
        return roots


def fit_palette(pixels: FloatArray) -> Palette:
    """Main axes and histogram ends of a sample of pixels.

    Parameters
    ----------
    pixels : float32 array, (pixels, bands), 0..1
        Valid pixels only, at least one.
    """
    logs = log_bands(pixels).astype(np.float64)
    centre = logs.mean(0)
    logs -= centre
    variance, axes = np.linalg.eigh(logs.T @ logs)
    axes = axes[:, np.argsort(-variance, kind="stable")[:MAX_AXES]]
    # An axis may point either way; the sign is fixed by its largest part.
    axes *= np.where(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])] < 0, -1, 1)
    low, high = np.percentile(logs @ axes[:, :COLOUR_AXES], ENDS, axis=0)
    return Palette(centre, axes, low, np.where(high - low > 1e-6, high, low + 1))


def _bin_shares(place: FloatArray, bins: int) -> FloatArray:
    """Shares (n, bins, pixels) of bins whose centres divide 0..1, from places (n, 1, pixels)."""
    place *= bins
    place -= np.float32(0.5)
    np.clip(place, 0, bins - 1, out=place)
    shares = place - np.arange(bins, dtype=np.float32)[:, None]
    np.abs(shares, out=shares)
    np.subtract(1, shares, out=shares)
    np.maximum(shares, 0, out=shares)
    return shares
