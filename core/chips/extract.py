"""Chips of one scene: neighbouring windows share their reads, memory stays bounded."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from rasterio.features import rasterize

from core import compute
from core.progress import Progress, silent, step
from core.raster.reading import Box, Pixels, Reader
from core.raster.resampling import resample
from core.raster.scene import Scene
from core.raster.windows import ChipWindows, chip_windows
from core.settings import ChipSettings
from core.types import AnyArray, BoolArray, DoubleArray, Geometries, IntArray

# Windows whose centres fall into one cell of this many pixels are read together.
CELL = 1024
# One read for several windows pays as long as it is not much larger than the windows it serves.
WORTH = 1.5
# Input pixels to one output pixel beyond which overviews, or averaging while reading, help.
DENSEST = 8
MOST_TOGETHER = 256


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
    n, bands = len(task.rows), len(task.bands)
    values = np.zeros((n, bands, task.size, task.size), task.scene.dtype)
    mask = np.ones((n, task.size, task.size), bool)
    around = _union(task.boxes)
    with Reader(task.scene, task.bands) as reader:
        shared = reader.read(around) if _pays(task.boxes, around) else None
        for i in range(n):
            coarse = _coarseness(task.axes[i], task.size)
            part = shared if shared and coarse == 1 else reader.read(_box(task.boxes[i]), coarse)
            if shared and part is shared:
                part = _crop(shared, task.boxes[i])
            values[i], mask[i] = resample(part, task.centres[i], task.axes[i], task.size)
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
    cell = (centres // CELL).astype(np.int64)
    order = np.lexsort((windows.column, cell[:, 0], cell[:, 1]))
    edges = np.flatnonzero(np.any(np.diff(cell[order], axis=0), axis=1)) + 1
    for group in np.split(order, edges):
        for start in range(0, len(group), MOST_TOGETHER):
            rows = group[start : start + MOST_TOGETHER]
            hide = settings.background == "mask"
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


def _union(boxes: IntArray) -> Box:
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    return int(left), int(top), int(right), int(bottom)


def _box(row: IntArray) -> Box:
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])


def _pays(boxes: IntArray, around: Box) -> bool:
    """True if one read of the union costs less than a read each."""
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(np.int64)
    apart = int(sides.prod(axis=1).sum())
    together = (around[2] - around[0]) * (around[3] - around[1])
    return len(boxes) > 1 and together <= WORTH * apart and together <= (4 * CELL) ** 2


def _coarseness(axes: DoubleArray, size: int) -> int:
    """Scene pixels that may become one while reading, with DENSEST / 2 left to each output one."""
    density = float(np.abs(axes).sum(axis=1).max()) / size
    return 1 if density <= DENSEST else int(density // (DENSEST / 2))


def _crop(pixels: Pixels, row: IntArray) -> Pixels:
    """The part of a shared read that one chip needs."""
    height, width = pixels.mask.shape
    left, right = np.clip((row[0] - pixels.left, row[2] - pixels.left), 0, width)
    top, bottom = np.clip((row[1] - pixels.top, row[3] - pixels.top), 0, height)
    return Pixels(
        pixels.values[:, top:bottom, left:right],
        pixels.mask[top:bottom, left:right],
        pixels.left + int(left),
        pixels.top + int(top),
    )


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
        hidden[i] = rasterize([local], (size, size), fill=1, default_value=0, all_touched=True)
    return hidden
