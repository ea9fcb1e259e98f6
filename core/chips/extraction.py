"""Chips of one scene: neighbouring windows share their reads, memory stays bounded."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize

from core import compute
from core.progress import Progress, silent, step
from core.raster.pixel_reader import Box, Reader
from core.raster.resampling import resample
from core.raster.scene import Scene
from core.raster.windows import ChipWindows, chip_windows
from core.settings import ChipSettings
from core.types import AnyArray, BoolArray, DoubleArray, Geometries, IntArray

# Windows whose centres fall into one cell are read together: as many pixels on a side as keep a
# read below MOST_BYTES, within these ends.
CELLS = (256, 2048)
# In memory a read takes its native bytes, at times float32 for the filter, and a mask.
MOST_BYTES = 128 * 2**20
# One read for several windows pays as long as it is not much larger than the windows it serves.
WORTH = 1.5
# Input pixels to one output pixel beyond which overviews, or averaging while reading, help.
DENSEST = 8
MOST_CHIP_BYTES = 16 * 2**20


@dataclass(frozen=True)
class ReadTask:
    """Chips that are cut from one read, in one thread."""

    scene: Scene
    bands: tuple[str, ...]
    rows: IntArray
    boxes: IntArray
    centres: DoubleArray
    axes: DoubleArray
    size: int
    footprints: Geometries | None


@dataclass(frozen=True)
class CutChips:
    """What a task gives back: `rows` says which chips of the scene these are."""

    rows: IntArray
    values: AnyArray
    mask: BoolArray


def extract(
    scene: Scene,
    footprints: Geometries,
    bands: tuple[str, ...],
    settings: ChipSettings,
    report: Progress = silent,
) -> Iterator[CutChips]:
    """Cut the chips of a scene.

    Parameters
    ----------
    scene : Scene
    footprints : array of geometries, (n,), in the scene's pixels
    bands : tuple of str
    settings : ChipSettings
    report : Progress

    Yields
    ------
    CutChips
        In the order of the reads; every row comes exactly once.

    Raises
    ------
    SceneError
        If the scene cannot be decoded somewhere.
    """
    windows = chip_windows(scene, footprints, settings)
    tasks = list(_tasks(scene, windows, footprints, bands, settings))
    done = 0
    for cut in compute.stream(cut_together, tasks):
        yield cut
        done += len(cut.rows)
        step(report, done, len(windows), scene.name)


def cut_together(task: ReadTask) -> CutChips:
    """Cut the chips of one task: one read for all where that pays, else one each."""
    n, size = len(task.rows), task.size
    reads = list(_reads(task))
    values = np.empty((n, len(task.bands), size, size), task.scene.dtype)
    mask = np.empty((n, size, size), bool)
    with Reader(task.scene, task.bands) as reader:
        for rows, box, coarse in reads:
            part = reader.read(box, coarse)
            drawn = resample(part, task.centres[rows], task.axes[rows], size)
            if len(reads) == 1:
                values, mask = drawn
            else:
                values[rows], mask[rows] = drawn
    if task.footprints is not None:
        hidden = _outside(task.footprints, task.centres, task.axes, task.size)
        values[np.broadcast_to(hidden[:, None], values.shape)] = 0
        mask |= hidden
    return CutChips(task.rows, values, mask)


def _tasks(
    scene: Scene,
    windows: ChipWindows,
    footprints: Geometries,
    bands: tuple[str, ...],
    settings: ChipSettings,
) -> Iterator[ReadTask]:
    """Group the windows by cells of the scene, a band of cells after the other."""
    bounds, axes = windows.bounds(), windows.axes()
    # One pixel of margin on each side, and the filter's reach beyond the square's edge.
    reach = np.ceil(np.maximum(np.abs(axes).sum(axis=2) / settings.size, 1)) + 1
    low = np.floor(bounds[:, :2] - reach)
    boxes = np.concatenate([low, np.ceil(bounds[:, 2:] + reach)], axis=1).astype(np.int32)
    centres = np.stack([windows.column, windows.row], axis=1)
    cell = (centres // _cell(scene, bands)).astype(np.int64)
    order = np.lexsort((windows.column, cell[:, 0], cell[:, 1]))
    edges = np.flatnonzero(np.any(np.diff(cell[order], axis=0), axis=1)) + 1
    chip_bytes = len(bands) * settings.size**2 * np.dtype(scene.dtype).itemsize
    most = max(1, MOST_CHIP_BYTES // chip_bytes)
    hide = settings.background == "mask"
    for group in np.split(order, edges):
        for start in range(0, len(group), most):
            rows = group[start : start + most]
            yield ReadTask(
                scene=scene,
                bands=bands,
                rows=rows.astype(np.int32),
                boxes=boxes[rows],
                centres=centres[rows],
                axes=axes[rows],
                size=settings.size,
                footprints=footprints[rows] if hide else None,
            )


def _reads(task: ReadTask) -> Iterator[tuple[Any, Box, int]]:
    """Which chips are cut from which box: one read for all where that pays, else one each."""
    density = np.abs(task.axes).sum(axis=2).max(axis=1) / task.size
    # DENSEST / 2 scene pixels, at least, are left to each of the chip's.
    coarse = np.where(density <= DENSEST, 1, density // (DENSEST / 2)).astype(int)
    fine = np.flatnonzero(coarse == 1)
    alone = np.arange(len(coarse))
    if len(fine) and _pays(task.boxes[fine], _read_bytes(task.scene, task.bands)):
        low, high = task.boxes[fine, :2].min(axis=0), task.boxes[fine, 2:].max(axis=0)
        yield fine, _box((*low, *high)), 1
        alone = np.flatnonzero(coarse > 1)
    for i in alone:
        yield slice(i, i + 1), _box(task.boxes[i]), int(coarse[i])


def _box(sides: Any) -> Box:
    left, top, right, bottom = (int(side) for side in sides)
    return left, top, right, bottom


def _read_bytes(scene: Scene, bands: tuple[str, ...]) -> int:
    """Bytes of memory that one pixel of a read takes."""
    return len(bands) * (np.dtype(scene.dtype).itemsize + 4) + 1


def _cell(scene: Scene, bands: tuple[str, ...]) -> int:
    """Side of the cells that reads are shared in, in pixels; the scene divides evenly."""
    side = 3 / 4 * np.sqrt(MOST_BYTES / _read_bytes(scene, bands))
    side = min(max(side, CELLS[0]), CELLS[1])
    longest = max(scene.width, scene.height)
    return int(np.ceil(longest / np.ceil(longest / side)))


def _pays(boxes: IntArray, pixel_bytes: int) -> bool:
    """True if one read of all boxes costs less than a read each, and stays within memory."""
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(np.int64)
    apart = int(sides.prod(axis=1).sum())
    around = (boxes[:, 2:].max(axis=0) - boxes[:, :2].min(axis=0)).astype(np.int64)
    together = int(around.prod())
    return len(boxes) > 1 and together <= WORTH * apart and together * pixel_bytes <= MOST_BYTES


def _outside(
    footprints: Geometries, centres: DoubleArray, axes: DoubleArray, size: int
) -> BoolArray:
    """True where a chip's pixel lies outside its footprint, (n, size, size).

    A point, or a line, hides nothing: it has no inside.
    """
    hidden = np.zeros((len(footprints), size, size), bool)
    for i, footprint in enumerate(footprints):
        if shapely.area(footprint) == 0:
            continue
        inverse = np.linalg.inv(axes[i])
        at = shapely.get_coordinates(footprint) - centres[i]
        local = shapely.set_coordinates(footprint, (at @ inverse.T + 0.5) * size)
        with warnings.catch_warnings():
            # A chip has no georeference of its own, and needs none.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            hidden[i] = rasterize([local], (size, size), fill=1, default_value=0, all_touched=True)
    return hidden
