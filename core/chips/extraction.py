"""Cutting the chips of one scene: neighbouring windows share a read, and memory stays bounded."""

import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize

from core.artifacts.row_target import RowTarget
from core.chips.band_range import BandRange
from core.compute.work_streams import stream_results
from core.progress import Progress, report_step, silent
from core.raster.pixel_reader import Box, Reader
from core.raster.resampling import resample_chips
from core.raster.scene import Scene
from core.raster.windows import ChipWindows, chip_windows
from core.settings import ChipSettings
from core.types import AnyArray, BoolArray, DoubleArray, Geometries, IntArray

# Windows whose centres fall into one cell of the scene are read together. Cells are as large as
# MAX_READ_BYTES allows, but their sides stay between these limits, in pixels.
CELL_SIDES = (256, 2048)
# Memory for one read: the native values, a temporary float32 copy for the filter, and a mask.
MAX_READ_BYTES = 128 * 2**20
# A shared read is worthwhile if it reads at most this many times the pixels of separate reads.
MAX_SHARED_RATIO = 1.5
# Scene pixels per chip pixel above which reads are decimated, by overviews or averaging.
MAX_NATIVE_DENSITY = 8
# Largest size in bytes of the chips that one task returns.
MAX_CHIP_BYTES = 16 * 2**20


@dataclass(frozen=True)
class ReadTask:
    """A group of neighbouring chips that are cut in one thread.

    `rows` are the chips' numbers in the scene, and `boxes` the left, top, right and bottom of the
    pixels that each one needs. `centres` and `axes` are those of `ChipWindows`. Chips are masked
    outside their `footprints`, if there are any.
    """

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
    """The chips of one task: their numbers in the scene, native values and masks.

    The shapes are (n,), (n, bands, size, size) and (n, size, size); the mask is True where masked.
    """

    rows: IntArray
    values: AnyArray
    mask: BoolArray


@dataclass(frozen=True)
class ChipFiles:
    """The files that the tasks write their chips to: values, and masks as 0 and 1."""

    values: RowTarget
    mask: RowTarget


@dataclass(frozen=True)
class WrittenChips:
    """What is known about chips that a task has written: `n_masked` pixels, and their bands."""

    rows: IntArray
    n_masked: IntArray
    bands: BandRange
    receipts: tuple[str, str]


def cut_chips(
    scene: Scene,
    footprints: Geometries,
    bands: tuple[str, ...],
    settings: ChipSettings,
    report: Progress = silent,
    *,
    is_grid: bool = False,
) -> Iterator[CutChips]:
    """Cut the chips around footprints, given in scene pixels, and yield them in reading order.

    Every chip is yielded once. `is_grid` is that of `chip_windows`. Raises SceneError if a part of
    the scene cannot be decoded.
    """
    windows = chip_windows(scene, footprints, settings, is_grid=is_grid)
    tasks = list(_tasks(scene, windows, footprints, bands, settings))
    completed = 0
    for cut in stream_results(cut_read_task, tasks, local=True):
        yield cut
        completed += len(cut.rows)
        report_step(report, completed, len(windows), scene.name)


def write_chips(
    scene: Scene,
    footprints: Geometries,
    bands: tuple[str, ...],
    settings: ChipSettings,
    files: ChipFiles,
    report: Progress = silent,
    *,
    is_grid: bool = False,
) -> Iterator[WrittenChips]:
    """Cut chips like `cut_chips` and write them to files that are initially all zeros.

    The workers of a cluster read the scene and write the chips themselves.
    """
    windows = chip_windows(scene, footprints, settings, is_grid=is_grid)
    tasks = list(_tasks(scene, windows, footprints, bands, settings))
    completed = 0
    with closing(stream_results(partial(_write_read_task, files), tasks)) as results:
        for task, written in zip(tasks, results, strict=True):
            files.values.collect(task.rows, written.receipts[0])
            files.mask.collect(task.rows[written.n_masked > 0], written.receipts[1])
            yield written
            completed += len(task.rows)
            report_step(report, completed, len(windows), scene.name)


def _write_read_task(files: ChipFiles, task: ReadTask) -> WrittenChips:
    """Cut the chips of one task and write them."""
    cut = cut_read_task(task)
    seen = BandRange(len(task.bands))
    # Almost every band varies within the first chips.
    for first in (slice(0, 4), slice(None)):
        seen.update(cut.values[first], cut.mask[first])
    n_masked = np.count_nonzero(cut.mask, axis=(1, 2))
    # The file is zero to begin with, so chips without masked pixels are not written.
    masked = n_masked > 0
    mask = cut.mask[masked].astype(np.uint8)
    receipts = files.values.write(cut.rows, cut.values), files.mask.write(cut.rows[masked], mask)
    return WrittenChips(cut.rows, n_masked, seen, receipts)


