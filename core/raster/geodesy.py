"""Lengths, areas and headings on the ground, measured on the ellipsoid and never in CRS units.

100 m in EPSG:3857 at 51 degrees north are 63 m on the ground, and some CRS are in feet.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from affine import Affine
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError

from core.types import BoolArray, DoubleArray, Geometries

WGS84 = "EPSG:4326"
GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Ground:
    """Measurements of n footprints on the ground, as arrays of shape (n,).

    Longitude and latitude are those of the centroids in degrees, EPSG:4326. All lengths are in
    metres: width (east-west) and height (north-south) of the north-aligned bounding boxes, length
    and breadth (the longer and the shorter side) of the smallest rotated rectangles. The area is in
    square metres. The heading is the direction of the longer side in degrees clockwise from true
    north, in [0, 180): a vessel's bow and stern cannot be distinguished.
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
    def unmeasured(n: int) -> "Ground":
        """The measurements of n footprints in a scene without a CRS: all NaN."""
        return Ground(*(np.full(n, np.nan) for _ in fields(Ground)))


@lru_cache(maxsize=64)
def crs_transformer(source: str, target: str) -> Transformer:
    """Return a cached transformer between two CRS, with x before y in both."""
    return Transformer.from_crs(CRS.from_user_input(source), target, always_xy=True)


def reproject_geometries(geometries: Geometries, source: str, target: str) -> Geometries:
    """Return geometries in another CRS, None where a vertex has no coordinates in that CRS.

    All are None if there is no transformation between the two CRS, as with a local grid or another
    planet.
    """
    result = np.full(len(geometries), None, dtype=object)
    try:
        transformer = crs_transformer(source, target)
    except ProjError:
        return result
    vertices, owner = shapely.get_coordinates(geometries, return_index=True)
    target_vertices = np.column_stack(transformer.transform(vertices[:, 0], vertices[:, 1]))
    valid = np.ones(len(geometries), dtype=bool)
    valid[owner[~np.isfinite(target_vertices).all(axis=1)]] = False
    result[valid] = shapely.set_coordinates(geometries[valid].copy(), target_vertices[valid[owner]])
    return result


def measure_on_ground(lonlat: Geometries) -> Ground:
    """Measure footprints given in longitude and latitude; a point has no extent.

    The longitudes of a footprint must not jump from 180 to -180; they may exceed 180 instead (see
    `join_longitudes`).

    Each footprint is measured in metres east and north of its own centre. The azimuth and distance
    to each vertex are exact on the ellipsoid, so the plane is azimuthal equidistant. Over a chip,
    this projection distorts lengths by less than one in a million.
    """
    bounds = shapely.bounds(lonlat)
    vertices, owner = shapely.get_coordinates(lonlat, return_index=True)
    centre = (bounds[:, :2] + bounds[:, 2:]) / 2
    start = centre[owner]
    azimuth, _, distance = GEOD.inv(start[:, 0], start[:, 1], vertices[:, 0], vertices[:, 1])
    angle = np.radians(azimuth)
    metres = np.column_stack([distance * np.sin(angle), distance * np.cos(angle)])
    local = shapely.set_coordinates(shapely.force_2d(lonlat), metres)
    bounds = shapely.bounds(local)
    length, breadth, heading = measure_long_axes(local)
    # The centroid is that of the shape on the ground, also near a pole.
    centroids = shapely.centroid(local)
    east, north = shapely.get_x(centroids), shapely.get_y(centroids)
    direction, distance = np.degrees(np.arctan2(east, north)), np.hypot(east, north)
    longitude, latitude, _ = GEOD.fwd(centre[:, 0], centre[:, 1], direction, distance)
    return Ground(
        longitude=longitude,
        latitude=latitude,
        width=bounds[:, 2] - bounds[:, 0],
        height=bounds[:, 3] - bounds[:, 1],
        length=length,
        breadth=breadth,
        area=shapely.area(local),
        heading=heading,
    )


def join_longitudes(geometries: Geometries, is_torn: BoolArray, centre: float) -> Geometries:
    """Return geometries in degrees with continuous longitudes, as close to `centre` as possible.

    Where `is_torn`, (n,), the longitudes of a geometry jump from 180 to -180: its vertices move
    next to its first one. Then each geometry is moved by whole turns, so that footprints on both
    sides of the antimeridian have similar longitudes, beyond 180 if necessary.
    """
    vertices, owner = shapely.get_coordinates(geometries, return_index=True)
    if not len(vertices):
        return geometries
    first = np.zeros(len(geometries))
    first[owner[::-1]] = vertices[::-1, 0]
    turns = np.round((vertices[:, 0] - first[owner]) / 360) * is_torn[owner]
    joined = shapely.set_coordinates(
        geometries.copy(), np.column_stack([vertices[:, 0] - 360 * turns, vertices[:, 1]])
    )
    bounds = shapely.bounds(joined)
    turns = np.round(((bounds[:, 0] + bounds[:, 2]) / 2 - centre) / 360)[owner]
    if not turns.any():
        return joined if is_torn.any() else geometries
    moved = shapely.get_coordinates(joined) - np.column_stack([360 * turns, 0 * turns])
    return np.asarray(shapely.set_coordinates(joined, moved), object)


