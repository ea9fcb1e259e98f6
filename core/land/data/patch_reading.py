"""Reading of the pixels of patches: aerial bands, labels, context and Sentinel spectra."""

import logging
from dataclasses import dataclass

import numpy as np

from core.errors import SceneError
from core.land.context.context_groups import compute_context, context_reach
from core.land.context.image_bands import ImageBands
from core.land.context.token_grids import TokenFolder
from core.land.data.dataset import SIDE, Dataset, Patch, Problem
from core.land.data.nomenclature import Nomenclature, hub_values
from core.land.data.pixel_table import UNLABELLED, PixelTable
from core.land.data.sentinel import SentinelSettings, patch_super_patch
from core.land.season.plane_sampling import Interpolation, sample_planes
from core.land.season.season_columns import Season
from core.land.season.sentinel_planes import (
    SeasonPlanes,
    block_position,
    season_planes,
    sentinel_planes,
)
from core.raster.byte_rasters import read_byte_raster
from core.raster.scene import open_scene
from core.types import AnyArray, ByteArray, FloatArray

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequiredData:
    """The data to read in addition to aerial bands and labels, and how to read them.

    `context` contains the names of groups of features of the surroundings; see CONTEXT_GROUPS.
    `tokens` are the folders with the token features of encoders. `season` is what is used of the
    Sentinel series, and `interpolation` how its values reach the pixels.
    """

    sentinel: bool = False
    context: tuple[str, ...] = ()
    nomenclature: Nomenclature = "reduced"
    dates: SentinelSettings = SentinelSettings()
    tokens: tuple[TokenFolder, ...] = ()
    season: Season = "mean"
    interpolation: Interpolation = "blocks"


AERIAL_ONLY = RequiredData()
"""Aerial bands and reduced labels only."""


@dataclass(frozen=True)
class ReadablePatch:
    """The parts of a patch that can be read; a damaged part does not hide the others.

    Attributes
    ----------
    aerial : array, (b, h, w), or None
        The bands of the image as stored; FLAIR: uint8 (5, 512, 512).
    labels : uint8 array, (h, w), or None
        In the full nomenclature.
    problems : tuple of str
        Sentences that state what cannot be read, and why.
    """

    patch: Patch
    aerial: AnyArray | None
    labels: ByteArray | None
    problems: tuple[str, ...]


def read_aerial(patch: Patch) -> AnyArray:
    """Read the bands of a patch as stored, (b, h, w); FLAIR: uint8 (5, 512, 512).

    The values of invalid pixels are 0. Raises SceneError if the file cannot be read or does not
    have the bands of the data set.
    """
    if patch.layout.is_hub:
        from core.land.layouts.hub_reading import read_hub_bands

        return read_hub_bands(patch)
    if patch.window is None:
        return read_byte_raster(patch.image, len(patch.layout.bands), SIDE)[0]
    from core.land.data.window_reading import read_window

    pixels = read_window(patch)
    return np.where(pixels.mask, pixels.values.dtype.type(0), pixels.values)


def read_mask(patch: Patch) -> tuple[ByteArray, Problem | None]:
    """Read the labels of a patch in the full nomenclature, uint8 (h, w).

    Values that are not classes become UNLABELLED and are reported as a problem, and so do invalid
    pixels of the image of a window; without a mask, all pixels are UNLABELLED. Raises SceneError
    if the labels cannot be read.
    """
    if patch.mask is None:
        return np.full(patch.shape, UNLABELLED, np.uint8), None
    highest = len(patch.layout.legend.classes)
    if patch.window is not None and patch.layout.rule is not None:
        from core.land.data.window_reading import read_window, read_window_labels

        labels, unknown = read_window_labels(
            patch.image, patch.mask, patch.window, patch.layout.rule
        )
        labels[read_window(patch).mask] = UNLABELLED
        return labels, _unknown_values(patch, unknown)
    stored = read_byte_raster(patch.mask, 1, SIDE)[0][0]
    labels = hub_values()[stored] if patch.layout.is_hub else stored
    invalid = (labels < 1) | (labels > highest)
    values, counts = np.unique(stored[invalid], return_counts=True)
    labels[invalid] = UNLABELLED
    pairs = zip(values, counts, strict=True)
    return labels, _unknown_values(patch, {str(value): int(n) for value, n in pairs})


def _unknown_values(patch: Patch, unknown: dict[str, int]) -> Problem | None:
    """Report the values of a mask that are not classes, given their numbers of pixels."""
    if not unknown or patch.mask is None:
        return None
    reason = (
        f"{sum(unknown.values())} pixels have values that are not classes "
        f"({', '.join(list(unknown)[:8])}) and are left out"
    )
    return Problem(patch.mask.name if patch.window is None else patch.name, reason)


def pixel_position(patch: Patch, column: int, row: int) -> tuple[float, float, str]:
    """Return the coordinates of a pixel's centre, and their CRS, or "" if the image has none.

    Raises SceneError if the image cannot be opened.
    """
    left, top = patch.window[:2] if patch.window else (0, 0)
    with open_scene(patch.image) as source:
        x, y = source.xy(top + row, left + column)
        return float(x), float(y), source.crs.to_string() if source.crs else ""


def read_patch(dataset: Dataset, index: int, needs: RequiredData = AERIAL_ONLY) -> PixelTable:
    """Read all pixels of a patch, row by row, including those of "other".

    Raises SceneError if one of its files cannot be used.
    """
    return read_all_pixels(dataset.patches[index], index, needs)


def read_all_pixels(patch: Patch, index: int, needs: RequiredData) -> PixelTable:
    """Read like `read_patch`, given the patch and its index in the data set."""
    height, width = patch.shape
    return read_pixels(patch, index, np.arange(height * width), needs)


