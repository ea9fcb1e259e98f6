"""Lengths, areas and headings on the ground, measured on the ellipsoid, never in CRS units.

100 m of EPSG:3857 at 51 degrees north are 63 m on the ground, and some CRS are in feet.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import shapely
from affine import Affine
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError

from core.types import DoubleArray, Geometries

WGS84 = "EPSG:4326"
GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Ground:
    """Facts of n footprints on the ground, arrays of shape (n,).

    Attributes
    ----------
    longitude, latitude : float64
        Centroids in degrees, EPSG:4326.
    width, height : float64
        Sides of the north-aligned boxes, in metres east-west and north-south.
    length, breadth : float64
        Sides of the smallest rectangles in any direction, in metres, the longer first.
    area : float64
        Square metres.
    heading : float64
        Direction of the longer side in degrees clockwise from true north, 0 up to 180; a vessel's
        bow and stern are not told apart.
    """

    longitude: DoubleArray
    latitude: DoubleArray
    width: DoubleArray
    height: DoubleArray
    length: DoubleArray
    breadth: DoubleArray
    area: DoubleArray
    heading: DoubleArray

    @staticmethod
    def nowhere(n: int) -> "Ground":
        """Facts of n footprints of a scene without CRS: all NaN."""
        return Ground(*(np.full(n, np.nan) for _ in fields(Ground)))


@lru_cache(maxsize=64)
def transformer(source: str, target: str) -> Transformer:
    """A cached transformer between two CRS, x before y in both."""
    return Transformer.from_crs(CRS.from_user_input(source), target, always_xy=True)


def transformed(
    transform: Affine, columns: DoubleArray, rows: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Apply an affine map to arrays of places."""
    a, b, c, d, e, f = tuple(transform)[:6]
    return a * columns + b * rows + c, d * columns + e * rows + f


def change_crs(geometries: Geometries, source: str, target: str) -> Geometries:
    """Geometries in another CRS, None where that cannot hold one of their vertices.

    All are None where no way leads from one CRS to the other: a local grid, another planet.
    """
    result = np.full(len(geometries), None, dtype=object)
    try:
        change = transformer(source, target).transform
    except ProjError:
        return result
    at, owner = shapely.get_coordinates(geometries, return_index=True)
    moved = np.column_stack(change(at[:, 0], at[:, 1]))
    kept = np.ones(len(geometries), dtype=bool)
    kept[owner[~np.isfinite(moved).all(axis=1)]] = False
    result[kept] = shapely.set_coordinates(geometries[kept].copy(), moved[kept[owner]])
    return result


def local_metres(lonlat: Geometries) -> Geometries:
    """Each geometry in metres east and north of its own centre, on the tangent plane.

    Azimuth and distance to each vertex are exact on the ellipsoid, so the plane is azimuthal
    equidistant; over a chip's extent it distorts lengths by less than one in a million.
    """
    bounds = shapely.bounds(lonlat)
    centres = (bounds[:, :2] + bounds[:, 2:]) / 2
    at, owner = shapely.get_coordinates(lonlat, return_index=True)
    start = centres[owner]
    azimuth, _, distance = GEOD.inv(start[:, 0], start[:, 1], at[:, 0], at[:, 1])
    angle = np.radians(azimuth)
    flat = np.column_stack([distance * np.sin(angle), distance * np.cos(angle)])
    moved: Geometries = shapely.set_coordinates(shapely.force_2d(lonlat), flat)
    return moved


def on_the_ground(lonlat: Geometries) -> Ground:
    """Facts of footprints given in longitude and latitude; a point has no extent."""
    if not len(lonlat):
        return Ground.nowhere(0)
    centroids = shapely.centroid(lonlat)
    flat = local_metres(lonlat)
    bounds = shapely.bounds(flat)
    length, breadth, heading = long_axes(flat)
    return Ground(
        longitude=shapely.get_x(centroids),
        latitude=shapely.get_y(centroids),
        width=bounds[:, 2] - bounds[:, 0],
        height=bounds[:, 3] - bounds[:, 1],
        length=length,
        breadth=breadth,
        area=shapely.area(flat),
        heading=heading,
    )


def long_axes(flat: Geometries) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Length, breadth and heading of the smallest rotated rectangles.

    Parameters
    ----------
    flat : array of geometries with x to the east and y to the north

    Returns
    -------
    length, breadth : float64 arrays, (n,)
        In the geometries' units, the longer first.
    heading : float64 array, (n,)
        Degrees clockwise from north, 0 up to 180; 0 for a point.
    """
    boxes = shapely.oriented_envelope(flat)
    at, owner = shapely.get_coordinates(boxes, return_index=True)
    first = np.searchsorted(owner, np.arange(len(boxes)))
    count = np.bincount(owner, minlength=len(boxes))
    # A rectangle has five coordinates, a degenerate one (a line, a point) two or one.
    corners = [at[first + np.minimum(step, count - 1)] for step in range(3)]
    sides = np.stack([corners[1] - corners[0], corners[2] - corners[1]], axis=1)
    lengths = np.hypot(sides[..., 0], sides[..., 1])
    longer = lengths.argmax(axis=1)
    rows = np.arange(len(boxes))
    east, north = sides[rows, longer].T
    heading = np.degrees(np.arctan2(east, north)) % 180.0
    return lengths[rows, longer], lengths[rows, 1 - longer], np.where(heading >= 180, 0, heading)


def pixel_size(crs: str, transform: Affine, width: int, height: int) -> float | None:
    """Metres on the ground of a pixel at the scene's centre; None where there is no measuring.

    The geometric mean of the two sides, so that an oblong pixel has one size.
    """
    if not crs:
        return None
    sides = pixel_sides(crs, transform, np.array([width / 2]), np.array([height / 2]))
    size = float(np.sqrt(sides.prod()))
    return size if np.isfinite(size) else None


def pixel_sides(
    crs: str, transform: Affine, columns: DoubleArray, rows: DoubleArray
) -> DoubleArray:
    """Metres on the ground along a column step and a row step at each pixel, (n, 2).

    NaN where the CRS cannot be brought to degrees on the ellipsoid.
    """
    steps = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    right, down = (np.array([step[axis] for step in steps])[:, None] for axis in (0, 1))
    x, y = transformed(transform, columns + right, rows + down)
    try:
        lon, lat = transformer(crs, WGS84).transform(x, y)
    except ProjError:
        return np.full((len(columns), 2), np.nan)
    lon, lat = (np.where(np.isfinite(v), v, np.nan) for v in (lon, lat))
    sides = [GEOD.inv(lon[0], lat[0], lon[i], lat[i])[2] for i in (1, 2)]
    return np.column_stack(sides)
