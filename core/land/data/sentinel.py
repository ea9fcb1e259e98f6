"""Sentinel-2 time series: super areas, the super patches cut from them, and the date filter.

Super areas have no georeference: a patch is located by its centroid in whole Sentinel pixels, so
its position is uncertain by half a Sentinel pixel (5 m) in each direction.
"""

import calendar
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import SceneError
from core.land.data.bands import SENTINEL
from core.land.data.dataset import SIDE, Patch, SuperArea
from core.tables import Checked, bounded
from core.types import AnyArray, BoolArray, DoubleArray

SUPER_PATCH = 40
"""Sentinel pixels along one side of a super patch."""
BLOCK = 50
"""Aerial pixels along one side of a Sentinel pixel: 10 m / 0.2 m."""
REFLECTANCE = 10_000
"""The stored value of reflectance 1."""
WAVELENGTHS = (490, 560, 665, 705, 740, 783, 842, 865, 1610, 2190)
"""Central wavelength of each band, nanometres."""
MATCHING_NOTE = (
    "Each Sentinel pixel is assigned to a block of 50 x 50 aerial pixels by the patch's centroid, "
    "so its position is uncertain by half a Sentinel pixel (5 m)."
)


@dataclass(frozen=True)
class SentinelSettings(Checked):
    """The filter for Sentinel dates; the defaults are those of FLAIR's reference code.

    Attributes
    ----------
    probability : float
        Lowest probability at which a pixel counts as snow or cloud, percent.
    cover : float
        A date passes if less than this fraction of the super patch is snow or cloud.
    """

    probability: float = bounded(60.0, 0, 100)
    cover: float = bounded(0.5, 0, 1)


@dataclass(frozen=True)
class Series:
    """The time series of one super area, memory-mapped.

    Attributes
    ----------
    data : uint16 array, (t, 10, h, w)
        Reflectance times 10,000.
    masks : uint8 array, (t, 2, h, w)
        Probabilities of snow and of cloud, 0..100.
    dates : tuple of str
        yyyy-mm-dd, one for each t.
    block : float
        Aerial pixels along one side of a Sentinel pixel.
    """

    data: AnyArray
    masks: AnyArray
    dates: tuple[str, ...]
    block: float = BLOCK


@dataclass(frozen=True)
class SuperPatch:
    """The part of a time series around one patch.

    Attributes
    ----------
    series : Series
        Limited to the super patch; smaller than 40 x 40 only at the edge of the super area.
    centre : tuple of int
        Row and column of the centroid within the super patch.
    cover : float64 array, (t,)
        Fraction of the pixels that are snow or cloud, by date.
    usable : bool array, (t,)
        True for the dates that pass the filter; if none does, only for the clearest date.
    all_covered : bool
        True if no date passes the filter.
    """

    series: Series
    centre: tuple[int, int]
    cover: DoubleArray
    usable: BoolArray
    all_covered: bool

    @property
    def patch_extent(self) -> tuple[float, float, float, float]:
        """Top, left, height and width of the patch within the super patch, in Sentinel pixels."""
        side = SIDE / self.series.block
        return self.centre[0] - side / 2, self.centre[1] - side / 2, side, side


def open_series(area: SuperArea) -> Series:
    """Memory-map the files of a super area; only headers and dates are read.

    The small series of a patch of FLAIR-HUB is read as a whole.

    Raises SceneError if a file is damaged, incomplete or contains pickled objects, or if the
    three files do not match.
    """
    if area.data.suffix != ".npy":
        from core.land.layouts.hub_reading import SERIES_SIDE, read_hub_series

        return Series(*read_hub_series(area), area.dates, SIDE / SERIES_SIDE)
    data, masks = _map_array(area.data), _map_array(area.masks)
    bands = len(SENTINEL)
    if data.ndim != 4 or data.shape[1] != bands or data.dtype != np.uint16:
        raise SceneError(
            f"the array is {data.dtype} {data.shape}, not uint16 (t, {bands}, h, w)",
            where=area.data.name,
        )
    expected = (data.shape[0], 2, *data.shape[2:])
    if masks.shape != expected or masks.dtype != np.uint8:
        raise SceneError(
            f"the array is {masks.dtype} {masks.shape}, not uint8 {expected} like its data",
            where=area.masks.name,
        )
    dates = read_dates(area.products)
    if len(dates) != len(data):
        raise SceneError(
            f"the file lists {len(dates)} dates, but {area.data.name} holds {len(data)}",
            where=area.products.name,
        )
    if not dates:
        raise SceneError("the file lists no dates", where=area.products.name)
    return Series(data, masks, dates)


