"""Reading of a time series of your own around a window of an image, on the grid of the series."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine

from core.errors import SceneError
from core.land.data.dataset import Patch
from core.land.data.window_reading import image_scene
from core.land.season.monthly_composites import Composites, Observation, composite_months
from core.raster.geodesy import crs_transformer
from core.raster.pixel_reader import Box, Reader
from core.raster.scene import Scene
from core.types import AnyArray, BoolArray, DoubleArray

Positions = tuple[DoubleArray, DoubleArray]
"""Rows and columns, counted in pixels from the outer corner of the first pixel of a grid."""
# The edge of a window is followed in steps of at most this many pixels. Between two of them, a
# projection is straight to far less than the margin.
_EDGE_STEP = 16
# Pixels of the series around those that a window covers, for interpolation.
_MARGIN = 2


def locate_pixels(image: Scene, series: Scene, rows: AnyArray, columns: AnyArray) -> Positions:
    """Return the positions of pixels' centres of an image in the grid of a series.

    Raises SceneError if the image or the series has no CRS, or a position does not exist in the
    CRS of the series.
    """
    for scene in (image, series):
        if not scene.crs:
            raise SceneError(
                "the file has no CRS, so images and time series cannot be matched",
                where=scene.path.name,
                remedy="Assign one, for example with gdal_edit.py -a_srs.",
            )
    x, y = _apply(image.transform, np.asarray(columns) + 0.5, np.asarray(rows) + 0.5)
    if image.crs != series.crs:
        x, y = crs_transformer(image.crs, series.crs).transform(x, y)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise SceneError(
            f"the image has no position in the CRS of {series.path.name}", where=image.path.name
        )
    across, down = _apply(~series.transform, x, y)
    return down, across


def _apply(transform: Affine, x: AnyArray, y: AnyArray) -> Positions:
    return (
        transform.a * x + transform.b * y + transform.c,
        transform.d * x + transform.e * y + transform.f,
    )


def series_box(image: Scene, series: Scene, window: Box) -> Box:
    """Return the box of the series around a window of an image, with a margin.

    Raises SceneError if a part of the window lies outside the series; see also `locate_pixels`.
    """
    left, top, right, bottom = window
    n_steps = max(right - left, bottom - top) // _EDGE_STEP + 2
    across, down = (
        np.linspace(low, high - 1, n_steps) for low, high in ((left, right), (top, bottom))
    )
    rows = np.concatenate([np.full(n_steps, top), np.full(n_steps, bottom - 1), down, down])
    columns = np.concatenate([across, across, np.full(n_steps, left), np.full(n_steps, right - 1)])
    y, x = locate_pixels(image, series, rows, columns)
    if y.min() < 0 or x.min() < 0 or y.max() > series.height or x.max() > series.width:
        raise SceneError(
            f"columns {left} to {right}, rows {top} to {bottom} are not covered by the time series",
            where=image.path.name,
            remedy="Use the patch without fusion, or a series that covers the image.",
        )
    return (
        max(0, int(x.min()) - _MARGIN),
        max(0, int(y.min()) - _MARGIN),
        min(series.width, int(x.max()) + 1 + _MARGIN),
        min(series.height, int(y.max()) + 1 + _MARGIN),
    )


def read_composites(patch: Patch) -> tuple[Composites, "GridPart"]:
    """Compute the monthly composites around a window of an image, and where they lie.

    The values are divided by the divisor of the series. Raises SceneError if a file cannot be read
    or has changed, or no pixel is clear on any date.
    """
    assert patch.window is not None
    image, first = image_scene(patch.image), image_scene(patch.series[0].image)
    box = series_box(image, first, patch.window)
    step = _reading_step(patch.window, box)
    part = GridPart(image, first, _align_box(box, step, first), step)
    divisor = np.float32(patch.layout.series_bands.divisor)
    composites = composite_months(_observations(patch, part, divisor))
    if not composites.observed.any():
        raise SceneError(
            "no pixel of its time series is clear on any date",
            where=patch.name,
            remedy="Use the patch without fusion.",
        )
    return composites, part


def _reading_step(window: Box, box: Box) -> int:
    """Return how many pixels of the series are averaged into one: only if they are finer."""
    sides = ((window[2] - window[0], box[2] - box[0]), (window[3] - window[1], box[3] - box[1]))
    return max(1, min((high - 2 * _MARGIN) // low for low, high in sides))


def _align_box(box: Box, step: int, series: Scene) -> Box:
    """Return the box with sides that are multiples of the step, within the series."""
    left, top, right, bottom = box
    ends = []
    for start, end, size in ((left, right, series.width), (top, bottom, series.height)):
        longer = end + -(end - start) % step
        ends.append(longer if longer <= size else end - (end - start) % step)
    return left, top, ends[0], ends[1]


@dataclass(frozen=True)
class GridPart:
    """The part of a series that is read for a window of an image.

    The sides of `box`, in pixels of the series, are multiples of `step`; step x step pixels are
    averaged into one.
    """

    image: Scene
    series: Scene
    box: Box
    step: int

    def positions(self, window: Box, rows: AnyArray, columns: AnyArray) -> Positions:
        """Return the positions of pixels of a window in the values that were read."""
        y, x = locate_pixels(self.image, self.series, rows + window[1], columns + window[0])
        return (y - self.box[1]) / self.step, (x - self.box[0]) / self.step


def _observations(patch: Patch, part: GridPart, divisor: np.float32) -> Iterator[Observation]:
    n_bands = len(patch.layout.series_bands)
    for entry in patch.series:
        scene = image_scene(entry.image)
        grid = (scene.width, scene.height, scene.transform, len(scene.bands))
        first = part.series
        if grid != (first.width, first.height, first.transform, n_bands):
            raise SceneError(
                "the image no longer has the grid and the bands of the time series",
                where=entry.image.name,
                remedy="Import the folder again.",
            )
        with Reader(scene) as reader:
            pixels = reader.read(part.box, part.step)
        values = pixels.values.astype(np.float32) / divisor
        hidden = pixels.mask if entry.mask is None else pixels.mask | _cloud_mask(entry.mask, part)
        yield entry.date, values, ~hidden


def _cloud_mask(path: Path, part: GridPart) -> BoolArray:
    """Return where a mask hides pixels; any masked pixel hides one that is averaged from it."""
    with Reader(image_scene(path)) as reader:
        covers = reader.read(part.box)
    hidden = (covers.values[0] != 0) & ~covers.mask
    height, width = (side // part.step for side in hidden.shape)
    return np.asarray(hidden.reshape(height, part.step, width, part.step).any(axis=(1, 3)))
