"""Where a scene is drawn: at its place on the map, or in a corner of it in its own pixels."""

import math

import numpy as np

from core.raster.geodesy import WGS84, transformed, transformer
from core.raster.scene import Scene
from core.types import DoubleArray

SIDE = 256
# Of web mercator, whose world is a square: atan(sinh(pi)) in degrees.
MOST_LATITUDE = 85.0511
# The zoom at which the tile south-east of longitude 0, latitude 0 holds a scene without a place.
PIXEL_ZOOM = 8
# Width of the world at zoom 0, in metres a pixel at the equator: 2 * pi * 6378137 / 256.
EQUATOR = 2 * math.pi * 6378137 / SIDE


def lonlat_bounds(scene: Scene) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees; None without a CRS or a place on the Earth."""
    if not scene.crs:
        return None
    edge = np.linspace(0, 1, 21)
    columns = np.concatenate([edge, edge, 0 * edge, 0 * edge + 1]) * scene.width
    rows = np.concatenate([0 * edge, 0 * edge + 1, edge, edge]) * scene.height
    x, y = transformed(scene.transform, columns, rows)
    lon, lat = transformer(scene.crs, WGS84).transform(x, y)
    lon, lat = lon[np.isfinite(lon)], lat[np.isfinite(lat)]
    if not len(lon) or not len(lat):
        return None
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def on_mercator(scene: Scene) -> bool:
    """True if web mercator can show where the scene lies.

    It cannot without a CRS, near a pole, or across the antimeridian; such scenes are drawn in
    their own pixels.
    """
    bounds = lonlat_bounds(scene)
    if bounds is None:
        return False
    west, south, east, north = bounds
    seen = max(-south, north) < MOST_LATITUDE
    return seen and west >= -180 and east <= 180 and east - west < 180


def pixel_places(scene: Scene, at: DoubleArray) -> DoubleArray:
    """Longitude and latitude at which pixels of a scene that is not `on_mercator` are drawn.

    Parameters
    ----------
    scene : Scene
    at : float64 array, (n, 2)
        Columns and rows from the upper-left corner.
    """
    world = SIDE * 2.0 ** (_levels(scene) + PIXEL_ZOOM)
    longitude = at[:, 0] / world * 360
    latitude = np.degrees(np.arctan(np.sinh(-2 * np.pi * at[:, 1] / world)))
    return np.column_stack([longitude, latitude])


def map_bounds(scene: Scene) -> tuple[float, float, float, float]:
    """West, south, east, north of the place on the map where the scene is drawn."""
    if on_mercator(scene) and (bounds := lonlat_bounds(scene)):
        return bounds
    corners = pixel_places(scene, np.array([(0, scene.height), (scene.width, 0)], float))
    return tuple(float(v) for v in corners.ravel())  # type: ignore[return-value]


def map_zooms(scene: Scene) -> tuple[int, int]:
    """As `zooms`, of the tiles that `draw_map_tile` draws."""
    least, most = zooms(scene)
    shift = 0 if on_mercator(scene) else PIXEL_ZOOM
    return least + shift, most + shift


def zooms(scene: Scene) -> tuple[int, int]:
    """The zoom at which one tile shows the scene, and that at which each pixel shows."""
    levels = _levels(scene)
    if scene.gsd is None or not on_mercator(scene):
        return 0, levels
    latitude = math.radians((lonlat_bounds(scene) or (0, 0, 0, 0))[1])
    most = math.ceil(math.log2(EQUATOR * math.cos(latitude) / scene.gsd))
    return max(0, most - levels), max(0, most)


def _levels(scene: Scene) -> int:
    return max(0, math.ceil(math.log2(max(scene.width, scene.height) / SIDE)))
