"""Images of a chip: its surroundings in the scene, its native pixels, and its thumbnail."""

from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from core.chips.chip_set import DISPLAY_SAMPLE, ChipSet
from core.input_settings import DisplaySettings
from core.raster.pixel_reader import Box, Reader
from core.raster.rendering import (
    displayed_band_positions,
    stretch_limits,
    stretch_percentiles,
    to_rgba,
)
from core.raster.scene import Scene, read_scene
from core.raster.windows import ChipWindows
from core.types import ByteArray, DoubleArray, Geometries

# Default for the largest number of pixels along the longer side of an image.
MAX_IMAGE_SIDE = 1400
DEFAULT_DISPLAY = DisplaySettings()


@dataclass(frozen=True)
class Surroundings:
    """A part of a scene as an image, and the footprints and chips in it.

    Attributes
    ----------
    image : uint8 array, (h, w, 4)
        Red, green, blue and alpha; transparent where masked.
    footprints : list of list of float64 arrays, (k, 2)
        The rings of each footprint in image pixels, x then y.
    squares : float64 array, (n, 4, 2)
        The corners of the chips in image pixels, x then y.
    left, top : int
        The upper-left corner of the image in scene pixels.
    step : int
        Scene pixels per image pixel; approximate if the sides are not multiples of it.
    gsd : float or None
        Metres on the ground per image pixel; None without a CRS.
    """

    image: ByteArray
    footprints: list[list[DoubleArray]]
    squares: DoubleArray
    left: int
    top: int
    step: int
    gsd: float | None


def chip_surroundings(
    raster: Path,
    facts: dict[str, Any],
    footprint: Any,
    side: int = 2000,
    max_side: int = MAX_IMAGE_SIDE,
    display: DisplaySettings = DEFAULT_DISPLAY,
) -> Surroundings:
    """Return the part of the scene around one chip.

    `facts` is the chip's row of `core.chips.chip_table.chip_facts`, and the footprint is in scene
    pixels. The part is `side` scene pixels wide and high, or as large as the chip if that is
    larger. Its image has at most `max_side` pixels along the longer side, and is stretched by its
    own percentiles.
    """
    window = _chip_window(facts)
    left, top, right, bottom = window.bounds()[0]
    half = max(side, right - left, bottom - top) / 2
    column, row = facts["column"], facts["row"]
    box = (round(column - half), round(row - half), round(column + half), round(row + half))
    return _read_surroundings(read_scene(raster), box, [footprint], window, max_side, display)


def scene_overview(
    raster: Path,
    footprints: Geometries,
    windows: ChipWindows | None,
    max_side: int = MAX_IMAGE_SIDE,
    display: DisplaySettings = DEFAULT_DISPLAY,
) -> Surroundings:
    """Return a whole scene, decimated on reading, with all of its footprints and chips."""
    scene = read_scene(raster)
    box = (0, 0, scene.width, scene.height)
    return _read_surroundings(scene, box, list(footprints), windows, max_side, display)


def read_native_chip(
    raster: Path,
    facts: dict[str, Any],
    max_side: int = MAX_IMAGE_SIDE,
    display: DisplaySettings = DEFAULT_DISPLAY,
) -> ByteArray:
    """Return the scene's pixels within the bounds of a chip, not rotated, uint8 (h, w, 4)."""
    box = _chip_box(facts)
    return _read_surroundings(read_scene(raster), box, [], None, max_side, display).image


def native_step(facts: dict[str, Any], max_side: int = MAX_IMAGE_SIDE) -> int:
    """Return the scene pixels per pixel of `read_native_chip`; above 1 for huge chips only."""
    return _step(_chip_box(facts), max_side)


def chip_thumbnails(
    chips: ChipSet, rows: Any, display: DisplaySettings = DEFAULT_DISPLAY, limits: Any = None
) -> ByteArray:
    """Return the chips of n rows as images, uint8 (n, size, size, 4).

    `limits` are the scaled values displayed as black and white, from `thumbnail_limits`; by default
    0 and 1.
    """
    bands = displayed_band_positions(chips.bands, display)
    pixels = chips.read_scaled(rows, chips.display_scalings)[:, bands]
    limits = np.tile((0.0, 1.0), (len(bands), 1)) if limits is None else limits
    pairs = zip(pixels, chips.read_masks(rows), strict=True)
    return np.stack([to_rgba(values, mask, limits) for values, mask in pairs])


def thumbnail_limits(chips: ChipSet, display: DisplaySettings) -> DoubleArray | None:
    """Return the scaled values that thumbnails display as black and white, (bands, 2).

    They are percentiles of a sample of the chips; None means the default stretch, 0 to 1.
    """
    percentiles = stretch_percentiles(display)
    if percentiles is None:
        return None
    rows = chips.sample_rows(DISPLAY_SAMPLE)
    bands = displayed_band_positions(chips.bands, display)
    pixels = chips.read_scaled(rows, chips.display_scalings)[:, bands]
    stacked = np.moveaxis(pixels, 1, 0).reshape(len(bands), -1, chips.size)
    return stretch_limits(stacked, chips.read_masks(rows).reshape(-1, chips.size), percentiles)


def _chip_window(facts: dict[str, Any]) -> ChipWindows:
    names = ("column", "row", "columns", "rows", "turn", "side")
    return ChipWindows(*(np.array([facts[name]], float) for name in names))


def _chip_box(facts: dict[str, Any]) -> Box:
    left, top, right, bottom = _chip_window(facts).bounds()[0]
    return floor(left), floor(top), ceil(right), ceil(bottom)


def _step(box: Box, max_side: int) -> int:
    return ceil(max(box[2] - box[0], box[3] - box[1], 1) / max_side)


def _read_surroundings(
    scene: Scene,
    box: Box,
    footprints: list[Any],
    windows: ChipWindows | None,
    max_side: int,
    display: DisplaySettings,
) -> Surroundings:
    step = _step(box, max_side)
    bands = tuple(scene.bands[i] for i in displayed_band_positions(scene.bands, display))
    with Reader(scene, bands) as reader:
        part = reader.read(box, step)
    limits = stretch_limits(part.values, part.mask, stretch_percentiles(display))
    squares = windows.corners() if windows else np.zeros((0, 4, 2))
    corner = (part.left, part.top)
    return Surroundings(
        image=to_rgba(part.values, part.mask, limits),
        footprints=[[(r - corner) / part.step for r in _rings(f)] for f in footprints],
        squares=(squares - corner) / part.step,
        left=part.left,
        top=part.top,
        step=step,
        gsd=None if scene.gsd is None else scene.gsd * step,
    )


def _rings(geometry: Any) -> list[DoubleArray]:
    """Return the outlines of any geometry, holes included, as arrays (k, 2)."""
    if hasattr(geometry, "geoms"):
        return [ring for part in geometry.geoms for ring in _rings(part)]
    polygon = geometry.geom_type == "Polygon"
    rings = [geometry.exterior, *geometry.interiors] if polygon else [geometry]
    return [shapely.get_coordinates(ring) for ring in rings]
