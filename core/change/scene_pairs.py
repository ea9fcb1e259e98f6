"""Pairs of scenes that cover the same ground, and footprints of one scene on the other."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from core.raster.annotations.feature_table import Annotations
from core.raster.annotations.footprints import place_annotations
from core.raster.geodesy import WGS84
from core.raster.map_placement import lonlat_bounds
from core.raster.scene import Scene
from core.types import Geometries, IntArray

# Footprints of two scenes are the same object if they share this part of their union.
SAME_OBJECT = 0.5


def find_scene_pairs(scenes: Sequence[Scene]) -> list[tuple[int, int]]:
    """Return the positions of the scenes, two at a time, whose bounds overlap.

    Scenes without a CRS have no place, so they are in no pair.
    """
    bounds = [lonlat_bounds(scene) for scene in scenes]
    pairs = []
    for first, second in combinations(range(len(scenes)), 2):
        frame, limits = bounds[first], bounds[second]
        if frame is None or limits is None:
            continue
        # The same longitude can be given as 181 and as -179.
        turn = 360 * round((frame[0] + frame[2] - limits[0] - limits[2]) / 720)
        west, east = max(frame[0], limits[0] + turn), min(frame[2], limits[2] + turn)
        if west < east and max(frame[1], limits[1]) < min(frame[3], limits[3]):
            pairs.append((first, second))
    return pairs


def place_on_scene(scene: Scene, lonlat: Geometries) -> tuple[Geometries, IntArray]:
    """Return the footprints that lie wholly on a scene, in its pixels, and their numbers.

    `lonlat` are footprints in longitude and latitude, (n,); None where a footprint has no place.
    """
    table = pd.DataFrame(index=range(len(lonlat)))
    placed = place_annotations(
        scene, Annotations(lonlat, table, CRS.from_user_input(WGS84).to_wkt())
    )
    is_whole = ~placed.cut_by_edge
    return placed.pixels[is_whole], np.asarray(placed.index[is_whole], np.int32)


def match_footprints(first: Geometries, second: Geometries) -> IntArray:
    """Return for each footprint of `second` the number of the same object in `first`, else -1.

    Both are in the same coordinates, (n,) and (m,). Each footprint has at most one partner, that
    with the largest overlap; see `SAME_OBJECT`.
    """
    matches = np.full(len(second), -1, np.int32)
    if not len(first) or not len(second):
        return matches
    rows, numbers = shapely.STRtree(first).query(second, predicate="intersects")
    shared = shapely.area(shapely.intersection(second[rows], first[numbers]))
    union = shapely.area(second[rows]) + shapely.area(first[numbers]) - shared
    # Points have no area; those at the same place are the same object.
    same_point = shapely.equals(second[rows], first[numbers])
    overlap = np.where(same_point, 1.0, shared / np.maximum(union, 1e-300))
    occupied: set[int] = set()
    for pair in np.argsort(-overlap, kind="stable"):
        row, number = int(rows[pair]), int(numbers[pair])
        if overlap[pair] < SAME_OBJECT:
            break
        if matches[row] < 0 and number not in occupied:
            matches[row] = number
            occupied.add(number)
    return matches
