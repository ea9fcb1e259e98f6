"""A grid of square footprints, for scenes without annotations."""

import dataclasses
import math

import numpy as np
import pandas as pd
import shapely

from core.errors import SettingsError
from core.input_settings import GridSettings
from core.raster.annotations.feature_table import PIXELS, Annotations, object_array
from core.raster.annotations.footprints import Footprints, place_annotations
from core.raster.pixel_reader import Reader
from core.raster.scene import Scene
from core.types import AnyArray, DoubleArray

# Each square is a polygon, a table row and a chip: two million take 2 GB before a chip is cut.
MAX_SQUARES = 2_000_000
# Number of samples along each side of a square that are used to measure its valid fraction.
SAMPLES = 8


def grid_footprints(scene: Scene, settings: GridSettings) -> Footprints:
    """Return the squares of the grid that have enough valid pixels, row by row.

    Only squares that lie entirely on the scene are included. Raises SettingsError if the grid has
    more than `MAX_SQUARES` squares, and SceneError if a part of the scene cannot be read.
    """
    size = settings.size
    if message := grid_limit_message(scene.width, scene.height, settings):
        stride = smallest_stride(scene.width, scene.height, settings)
        raise SettingsError(
            message,
            where=f"scenes.grid, in {scene.path.name}",
            remedy=f"Set scenes.grid.stride to {stride} or more.",
        )
    lefts, tops = grid_corners(scene.width, scene.height, settings)
    valid = np.ones((len(tops), len(lefts)))
    if settings.coverage:
        valid = _valid_fractions(scene, lefts, tops, size)
    rows, columns = np.nonzero(valid >= settings.coverage)
    left, top = lefts[columns], tops[rows]
    squares = object_array(list(shapely.box(left, top, left + size, top + size)))
    properties = pd.DataFrame({"grid_row": rows, "grid_column": columns})
    footprints = place_annotations(scene, Annotations(squares, properties, PIXELS))
    n_skipped = valid.size - len(squares)
    note = (
        f"The scene has no annotations: its chips are squares of {size} px on a grid with a step "
        f"of {settings.stride or size} px."
    )
    return dataclasses.replace(
        footprints,
        skipped={"too few valid pixels": n_skipped} if n_skipped else {},
        notes=(*footprints.notes, note),
    )


def count_grid_squares(width: int, height: int, settings: GridSettings) -> int:
    """Return the number of squares, including those with too few valid pixels."""
    stride = settings.stride or settings.size
    return _count(width, settings.size, stride) * _count(height, settings.size, stride)


def grid_limit_message(width: int, height: int, settings: GridSettings) -> str:
    """Return an error message for more than `MAX_SQUARES` squares in one scene; otherwise empty."""
    n_squares = count_grid_squares(width, height, settings)
    if n_squares <= MAX_SQUARES:
        return ""
    return f"the grid has {n_squares:,} squares in one scene, more than {MAX_SQUARES:,}"


def smallest_stride(width: int, height: int, settings: GridSettings) -> int:
    """Return the smallest stride, in scene pixels, that gives at most `MAX_SQUARES` squares."""
    size = settings.size
    # A grid of stride s has at least 1 / s^2 of the squares of a grid of stride 1.
    stride = max(1, math.isqrt(_count(width, size, 1) * _count(height, size, 1) // MAX_SQUARES))
    while _count(width, size, stride) * _count(height, size, stride) > MAX_SQUARES:
        stride += 1
    return stride


def _count(side: int, size: int, stride: int) -> int:
    return max(0, (side - size) // stride + 1)


def grid_corners(width: int, height: int, settings: GridSettings) -> tuple[AnyArray, AnyArray]:
    """Return the left edges of the grid's columns and the top edges of its rows, in scene pixels.

    Squares that are later left out because they have too few valid pixels are included.
    """
    size, stride = settings.size, settings.stride or settings.size
    lefts, tops = (np.arange(0, side - size + 1, stride) for side in (width, height))
    return lefts, tops


def _valid_fractions(scene: Scene, lefts: AnyArray, tops: AnyArray, size: int) -> DoubleArray:
    """Return the fraction of valid samples in each square, (rows, columns), read row by row."""
    step = max(1, size // SAMPLES)
    fractions: DoubleArray = np.ones((len(tops), len(lefts)))
    with Reader(scene) as reader:
        if reader.all_valid and not scene.dtype.startswith("float"):
            return fractions
        for i, top in enumerate(tops):
            part = reader.read((0, int(top), scene.width, int(top) + size), step)
            valid_sums = np.concatenate([[0], np.cumsum((~part.mask).mean(axis=0))])
            edges = np.clip(np.rint(np.array([lefts, lefts + size]) / part.step[0]), 0, None)
            first, last = np.minimum(edges.astype(int), len(valid_sums) - 1)
            fractions[i] = (valid_sums[last] - valid_sums[first]) / np.maximum(last - first, 1)
    return fractions
