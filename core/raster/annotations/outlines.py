"""Footprints for a map: simplified to what a screen can show, as GeoJSON text."""

import json
from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
import shapely

from core.types import AnyArray, Geometries

# Degrees to a pixel of a screen that shows a scene of this many pixels at once.
SCREEN = 2000
DIGITS = 7


def outlines(
    geometries: Geometries, ids: Sequence[str], facts: Mapping[str, AnyArray], tolerance: float
) -> str:
    """A FeatureCollection of simplified outlines.

    Parameters
    ----------
    geometries : object array, (n,)
        In longitude and latitude, or in pixels with y running up; None is left out.
    ids : sequence of str, n
    facts : mapping of name to array, (n,)
        Short properties, such as the cluster; text stays text, never markup.
    tolerance : float
        How far an outline may move, in the geometries' units; 0 keeps every vertex.
    """
    there = np.flatnonzero(~(shapely.is_missing(geometries) | shapely.is_empty(geometries)))
    kept = geometries[there]
    if tolerance > 0:
        kept = shapely.simplify(kept, tolerance, preserve_topology=True)
    kept = shapely.transform(kept, lambda at: at.round(DIGITS))
    # Escaped as \u003c: the text stays the same, and no browser takes it for an element.
    names = [json.dumps(str(ids[int(i)])).replace("<", "\\u003c") for i in there]
    columns = {name: np.asarray(values)[there].tolist() for name, values in facts.items()}
    features = [
        f'{{"type":"Feature","id":{name},"properties":{_properties(columns, i)},"geometry":{text}}}'
        for i, (name, text) in enumerate(zip(names, shapely.to_geojson(kept), strict=True))
    ]
    return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'


def screen_tolerance(geometries: Geometries) -> float:
    """How far an outline may move unseen where all are shown at once."""
    if not len(geometries):
        return 0.0
    west, south, east, north = shapely.total_bounds(geometries)
    extent = max(east - west, north - south) / SCREEN / 2
    return float(extent) if np.isfinite(extent) else 0.0


def _properties(columns: Mapping[str, list[object]], row: int) -> str:
    values = {name: column[row] for name, column in columns.items()}
    values = {n: None if isinstance(v, float) and isnan(v) else v for n, v in values.items()}
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")
