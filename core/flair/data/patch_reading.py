"""Reading a patch: its bands, its labels, and what Sentinel saw there."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from scipy.ndimage import uniform_filter

from core.errors import SceneError
from core.flair.data import sentinel as sentinel2
from core.flair.data.dataset import Dataset, Patch, Problem
from core.flair.data.nomenclature import HIGHEST, Nomenclature, reduce
from core.flair.data.pixel_table import AERIAL, SIDE, UNLABELLED, PixelTable
from core.flair.data.sentinel import SentinelSettings
from core.raster.scene import open_scene
from core.types import AnyArray, ByteArray, FloatArray

TEXTURE = 9
"""Pixels along one side of the window that texture is measured in."""


@dataclass(frozen=True)
class Needs:
    """What to read beside the aerial bands and the labels."""

    sentinel: bool = False
    texture: bool = False
    nomenclature: Nomenclature = "reduced"
    dates: SentinelSettings = SentinelSettings()


PLAIN = Needs()
"""Aerial bands and reduced labels only."""


def read_aerial(patch: Patch) -> ByteArray:
    """The five bands of a patch, uint8 (5, 512, 512).

    Raises
    ------
    SceneError
        If the file cannot be read, or is no FLAIR image.
    """
    return _read(patch.image, len(AERIAL))


def read_mask(patch: Patch) -> tuple[ByteArray, Problem | None]:
    """A patch's labels, uint8 (512, 512), in the full nomenclature.

    Values that are no class become UNLABELLED, and are told as a problem.

    Raises
    ------
    SceneError
        If the file cannot be read, or is no FLAIR mask.
    """
    labels = _read(patch.mask, 1)[0]
    wrong = (labels < 1) | (labels > HIGHEST)
    n_wrong = int(wrong.sum())
    if not n_wrong:
        return labels, None
    values = ", ".join(str(v) for v in np.unique(labels[wrong])[:8])
    labels[wrong] = UNLABELLED
    why = f"{n_wrong} pixels hold values that are no class ({values}): left out"
    return labels, Problem(patch.mask.name, why)


def texture_of(aerial: ByteArray) -> FloatArray:
    """Local texture: standard deviation of the mean visible band in windows of 9 x 9.

    Parameters
    ----------
    aerial : uint8 array, (5, h, w)

    Returns
    -------
    float32 array, (h, w), 0..127.5
    """
    grey = aerial[:3].mean(axis=0, dtype=np.float64)
    mean = uniform_filter(grey, TEXTURE, mode="reflect")
    square = uniform_filter(grey * grey, TEXTURE, mode="reflect")
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)), np.float32)


def read_patch(dataset: Dataset, index: int, needs: Needs = PLAIN) -> PixelTable:
    """Every pixel of a patch, row by row: 512 * 512 rows, "other" among them.

    Raises
    ------
    SceneError
        If one of its files cannot be used.
    """
    return read_pixels(dataset.patches[index], index, np.arange(SIDE * SIDE), needs)


def read_pixels(patch: Patch, index: int, flat: AnyArray, needs: Needs) -> PixelTable:
    """The pixels of a patch at flat positions."""
    row, column = np.divmod(flat, SIDE)
    aerial = read_aerial(patch)
    labels, wrong = read_mask(patch)
    problems = [wrong] if wrong else []
    n_dark = int((aerial[:3].max(axis=0) == 0).sum())
    if n_dark:
        why = f"{n_dark:,} pixels have no intensity (red, green, blue are 0): their spectrum is 0"
        problems.append(Problem(patch.name, why))
    values = labels if needs.nomenclature == "full" else reduce(labels)
    spectra = None
    if needs.sentinel:
        around = sentinel2.around_patch(patch, needs.dates)
        if around.all_covered:
            best = int(around.cover.argmin())
            why = (
                f"no Sentinel date passes the filter: the clearest, {around.series.dates[best]} "
                f"({around.cover[best]:.0%} covered), stands in"
            )
            problems.append(Problem(patch.name, why))
        means = sentinel2.blocks(around, patch.name)
        at = sentinel2.block_index(row), sentinel2.block_index(column)
        spectra = np.ascontiguousarray(means[:, at[0], at[1]].T)
    return PixelTable(
        aerial=np.ascontiguousarray(aerial[:, row, column].T, np.float32),
        sentinel=spectra,
        labels=values[row, column],
        patch=np.full(len(flat), index, np.int32),
        column=column.astype(np.int16),
        row=row.astype(np.int16),
        texture=texture_of(aerial)[row, column] if needs.texture else None,
        problems=tuple(problems),
    )


def _read(path: Path, n_bands: int) -> ByteArray:
    with open_scene(path) as source:
        shape = (source.count, source.height, source.width)
        if shape != (n_bands, SIDE, SIDE) or set(source.dtypes) != {"uint8"}:
            bands = f"{source.dtypes[0]}, {shape[0]} bands of {shape[2]} x {shape[1]}"
            raise SceneError(
                f"is {bands}, not uint8, {n_bands} of {SIDE} x {SIDE}", where=path.name
            )
        try:
            values: ByteArray = source.read()
        except (rasterio.errors.RasterioError, OSError) as error:
            raise SceneError(
                "opens but cannot be read",
                where=path.name,
                remedy="The file is damaged or cut off: copy it again.",
            ) from error
    return values