def cut_read_task(task: ReadTask) -> CutChips:
    """Cut the chips of one task."""
    n, size = len(task.rows), task.size
    reads = list(_reads(task))
    values = np.empty((n, len(task.bands), size, size), task.scene.dtype)
    mask = np.empty((n, size, size), bool)
    with Reader(task.scene, task.bands) as reader:
        for rows, box, step in reads:
            pixels = reader.read(box, step)
            chips = resample_chips(pixels, task.centres[rows], task.axes[rows], size)
            if len(reads) == 1:
                values, mask = chips
            else:
                values[rows], mask[rows] = chips
    if task.footprints is not None:
        outside = _outside_footprints(task.footprints, task.centres, task.axes, size)
        values[np.broadcast_to(outside[:, None], values.shape)] = 0
        mask |= outside
    return CutChips(task.rows, values, mask)


def _tasks(
    scene: Scene,
    windows: ChipWindows,
    footprints: Geometries,
    bands: tuple[str, ...],
    settings: ChipSettings,
) -> Iterator[ReadTask]:
    """Group the windows by cells of the scene, one row of cells after the other."""
    bounds, axes = windows.bounds(), windows.axes()
    # One pixel of margin on each side, and the filter's reach beyond the square's edge.
    reach = np.ceil(np.maximum(np.abs(axes).sum(axis=2) / settings.size, 1)) + 1
    low = np.floor(bounds[:, :2] - reach)
    boxes = np.concatenate([low, np.ceil(bounds[:, 2:] + reach)], axis=1).astype(np.int32)
    centres = np.stack([windows.column, windows.row], axis=1)
    cells = (centres // _cell_side(scene, bands)).astype(np.int64)
    order = np.lexsort((windows.column, cells[:, 0], cells[:, 1]))
    edges = np.flatnonzero(np.any(np.diff(cells[order], axis=0), axis=1)) + 1
    chip_bytes = len(bands) * settings.size**2 * np.dtype(scene.dtype).itemsize
    limit = max(1, MAX_CHIP_BYTES // chip_bytes)
    for group in np.split(order, edges):
        for start in range(0, len(group), limit):
            rows = group[start : start + limit]
            yield ReadTask(
                scene=scene,
                bands=bands,
                rows=rows.astype(np.int32),
                boxes=boxes[rows],
                centres=centres[rows],
                axes=axes[rows],
                size=settings.size,
                footprints=footprints[rows] if settings.background == "mask" else None,
            )


def _reads(task: ReadTask) -> Iterator[tuple[Any, Box, int]]:
    """Yield the chips of each read, its box and its decimation step.

    Chips at full resolution share one read if that is cheaper; each other chip has its own read.
    """
    density = np.abs(task.axes).sum(axis=2).max(axis=1) / task.size
    # Decimated reads keep at least this many pixels per chip pixel.
    least_density = MAX_NATIVE_DENSITY / 2
    steps = np.where(density <= MAX_NATIVE_DENSITY, 1, density // least_density).astype(int)
    full = np.flatnonzero(steps == 1)
    separate = np.arange(len(steps))
    if len(full) and _pays(task.boxes[full], _bytes_per_pixel(task.scene, task.bands)):
        low, high = task.boxes[full, :2].min(axis=0), task.boxes[full, 2:].max(axis=0)
        yield full, (*low.tolist(), *high.tolist()), 1
        separate = np.flatnonzero(steps > 1)
    for i in separate:
        yield slice(i, i + 1), tuple(task.boxes[i].tolist()), int(steps[i])


def _bytes_per_pixel(scene: Scene, bands: tuple[str, ...]) -> int:
    """Return the bytes of memory that one pixel of a read takes."""
    return len(bands) * (np.dtype(scene.dtype).itemsize + 4) + 1


def _cell_side(scene: Scene, bands: tuple[str, ...]) -> int:
    """Return the side in pixels of the cells that share reads; it divides the scene evenly."""
    side = np.clip(3 / 4 * np.sqrt(MAX_READ_BYTES / _bytes_per_pixel(scene, bands)), *CELL_SIDES)
    longest = max(scene.width, scene.height)
    return int(np.ceil(longest / np.ceil(longest / side)))


def _pays(boxes: IntArray, bytes_per_pixel: int) -> bool:
    """Return whether one read of all boxes is cheaper than separate reads and fits in memory."""
    low, high = boxes[:, :2].astype(np.int64), boxes[:, 2:].astype(np.int64)
    separate = int((high - low).prod(axis=1).sum())
    shared = int((high.max(axis=0) - low.min(axis=0)).prod())
    affordable = shared * bytes_per_pixel <= MAX_READ_BYTES
    return len(boxes) > 1 and shared <= MAX_SHARED_RATIO * separate and affordable


def _outside_footprints(
    footprints: Geometries, centres: DoubleArray, axes: DoubleArray, size: int
) -> BoolArray:
    """Return masks that are True outside the footprint of each chip, (n, size, size).

    A point or a line has no inside, so its chip is not masked.
    """
    outside = np.zeros((len(footprints), size, size), bool)
    for i in np.flatnonzero(shapely.area(footprints)):
        inverse = np.linalg.inv(axes[i])
        offsets = shapely.get_coordinates(footprints[i]) - centres[i]
        local = shapely.set_coordinates(footprints[i], (offsets @ inverse.T + 0.5) * size)
        with warnings.catch_warnings():
            # A chip has no georeference of its own, and needs none.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            outside[i] = rasterize([local], (size, size), fill=1, default_value=0, all_touched=True)
    return outside
