"""Where a chip lies: its surroundings in the original image, and its own native pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from core.chips.chip_set import DISPLAY_SAMPLE, ChipSet
from core.input_settings import DisplaySettings
from core.raster.pixel_reader import Box, Pixels, Reader
from core.raster.rendering import percentiles, shown_bands, stretch_ends, to_rgba
from core.raster.scene import Scene, read_scene
from core.raster.windows import ChipWindows
from core.types import ByteArray, DoubleArray, Geometries

PICTURE = 1400
AS_GUESSED = DisplaySettings()


@dataclass(frozen=True)
class Surroundings:
    """A part of a scene with outlines drawn over it.

    Attributes
    ----------
    image : uint8 array, (h, w, 4)
        Red, green, blue, alpha; transparent where nodata.
    footprints : list of list of float64 arrays, (k, 2)
        The rings of each footprint in the image's pixels, x then y.
    squares : float64 array, (n, 4, 2)
        The chips' corners in the image's pixels.
    left, top : int
        The image's upper-left corner in the scene's pixels.
    step : int
        Scene pixels to one image pixel, as near as the sides allow.
    gsd : float or None
        Metres on the ground to one image pixel.
    """

    image: ByteArray
    footprints: list[list[DoubleArray]]
    squares: DoubleArray
    left: int
    top: int
    step: int
    gsd: float | None


def surroundings(
    raster: Path,
    facts: dict[str, Any],
    footprint: Any,
    side: int = 2000,
    most: int = PICTURE,
    display: DisplaySettings = AS_GUESSED,
) -> Surroundings:
    """The part of the scene around one chip.

    Parameters
    ----------
    raster : Path
    facts : dict
        The chip's row of facts.
    footprint : geometry in the scene's pixels
    side : int
        Scene pixels along one side; never less than the chip itself.
    most : int
        Pixels of the picture along its longer side.
    display : DisplaySettings
        Bands and stretch; percentiles are those of the picture.

    Raises
    ------
    SceneError
        If the scene cannot be read there.
    """
    scene = read_scene(raster)
    window = _windows([facts])
    left, top, right, bottom = window.bounds()[0]
    half = max(side, right - left, bottom - top) / 2
    column, row = facts["column"], facts["row"]
    box = (
        round(column - half),
        round(row - half),
        round(column + half),
        round(row + half),
    )
    return _picture(scene, box, [footprint], window, most, display)


def overview(
    raster: Path,
    footprints: Geometries,
    windows: ChipWindows | None,
    most: int = PICTURE,
    display: DisplaySettings = AS_GUESSED,
) -> Surroundings:
    """A whole scene, decimated while reading, with all its footprints."""
    scene = read_scene(raster)
    box = (0, 0, scene.width, scene.height)
    return _picture(scene, box, list(footprints), windows, most, display)


def native_chip(
    raster: Path,
    facts: dict[str, Any],
    most: int = PICTURE,
    display: DisplaySettings = AS_GUESSED,
) -> ByteArray:
    """The chip's box at the scene's own pixels, uint8 (h, w, 4), north up as the scene is."""
    scene = read_scene(raster)
    return _picture(scene, _box(facts), [], None, most, display).image


def native_step(facts: dict[str, Any], most: int = PICTURE) -> int:
    """Scene pixels to one pixel of what `native_chip` gives: 1 unless the chip is very large."""
    return _step(_box(facts), most)


def thumbnails(
    chips: ChipSet, rows: Any, display: DisplaySettings = AS_GUESSED, ends: Any = None
) -> ByteArray:
    """Chips as they are embedded, uint8 (n, size, size, 4), in the display's scaling.

    `ends` are those of `thumbnail_ends`; by default the display's scaling is shown as it is.
    """
    bands = shown_bands(chips.bands, display)
    unit = chips.unit(rows, chips.display)[:, bands]
    masks = chips.masked(rows)
    ends = np.tile((0.0, 1.0), (len(bands), 1)) if ends is None else ends
    return np.stack([to_rgba(u, m, ends) for u, m in zip(unit, masks, strict=True)])


def thumbnail_ends(chips: ChipSet, display: DisplaySettings) -> DoubleArray | None:
    """What thumbnails show as black and white, (bands, 2), from a sample; None for 0..1."""
    wanted = percentiles(display)
    if wanted is None:
        return None
    rows = chips.spread(DISPLAY_SAMPLE)
    unit = chips.unit(rows, chips.display)[:, shown_bands(chips.bands, display)]
    side = unit.shape[-1]
    flat = np.moveaxis(unit, 1, 0).reshape(unit.shape[1], -1, side)
    return stretch_ends(flat, chips.masked(rows).reshape(-1, side), wanted)


def _windows(rows: list[dict[str, Any]]) -> ChipWindows:
    names = ("column", "row", "columns", "rows", "turn", "side")
    return ChipWindows(*(np.array([row[name] for row in rows], float) for name in names))


def _box(facts: dict[str, Any]) -> Box:
    left, top, right, bottom = _windows([facts]).bounds()[0]
    return int(np.floor(left)), int(np.floor(top)), int(np.ceil(right)), int(np.ceil(bottom))


def _step(box: Box, most: int) -> int:
    longest = max(box[2] - box[0], box[3] - box[1], 1)
    return max(1, -(-longest // most))


def _picture(
    scene: Scene,
    box: Box,
    footprints: list[Any],
    windows: ChipWindows | None,
    most: int,
    display: DisplaySettings,
) -> Surroundings:
    step = _step(box, most)
    bands = tuple(scene.bands[i] for i in shown_bands(scene.bands, display))
    with Reader(scene, bands) as reader:
        part = reader.read(box, step)
    squares = windows.corners() if windows else np.zeros((0, 4, 2))
    corner = (part.left, part.top)
    return Surroundings(
        image=_drawn(part, display),
        footprints=[[(r - corner) / part.step for r in _rings(f)] for f in footprints],
        squares=(squares - corner) / part.step,
        left=part.left,
        top=part.top,
        step=step,
        gsd=None if scene.gsd is None else scene.gsd * step,
    )


def _drawn(part: Pixels, display: DisplaySettings) -> ByteArray:
    ends = stretch_ends(part.values, part.mask, percentiles(display))
    return to_rgba(part.values, part.mask, ends)


def _rings(geometry: Any) -> list[DoubleArray]:
    """Outlines of any geometry; holes as rings of their own."""
    if hasattr(geometry, "geoms"):
        return [ring for part in geometry.geoms for ring in _rings(part)]
    polygon = geometry.geom_type == "Polygon"
    rings = [geometry.exterior, *geometry.interiors] if polygon else [geometry]
    return [shapely.get_coordinates(ring) for ring in rings]
