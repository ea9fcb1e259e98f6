"""Monthly composites of a time series, from the observations that are clear at each pixel."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from core.types import AnyArray, BoolArray, FloatArray

Observation = tuple[str, AnyArray, BoolArray]
"""A date, yyyy-mm-dd; its values, (b, h, w); and where they count, (h, w)."""
MONTHS = 12
FEWEST_MONTHS = 4
"""A season needs at least this many months with a clear observation: one in each quarter."""


@dataclass(frozen=True)
class Composites:
    """The composites of the twelve calendar months.

    Attributes
    ----------
    values : float32 array, (12, b, h, w)
        Mean of the clear observations of each month. A month without any is interpolated linearly
        between the nearest months that have some, on the circle of the year: December and January
        are neighbours. A pixel with one observed month has the same value in all months. A pixel
        without any clear observation has the values of the nearest pixel that has some.
    observed : bool array, (12, h, w)
        True where a month has a clear observation.
    """

    values: FloatArray
    observed: BoolArray

    @property
    def n_filled(self) -> int:
        """Number of months, over all pixels, that are not observed."""
        return int(self.observed.size - self.observed.sum())

    @property
    def n_unobserved_pixels(self) -> int:
        """Number of pixels without any clear observation."""
        return int((~self.observed.any(axis=0)).sum())

    @property
    def typical_months(self) -> int:
        """Median over the pixels of the number of observed months, rounded down."""
        return int(np.median(self.observed.sum(axis=0)))

    def observed_mean(self) -> FloatArray:
        """Return the mean over the observed months, float32 (b, h, w)."""
        weights = self.observed.any(axis=0) * self.observed + ~self.observed.any(axis=0)
        total = (self.values * weights[:, None]).sum(axis=0, dtype=np.float64)
        return np.asarray(total / weights.sum(axis=0), np.float32)


def composite_months(observations: Iterable[Observation]) -> Composites:
    """Average the clear observations of each calendar month, and fill the other months.

    Observations come in any order, and years are ignored. At least one pixel must be clear. Memory
    is bounded by the composites, whatever the number of dates.
    """
    total = counts = np.zeros(0, np.float32)
    for date, values, clear in observations:
        if not total.size:
            total = np.zeros((MONTHS, *values.shape), np.float32)
            counts = np.zeros((MONTHS, *clear.shape), np.float32)
        month = int(date[5:7]) - 1
        # A product with 0 would keep the NaN of a pixel without data.
        total[month] += np.where(clear, values, 0)
        counts[month] += clear
    total /= np.maximum(counts, 1)[:, None]
    observed = counts > 0
    _fill_months(total, observed)
    return Composites(_fill_pixels(total, observed), observed)


def _fill_months(means: FloatArray, observed: BoolArray) -> None:
    """Interpolate, in place, months that are not observed between the nearest ones that are."""
    # Entry s of a stack tells whether the month s earlier, or s later, is observed.
    earlier, later = (
        np.stack([np.roll(observed, direction * shift, axis=0) for shift in range(MONTHS)]).argmax(
            axis=0
        )
        for direction in (1, -1)
    )
    for month in range(MONTHS):
        # Only observed months are read, so months that are filled already do not matter.
        before, after = (
            np.take_along_axis(means, ((month + offset) % MONTHS)[None, None], axis=0)[0]
            for offset in (-earlier[month], later[month])
        )
        share = earlier[month] / np.maximum(earlier[month] + later[month], 1)
        means[month] = before + share.astype(np.float32) * (after - before)


def _fill_pixels(values: FloatArray, observed: BoolArray) -> FloatArray:
    """Copy the values of the nearest observed pixel to pixels that were never observed."""
    empty = ~observed.any(axis=0)
    if not empty.any():
        return values
    nearest = distance_transform_edt(empty, return_distances=False, return_indices=True)
    return np.asarray(values[:, :, nearest[0], nearest[1]])
