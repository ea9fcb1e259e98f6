"""Change scores: how far two embeddings of the same ground are apart, compared with most pairs.

Most pairs are assumed to be unchanged. What they have in common is the difference between the two
acquisitions: light, haze, sensor and a small shift. It is removed, and what remains is measured in
units of its spread among these pairs, as in the iteratively reweighted detection of changes
(Nielsen, "The regularized iteratively reweighted MAD method", IEEE TIP 16(2), 2007).
"""

import numpy as np

from core.errors import TooFewError
from core.types import BoolArray, DoubleArray, FloatArray

# With fewer pairs, the spread of unchanged pairs is not known well enough to rank by it.
LEAST_PAIRS = 10
# Pairs with a score from here on are flagged as changed: three standard deviations above the
# typical unchanged pair.
LIKELY_CHANGE = 3.0
# Share of the pairs that the common difference is fitted to, the most similar ones, and the number
# of fits; each starts from the pairs that are most similar after the previous one.
UNCHANGED_SHARE = 0.7
FITS = 5
# Standard deviation of a normal distribution in units of its median absolute deviation, and of its
# shortest half.
MAD_SCALE, HALF_SCALE = 1.4826, 0.7413
# The spread of the differences in a dimension is at least this part of that of the embeddings, so
# that a dimension that hardly varies does not outweigh all others.
LEAST_SPREAD = 0.02
# Smallest distance, and smallest standard deviation of its logarithm.
LEAST_DISTANCE, LEAST_DEVIATION = 1e-3, 0.05


def score_changes(before: FloatArray, after: FloatArray) -> DoubleArray:
    """Return the change score of each pair of embeddings, (n, dim) each, as float64 (n,).

    A typical unchanged pair has a score of 0; the unit is the standard deviation of unchanged
    pairs, on a logarithmic scale of the distance. Raises TooFewError for fewer than `LEAST_PAIRS`
    pairs.
    """
    if len(before) < LEAST_PAIRS:
        raise TooFewError(
            f"there are {len(before)} pairs of chips, but {LEAST_PAIRS} are needed to know what "
            "unchanged pairs look like",
            where="changes",
            remedy="Annotate more objects on the ground that both scenes cover.",
        )
    first, second = (np.asarray(values, float) for values in (before, after))
    # Each date is centred by itself, so that their common difference does not widen the spread.
    centred = np.concatenate([values - np.median(values, axis=0) for values in (first, second)])
    smallest = LEAST_SPREAD * centred.std(axis=0)
    varies = smallest > 0
    if not varies.any():
        return np.zeros(len(before))
    differences = (second - first)[:, varies]
    unchanged: BoolArray = np.ones(len(differences), bool)
    distances: DoubleArray = np.zeros(len(differences))
    for _ in range(FITS):
        distances = _distances(differences, unchanged, smallest[varies])
        unchanged = distances <= np.quantile(distances, UNCHANGED_SHARE)
    return _standardise(distances)


def _distances(
    differences: DoubleArray, unchanged: BoolArray, smallest: DoubleArray
) -> DoubleArray:
    """Return the distances of differences, (n, k), from the typical one of unchanged pairs."""
    centred = differences - np.median(differences[unchanged], axis=0)
    spread = MAD_SCALE * np.median(np.abs(centred[unchanged]), axis=0)
    return np.asarray(np.sqrt(((centred / np.maximum(spread, smallest)) ** 2).mean(axis=1)))


def _standardise(distances: DoubleArray) -> DoubleArray:
    """Return logarithms of distances in standard deviations from that of a typical pair.

    Both come from the shortest interval that holds half of the pairs, which changed pairs hardly
    affect (Rousseeuw and Leroy, "A robust scale estimator based on the shortest half", 1988).
    """
    logarithms = np.log(np.maximum(distances, LEAST_DISTANCE))
    ordered, n_half = np.sort(logarithms), len(distances) // 2 + 1
    widths = ordered[n_half - 1 :] - ordered[: len(ordered) - n_half + 1]
    start = int(widths.argmin())
    middle = (ordered[start] + ordered[start + n_half - 1]) / 2
    deviation = max(HALF_SCALE * float(widths[start]), LEAST_DEVIATION)
    return np.asarray((logarithms - middle) / deviation)
