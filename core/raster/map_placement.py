"""Where a scene is drawn on a web map: at its location, or in its own pixels near the origin."""

import math

import numpy as np

from core.raster.geodesy import WGS84, crs_transformer
from core.raster.scene import Scene
from core.types import DoubleArray

TILE_SIDE = 256
# The latitude at which the square world of web mercator ends, in degrees: atan(sinh(pi)).
MAX_LATITUDE = 85.0511
# At this zoom, the tile south-east of (0, 0) degrees shows all of a scene without a location.
PIXEL_ZOOM = 8
# Metres per pixel at zoom 0 on the equator: 2 * pi * 6378137 / 256.
EQUATOR_GSD = 2 * math.pi * 6378137 / TILE_SIDE


def lonlat_bounds(scene: Scene) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north in degrees; None without a CRS or a location on Earth.

    Across the antimeridian, east is above 180 or west below -180.
    """
    if not scene.crs:
        return None
    side = np.linspace(0, 1, 21)
    start, end = 0 * side, 0 * side + 1
    # Once around the scene.
    edges = np.array([(side, end, side[::-1], start), (start, side, end, side[::-1])])
    edges = edges.reshape(2, -1)
    x, y = scene.transform @ (edges[0] * scene.width, edges[1] * scene.height)
    lon, lat = crs_transformer(scene.crs, WGS84).transform(x, y)
    lon, lat = lon[np.isfinite(lon)], lat[np.isfinite(lat)]
    if not len(lon) or not len(lat):
        return None
    lon = np.unwrap(lon, period=360)
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def lonlat_outline(scene: Scene) -> DoubleArray | None:
    """Return the corners of a scene in degrees as a closed ring, (5, 2).

    None if web mercator cannot show the scene at its location.
    """
    if not is_drawn_in_mercator(scene):
        return None
    width, height = scene.width, scene.height
    corners = [(0, 0), (width, 0), (width, height), (0, height), (0, 0)]
    x, y = np.transpose([scene.transform @ corner for corner in corners])
    return np.column_stack(crs_transformer(scene.crs, WGS84).transform(x, y))


def is_drawn_in_mercator(scene: Scene) -> bool:
    """Return True if a web mercator map can show the scene at its location.

    Scenes without a CRS, near a pole or across the antimeridian are drawn in their own pixels
    instead.
    """
    bounds = lonlat_bounds(scene)
    if bounds is None:
        return False
    west, south, east, north = bounds
    within_latitudes = max(-south, north) < MAX_LATITUDE
    return within_latitudes and west >= -180 and east <= 180 and east - west < 180


def pixel_positions(scene: Scene, pixels: DoubleArray) -> DoubleArray:
    """Return the longitudes and latitudes at which the map shows columns and rows, both (n, 2).

    Only for scenes that web mercator cannot show at their location (see `is_drawn_in_mercator`).
    """
    world = TILE_SIDE * 2.0 ** (_n_levels(scene) + PIXEL_ZOOM)
    longitude = pixels[:, 0] / world * 360
    latitude = np.degrees(np.arctan(np.sinh(-2 * np.pi * pixels[:, 1] / world)))
    return np.column_stack([longitude, latitude])


def map_bounds(scene: Scene) -> tuple[float, float, float, float]:
    """Return west, south, east and north of the area of the map where the scene is drawn."""
    if is_drawn_in_mercator(scene) and (bounds := lonlat_bounds(scene)):
        return bounds
    corners = pixel_positions(scene, np.array([(0, scene.height), (scene.width, 0)], float))
    return tuple(float(v) for v in corners.ravel())  # type: ignore[return-value]


def map_zooms(scene: Scene) -> tuple[int, int]:
    """Return the lowest and highest zoom of the tiles that `draw_map_tile` draws."""
    min_zoom, max_zoom = scene_zooms(scene)
    shift = 0 if is_drawn_in_mercator(scene) else PIXEL_ZOOM
    return min_zoom + shift, max_zoom + shift


def scene_zooms(scene: Scene) -> tuple[int, int]:
    """Return the zoom at which the scene fits into one tile, and that of its full resolution."""
    n_levels = _n_levels(scene)
    if scene.gsd is None or not is_drawn_in_mercator(scene):
        return 0, n_levels
    latitude = math.radians((lonlat_bounds(scene) or (0, 0, 0, 0))[1])
    max_zoom = math.ceil(math.log2(EQUATOR_GSD * math.cos(latitude) / scene.gsd))
    return max(0, max_zoom - n_levels), max(0, max_zoom)


def _n_levels(scene: Scene) -> int:
    """Return how many times the scene must be halved to fit into one tile."""
    return max(0, math.ceil(math.log2(max(scene.width, scene.height) / TILE_SIDE)))
