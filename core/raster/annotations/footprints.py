"""Footprints: annotations placed on a scene, repaired, reprojected and counted.

An outline for a map is simplified to what a screen can show, and written as GeoJSON text.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import pandas as pd
import shapely
from affine import Affine
from pyproj import CRS

from core.raster.annotations.feature_table import PIXELS, SCENE, Annotations
from core.raster.geodesy import (
    WGS84,
    Ground,
    join_longitudes,
    measure_on_ground,
    reproject_geometries,
)
from core.raster.map_placement import lonlat_bounds
from core.raster.scene import Scene
from core.types import AnyArray, BoolArray, DoubleArray, Geometries

CLASS_NAMES = ("class", "label", "category", "type", "kind", "species", "name")
MAX_CLASSES = 200
OUTSIDE = "outside the scene"
NOT_DEGREES = "Some coordinates cannot be degrees. Set the CRS of the file."
# Longitudes may also be counted from 0 to 360.
MAX_DEGREES = (360, 90)
# Longitudes from here on are compared as if they could lie on either side of the antimeridian.
NEAR_ANTIMERIDIAN = 179.0
# A footprint up to this size in metres that spans more than 180 degrees crosses the antimeridian.
MAX_FOOTPRINT = 5e6
# Pixels along the longer side of a screen that shows all outlines at once.
SCREEN_PIXELS = 2000
OUTLINE_DIGITS = 7
# Built once, since `json.dumps` with options builds an encoder for each value.
ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True)
class Footprints:
    """The annotations that lie on a scene.

    Attributes
    ----------
    pixels, lonlat : object arrays, (n,)
        Geometries in scene pixels, x = column and y = row from the upper-left corner, and in
        longitude and latitude; the latter are None if the scene has no CRS. Across the
        antimeridian, longitudes continue beyond 180; `split_at_antimeridian` prepares them for
        export.
    ground : Ground
        Measurements on the ground; NaN if the scene has no CRS.
    properties : DataFrame, n rows
        The attributes in the vector file.
    index : int array, (n,)
        Position of each annotation in its vector file.
    cut_by_edge : bool array, (n,)
        True where the footprint crosses the scene's edge.
    repaired : int
        Number of self-intersecting polygons that were repaired.
    skipped : dict
        Number of annotations that were skipped, by reason.
    notes : tuple of str
        Sentences on assumptions and changes.
    """

    pixels: Geometries
    lonlat: Geometries
    ground: Ground
    properties: pd.DataFrame
    index: Any
    cut_by_edge: BoolArray
    repaired: int
    skipped: dict[str, int]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)


def place_annotations(scene: Scene, annotations: Annotations) -> Footprints:
    """Place annotations on a scene; unusable ones are skipped and counted by reason."""
    geometries, notes = annotations.geometries, list(annotations.notes)
    is_null = shapely.is_missing(geometries)
    is_empty = ~is_null & shapely.is_empty(geometries)
    # Vertices are checked, since the bounds of a geometry ignore a vertex that is NaN.
    vertices, owner = shapely.get_coordinates(geometries, return_index=True)
    is_finite = np.ones(len(geometries), dtype=bool)
    is_finite[owner[~np.isfinite(vertices).all(axis=1)]] = False
    index = np.flatnonzero(~is_null & ~is_empty & is_finite)
    geometries, n_repaired = _repair(shapely.force_2d(geometries[index]))
    pixels, lonlat = _to_scene(scene, annotations.crs, geometries, notes)
    is_placed = ~shapely.is_missing(pixels)
    if scene.crs:
        is_placed &= ~shapely.is_missing(lonlat)
        lonlat = _join_lonlat(scene, pixels, lonlat)
    frame = shapely.box(0, 0, scene.width, scene.height)
    is_inside = is_placed & shapely.intersects(pixels, frame)
    pixels, lonlat, index = pixels[is_inside], lonlat[is_inside], index[is_inside]
    skipped = {
        "null geometry": is_null.sum(),
        "empty geometry": is_empty.sum(),
        "coordinates that are not finite": (~is_finite).sum(),
        "cannot be reprojected to the scene's CRS": (~is_placed).sum(),
        OUTSIDE: (is_placed & ~is_inside).sum(),
    }
    return Footprints(
        pixels=pixels,
        lonlat=lonlat,
        ground=measure_on_ground(lonlat) if scene.crs else Ground.unmeasured(len(pixels)),
        properties=annotations.properties.iloc[index].reset_index(drop=True),
        index=index,
        cut_by_edge=~shapely.covered_by(pixels, frame),
        repaired=n_repaired,
        skipped={reason: int(n) for reason, n in skipped.items() if n},
        notes=tuple(notes),
    )


def boxes_may_touch(scene: Scene, crs: str, bounds: DoubleArray) -> BoolArray:
    """Return False for boxes that certainly do not touch the scene, (n,).

    The CRS is given as in `Annotations.crs`. The bounds, (n, 4), are minimum x and y, and maximum x
    and y; NaN for annotations without geometry.
    """
    may_touch: BoolArray = np.asarray(np.isfinite(bounds).all(axis=1))
    if not scene.crs or crs in (PIXELS, SCENE):
        return may_touch
    edge = np.linspace(0, 1, 21)
    grid = shapely.points(*np.meshgrid(edge * scene.width, edge * scene.height)).ravel()
    points = reproject_geometries(_transform_geometries(grid, scene.transform), scene.crs, crs)
    if shapely.is_missing(points).any():
        return may_touch
    samples = shapely.get_coordinates(points)
    # The scene's edges are curved in the other CRS; a margin of a tenth on each side covers that.
    margin = np.ptp(samples, axis=0) / 10
    lower, upper = samples.min(axis=0) - margin, samples.max(axis=0) + margin
    touches = (bounds[:, :2] <= upper) & (bounds[:, 2:] >= lower)
    if CRS.from_user_input(crs).is_geographic:
        # The same longitude can be given as 181 and as -179.
        touches[:, 0] |= (np.abs(bounds[:, [0, 2]]) >= NEAR_ANTIMERIDIAN).any(axis=1)
        touches[:, 0] |= bool((np.abs(samples[:, 0]) >= NEAR_ANTIMERIDIAN).any())
    return np.asarray(may_touch & touches.all(axis=1))


def guess_class_attribute(properties: pd.DataFrame) -> str:
    """Return the attribute that most likely holds the class; empty if none does.

    The order of preference is an attribute with a usual name (`CLASS_NAMES`) and at least two
    values, of which some repeat; another attribute whose text values repeat; and any other
    attribute with a usual name, such as one with a single value.
    """
    candidates = [c for c in properties if 1 <= properties[c].nunique() <= MAX_CLASSES]
    usual = [c for name in CLASS_NAMES for c in candidates if str(c).lower() == name]
    varied = [c for c in usual if 2 <= properties[c].nunique() < properties[c].count()]
    texts = (c for c in candidates if any(isinstance(v, str) for v in properties[c]))
    repeated = (c for c in texts if 2 <= properties[c].nunique() <= len(properties) / 2)
    return str(next(iter((*varied, *repeated, *usual)), ""))


def _repair(geometries: Geometries) -> tuple[Geometries, int]:
    """Repair self-intersecting polygons, keeping only parts with an area; count the repairs."""
    invalid_rows = np.flatnonzero(~shapely.is_valid(geometries))
    geometries = geometries.copy()
    for row in invalid_rows:
        valid = shapely.make_valid(geometries[row])
        parts = [g for g in shapely.get_parts(valid) if g.area > 0]
        geometries[row] = shapely.union_all(parts) if parts else valid
    return geometries, len(invalid_rows)


def _to_scene(
    scene: Scene, crs: str, geometries: Geometries, notes: list[str]
) -> tuple[Geometries, Geometries]:
    """Return geometries in scene pixels and in degrees; the latter are None without a scene CRS."""
    no_geometries = np.full(len(geometries), None, dtype=object)
    if crs == PIXELS:
        if not scene.crs:
            return geometries, no_geometries
        scene_geometries = _transform_geometries(geometries, scene.transform)
        return geometries, reproject_geometries(scene_geometries, scene.crs, WGS84)
    if not scene.crs:
        system = "pixels" if scene.transform.is_identity else "coordinate system"
        notes.append(
            f"The scene has no CRS: annotations are read in its own {system}, and nothing is "
            "measured in metres."
        )
        return _transform_geometries(geometries, ~scene.transform), no_geometries
    if crs == SCENE:
        crs = scene.crs
    source = CRS.from_wkt(crs)
    if _uses_degrees(source) and (np.abs(shapely.get_coordinates(geometries)) > MAX_DEGREES).any():
        notes.append(NOT_DEGREES)
    scene_geometries = geometries
    if not source.equals(CRS.from_wkt(scene.crs), ignore_axis_order=True):
        code = source.to_authority()
        label = ":".join(code) if code else source.name
        notes.append(
            f"The annotations are reprojected from {label} to the scene's CRS, {scene.crs_label}."
        )
        scene_geometries = reproject_geometries(geometries, crs, scene.crs)
    scene_geometries = _move_next_to_scene(scene, scene_geometries)
    pixels = _transform_geometries(scene_geometries, ~scene.transform)
    return pixels, reproject_geometries(geometries, crs, WGS84)


def _move_next_to_scene(scene: Scene, geometries: Geometries) -> Geometries:
    """Move geometries by whole turns next to a scene whose CRS is in degrees of longitude.

    A scene may lie across the antimeridian, or count longitudes from 0 to 360.
    """
    crs = CRS.from_wkt(scene.crs)
    if not _uses_degrees(crs):
        return geometries
    corners = np.array([(0, 0), (scene.width, 0), (scene.width, scene.height), (0, scene.height)])
    x, _ = scene.transform @ tuple(corners.T)
    west, east = x.min(), x.max()
    crosses = np.floor((west + 180) / 360) != np.ceil((east + 180) / 360) - 1
    bounds = shapely.bounds(geometries)
    # Elsewhere, a geometry that is so wide is really wide.
    is_torn = (bounds[:, 2] - bounds[:, 0] > 180) & bool(crosses and east - west < 180)
    return join_longitudes(geometries, is_torn, (west + east) / 2)


def _join_lonlat(scene: Scene, pixels: Geometries, lonlat: Geometries) -> Geometries:
    """Return longitudes that are continuous within each footprint and close to the scene's."""
    bounds, extent = shapely.bounds(lonlat), shapely.bounds(pixels)
    size = np.hypot(extent[:, 2] - extent[:, 0], extent[:, 3] - extent[:, 1]) * (scene.gsd or 0)
    is_torn = (bounds[:, 2] - bounds[:, 0] > 180) & (size < MAX_FOOTPRINT)
    west, _, east, _ = lonlat_bounds(scene) or (0, 0, 0, 0)
    return join_longitudes(lonlat, is_torn, (west + east) / 2)


