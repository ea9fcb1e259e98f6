"""Annotations brought onto a scene: repaired, reprojected, counted, in the scene's pixels."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from shapely.geometry import box

from core.raster.annotations.feature_table import PIXELS, SCENE, Annotations
from core.raster.geodesy import WGS84, Ground, change_crs, on_the_ground, transformed
from core.raster.scene import Scene
from core.types import BoolArray, DoubleArray, Geometries

PREFERRED = ("class", "label", "category", "type", "kind", "species", "name")
MOST_CLASSES = 200
OUTSIDE = "outside the scene"
NO_DEGREES = "these are no degrees: give the file its CRS"
# Longitudes are also counted from 0 to 360.
MOST_DEGREES = (360, 90)


@dataclass(frozen=True)
class Footprints:
    """The annotations of one scene that lie on it.

    Attributes
    ----------
    pixels : object array, (n,)
        Geometries in the scene's pixels, x = column, y = row, from the upper-left corner.
    lonlat : object array, (n,)
        Geometries in longitude and latitude; None where the scene has no CRS.
    ground : Ground
        Facts in metres and degrees; NaN where the scene has no CRS.
    properties : DataFrame, n rows
    index : int array, (n,)
        Position of each in its vector file.
    cut : bool array, (n,)
        True where the footprint crosses the scene's edge.
    repaired : int
        Polygons that crossed themselves and were mended.
    skipped : dict
        Reason to count.
    notes : tuple of str
    """

    pixels: Geometries
    lonlat: Geometries
    ground: Ground
    properties: pd.DataFrame
    index: Any
    cut: BoolArray
    repaired: int
    skipped: dict[str, int]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)


def place(scene: Scene, annotations: Annotations) -> Footprints:
    """Bring annotations onto a scene; what cannot be used is skipped by name and counted."""
    skipped: Counter[str] = Counter()
    notes = list(annotations.notes)
    geometries = annotations.geometries
    index = np.arange(len(geometries))
    keep = _usable(geometries, skipped)
    geometries, index = geometries[keep], index[keep]
    geometries, repaired = _repair(shapely.force_2d(geometries))
    pixels, lonlat = _onto(scene, annotations, geometries, notes)

    placed = ~shapely.is_missing(pixels)
    placed &= True if lonlat is None else ~shapely.is_missing(lonlat)
    skipped["cannot be brought into the scene's CRS"] += int((~placed).sum())
    frame = box(0, 0, scene.width, scene.height)
    inside = placed & shapely.intersects(pixels, frame)
    skipped[OUTSIDE] += int((placed & ~inside).sum())
    pixels, index = pixels[inside], index[inside]
    nowhere = np.full(len(pixels), None, object)
    lonlat = nowhere if lonlat is None else lonlat[inside]
    return Footprints(
        pixels=pixels,
        lonlat=lonlat,
        ground=on_the_ground(lonlat) if scene.crs else Ground.nowhere(len(pixels)),
        properties=annotations.properties.iloc[index].reset_index(drop=True),
        index=index,
        cut=~shapely.covered_by(pixels, frame),
        repaired=repaired,
        skipped={reason: n for reason, n in skipped.items() if n},
        notes=tuple(notes),
    )


def may_touch(scene: Scene, crs: str, bounds: DoubleArray) -> BoolArray:
    """False for boxes in a CRS that surely lie off the scene.

    Parameters
    ----------
    scene : Scene
    crs : str
        As `Annotations.crs`.
    bounds : float64 array, (n, 4)
        Least x and y, greatest x and y; NaN where there is no geometry.
    """
    there: BoolArray = np.asarray(np.isfinite(bounds).all(axis=1))
    if not scene.crs or crs in (PIXELS, SCENE):
        return there
    edge = np.linspace(0, 1, 21)
    columns, rows = (v.ravel() for v in np.meshgrid(edge * scene.width, edge * scene.height))
    points = shapely.points(*transformed(scene.transform, columns, rows))
    moved = change_crs(points, scene.crs, crs)
    if shapely.is_missing(moved).any():
        return there
    at = shapely.get_coordinates(moved)
    # The scene's edges are bent in the other CRS: a tenth more on each side holds the bow.
    margin = np.ptp(at, axis=0) / 10
    least, most = at.min(axis=0) - margin, at.max(axis=0) + margin
    there &= (bounds[:, :2] <= most).all(axis=1) & (bounds[:, 2:] >= least).all(axis=1)
    return there


def guess_class(properties: pd.DataFrame) -> str:
    """The property that most likely holds the class; empty if none does."""
    varied = [c for c in properties if 1 <= properties[c].nunique(dropna=True) <= MOST_CLASSES]
    for name in PREFERRED:
        for column in varied:
            if str(column).lower() == name:
                return str(column)
    texts = [c for c in varied if any(isinstance(v, str) for v in properties[c])]
    texts = [c for c in texts if 2 <= properties[c].nunique() <= len(properties) / 2]
    return str(texts[0]) if texts else ""


def _usable(geometries: Geometries, skipped: Counter[str]) -> BoolArray:
    null = shapely.is_missing(geometries)
    empty = ~null & shapely.is_empty(geometries)
    skipped["null geometry"] += int(null.sum())
    skipped["empty geometry"] += int(empty.sum())
    usable = ~(null | empty)
    # Not by the bounds: they pass over a vertex that is NaN.
    at, owner = shapely.get_coordinates(geometries, return_index=True)
    finite = np.ones(len(geometries), dtype=bool)
    finite[owner[~np.isfinite(at).all(axis=1)]] = False
    skipped["coordinates that are not finite"] += int((~finite).sum())
    result: BoolArray = usable & finite
    return result


def _repair(geometries: Geometries) -> tuple[Geometries, int]:
    """Mend polygons that cross themselves; of what comes out, the parts that have an area."""
    broken = ~shapely.is_valid(geometries)
    if not broken.any():
        return geometries, 0
    mended = geometries.copy()
    for i in np.flatnonzero(broken):
        valid = shapely.make_valid(geometries[i])
        parts = [g for g in shapely.get_parts(valid) if g.area > 0]
        mended[i] = shapely.union_all(parts) if parts else valid
    return mended, int(broken.sum())


def _onto(
    scene: Scene, annotations: Annotations, geometries: Geometries, notes: list[str]
) -> tuple[Geometries, Geometries | None]:
    """Geometries in the scene's pixels, and in degrees where the scene has a CRS."""
    inverse = ~scene.transform
    in_pixels = annotations.crs == PIXELS

    def to_pixels(at: Any) -> Any:
        return np.column_stack(transformed(inverse, at[:, 0], at[:, 1]))

    if in_pixels and not scene.crs:
        return geometries, None
    if in_pixels:
        local = shapely.transform(
            geometries, lambda at: np.column_stack(transformed(scene.transform, *at.T))
        )
        return geometries, change_crs(local, scene.crs, WGS84)
    if not scene.crs:
        notes.append(
            "the scene has no CRS: coordinates are taken as the scene's own"
            + (" pixels" if scene.transform.is_identity else "")
            + ", and nothing is measured in metres"
        )
        return shapely.transform(geometries, to_pixels), None
    own = scene.crs if annotations.crs == SCENE else annotations.crs
    here, there = CRS.from_wkt(own), CRS.from_wkt(scene.crs)
    if _no_degrees(here, geometries):
        notes.append(NO_DEGREES)
    local = geometries
    if not here.equals(there, ignore_axis_order=True):
        notes.append(
            f"annotations are in {_label(here)}, the scene in {scene.crs_label}: reprojected"
        )
        local = change_crs(geometries, own, scene.crs)
    return shapely.transform(local, to_pixels), change_crs(geometries, own, WGS84)


def _no_degrees(crs: CRS, geometries: Geometries) -> bool:
    """True where the CRS is in degrees and some coordinates cannot be."""
    degrees = crs.is_geographic and all(a.unit_name == "degree" for a in crs.axis_info[:2])
    at = np.abs(shapely.get_coordinates(geometries))
    return degrees and bool((at > MOST_DEGREES).any())


def _label(crs: CRS) -> str:
    code = crs.to_authority()
    return ":".join(code) if code else str(crs.name)
