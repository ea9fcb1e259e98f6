"""What the pixels of a patch get from its Sentinel-2 series: the year's mean, months or indices."""

from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from core.errors import SceneError
from core.land.data.bands import SENTINEL
from core.land.data.dataset import SIDE
from core.land.data.sentinel import BLOCK, REFLECTANCE, SentinelSettings, SuperPatch, monthly_means
from core.land.season.monthly_composites import FEWEST_MONTHS, MONTHS, Composites, composite_months
from core.land.season.season_columns import Season
from core.land.season.seasonal_indices import seasonal_indices
from core.types import AnyArray, FloatArray


@dataclass(frozen=True)
class SeasonPlanes:
    """What is used of the time series of one patch, for each pixel of the series.

    Attributes
    ----------
    planes : float32 array, (c, h, w)
        One for each name of `season_column_names`.
    filled_months : tuple of int
        Number of months without a clear observation, over all pixels, and number of all months.
    notes : tuple of str
        Sentences without a full stop on what is unusual.
    """

    planes: FloatArray
    filled_months: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()


def sentinel_planes(
    super_patch: SuperPatch, season: Season, settings: SentinelSettings, name: str = ""
) -> SeasonPlanes:
    """Compute what a patch uses of its Sentinel series.

    Raises SceneError if the patch `name` extends beyond the super area.
    """
    if season == "mean":
        return SeasonPlanes(block_means(super_patch, name), (0, 0), _filter_notes(super_patch))
    composites = block_composites(super_patch, settings, name)
    return season_planes(composites, SENTINEL, season)


def season_planes(composites: Composites, bands: tuple[str, ...], season: Season) -> SeasonPlanes:
    """Select what is used of monthly composites, and report what had to be filled."""
    notes = []
    if season != "mean" and composites.typical_months < FEWEST_MONTHS:
        n_months = composites.typical_months
        notes.append(
            f"half of the pixels of its series have clear observations in at most {n_months} of "
            f"{MONTHS} months, so their season is mostly interpolated"
        )
    if n_empty := composites.n_unobserved_pixels:
        notes.append(
            f"{n_empty:,} of {composites.observed[0].size:,} pixels of its series have no clear "
            "observation and take the values of the nearest pixel that has some"
        )
    if season == "months":
        planes = composites.values.reshape(-1, *composites.values.shape[2:])
    elif season == "indices":
        indices = seasonal_indices(composites.values, bands)
        planes = np.concatenate([composites.observed_mean(), indices])
    else:
        planes = composites.observed_mean()
    gaps = (composites.n_filled, composites.observed.size) if season != "mean" else (0, 0)
    return SeasonPlanes(planes, gaps, tuple(notes))


def _filter_notes(super_patch: SuperPatch) -> tuple[str, ...]:
    if not super_patch.all_covered:
        return ()
    clearest = int(super_patch.cover.argmin())
    date, cover = super_patch.series.dates[clearest], super_patch.cover[clearest]
    note = "no Sentinel date passes the filter, so the clearest one"
    return (f"{note}, {date} ({cover:.0%} covered), is used",)


def block_means(super_patch: SuperPatch, name: str = "") -> FloatArray:
    """Compute the mean reflectance of the Sentinel pixels that a patch overlaps, (10, 12, 12).

    The centroid lies between the sixth and the seventh row and column of the result; for FLAIR-HUB,
    the result is (10, 10, 10). Raises SceneError if the patch `name` extends beyond the super area.
    """
    part, usable = _patch_part(super_patch, name), super_patch.usable
    core = super_patch.series.data[part]
    dates = tuple(compress(super_patch.series.dates, usable))
    means = monthly_means(np.asarray(core[usable], np.float64), dates, np.ones(len(dates), bool))
    return np.asarray(means.mean(axis=0) / REFLECTANCE, np.float32)


def _patch_part(super_patch: SuperPatch, name: str) -> tuple[slice, ...]:
    """Return the part of a series' arrays that a patch overlaps."""
    reach = _reach(super_patch.series.block)
    row, column = super_patch.centre
    height, width = super_patch.series.data.shape[2:]
    if min(row, column) < reach or row + reach > height or column + reach > width:
        raise SceneError("the patch crosses the edge of its super area", where=name)
    rows, columns = (slice(centre - reach, centre + reach) for centre in (row, column))
    return slice(None), slice(None), rows, columns


def block_composites(
    super_patch: SuperPatch, settings: SentinelSettings, name: str = ""
) -> Composites:
    """Compute the monthly composites of the Sentinel pixels that a patch overlaps, as reflectance.

    An observation is clear if neither snow nor cloud is probable at its own pixel, and it is not 0
    in all bands; the cover of the super patch does not matter. Without any clear observation, the
    whole clearest date is used. Raises SceneError if the patch `name` extends beyond the super
    area.
    """
    part = _patch_part(super_patch, name)
    data, masks = (np.asarray(a[part]) for a in (super_patch.series.data, super_patch.series.masks))
    clear = np.asarray((masks < settings.probability).all(axis=1) & data.any(axis=1))
    if not clear.any():
        clear[super_patch.cover.argmin()] = True
    composites = composite_months(zip(super_patch.series.dates, data, clear, strict=True))
    return replace(composites, values=composites.values / np.float32(REFLECTANCE))


def block_position(offset: AnyArray, block: float = BLOCK) -> AnyArray:
    """Return the position of a row (or column) of the patch in the rows of `block_means`.

    It is that of the pixel's centre, counted in Sentinel pixels from the outer edge of the first
    one. The centroid lies on the edge between two Sentinel pixels, so the true position may differ
    by half a Sentinel pixel.
    """
    distance = np.asarray(offset, np.float64) + 0.5 - SIDE / 2
    return distance / block + _reach(block)


def _reach(block: float) -> int:
    """Return the number of Sentinel pixels in half of a patch's side, rounded up."""
    return int(np.ceil(SIDE / 2 / block))
