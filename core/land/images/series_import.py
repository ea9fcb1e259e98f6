"""Import of a time series: GeoTIFFs of single dates, on their own grid and in their own CRS."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from core.errors import ChipscapeError, SceneError, SettingsError, TooFewError
from core.land.data.bands import BYTE_DIVISOR, SENTINEL_BANDS, Bands, guess_bands
from core.land.data.dataset import Problem, SeriesDate
from core.land.data.window_reading import image_scene
from core.land.images.csv_rows import read_csv_rows
from core.land.images.image_set import LabelledImage
from core.land.season.monthly_composites import FEWEST_MONTHS
from core.land.season.raster_series import series_box
from core.raster.rendering import sample_percentiles
from core.raster.scene import Scene, read_scene
from core.raster.sidecars import RASTER_SUFFIXES

_DATE = re.compile(r"(?<!\d)(\d{4})(-?)(\d{2})\2(\d{2})(?!\d)")
_MASK_STEM = re.compile(r"(.+)[ _-](?:mask|clouds?)", re.I)
# Dates that are sampled to find the scale of the values.
_SAMPLED_DATES = 12


@dataclass(frozen=True)
class TimeSeries:
    """A time series of your own: its dates in order, its bands, and the header of its grid.

    `folder` is None if the dates are listed in a table.
    """

    dates: tuple[SeriesDate, ...] = ()
    bands: Bands = SENTINEL_BANDS
    grid: Scene | None = field(default=None, compare=False)
    folder: Path | None = None

    def contains(self, path: Path, images: Path) -> bool:
        """Return True if a file belongs to the series, which may lie below the folder of images."""
        if self.folder is not None and self.folder != images and self.folder in path.parents:
            return True
        return any(path in (entry.image, entry.mask) for entry in self.dates)


NO_SERIES = TimeSeries()
"""A data set of images without a time series."""


def find_series(path: Path, names: tuple[str, ...], problems: list[Problem]) -> TimeSeries:
    """Find the dates of a time series; files that cannot be used are added to the problems.

    Parameters
    ----------
    path : Path
        A folder of GeoTIFFs with a date (yyyymmdd or yyyy-mm-dd) in each name, of which the first
        counts; or a CSV file with the columns file, date and, if wanted, mask, whose paths start at
        the folder of the CSV file. In a folder, NAME_mask.tif or NAME_clouds.tif is the mask of
        NAME.tif: pixels other than 0 do not count. Nodata, alpha and mask bands count as well.
    names : tuple of str
        The names of the bands; from the files if empty.

    Raises SettingsError if the path or the names do not fit, and TooFewError if no date is left.
    """
    if path.is_dir():
        entries = list(_folder_entries(path, problems))
    elif path.suffix.lower() == ".csv" and path.is_file():
        entries = list(_table_entries(path, problems))
    else:
        raise SettingsError(
            "it is neither a folder of GeoTIFFs nor a CSV file with the columns file and date",
            where=f"series: {path}",
        )
    scenes = _readable_dates(_single_dates(entries, problems), problems)
    dates, grid = _common_grid(scenes, problems)
    if grid is None:
        reasons = "; ".join(map(str, problems[-3:]))
        raise TooFewError(
            "there is no date that can be used", where=f"series: {path}", remedy=reasons
        )
    months = {entry.date[5:7] for entry in dates}
    if len(months) < FEWEST_MONTHS:
        reason = f"the series has dates in only {len(months)} of 12 months, too few for a season"
        problems.append(Problem(path.name, reason))
    bands = _series_bands([scene for _, scene in scenes], grid, names)
    return TimeSeries(tuple(dates), bands, grid, path.resolve() if path.is_dir() else None)


def cover_images(
    images: Sequence[LabelledImage], series: TimeSeries, problems: list[Problem]
) -> tuple[LabelledImage, ...]:
    """Mark the windows that a time series covers; images with other windows are reported.

    Raises SceneError if it covers no window.
    """
    if series.grid is None:
        return tuple(images)
    result = []
    for image in images:
        windows, reasons = [], []
        for window in image.windows:
            try:
                series_box(image_scene(image.path), series.grid, window.box)
                windows.append(replace(window, has_series=True))
            except SceneError as error:
                windows.append(window)
                reasons.append(str(error))
        if reasons:
            missing = f"{len(reasons)} of {len(windows)} windows are used without the time series"
            problems.append(Problem(image.path.name, f"{missing} ({reasons[0]})"))
        result.append(replace(image, windows=tuple(windows)))
    if not any(window.has_series for image in result for window in image.windows):
        raise SceneError(
            "the time series covers no window of any image",
            where=str(series.dates[0].image.parent),
            remedy=str(problems[-1]),
        )
    return tuple(result)


def _folder_entries(folder: Path, problems: list[Problem]) -> Iterator[SeriesDate]:
    paths = [
        path.resolve()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in RASTER_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    stems = {path.with_suffix("") for path in paths}
    masks = {}
    for path in paths:
        match = _MASK_STEM.fullmatch(path.stem)
        if match is not None and path.with_name(match[1]) in stems:
            masks[path.with_name(match[1])] = path
    for path in paths:
        if path in masks.values():
            continue
        date = _find_date(path.stem)
        if date:
            yield SeriesDate(date, path, masks.get(path.with_suffix("")))
        else:
            reason = "it is not used, because there is no date (yyyymmdd or yyyy-mm-dd) in its name"
            problems.append(Problem(path.name, reason))


def _find_date(text: str) -> str:
    """Return the first date in a text as yyyy-mm-dd; empty if there is none."""
    for match in _DATE.finditer(text):
        try:
            return str(np.datetime64(f"{match[1]}-{match[3]}-{match[4]}", "D"))
        except ValueError:
            continue
    return ""


def _table_entries(path: Path, problems: list[Problem]) -> Iterator[SeriesDate]:
    for number, row in read_csv_rows(path, ("file", "date")):
        date, name, mask = _find_date(row["date"]), row["file"], row.get("mask")
        if date and name:
            image = (path.parent / name).resolve()
            yield SeriesDate(date, image, (path.parent / mask).resolve() if mask else None)
        else:
            reason = f"line {number} is not used, because it has no file or no date (yyyy-mm-dd)"
            problems.append(Problem(path.name, reason))


def _single_dates(entries: Sequence[SeriesDate], problems: list[Problem]) -> list[SeriesDate]:
    """Return the entries in order of date, the first of each date; the others are reported."""
    dates: dict[str, SeriesDate] = {}
    for entry in sorted(entries, key=lambda entry: (entry.date, entry.image.name)):
        if entry.date in dates:
            first = dates[entry.date].image.name
            reason = f"it is not used, because {first} has the same date, {entry.date}"
            problems.append(Problem(entry.image.name, reason))
        else:
            dates[entry.date] = entry
    return list(dates.values())


def _readable_dates(
    entries: Sequence[SeriesDate], problems: list[Problem]
) -> list[tuple[SeriesDate, Scene]]:
    """Return the entries whose files can be opened and have a CRS; the others are reported."""
    scenes = []
    for entry in entries:
        try:
            scene = read_scene(entry.image)
            if not scene.crs:
                raise SceneError("the file has no CRS", where=entry.image.name)
            if entry.mask is not None:
                _check_mask(entry.mask, scene)
        except ChipscapeError as error:
            problems.append(Problem(entry.image.name, f"it is not used ({error})"))
            continue
        scenes.append((entry, scene))
    return scenes


def _check_mask(path: Path, scene: Scene) -> None:
    mask = read_scene(path)
    if (mask.width, mask.height) != (scene.width, scene.height) or (
        mask.crs and mask.transform != scene.transform
    ):
        raise SceneError(
            f"the mask has {mask.width} x {mask.height} pixels, or another position, than the "
            f"{scene.width} x {scene.height} of {scene.path.name}",
            where=path.name,
        )


def _common_grid(
    scenes: list[tuple[SeriesDate, Scene]], problems: list[Problem]
) -> tuple[list[SeriesDate], Scene | None]:
    """Keep the dates with the commonest grid and bands, and return them and their header.

    The others are reported, and removed from `scenes`.
    """

    def form(scene: Scene) -> tuple[object, ...]:
        grid = (scene.width, scene.height, scene.transform, scene.crs)
        return (*grid, len(scene.bands), scene.dtype)

    if not scenes:
        return [], None
    usual = Counter(form(scene) for _, scene in scenes).most_common(1)[0][0]
    for entry, scene in scenes:
        if form(scene) != usual:
            has_same_bands = form(scene)[4:] == usual[4:]
            difference = "CRS, position or size" if has_same_bands else "number or type of bands"
            reason = f"it is not used, because its {difference} is not that of most dates"
            problems.append(Problem(entry.image.name, reason))
    scenes[:] = [pair for pair in scenes if form(pair[1]) == usual]
    return [entry for entry, _ in scenes], scenes[0][1]


def _series_bands(scenes: Sequence[Scene], grid: Scene, names: tuple[str, ...]) -> Bands:
    names = names or grid.bands
    if len(names) != len(grid.bands):
        raise SettingsError(
            f"{len(names)} names were given for {len(grid.bands)} bands",
            where="series_bands",
            remedy=f"Name all of them, in this order: {', '.join(grid.bands)}.",
        )
    divisor = BYTE_DIVISOR
    if grid.dtype != "uint8":
        # The 99.5 % quantile of the brightest band, so that clouds do not decide: the median over
        # the dates.
        sample = scenes[:: max(1, len(scenes) // _SAMPLED_DATES)]
        highest = [sample_percentiles(scene, scene.bands)[:, -2].max() for scene in sample]
        finite = np.array(highest)[np.isfinite(highest)]
        divisor = float(np.median(finite)) if finite.size and np.median(finite) > 0 else 1.0
    return guess_bands(names, divisor)
