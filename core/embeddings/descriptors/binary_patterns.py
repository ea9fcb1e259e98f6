"""Uniform local binary patterns that don't change with rotation (Ojala et al. 2002)."""

from types import EllipsisType

import numpy as np

from core.embeddings.descriptors.masked_filters import weights
from core.types import BoolArray, DoubleArray, FloatArray, IntArray

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))

# A neighbour counts as brighter only beyond this difference, so that noise in flat areas doesn't
# make patterns; in units of the values, whose range is about 1.
TOLERANCE = 0.005

# The kinds of pattern: uniform ones with 0 to 8 brighter neighbours, and all the others.
KINDS = 10

CODES = 256


def pattern_histogram(values: FloatArray, valid: FloatArray, radius: int) -> DoubleArray:
    """How often each kind of pattern occurs, a band.

    A pixel counts if it and its eight neighbours at the given distance are valid and lie in
    the chip; how much it counts is as in `core.embeddings.descriptors.masked_filters.weights`.

    Parameters
    ----------
    values : float32 array, (n, bands, height, width)
    valid : float32 array, (n, height, width)
        1 where a pixel counts, else 0.
    radius : int
        Distance of the neighbours along rows and columns, in pixels.

    Returns
    -------
    float64 array, (n, bands * 10)
        Square roots of the shares, a band after the other (Hellinger's distance is the Euclidean
        distance of these); NaN for a chip in which no pixel counts.
    """
    n, bands, height, width = values.shape
    if min(height, width) <= 2 * radius:
        return np.full((n, bands * KINDS), np.nan)
    code, counts = _codes(values, valid > 0, radius)
    inside = slice(radius, -radius)
    weight = weights(valid)[:, inside, inside] * counts
    code += (np.arange(n * bands, dtype=np.int32) * CODES).reshape(n, bands, 1, 1)
    repeated = np.broadcast_to(weight[:, None], code.shape)
    tally = np.bincount(code.ravel(), repeated.ravel(), minlength=n * bands * CODES)
    sums = tally.reshape(n, bands, CODES) @ _kinds()
    total = weight.sum((1, 2), dtype=np.float64)
    total[total == 0] = np.nan
    roots: DoubleArray = np.sqrt(sums / total[:, None, None])
    return roots.reshape(n, bands * KINDS)


def _codes(values: FloatArray, valid: BoolArray, radius: int) -> tuple[IntArray, BoolArray]:
    """One bit a neighbour, and whether the pixel counts; both without the outermost pixels."""
    height, width = (side - 2 * radius for side in values.shape[2:])

    def shifted(dy: int, dx: int) -> tuple[EllipsisType, slice, slice]:
        top, left = radius * (1 + dy), radius * (1 + dx)
        return ..., slice(top, top + height), slice(left, left + width)

    centre = values[shifted(0, 0)] + np.float32(TOLERANCE)
    counts = valid[shifted(0, 0)].copy()
    packed = np.zeros(centre.shape, np.uint8)
    for bit, (dy, dx) in enumerate(NEIGHBOURS):
        brighter = values[shifted(dy, dx)] >= centre
        packed |= brighter.view(np.uint8) << np.uint8(bit)
        counts &= valid[shifted(dy, dx)]
    return packed.astype(np.int32), counts


def _kinds() -> DoubleArray:
    """Which code is of which kind, (CODES, KINDS), one 1 a row."""
    bits = (np.arange(CODES)[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(1)
    kind = np.where(changes <= 2, bits.sum(1), KINDS - 1)
    return np.eye(KINDS)[kind]
