"""Where chips lie in a scene: pure geometry in pixels, without reading anything.

A chip is the image of the unit square u, v in -1/2..1/2 (v down) under

    (column, row) = centre + diag(columns, rows) @ R(turn) @ (u, v)

with `columns` and `rows` the sides in the scene's pixels, so that the chip is square on the
ground where pixels are not, and R a clockwise turn as seen in the image.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from core.errors import SceneError
from core.raster.geodesy import long_axes, pixel_sides
from core.raster.scene import Scene
from core.settings import ChipSettings
from core.types import DoubleArray, Geometries


@dataclass(frozen=True)
class ChipWindows:
    """Squares of n chips, arrays of shape (n,).

    Attributes
    ----------
    column, row : float64
        Centre in the scene's pixels.
    columns, rows : float64
        Sides in the scene's pixels.
    turn : float64
        Degrees clockwise in the image, from -45 up to 135.
    side : float64
        Side on the ground in metres; in pixels where the scene has no CRS.
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
        turned = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
        matrices: DoubleArray = np.stack([self.columns, self.rows], -1)[:, :, None] * turned
        return matrices

    def corners(self) -> DoubleArray:
        """The four corners, clockwise from the upper left, (n, 4, 2) as column, row."""
        unit = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
        centre = np.stack([self.column, self.row], -1)[:, None]
        corners: DoubleArray = centre + np.einsum("nij,kj->nki", self.axes(), unit)
        return corners

    def bounds(self) -> DoubleArray:
        """Left, top, right, bottom in pixels, (n, 4)."""
        at = self.corners()
        return np.concatenate([at.min(axis=1), at.max(axis=1)], axis=1)


def chip_windows(scene: Scene, footprints: Geometries, settings: ChipSettings) -> ChipWindows:
    """The chip's square for each footprint.

    Parameters
    ----------
    scene : Scene
    footprints : array of geometries in the scene's pixels
    settings : ChipSettings

    Raises
    ------
    SceneError
        If a size in metres is asked for and the scene has no CRS.
    """
    if settings.extent and not scene.crs:
        raise SceneError(
            "has no CRS, so a chip's size in metres has no meaning here",
            where=scene.name,
            remedy="Give the scene a CRS, or let each box fit its chip (extent 0).",
        )
    bounds = shapely.bounds(footprints).reshape(-1, 4)
    centre = (bounds[:, :2] + bounds[:, 2:]) / 2
    scale = _metres_a_pixel(scene, centre)
    if settings.align == "long-axis":
        centre, longest, turn = _along(footprints, scale)
    else:
        longest = ((bounds[:, 2:] - bounds[:, :2]) * scale).max(axis=1)
        turn = np.zeros(len(bounds))
    side = longest * (1 + 2 * settings.margin)
    if settings.extent:
        side = np.full_like(side, settings.extent)
    side = np.where(longest > 0, side, settings.extent or settings.point_size)
    columns, rows = (side[:, None] / scale).T
    return ChipWindows(centre[:, 0], centre[:, 1], columns, rows, turn, side)


def _along(footprints: Geometries, scale: DoubleArray) -> tuple[DoubleArray, ...]:
    """Centre, longest side on the ground, and the turn that lets the long axis point up."""
    at, owner = shapely.get_coordinates(footprints, return_index=True)
    # North is up for `long_axes`, rows run down.
    flat = shapely.set_coordinates(footprints.copy(), at * scale[owner] * (1, -1))
    boxes = shapely.oriented_envelope(flat)
    middle = shapely.get_coordinates(shapely.centroid(boxes)).reshape(-1, 2)
    length, _, heading = long_axes(flat)
    # -45 up to 135: a box along the grid must not turn over by the noise of its last digits.
    turn = (heading + 45) % 180 - 45
    return middle * (1, -1) / scale, length, turn


def _metres_a_pixel(scene: Scene, at: DoubleArray) -> DoubleArray:
    """Metres along a column step and a row step at each place, (n, 2); ones without a CRS."""
    if not scene.crs or not len(at):
        return np.ones_like(at)
    return pixel_sides(scene.crs, scene.transform, at[:, 0], at[:, 1])
