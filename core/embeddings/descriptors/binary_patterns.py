"""Histograms of uniform, rotation-invariant local binary patterns (Ojala et al. 2002)."""

from types import EllipsisType

import numpy as np

from core.embeddings.descriptors.masked_filters import centre_weights
from core.types import BoolArray, DoubleArray, FloatArray, IntArray

_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))

# A neighbour counts as brighter only if it exceeds the centre by this much, so that noise in flat
# areas does not form patterns; in units of the values, whose range is about 1.
TOLERANCE = 0.005

# Nine classes of uniform patterns, with 0 to 8 brighter neighbours, and one for all other patterns.
N_CLASSES = 10

_N_CODES = 256


def pattern_histogram(values: FloatArray, valid: FloatArray, radius: int) -> DoubleArray:
    """Return a histogram of the pattern classes for each band.

    A pixel counts if it and its eight neighbours at the given distance are valid and inside the
    chip; it is weighted by `masked_filters.centre_weights`. The radius is the distance of the
    neighbours along rows and columns, in pixels.

    Maps values, (n, bands, height, width), and `valid`, (n, height, width), 1 or 0, to float64,
    (n, bands * 10): square roots of the relative frequencies, band by band, so that their Euclidean
    distance is proportional to the Hellinger distance; NaN for a chip in which no pixel counts.
    """
    n, bands, height, width = values.shape
    if min(height, width) <= 2 * radius:
        return np.full((n, bands * N_CLASSES), np.nan)
    codes, counts = _pattern_codes(values, valid > 0, radius)
    inner = slice(radius, -radius)
    weight = centre_weights(valid)[:, inner, inner] * counts
    codes += (np.arange(n * bands, dtype=np.int32) * _N_CODES).reshape(n, bands, 1, 1)
    repeated = np.broadcast_to(weight[:, None], codes.shape)
    tally = np.bincount(codes.ravel(), repeated.ravel(), minlength=n * bands * _N_CODES)
    sums = tally.reshape(n, bands, _N_CODES) @ _code_classes()
    total = weight.sum((1, 2), dtype=np.float64)
    total[total == 0] = np.nan
    roots: DoubleArray = np.sqrt(sums / total[:, None, None])
    return roots.reshape(n, bands * N_CLASSES)


def _pattern_codes(values: FloatArray, valid: BoolArray, radius: int) -> tuple[IntArray, BoolArray]:
    """Return codes with one bit per neighbour, and True where a pixel and all neighbours are valid.

    A border of `radius` pixels is left out.
    """
    height, width = (side - 2 * radius for side in values.shape[2:])

    def shifted(dy: int, dx: int) -> tuple[EllipsisType, slice, slice]:
        top, left = radius * (1 + dy), radius * (1 + dx)
        return ..., slice(top, top + height), slice(left, left + width)

    threshold = values[shifted(0, 0)] + np.float32(TOLERANCE)
    counts = valid[shifted(0, 0)].copy()
    codes = np.zeros(threshold.shape, np.uint8)
    for bit, (dy, dx) in enumerate(_NEIGHBOURS):
        brighter = values[shifted(dy, dx)] >= threshold
        codes |= brighter.view(np.uint8) << np.uint8(bit)
        counts &= valid[shifted(dy, dx)]
    return codes.astype(np.int32), counts


def _code_classes() -> DoubleArray:
    """Return the class of each code as an indicator matrix, (codes, classes)."""
    bits = (np.arange(_N_CODES)[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(1)
    classes = np.where(changes <= 2, bits.sum(1), N_CLASSES - 1)
    return np.eye(N_CLASSES)[classes]
