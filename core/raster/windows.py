"""Chip windows: the squares of a scene that chips are cut from, as geometry without pixels.

A chip is the image of the unit square u, v in -1/2..1/2 (v down) under

    (column, row) = centre + diag(columns, rows) @ R(turn) @ (u, v)

where `columns` and `rows` are the chip's sides in scene pixels, so that the chip is square on the
ground even if pixels are not, and R is a clockwise rotation as seen in the image.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from core.errors import SceneError
from core.raster.geodesy import ground_pixel_sides, measure_long_axes
from core.raster.scene import Scene
from core.settings import ChipSettings
from core.types import DoubleArray, Geometries

# The corners of the unit square, clockwise from the upper left.
UNIT_CORNERS = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])


@dataclass(frozen=True)
class ChipWindows:
    """The squares of n chips, as arrays of shape (n,).

    The centre (`column`, `row`) and the sides (`columns`, `rows`) are in scene pixels. `turn` is
    the rotation in degrees clockwise in the image, in [-45, 135). `side` is the side on the ground
    in metres; in pixels if the scene has no CRS.
    """

    column: DoubleArray
    row: DoubleArray
    columns: DoubleArray
    rows: DoubleArray
    turn: DoubleArray
    side: DoubleArray

    def __len__(self) -> int:
        return len(self.column)

    def axes(self) -> DoubleArray:
        """The matrices diag(columns, rows) @ R(turn), (n, 2, 2)."""
        angle = np.radians(self.turn)
        cos, sin = np.cos(angle), np.sin(angle)
        rotation = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
        return np.asarray(np.stack([self.columns, self.rows], -1)[:, :, None] * rotation)

    def corners(self) -> DoubleArray:
        """The column and row of the corners, clockwise from the upper left, (n, 4, 2)."""
        centre = np.stack([self.column, self.row], -1)[:, None]
        return np.asarray(centre + np.einsum("nij,kj->nki", self.axes(), UNIT_CORNERS))

    def bounds(self) -> DoubleArray:
        """Left, top, right and bottom in scene pixels, (n, 4)."""
        corners = self.corners()
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def chip_windows(scene: Scene, footprints: Geometries, settings: ChipSettings) -> ChipWindows:
    """Return the chip window of each footprint, given in scene pixels.

    Raises SceneError if the chip size is set in metres and the scene has no CRS.
    """
    if settings.extent and not scene.crs:
        raise SceneError(
            "the scene has no CRS, so chips cannot have a size in metres",
            where=scene.name,
            remedy="Give the scene a CRS, or let each footprint fill its chip (extent 0).",
        )
    bounds = shapely.bounds(footprints)
    centre = (bounds[:, :2] + bounds[:, 2:]) / 2
    # The metres that a column and a row span at each centre; 1 if the scene has no CRS.
    scale = np.ones_like(centre)
    if scene.crs:
        scale = ground_pixel_sides(scene.crs, scene.transform, centre[:, 0], centre[:, 1])
    if settings.align == "long-axis":
        centre, long_sides, turn = _align_long_axes(footprints, scale)
    else:
        long_sides = ((bounds[:, 2:] - bounds[:, :2]) * scale).max(axis=1)
        turn = np.zeros(len(bounds))
    side = np.where(long_sides > 0, long_sides * (1 + 2 * settings.margin), settings.point_size)
    if settings.extent:
        side = np.full_like(side, settings.extent)
    columns, rows = (side[:, None] / scale).T
    return ChipWindows(centre[:, 0], centre[:, 1], columns, rows, turn, side)


def _align_long_axes(footprints: Geometries, scale: DoubleArray) -> tuple[DoubleArray, ...]:
    """Return the centres, the longest sides on the ground, and the turns that point them upward."""
    vertices, owner = shapely.get_coordinates(footprints, return_index=True)
    # `measure_long_axes` expects y to the north, but rows run down.
    local = shapely.set_coordinates(footprints.copy(), vertices * scale[owner] * (1, -1))
    rectangles = shapely.oriented_envelope(local)
    centre = shapely.get_coordinates(shapely.centroid(rectangles)).reshape(-1, 2)
    length, _, heading = measure_long_axes(local)
    # From -45 to 135 degrees, so that rounding errors cannot flip a box that lies along the grid.
    turn = (heading + 45) % 180 - 45
    return centre * (1, -1) / scale, length, turn
