"""Chip windows: the squares of a scene that chips are cut from, as geometry without pixels.

A chip is the image of the unit square u, v in -1/2..1/2 (v down) under

    (column, row) = centre + diag(columns, rows) @ R(turn) @ (u, v)

where `columns` and `rows` are the chip's sides in scene pixels, so that the chip is square on the
ground even if pixels are not, and R is a clockwise rotation as seen in the image. For a mirrored
scene `rows` is negative, so that its chips show the ground as a map does.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine

from core.errors import SceneError
from core.raster.geodesy import ground_pixel_sides, measure_long_axes
from core.raster.scene import Scene
from core.settings import ChipSettings
from core.types import DoubleArray, Geometries

# A rotation is rounded to a quarter turn within this angle, in degrees: across 200 pixels it moves
# a corner by less than 0.1 pixels, and chips along the pixel grid are sharper.
MIN_TURN = 0.05
# The corners of the unit square, clockwise from the upper left.
UNIT_CORNERS = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])


@dataclass(frozen=True)
class ChipWindows:
    """The squares of n chips, as arrays of shape (n,).

    The centre (`column`, `row`) and the sides (`columns`, `rows`) are in scene pixels. `turn` is
    the rotation in degrees clockwise in the image; `rows` is negative if the image is mirrored, and
    then the rotation is that in the image with its rows reversed. `side` is the side on the ground
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
        sides = np.stack([self.columns, self.rows], -1)
        return np.asarray(sides[:, :, None] * _rotations(self.turn))

    def corners(self) -> DoubleArray:
        """The column and row of the corners, clockwise from the upper left, (n, 4, 2)."""
        centre = np.stack([self.column, self.row], -1)[:, None]
        return np.asarray(centre + np.einsum("nij,kj->nki", self.axes(), UNIT_CORNERS))

    def bounds(self) -> DoubleArray:
        """Left, top, right and bottom in scene pixels, (n, 4)."""
        corners = self.corners()
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def chip_windows(
    scene: Scene, footprints: Geometries, settings: ChipSettings, *, is_grid: bool = False
) -> ChipWindows:
    """Return the chip window of each footprint, given in scene pixels.

    The squares of a grid (`is_grid`) lie along the pixels, so their chips are turned by quarter
    turns only. Raises SceneError if the chip size is set in metres and the scene has no CRS.
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
    north, mirrored = scene_orientation(scene)
    if is_grid:
        north = round(north / 90) * 90.0
    # From here on, rows are counted upwards in a mirrored scene.
    scale = scale * (1, -1 if mirrored else 1)
    if settings.align == "long-axis":
        centre, long_sides, turn = _align_long_axes(footprints, scale, north)
    elif north:
        centre, long_sides = _align_north(footprints, scale, north)
        turn = np.full(len(bounds), north)
    else:
        long_sides = ((bounds[:, 2:] - bounds[:, :2]) * np.abs(scale)).max(axis=1)
        turn = np.zeros(len(bounds))
    side = np.where(long_sides > 0, long_sides * (1 + 2 * settings.margin), settings.point_size)
    if settings.extent:
        side = np.full_like(side, settings.extent)
    columns, rows = (side[:, None] / scale).T
    return ChipWindows(centre[:, 0], centre[:, 1], columns, rows, turn, side)


def scene_orientation(scene: Scene) -> tuple[float, bool]:
    """Return the direction of grid north in a scene, and whether the image is mirrored.

    The direction is in degrees clockwise from up, in (-180, 180], after the rows of a mirrored
    image have been reversed: a scene with south up is mirrored, and then not turned. Grid north is
    the direction of the y axis of the CRS. Without a CRS, the image itself counts as north up.
    """
    if not scene.crs:
        return 0.0, False
    transform = scene.transform
    x, y = transform @ (scene.width / 2, scene.height / 2)
    # The metres of equal steps along x and y; they differ in a CRS in degrees.
    step = abs(transform.determinant) ** 0.5
    grid = Affine(step, 0, x, 0, step, y)
    metres = ground_pixel_sides(scene.crs, grid, np.zeros(1), np.zeros(1))[0]
    right, down = metres * (transform.a, transform.d), metres * (transform.b, transform.e)
    right, down = right / np.hypot(*right), down / np.hypot(*down)
    mirrored = bool(right[0] * down[1] > right[1] * down[0])
    if mirrored:
        down = -down
    # The mean of both directions, which are not at right angles in a sheared image.
    turn = float(np.degrees(np.arctan2(right[1] + down[0], right[0] - down[1])))
    quarters = round(turn / 90) * 90.0
    return (quarters if abs(turn - quarters) < MIN_TURN else turn), mirrored


def _rotations(degrees: DoubleArray) -> DoubleArray:
    """Return clockwise rotations of an image with y down, (n, 2, 2); exact for quarter turns."""
    angle = np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    is_quarter = np.mod(degrees, 90) == 0
    cos, sin = np.where(is_quarter, np.rint(cos), cos), np.where(is_quarter, np.rint(sin), sin)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def _align_north(
    footprints: Geometries, scale: DoubleArray, north: float
) -> tuple[DoubleArray, DoubleArray]:
    """Return the centres and the longest sides of the footprints' north-aligned boxes."""
    rotation = _rotations(np.array([north]))[0]
    vertices, owner = shapely.get_coordinates(footprints, return_index=True)
    local = (vertices * scale[owner]) @ rotation
    bounds = shapely.bounds(shapely.set_coordinates(footprints.copy(), local))
    centre = (bounds[:, :2] + bounds[:, 2:]) / 2 @ rotation.T / scale
    return centre, (bounds[:, 2:] - bounds[:, :2]).max(axis=1)


def _align_long_axes(
    footprints: Geometries, scale: DoubleArray, north: float
) -> tuple[DoubleArray, ...]:
    """Return the centres, the longest sides on the ground, and the turns that point them upward."""
    vertices, owner = shapely.get_coordinates(footprints, return_index=True)
    # `measure_long_axes` expects y to the north, but rows run down.
    local = shapely.set_coordinates(footprints.copy(), vertices * scale[owner] * (1, -1))
    rectangles = shapely.oriented_envelope(local)
    centre = shapely.get_coordinates(shapely.centroid(rectangles)).reshape(-1, 2)
    length, _, heading = measure_long_axes(local)
    # From -45 to 135 degrees from north, so that rounding errors cannot flip a box that lies along
    # the grid, and the same ground has the same end up in any scene.
    turn = (heading - north + 45) % 180 - 45 + north
    return centre * (1, -1) / scale, length, turn
