"""Reading of the pixels of patches: aerial bands, labels, context and Sentinel spectra."""

import logging
from dataclasses import dataclass

import numpy as np

from core.errors import SceneError
from core.land.context.context_groups import compute_context
from core.land.context.image_bands import FLAIR_ROLES, ImageBands
from core.land.data.dataset import Dataset, Patch, Problem
from core.land.data.nomenclature import HIGHEST, Nomenclature, reduce_labels
from core.land.data.pixel_table import AERIAL, SIDE, UNLABELLED, PixelTable
from core.land.data.sentinel import (
    SentinelSettings,
    SuperPatch,
    block_index,
    block_means,
    patch_super_patch,
)
from core.raster.byte_rasters import read_byte_raster
from core.raster.scene import open_scene
from core.types import AnyArray, ByteArray, FloatArray

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequiredData:
    """The data to read in addition to aerial bands and labels, and how to read them.

    `context` contains the names of groups of features of the surroundings; see CONTEXT_GROUPS.
    """

    sentinel: bool = False
    context: tuple[str, ...] = ()
    nomenclature: Nomenclature = "reduced"
    dates: SentinelSettings = SentinelSettings()


AERIAL_ONLY = RequiredData()
"""Aerial bands and reduced labels only."""


@dataclass(frozen=True)
class ReadablePatch:
    """The parts of a patch that can be read; a damaged part does not hide the others.

    Attributes
    ----------
    aerial : uint8 array, (5, 512, 512), or None
    labels : uint8 array, (512, 512), or None
        In the full nomenclature.
    problems : tuple of str
        Sentences that state what cannot be read, and why.
    """

    patch: Patch
    aerial: ByteArray | None
    labels: ByteArray | None
    problems: tuple[str, ...]


def read_aerial(patch: Patch) -> ByteArray:
    """Read the five aerial bands of a patch, uint8 (5, 512, 512).

    Raises SceneError if the file cannot be read or is not a FLAIR image.
    """
    return read_byte_raster(patch.image, len(AERIAL), SIDE)[0]


def read_mask(patch: Patch) -> tuple[ByteArray, Problem | None]:
    """Read the labels of a patch in the full nomenclature, uint8 (512, 512).

    Values that are not classes become UNLABELLED and are reported as a problem; without a mask, all
    pixels are UNLABELLED. Raises SceneError if the file cannot be read or is not a FLAIR mask.
    """
    if patch.mask is None:
        return np.full((SIDE, SIDE), UNLABELLED, np.uint8), None
    labels = read_byte_raster(patch.mask, 1, SIDE)[0][0]
    invalid = (labels < 1) | (labels > HIGHEST)
    n_invalid = int(invalid.sum())
    if not n_invalid:
        return labels, None
    values = ", ".join(str(value) for value in np.unique(labels[invalid])[:8])
    labels[invalid] = UNLABELLED
    reason = f"{n_invalid} pixels have values that are not classes ({values}) and are left out"
    return labels, Problem(patch.mask.name, reason)


def pixel_position(patch: Patch, column: int, row: int) -> tuple[float, float, str]:
    """Return the coordinates of a pixel's centre, and their CRS, or "" if the image has none.

    Raises SceneError if the image cannot be opened.
    """
    with open_scene(patch.image) as source:
        x, y = source.xy(row, column)
        return float(x), float(y), source.crs.to_string() if source.crs else ""


def read_patch(dataset: Dataset, index: int, needs: RequiredData = AERIAL_ONLY) -> PixelTable:
    """Read all 512 * 512 pixels of a patch, row by row, including those of "other".

    Raises SceneError if one of its files cannot be used.
    """
    return read_pixels(dataset.patches[index], index, np.arange(SIDE * SIDE), needs)


def read_pixels(patch: Patch, index: int, flat: AnyArray, needs: RequiredData) -> PixelTable:
    """Read the pixels of a patch at flat positions, row * 512 + column.

    Raises SceneError if one of its files cannot be used.
    """
    row, column = np.divmod(flat, SIDE)
    aerial = read_aerial(patch)
    labels, problem = read_mask(patch)
    problems = [problem] if problem else []
    n_dark = int((aerial[:3].max(axis=0) == 0).sum())
    if n_dark:
        reason = (
            f"{n_dark:,} pixels are black in the visible bands (red, green and blue are 0), so "
            "their aerial spectrum cannot be normalised and is used as it is"
        )
        problems.append(Problem(patch.name, reason))
    values = labels if needs.nomenclature == "full" else reduce_labels(labels)
    spectra = None
    if needs.sentinel:
        super_patch = patch_super_patch(patch, needs.dates)
        if super_patch.all_covered:
            clearest = int(super_patch.cover.argmin())
            reason = (
                "no Sentinel date passes the filter, so the clearest one, "
                f"{super_patch.series.dates[clearest]} ({super_patch.cover[clearest]:.0%} "
                "covered), is used"
            )
            problems.append(Problem(patch.name, reason))
        spectra = _pixel_spectra(super_patch, patch, row, column)
    context: FloatArray | None = None
    context_names: tuple[str, ...] = ()
    if needs.context:
        image = ImageBands(aerial, AERIAL, roles=FLAIR_ROLES)
        planes, context_names = compute_context(image, needs.context)
        context = np.ascontiguousarray(planes[:, row, column].T)
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
    )


def _pixel_spectra(
    super_patch: SuperPatch, patch: Patch, row: AnyArray, column: AnyArray
) -> FloatArray:
    """Return the Sentinel spectrum of each pixel of a patch, float32 (n, 10)."""
    means = block_means(super_patch, patch.name)
    return np.ascontiguousarray(means[:, block_index(row), block_index(column)].T)


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


def read_readable_pixel(readable: ReadablePatch, index: int, column: int, row: int) -> PixelTable:
    """Return one pixel of a patch, as far as the patch's files can be read.

    `index` is the patch's index in the data set. Raises SceneError if the image cannot be read.
    """
    patch, labels = readable.patch, readable.labels
    if readable.aerial is None:
        raise SceneError("the image cannot be read", where=patch.name)
    rows, columns = np.array([row], np.int16), np.array([column], np.int16)
    spectra = None
    if patch.has_sentinel:
        try:
            super_patch = patch_super_patch(patch, SentinelSettings())
            spectra = _pixel_spectra(super_patch, patch, rows, columns)
        except SceneError as error:
            log.info("%s: aerial only (%s)", patch.name, error)
    return PixelTable(
        readable.aerial[:, rows, columns].T.astype(np.float32),
        spectra,
        np.full(1, UNLABELLED, np.uint8) if labels is None else labels[rows, columns],
        np.array([index], np.int32),
        columns,
        rows,
    )
