"""Sentinel-2: super areas mapped into memory, super patches cut from them, dates filtered.

Super areas carry no georeference: a patch is matched by its centroid, a pair of whole numbers, so
the match is uncertain by half a Sentinel pixel (5 m) in each direction.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import SceneError
from core.flair.data.dataset import Patch, SuperArea
from core.flair.data.pixel_table import SENTINEL, SIDE
from core.tables import Checked, bounded
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

log = logging.getLogger(__name__)

SUPER_PATCH = 40
"""Sentinel pixels along one side of a super patch."""
BLOCK = 50
"""Aerial pixels along one side of a Sentinel pixel: 10 m over 0.2 m."""
REFLECTANCE = 10_000
"""Counts of reflectance 1."""
WAVELENGTHS = (490, 560, 665, 705, 740, 783, 842, 865, 1610, 2190)
"""Nanometres, band by band."""
HALF_PIXEL = (
    "Sentinel is matched by centroid and blocks of 50 x 50 pixels: uncertain by half a Sentinel "
    "pixel (5 m)."
)


@dataclass(frozen=True)
class SentinelSettings(Checked):
    """Which dates count; the defaults are those of FLAIR's reference code.

    Attributes
    ----------
    probability : float
        Percent from which a pixel counts as snow or cloud.
    cover : float
        A date is kept if less than this fraction of the super patch is snow or cloud.
    """

    probability: float = bounded(60.0, 0, 100)
    cover: float = bounded(0.5, 0, 1)


@dataclass(frozen=True)
class Series:
    """One super area, mapped into memory.

    Attributes
    ----------
    data : uint16 array, (t, 10, h, w)
        Reflectance times 10000.
    masks : uint8 array, (t, 2, h, w)
        Probability of snow and of cloud, 0..100.
    dates : tuple of str
        yyyy-mm-dd, one a t.
    """

    data: AnyArray
    masks: AnyArray
    dates: tuple[str, ...]


@dataclass(frozen=True)
class SuperPatch:
    """The part of a series around one patch.

    Attributes
    ----------
    series : Series
        Cut to the super patch; smaller than 40 x 40 only at the edge of the super area.
    centre : tuple of int
        Row and column of the centroid within it.
    cover : float64 array, (t,)
        Fraction of its pixels that are snow or cloud, by date.
    kept : bool array, (t,)
        The dates that pass the filter. Where none does, the clearest alone is kept.
    all_covered : bool
        True where no date passed.
    """

    series: Series
    centre: tuple[int, int]
    cover: DoubleArray
    kept: BoolArray
    all_covered: bool


def open_series(area: SuperArea) -> Series:
    """Map a super area's files; nothing is read but headers and dates.

    Raises
    ------
    SceneError
        If a file is damaged, cut off or would need a pickle, or if the three of them disagree.
    """
    data, masks = _mapped(area.data), _mapped(area.masks)
    bands = len(SENTINEL)
    if data.ndim != 4 or data.shape[1] != bands or data.dtype != np.uint16:
        raise SceneError(
            f"is {data.dtype} {data.shape}, not uint16 (t, {bands}, h, w)", where=area.data.name
        )
    wanted = (data.shape[0], 2, *data.shape[2:])
    if masks.shape != wanted or masks.dtype != np.uint8:
        raise SceneError(
            f"is {masks.dtype} {masks.shape}, not uint8 {wanted} as its data file asks",
            where=area.masks.name,
        )
    dates = read_dates(area.products)
    if len(dates) != len(data):
        raise SceneError(
            f"names {len(dates)} dates, but {area.data.name} holds {len(data)}",
            where=area.products.name,
        )
    if not dates:
        raise SceneError("holds no date", where=area.products.name)
    return Series(data, masks, dates)


def _mapped(path: Path) -> AnyArray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise ValueError("it is an archive of arrays")
    except (OSError, ValueError, EOFError) as error:
        needs_pickle = "pickle" in str(error).lower() or "object" in str(error).lower()
        what = "would need a pickle, which could run code: refused"
        raise SceneError(
            what if needs_pickle else "is no whole .npy file",
            where=path.name,
            remedy="" if needs_pickle else f"Copy it again ({error}).",
        ) from error
    return array


def read_dates(path: Path) -> tuple[str, ...]:
    """The dates of the products that a file names, one a line.

    Raises
    ------
    SceneError
        If a line is not named as Sentinel-2 products are.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise SceneError("cannot be read", where=path.name, remedy=str(error)) from error
    dates = []
    for number, line in enumerate(lines, start=1):
        digits = line[11:19]
        if not line.strip():
            continue
        try:
            date = np.datetime64(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}", "D")
        except ValueError:
            raise SceneError(
                f"line {number} ({line[:40]!r}) has no date at characters 12 to 19",
                where=path.name,
            ) from None
        dates.append(str(date))
    return tuple(dates)


