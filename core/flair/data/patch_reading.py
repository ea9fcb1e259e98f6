"""Reading of patches: aerial bands, labels, texture and the Sentinel spectra of their pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from scipy.ndimage import uniform_filter

from core.errors import SceneError
from core.flair.data.dataset import Dataset, Patch, Problem
from core.flair.data.nomenclature import HIGHEST, Nomenclature, reduce_labels
from core.flair.data.pixel_table import AERIAL, SIDE, UNLABELLED, PixelTable
from core.flair.data.sentinel import SentinelSettings, block_index, block_means, patch_super_patch
from core.raster.scene import open_scene
from core.types import AnyArray, ByteArray, FloatArray

TEXTURE_WINDOW = 9
"""Pixels along one side of the window in which texture is measured."""


@dataclass(frozen=True)
class RequiredData:
    """The data to read in addition to aerial bands and labels, and how to read them."""

    sentinel: bool = False
    texture: bool = False
    nomenclature: Nomenclature = "reduced"
    dates: SentinelSettings = SentinelSettings()


AERIAL_ONLY = RequiredData()
"""Aerial bands and reduced labels only."""


def read_aerial(patch: Patch) -> ByteArray:
    """Read the five aerial bands of a patch, uint8 (5, 512, 512).

    Raises
    ------
    SceneError
        If the file cannot be read or is not a FLAIR image.
    """
    return read_byte_raster(patch.image, len(AERIAL), SIDE)[0]


def read_mask(patch: Patch) -> tuple[ByteArray, Problem | None]:
    """Read the labels of a patch in the full nomenclature, uint8 (512, 512).

    Values that are no class become UNLABELLED and are reported as a problem.

    Raises
    ------
    SceneError
        If the file cannot be read or is not a FLAIR mask.
    """
    labels = read_byte_raster(patch.mask, 1, SIDE)[0][0]
    invalid = (labels < 1) | (labels > HIGHEST)
    n_invalid = int(invalid.sum())
    if not n_invalid:
        return labels, None
    values = ", ".join(str(value) for value in np.unique(labels[invalid])[:8])
    labels[invalid] = UNLABELLED
    reason = f"{n_invalid} pixels hold values that are no class ({values}) and are left out"
    return labels, Problem(patch.mask.name, reason)


def pixel_position(patch: Patch, column: int, row: int) -> tuple[float, float, str]:
    """Return the coordinates of a pixel's centre and their CRS; empty if the image has none.

    Raises
    ------
    SceneError
        If the image cannot be opened.
    """
    with open_scene(patch.image) as source:
        x, y = source.xy(row, column)
        return float(x), float(y), source.crs.to_string() if source.crs else ""


def local_texture(aerial: ByteArray) -> FloatArray:
    """Compute local texture: the standard deviation of the mean visible band in 9 x 9 windows.

    Parameters
    ----------
    aerial : uint8 array, (5, h, w)

    Returns
    -------
    float32 array, (h, w), 0..127.5
    """
    grey = aerial[:3].mean(axis=0, dtype=np.float64)
    mean = uniform_filter(grey, TEXTURE_WINDOW, mode="reflect")
    mean_square = uniform_filter(grey * grey, TEXTURE_WINDOW, mode="reflect")
    return np.asarray(np.sqrt(np.maximum(mean_square - mean * mean, 0)), np.float32)


def read_patch(dataset: Dataset, index: int, needs: RequiredData = AERIAL_ONLY) -> PixelTable:
    """Read all 512 * 512 pixels of a patch, row by row, including those of "other".

    Raises
    ------
    SceneError
        If one of its files cannot be used.
    """
    return read_pixels(dataset.patches[index], index, np.arange(SIDE * SIDE), needs)


def read_pixels(patch: Patch, index: int, flat: AnyArray, needs: RequiredData) -> PixelTable:
    """Read the pixels of a patch at flat positions, row * 512 + column.

    Raises
    ------
    SceneError
        If one of its files cannot be used.
    """
    row, column = np.divmod(flat, SIDE)
    aerial = read_aerial(patch)
    labels, problem = read_mask(patch)
    problems = [problem] if problem else []
    n_dark = int((aerial[:3].max(axis=0) == 0).sum())
    if n_dark:
        reason = f"{n_dark:,} pixels have no intensity (red, green and blue are 0), so "
        problems.append(Problem(patch.name, f"{reason}their spectrum stays 0"))
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
        means = block_means(super_patch, patch.name)
        spectra = np.ascontiguousarray(means[:, block_index(row), block_index(column)].T)
    return PixelTable(
        aerial=np.ascontiguousarray(aerial[:, row, column].T, np.float32),
        sentinel=spectra,
        labels=values[row, column],
        patch=np.full(len(flat), index, np.int32),
        column=column.astype(np.int16),
        row=row.astype(np.int16),
        texture=local_texture(aerial)[row, column] if needs.texture else None,
        problems=tuple(problems),
    )


def read_byte_raster(
    path: Path, n_bands: int, side: int | None = None
) -> tuple[ByteArray, float | None]:
    """Read all bands of a uint8 raster, (n_bands, h, w), and its declared nodata value.

    Parameters
    ----------
    path : Path
    n_bands : int
        The expected number of bands.
    side : int, optional
        The expected height and width; any size by default.

    Raises
    ------
    SceneError
        If the file cannot be read, or has other bands, another size or another dtype.
    """
    with open_scene(path) as source:
        count, height, width = source.count, source.height, source.width
        expected = (n_bands, side or height, side or width)
        if (count, height, width) != expected or set(source.dtypes) != {"uint8"}:
            raise SceneError(
                f"the file has {count} bands of {width} x {height} pixels ({source.dtypes[0]}), "
                f"not {n_bands} of {expected[2]} x {expected[1]} (uint8)",
                where=path.name,
            )
        try:
            return source.read(), source.nodata
        except (rasterio.errors.RasterioError, OSError) as error:
            raise SceneError(
                "the file opens, but its pixels cannot be read",
                where=path.name,
                remedy="It is damaged or incomplete: copy it again.",
            ) from error