def read_pixels(patch: Patch, index: int, flat: AnyArray, needs: RequiredData) -> PixelTable:
    """Read the pixels of a patch at flat positions, row * width + column.

    Raises SceneError if one of its files cannot be used.
    """
    row, column = np.divmod(flat, patch.shape[1])
    bands, legend = patch.layout.bands, patch.layout.legend
    aerial = read_aerial(patch)
    labels, problem = read_mask(patch)
    problems = [problem] if problem else []
    n_dark = int((aerial[list(bands.visible)].max(axis=0) == 0).sum())
    if n_dark and patch.window is None:
        reason = (
            f"{n_dark:,} pixels are black in the visible bands (red, green and blue are 0), so "
            "their aerial spectrum cannot be normalised and is used as it is"
        )
        problems.append(Problem(patch.name, reason))
    values = labels if needs.nomenclature == "full" else legend.reduce_labels(labels)
    spectra, season = None, SeasonPlanes(np.zeros((0, 0, 0), np.float32))
    if needs.sentinel:
        spectra, season = _pixel_spectra(patch, needs, row, column)
        problems += [Problem(patch.name, note) for note in season.notes]
    context, context_names = _pixel_context(patch, aerial, needs, (row, column))
    return PixelTable(
        aerial=np.ascontiguousarray(aerial[:, row, column].T, np.float32),
        sentinel=spectra,
        labels=values[row, column],
        patch=np.full(len(flat), index, np.int32),
        column=column.astype(np.int16),
        row=row.astype(np.int16),
        context=context,
        context_names=context_names,
        problems=tuple(problems),
        bands=bands,
        season=needs.season,
        series_bands=patch.layout.series_bands,
        filled_months=season.filled_months,
    )


def _pixel_context(
    patch: Patch, aerial: AnyArray, needs: RequiredData, pixels: tuple[AnyArray, AnyArray]
) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Return the features of the surroundings of pixels (row, column), and their names."""
    row, column = pixels
    columns: list[FloatArray] = []
    names: list[str] = []
    if needs.context:
        image, (top, left) = read_with_margin(patch, aerial, context_reach(needs.context))
        planes, plane_names = compute_context(image, needs.context)
        columns.append(planes[:, top + row, left + column].T)
        names += plane_names
    for folder in needs.tokens:
        columns.append(folder.read_pixels(patch.name, row, column))
        names += folder.column_names()
    if not columns:
        return None, ()
    return np.ascontiguousarray(np.concatenate(columns, axis=1)), tuple(names)


def read_with_margin(
    patch: Patch, aerial: AnyArray, margin: int
) -> tuple[ImageBands, tuple[int, int]]:
    """Return the image around a patch, and the position of the patch's first pixel in it.

    FLAIR's patches are images of their own. Windows of an image get a margin, so that the features
    of their pixels do not depend on how the image is divided.
    """
    if patch.window is None:
        return ImageBands(aerial, patch.layout.bands), (0, 0)
    from core.land.data.window_reading import read_window

    read = read_window(patch, margin)
    image = ImageBands(read.values, patch.layout.bands, ~read.mask)
    left, top = patch.window[:2]
    return image, (top - read.top, left - read.left)


def _pixel_spectra(
    patch: Patch, needs: RequiredData, row: AnyArray, column: AnyArray
) -> tuple[FloatArray, SeasonPlanes]:
    """Return the Sentinel values of pixels of a patch, float32 (n, s), and where they are from."""
    if patch.series:
        # Imported here, because it reads windows through this package.
        from core.land.season.raster_series import read_composites

        assert patch.window is not None
        composites, part = read_composites(patch)
        season = season_planes(composites, patch.layout.series_bands.names, needs.season)
        rows, columns = part.positions(patch.window, row, column)
        return sample_planes(season.planes, rows, columns, needs.interpolation), season
    super_patch = patch_super_patch(patch, needs.dates)
    season = sentinel_planes(super_patch, needs.season, needs.dates, patch.name)
    block = super_patch.series.block
    rows, columns = block_position(row, block), block_position(column, block)
    return sample_planes(season.planes, rows, columns, needs.interpolation), season


def read_readable_patch(patch: Patch) -> ReadablePatch:
    """Read the bands and the labels of a patch, as far as they can be read."""
    aerial, labels, problems = None, None, []
    try:
        aerial = read_aerial(patch)
    except SceneError as error:
        problems.append(f"The image cannot be read. {error}")
    try:
        labels = read_mask(patch)[0]
    except SceneError as error:
        problems.append(f"The mask cannot be read. {error}")
    return ReadablePatch(patch, aerial, labels, tuple(problems))


def read_readable_pixel(
    readable: ReadablePatch, index: int, column: int, row: int, needs: RequiredData = AERIAL_ONLY
) -> PixelTable:
    """Return one pixel of a patch, as far as the patch's files can be read.

    `index` is the patch's index in the data set; `needs` states what is used of the Sentinel
    series, which is read if there is one. Raises SceneError if the image cannot be read.
    """
    patch, labels = readable.patch, readable.labels
    if readable.aerial is None:
        raise SceneError("the image cannot be read", where=patch.name)
    rows, columns = np.array([row], np.int16), np.array([column], np.int16)
    spectra = None
    if patch.has_series:
        try:
            spectra, _ = _pixel_spectra(patch, needs, rows, columns)
        except SceneError as error:
            log.info("%s: aerial only (%s)", patch.name, error)
    return PixelTable(
        readable.aerial[:, rows, columns].T.astype(np.float32),
        spectra,
        np.full(1, UNLABELLED, np.uint8) if labels is None else labels[rows, columns],
        np.array([index], np.int32),
        columns,
        rows,
        bands=patch.layout.bands,
        season=needs.season,
        series_bands=patch.layout.series_bands,
    )