def _map_array(path: Path) -> AnyArray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise ValueError("it is an archive of several arrays")
    except (OSError, ValueError, EOFError) as error:
        if "pickle" in str(error).lower() or "object" in str(error).lower():
            raise SceneError(
                "the file was refused: it contains pickled objects, which could run code",
                where=path.name,
            ) from error
        raise SceneError(
            "the file is not a complete .npy array",
            where=path.name,
            remedy=f"Copy it again ({error}).",
        ) from error
    return array


def read_dates(path: Path) -> tuple[str, ...]:
    """Read the dates, as yyyy-mm-dd, from a file with one Sentinel-2 product name per line.

    Raises SceneError if the file cannot be read, or a line is not the name of a product.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise SceneError("the file cannot be read", where=path.name, remedy=f"{error}.") from error
    dates = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        digits = line[11:19]
        try:
            date = np.datetime64(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}", "D")
        except ValueError:
            raise SceneError(
                f"line {number} ({line[:40]!r}) has no date at characters 12 to 19", where=path.name
            ) from None
        dates.append(str(date))
    return tuple(dates)


def cut_super_patch(
    series: Series, centroid: tuple[int, int], settings: SentinelSettings, name: str = ""
) -> SuperPatch:
    """Cut the super patch around a centroid and filter its dates.

    Raises SceneError if the centroid lies outside the super area.
    """
    height, width = series.data.shape[2:]
    row, column = centroid
    if not (0 <= row < height and 0 <= column < width):
        raise SceneError(
            f"the centroid, row {row}, column {column}, lies outside the super area of "
            f"{height} x {width} pixels",
            where=name,
        )
    half = SUPER_PATCH // 2
    top, left = max(row - half, 0), max(column - half, 0)
    part = (slice(None), slice(None), slice(top, row + half), slice(left, column + half))
    masks = np.asarray(series.masks[part])
    cover = (masks >= settings.probability).any(axis=1).mean(axis=(1, 2))
    usable = cover < settings.cover
    all_covered = not usable.any()
    if all_covered:
        usable = np.arange(len(cover)) == cover.argmin()
    cutout = Series(series.data[part], masks, series.dates, series.block)
    return SuperPatch(cutout, (row - top, column - left), cover, usable, all_covered)


def monthly_means(values: AnyArray, dates: tuple[str, ...], usable: BoolArray) -> DoubleArray:
    """Average the values of the usable dates in each calendar month, (t, ...) -> (months, ...).

    Months without a usable date are skipped. Dates are yyyy-mm-dd, and their years are ignored.
    """
    months = np.array([int(date[5:7]) for date in dates])
    return np.stack(
        [values[usable & (months == month)].mean(axis=0) for month in np.unique(months[usable])]
    )


def empty_months(super_patch: SuperPatch) -> list[str]:
    """Return the names of the calendar months that have dates, none of which passes the filter."""
    months = np.array([int(date[5:7]) for date in super_patch.series.dates])
    usable = set(months[super_patch.usable].tolist())
    return [calendar.month_name[month] for month in sorted(set(months.tolist()) - usable)]


def patch_super_patch(patch: Patch, settings: SentinelSettings) -> SuperPatch:
    """Cut the super patch of a patch from its super area.

    Raises SceneError if the Sentinel files or the centroid are missing or cannot be used.
    """
    if patch.super_area is None or patch.centroid is None:
        missing = "Sentinel files" if patch.super_area is None else "centroid"
        if patch.window is not None:
            missing = "time series"
        raise SceneError(
            f"the patch has no {missing}", where=patch.name, remedy="Use the patch without fusion."
        )
    return cut_super_patch(open_series(patch.super_area), patch.centroid, settings, patch.name)