def gather_longitudes(longitudes: DoubleArray, reference: DoubleArray | None = None) -> DoubleArray:
    """Return longitudes, (n,), from -180 to 180, or from 0 to 360 if they are closer together then.

    Points on both sides of the antimeridian are neighbours, also for methods that compare numbers.
    The choice depends on the `reference` longitudes, by default the longitudes themselves.
    """
    known = longitudes if reference is None else reference
    known = known[np.isfinite(known)]
    if not len(known) or np.ptp(known % 360) >= np.ptp(known):
        return longitudes
    return np.asarray(longitudes % 360)


def split_at_antimeridian(geometries: Geometries) -> Geometries:
    """Return geometries in degrees with all longitudes from -180 to 180, as GeoJSON requires.

    A geometry that crosses the antimeridian becomes a multi-part geometry with parts on both sides
    of it (RFC 7946, section 3.1.9).
    """
    split = geometries.copy()
    bounds = shapely.bounds(geometries)
    for row in np.flatnonzero((bounds[:, 0] < -180) | (bounds[:, 2] > 180)):
        parts: list[Any] = []
        first, last = np.floor((bounds[row, [0, 2]] + 180) / 360).astype(int).tolist()
        for turn in range(first, last + 1):
            world = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
            part = shapely.intersection(geometries[row], world)
            moved = shapely.transform(part, lambda xy, turn=turn: xy - (360 * turn, 0))
            parts += [p for p in shapely.get_parts(moved) if not p.is_empty]
        dimension = max((shapely.get_dimensions(part) for part in parts), default=0)
        parts = [part for part in parts if shapely.get_dimensions(part) == dimension]
        multi = (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)[dimension]
        split[row] = parts[0] if len(parts) == 1 else multi(parts)
    return split


def measure_long_axes(geometries: Geometries) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return the length, breadth and heading of the smallest rotated rectangles, each (n,).

    The geometries are planar, with x to the east and y to the north. Lengths are in their units.
    The heading of the longer side is in degrees clockwise from north, in [0, 180); 0 for a point.
    """
    rectangles = shapely.oriented_envelope(geometries)
    vertices, owner = shapely.get_coordinates(rectangles, return_index=True)
    rows = np.arange(len(rectangles))
    first = np.searchsorted(owner, rows)
    count = np.bincount(owner, minlength=len(rectangles))
    # A rectangle has five vertices; one that degenerates to a line or a point has two or one.
    corners = [vertices[first + np.minimum(step, count - 1)] for step in range(3)]
    sides = np.stack([corners[1] - corners[0], corners[2] - corners[1]], axis=1)
    lengths = np.hypot(sides[..., 0], sides[..., 1])
    longer_side = lengths.argmax(axis=1)
    east, north = sides[rows, longer_side].T
    heading = np.degrees(np.arctan2(east, north)) % 180.0
    return (
        lengths[rows, longer_side],
        lengths[rows, 1 - longer_side],
        np.where(heading >= 180, 0, heading),
    )


def ground_pixel_size(crs: str, transform: Affine, width: int, height: int) -> float | None:
    """Return the size of a pixel at the scene's centre in metres; None if it cannot be measured.

    The size is the geometric mean of the two sides, so that an oblong pixel has a single size.
    """
    if not crs:
        return None
    sides = ground_pixel_sides(crs, transform, np.array([width / 2]), np.array([height / 2]))
    size = float(np.sqrt(sides.prod()))
    return size if np.isfinite(size) else None


def ground_pixel_sides(
    crs: str, transform: Affine, columns: DoubleArray, rows: DoubleArray
) -> DoubleArray:
    """Return the metres on the ground that one column and one row span at each pixel, (n, 2).

    NaN where the CRS cannot be converted to degrees on the ellipsoid.
    """
    # The pixel itself, the next one to the right and the next one below.
    column_steps, row_steps = np.array([(0.0, 1.0, 0.0), (0.0, 0.0, 1.0)])[..., None]
    x, y = transform @ (columns + column_steps, rows + row_steps)
    try:
        lon, lat = crs_transformer(crs, WGS84).transform(x, y)
    except ProjError:
        return np.full((len(columns), 2), np.nan)
    lon, lat = (np.where(np.isfinite(v), v, np.nan) for v in (lon, lat))
    sides = [GEOD.inv(lon[0], lat[0], lon[i], lat[i])[2] for i in (1, 2)]
    return np.column_stack(sides)


def north_direction(crs: str, transform: Affine, column: float, row: float) -> float | None:
    """Return the direction of true north at a pixel, in degrees clockwise from up in the image.

    It is measured by a step of ten metres to the north on the ellipsoid. Grid north differs from
    it by the convergence of the meridians, up to several degrees. None if there is no CRS, or if
    it cannot be converted there.
    """
    if not crs:
        return None
    try:
        lon, lat = crs_transformer(crs, WGS84).transform(*(transform @ (column, row)))
        north_lon, north_lat, _ = GEOD.fwd(lon, lat, 0.0, 10.0)
        # `fwd` returns -180 to 180, but the longitudes of a scene may exceed 180.
        north_lon += 360 * round((lon - north_lon) / 360)
        position = ~transform @ crs_transformer(WGS84, crs).transform(north_lon, north_lat)
    except (ProjError, ValueError):
        return None
    right, up = position[0] - column, row - position[1]
    if not (np.isfinite(right) and np.isfinite(up)) or right == up == 0:
        return None
    return float(np.degrees(np.arctan2(right, up)))