def _uses_degrees(crs: CRS) -> bool:
    """Return True if the coordinates of a CRS are degrees of longitude and latitude."""
    return crs.is_geographic and all(axis.unit_name == "degree" for axis in crs.axis_info[:2])


def _transform_geometries(geometries: Geometries, transform: Affine) -> Geometries:
    moved: Geometries = shapely.transform(
        geometries, lambda xy: np.column_stack(transform @ (xy[:, 0], xy[:, 1]))
    )
    return moved


def outline_geojson(
    geometries: Geometries, ids: Sequence[str], facts: Mapping[str, AnyArray], tolerance: float
) -> str:
    """Return a FeatureCollection of simplified outlines as text.

    The geometries, (n,), are in longitude and latitude, or in pixels with y running up; None
    entries are left out. `facts` are feature properties by name, such as the cluster, each with n
    values. Text is escaped and can never become markup. `tolerance` is how far an outline may move,
    in the geometries' units; 0 keeps every vertex.
    """
    rows = np.flatnonzero(~(shapely.is_missing(geometries) | shapely.is_empty(geometries)))
    outlines = geometries[rows]
    if tolerance > 0:
        outlines = shapely.simplify(outlines, tolerance, preserve_topology=True)
    outlines = shapely.transform(outlines, lambda xy: xy.round(OUTLINE_DIGITS))
    columns = {name: np.asarray(values)[rows].tolist() for name, values in facts.items()}
    features = []
    for i, (row, geometry) in enumerate(zip(rows, shapely.to_geojson(outlines), strict=True)):
        values = {name: column[i] for name, column in columns.items()}
        values = {n: None if isinstance(v, float) and isnan(v) else v for n, v in values.items()}
        features.append(
            f'{{"type":"Feature","id":{_escaped_json(str(ids[int(row)]))},'
            f'"properties":{_escaped_json(values)},"geometry":{geometry}}}'
        )
    return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'


def screen_tolerance(geometries: Geometries) -> float:
    """Return how far an outline may move unseen on a screen that shows all geometries."""
    if not len(geometries):
        return 0.0
    west, south, east, north = shapely.total_bounds(geometries)
    tolerance = max(east - west, north - south) / SCREEN_PIXELS / 2
    return float(tolerance) if np.isfinite(tolerance) else 0.0


def _escaped_json(value: object) -> str:
    """Return JSON with escaped angle brackets: the same text, but never an HTML element."""
    return ENCODER.encode(value).replace("<", "\\u003c")
