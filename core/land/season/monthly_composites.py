"""Monthly composites of a time series, from the observations that are clear at each pixel."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from core.types import AnyArray, BoolArray, FloatArray

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


def composite_months(values: AnyArray, clear: BoolArray, dates: tuple[str, ...]) -> Composites:
    """Average the clear observations of each calendar month, and fill the other months.

    Parameters
    ----------
    values : array, (t, b, h, w)
        Of all dates, in any order.
    clear : bool array, (t, h, w)
        True where an observation counts; at least one must.
    dates : tuple of str
        yyyy-mm-dd; years are ignored.
    """
    _, n_bands, height, width = values.shape
    months = np.array([int(date[5:7]) for date in dates])
    means = np.zeros((MONTHS, n_bands, height, width))
    observed = np.zeros((MONTHS, height, width), bool)
    for month in np.unique(months):
        weights = clear[months == month]
        counts = weights.sum(axis=0)
        total = (values[months == month] * weights[:, None]).sum(axis=0, dtype=np.float64)
        means[month - 1] = total / np.maximum(counts, 1)
        observed[month - 1] = counts > 0
    filled = _fill_pixels(_fill_months(means, observed), observed)
    return Composites(filled.astype(np.float32), observed)


def _fill_months(means: AnyArray, observed: BoolArray) -> AnyArray:
    """Interpolate months that are not observed between the nearest ones that are."""
    # Entry s of a stack tells whether the month s earlier, or s later, is observed.
    earlier, later = (
        np.stack([np.roll(observed, direction * shift, axis=0) for shift in range(MONTHS)]).argmax(
            axis=0
        )
        for direction in (1, -1)
    )
    month = np.arange(MONTHS)[:, None, None]
    before, after = (
        np.take_along_axis(means, ((month + offset) % MONTHS)[:, None], axis=0)
        for offset in (-earlier, later)
    )
    share = (earlier / np.maximum(earlier + later, 1))[:, None]
    return np.where(observed[:, None], means, before + share * (after - before))


def _fill_pixels(values: AnyArray, observed: BoolArray) -> AnyArray:
    """Copy the values of the nearest observed pixel to pixels that were never observed."""
    empty = ~observed.any(axis=0)
    if not empty.any():
        return values
    nearest = distance_transform_edt(empty, return_distances=False, return_indices=True)
    return values[:, :, nearest[0], nearest[1]]
