"""Chips on a grid, for scenes that nobody annotated."""

import dataclasses
import math

import numpy as np
import pandas as pd
import shapely

from core.errors import SettingsError
from core.input_settings import GridSettings
from core.raster.annotations.feature_table import PIXELS, Annotations, filled
from core.raster.annotations.footprints import Footprints, place
from core.raster.pixel_reader import Reader
from core.raster.scene import Scene
from core.types import AnyArray, DoubleArray

# Each is a polygon, a table row and a chip: two million take about 2 GB before a chip is cut.
MOST_SQUARES = 2_000_000
# Samples along one side of a chip that tell how much of it is valid.
SAMPLES = 8


def grid(scene: Scene, settings: GridSettings) -> Footprints:
    """Squares of `settings.size` scene pixels, row by row, where enough pixels are valid.

    Only whole squares are kept, so that none crosses the scene's edge.

    Raises
    ------
    SettingsError
        If there would be more than `MOST_SQUARES`.
    SceneError
        If the scene cannot be read somewhere.
    """
    size = settings.size
    if words := too_many(scene.width, scene.height, settings):
        raise SettingsError(
            words,
            where=f"scenes.grid, in {scene.path.name}",
            remedy="Set scenes.grid.stride to "
            f"{fitting_stride(scene.width, scene.height, settings)} or more.",
        )
    columns, rows = corners(scene.width, scene.height, settings)
    valid = _coverage(scene, columns, rows, size) if settings.coverage else None
    kept = np.ones((len(rows), len(columns)), bool) if valid is None else valid >= settings.coverage
    down, across = np.nonzero(kept)
    left, top = columns[across], rows[down]
    squares = filled(list(shapely.box(left, top, left + size, top + size)))
    properties = pd.DataFrame({"grid_row": down, "grid_column": across})
    placed = place(scene, Annotations(squares, properties, PIXELS))
    skipped = {"less valid than the grid asks for": int((~kept).sum())}
    note = f"no annotations: a grid of {size} px, every {settings.stride or size} px"
    return dataclasses.replace(
        placed,
        skipped={reason: n for reason, n in skipped.items() if n},
        notes=(*placed.notes, note),
    )


def count(width: int, height: int, settings: GridSettings) -> int:
    """How many squares the grid has, before any is left out for want of valid pixels."""
    return _along(width, settings.size, settings.stride or settings.size) * _along(
        height, settings.size, settings.stride or settings.size
    )


def too_many(width: int, height: int, settings: GridSettings) -> str:
    """Words on a grid of more than `MOST_SQUARES` in one scene; empty for any other."""
    squares = count(width, height, settings)
    if squares <= MOST_SQUARES:
        return ""
    return f"the grid has {squares:,} squares in one scene, more than {MOST_SQUARES:,}"


def fitting_stride(width: int, height: int, settings: GridSettings) -> int:
    """The least stride, in scene pixels, at which a scene has no more than `MOST_SQUARES`."""
    size = settings.size
    # No step below this fits: one square's share of the places where a corner can lie.
    stride = max(1, math.isqrt(_along(width, size, 1) * _along(height, size, 1) // MOST_SQUARES))
    while _along(width, size, stride) * _along(height, size, stride) > MOST_SQUARES:
        stride += 1
    return stride


def _along(side: int, size: int, stride: int) -> int:
    return max(0, (side - size) // stride + 1)


def corners(width: int, height: int, settings: GridSettings) -> tuple[AnyArray, AnyArray]:
    """Left edges of the grid's columns and upper edges of its rows, in scene pixels.

    There are as many squares as the two make together, before any is left out for want of valid
    pixels; nothing is read.
    """
    size, stride = settings.size, settings.stride or settings.size
    across, down = (np.arange(0, side - size + 1, stride) for side in (width, height))
    return across, down


def _coverage(scene: Scene, columns: AnyArray, rows: AnyArray, size: int) -> DoubleArray:
    """Share of valid samples in each square, (rows, columns); a strip is read at a time."""
    coarse = max(1, size // SAMPLES)
    shares: DoubleArray = np.ones((len(rows), len(columns)))
    with Reader(scene) as reader:
        if reader.all_valid and not scene.dtype.startswith("float"):
            return shares
        for i, top in enumerate(rows):
            part = reader.read((0, int(top), scene.width, int(top) + size), coarse)
            valid = np.concatenate([[0], np.cumsum((~part.mask).mean(axis=0))])
            at = np.clip(np.rint(np.array([columns, columns + size]) / part.step[0]), 0, None)
            first, last = np.minimum(at.astype(int), len(valid) - 1)
            shares[i] = (valid[last] - valid[first]) / np.maximum(last - first, 1)
    return shares
