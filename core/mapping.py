"""Images of a chip: its surroundings in the scene, its native pixels, and its thumbnail."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from core.chips.chip_set import DISPLAY_SAMPLE, ChipSet, SceneChips
from core.input_settings import DisplaySettings
from core.raster.pixel_reader import Box, Reader
from core.raster.rendering import (
    Rendering,
    band_percentiles,
    displayed_band_positions,
    fit_rendering,
    stretch_limits,
)
from core.raster.scene import Scene, read_scene
from core.raster.spectral.spectral_indices import SpectralIndex
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
    exact_step : float, float
        Scene pixels per image pixel across and down.
    """

    image: ByteArray
    footprints: list[list[DoubleArray]]
    squares: DoubleArray
    left: int
    top: int
    step: int
    gsd: float | None
    exact_step: tuple[float, float] = (1.0, 1.0)

    def place(self, points: DoubleArray) -> DoubleArray:
        """Convert columns and rows of the scene, (..., 2), to x and y in the image."""
        return np.asarray((points - (self.left, self.top)) / self.exact_step)


def chip_surroundings(
    raster: Path,
    facts: dict[str, Any],
    footprint: Any,
    side: int = 2000,
    max_side: int = MAX_IMAGE_SIDE,
    rendering: Rendering | SpectralIndex | None = None,
) -> Surroundings:
    """Return the part of the scene around one chip.

    `facts` is the chip's row of `core.chips.chip_table.chip_facts`, and the footprint is in scene
    pixels. The part is `side` scene pixels wide and high, or as large as the chip if that is
    larger. Its image has at most `max_side` pixels along the longer side. Without a rendering, one
    is fitted to the scene.
    """
    window = chip_window(facts)
    left, top, right, bottom = window.bounds()[0]
    half = max(side, right - left, bottom - top) / 2
    column, row = facts["column"], facts["row"]
    box = (round(column - half), round(row - half), round(column + half), round(row + half))
    return _read_surroundings(read_scene(raster), box, [footprint], window, max_side, rendering)


def scene_overview(
    raster: Path,
    footprints: Geometries,
    windows: ChipWindows | None,
    max_side: int = MAX_IMAGE_SIDE,
    rendering: Rendering | SpectralIndex | None = None,
) -> Surroundings:
    """Return a whole scene, decimated on reading, with all of its footprints and chips."""
    scene = read_scene(raster)
    box = (0, 0, scene.width, scene.height)
    return _read_surroundings(scene, box, list(footprints), windows, max_side, rendering)


def read_native_chip(
    raster: Path,
    facts: dict[str, Any],
    max_side: int = MAX_IMAGE_SIDE,
    rendering: Rendering | SpectralIndex | None = None,
) -> ByteArray:
    """Return the scene's pixels within the bounds of a chip, not rotated, uint8 (h, w, 4)."""
    box = _chip_box(facts)
    return _read_surroundings(read_scene(raster), box, [], None, max_side, rendering).image


def native_step(facts: dict[str, Any], max_side: int = MAX_IMAGE_SIDE) -> int:
    """Return the scene pixels per pixel of `read_native_chip`; above 1 for huge chips only."""
    return _step(_chip_box(facts), max_side)


def chip_thumbnails(
    chips: ChipSet, rows: Any, renderings: Mapping[str, Rendering] | None = None
) -> ByteArray:
    """Return the chips of n rows as images, uint8 (n, size, size, 4).

    `renderings` maps the name of each scene to the rendering of its chips, whose bands the chips
    must have; for other scenes it is fitted to a sample of the scene's chips.
    """
    known = dict(renderings or {})
    images = []
    for part, row in chips.locate(rows):
        if part.scene not in known:
            known[part.scene] = _fit_to_chips(part, chips.bands)
        rendering = known[part.scene]
        bands = [chips.bands.index(name) for name in rendering.bands]
        images.append(rendering.draw(part.pixels[row][bands], part.mask[row] != 0))
    return np.stack(images)


def _fit_to_chips(part: SceneChips, bands: tuple[str, ...]) -> Rendering:
    positions = displayed_band_positions(bands, DEFAULT_DISPLAY)
    rows = np.unique(np.linspace(0, len(part) - 1, min(DISPLAY_SAMPLE, len(part))).astype(int))
    values = np.stack([part.pixels[row][list(positions)] for row in rows], axis=1)
    mask = np.stack([part.mask[row] != 0 for row in rows])
    stacked = values.reshape(len(positions), -1, values.shape[-1])
    samples = [band_percentiles(stacked, mask.reshape(-1, mask.shape[-1]))]
    limits = stretch_limits(samples, part.pixels.dtype.name)
    return Rendering(tuple(bands[i] for i in positions), limits)


def chip_window(facts: Mapping[str, Any] | pd.DataFrame) -> ChipWindows:
    """Return the window of one chip, or of the chips in a table of facts."""
    names = ("column", "row", "columns", "rows", "turn", "side")
    return ChipWindows(*(np.atleast_1d(np.asarray(facts[name], float)) for name in names))


def _chip_box(facts: dict[str, Any]) -> Box:
    left, top, right, bottom = chip_window(facts).bounds()[0]
    return floor(left), floor(top), ceil(right), ceil(bottom)


def _step(box: Box, max_side: int) -> int:
    return ceil(max(box[2] - box[0], box[3] - box[1], 1) / max_side)


def _read_surroundings(
    scene: Scene,
    box: Box,
    footprints: list[Any],
    windows: ChipWindows | None,
    max_side: int,
    rendering: Rendering | SpectralIndex | None,
) -> Surroundings:
    step = _step(box, max_side)
    rendering = rendering or fit_rendering(scene, DEFAULT_DISPLAY)
    with Reader(scene, rendering.bands) as reader:
        part = reader.read(box, step)
    squares = windows.corners() if windows else np.zeros((0, 4, 2))
    corner = (part.left, part.top)
    return Surroundings(
        image=rendering.draw(part.values, part.mask),
        footprints=[[(r - corner) / part.step for r in _rings(f)] for f in footprints],
        squares=(squares - corner) / part.step,
        left=part.left,
        top=part.top,
        step=step,
        gsd=None if scene.gsd is None else scene.gsd * step,
        exact_step=part.step,
    )


def _rings(geometry: Any) -> list[DoubleArray]:
    """Return the outlines of any geometry, holes included, as arrays (k, 2)."""
    if hasattr(geometry, "geoms"):
        return [ring for part in geometry.geoms for ring in _rings(part)]
    polygon = geometry.geom_type == "Polygon"
    rings = [geometry.exterior, *geometry.interiors] if polygon else [geometry]
    return [shapely.get_coordinates(ring) for ring in rings]