def cut(
    series: Series, centroid: tuple[int, int], settings: SentinelSettings, name: str = ""
) -> SuperPatch:
    """Cut the super patch around a centroid, and judge its dates.

    Raises
    ------
    SceneError
        If the centroid lies outside the super area.
    """
    height, width = series.data.shape[2:]
    row, column = centroid
    if not (0 <= row < height and 0 <= column < width):
        raise SceneError(
            f"its centroid, row {row}, column {column}, lies outside the super area of "
            f"{height} x {width}",
            where=name,
        )
    half = SUPER_PATCH // 2
    top, left = max(row - half, 0), max(column - half, 0)
    part = (slice(None), slice(None), slice(top, row + half), slice(left, column + half))
    masks = np.asarray(series.masks[part])
    cover = (masks >= settings.probability).any(axis=1).mean(axis=(1, 2))
    kept = cover < settings.cover
    all_covered = not kept.any()
    if all_covered:
        kept = np.arange(len(cover)) == cover.argmin()
    cut_out = Series(series.data[part], masks, series.dates)
    return SuperPatch(cut_out, (row - top, column - left), cover, kept, all_covered)


def monthly_means(values: AnyArray, dates: tuple[str, ...], kept: BoolArray) -> DoubleArray:
    """Mean of the kept dates of each calendar month that has any.

    Parameters
    ----------
    values : array, (t, ...)
    dates : tuple of str
        yyyy-mm-dd; the year does not count.
    kept : bool array, (t,)

    Returns
    -------
    float64 array, (months, ...)
        January first.
    """
    months = np.array([int(date[5:7]) for date in dates])
    return np.stack(
        [values[kept & (months == month)].mean(axis=0) for month in np.unique(months[kept])]
    )


def blocks(around: SuperPatch, name: str = "") -> FloatArray:
    """Mean reflectance of the Sentinel pixels that a patch touches.

    Returns
    -------
    float32 array, (10, 12, 12)
        The centroid lies between the sixth and the seventh row and column.

    Raises
    ------
    SceneError
        If the patch reaches beyond the super area.
    """
    row, column = around.centre
    reach = -(-(SIDE // 2) // BLOCK)
    height, width = around.series.data.shape[2:]
    if min(row, column) < reach or row + reach > height or column + reach > width:
        raise SceneError("lies across the edge of its super area", where=name)
    core = around.series.data[:, :, row - reach : row + reach, column - reach : column + reach]
    kept_only = np.asarray(core[around.kept], np.float64)
    dates = tuple(d for d, keep in zip(around.series.dates, around.kept, strict=True) if keep)
    means = monthly_means(kept_only, dates, np.ones(len(dates), bool))
    return np.asarray(means.mean(axis=0) / REFLECTANCE, np.float32)


def block_index(offset: AnyArray) -> AnyArray:
    """Which of the twelve rows (or columns) of `blocks` a row (or column) of the patch lies in."""
    reach = -(-(SIDE // 2) // BLOCK)
    return (np.asarray(offset, np.int64) - SIDE // 2) // BLOCK + reach


def around_patch(patch: Patch, settings: SentinelSettings) -> SuperPatch:
    """The super patch of a patch.

    Raises
    ------
    SceneError
        If it has no Sentinel files or no centroid, or they cannot be used.
    """
    if patch.super_area is None or patch.centroid is None:
        lacking = "Sentinel files" if patch.super_area is None else "centroid"
        raise SceneError(f"has no {lacking}", where=patch.name, remedy="Use it without fusion.")
    return cut(open_series(patch.super_area), patch.centroid, settings, patch.name)
