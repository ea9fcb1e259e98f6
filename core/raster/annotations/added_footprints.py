"""Footprints that the user added to a scene in the app, next to those of its vector file."""

from dataclasses import replace

import numpy as np
import pandas as pd
import shapely

from core.raster.annotations.footprints import Footprints
from core.raster.geodesy import Ground
from core.types import BoolArray, Geometries

# Two footprints are of one object if their boxes share this fraction of their union.
SAME_OBJECT = 0.5
# A centre at this distance from an annotation, in pixels, still counts as inside of it: coordinates
# that were written to a file and read again are rounded.
TOLERANCE = 0.01
DUPLICATE = "already in the vector file"


def find_annotated(geometries: Geometries, annotations: Geometries) -> BoolArray:
    """Return True for geometries, (n,), whose object is among the annotations; all in pixels.

    A geometry and an annotation are of one object if the centre of the geometry's box lies in the
    annotation, or if their boxes share at least `SAME_OBJECT` of their union.
    """
    is_annotated = np.zeros(len(geometries), bool)
    if not len(annotations) or not len(geometries):
        return is_annotated
    boxes, other_boxes = (shapely.box(*shapely.bounds(g).T) for g in (geometries, annotations))
    rows, positions = shapely.STRtree(other_boxes).query(boxes, predicate="intersects")
    centres = shapely.centroid(boxes[rows])
    is_inside = shapely.dwithin(annotations[positions], centres, TOLERANCE)
    shared = shapely.area(shapely.intersection(boxes[rows], other_boxes[positions]))
    union = shapely.area(boxes[rows]) + shapely.area(other_boxes[positions]) - shared
    is_annotated[rows[is_inside | (shared >= SAME_OBJECT * np.maximum(union, 1e-12))]] = True
    return is_annotated


def join_footprints(footprints: Footprints | None, added: Footprints) -> Footprints:
    """Return the footprints of a vector file, if any, followed by the added ones.

    Added footprints of objects that the vector file contains are left out and counted as skipped.
    The positions of added ones continue after the largest position of the others.
    """
    if footprints is None:
        return replace(added, notes=())
    rows = np.flatnonzero(~find_annotated(added.pixels, footprints.pixels))
    n_duplicates = len(added) - len(rows)
    first = int(np.max(footprints.index, initial=-1)) + 1
    skipped = footprints.skipped | ({DUPLICATE: n_duplicates} if n_duplicates else {})
    tables = [footprints.properties, added.properties.iloc[rows]]
    return replace(
        footprints,
        pixels=np.concatenate([footprints.pixels, added.pixels[rows]]),
        lonlat=np.concatenate([footprints.lonlat, added.lonlat[rows]]),
        ground=Ground(
            **{
                name: np.concatenate([values, getattr(added.ground, name)[rows]])
                for name, values in vars(footprints.ground).items()
            }
        ),
        properties=pd.concat(tables, ignore_index=True),
        index=np.concatenate([footprints.index, first + np.arange(len(rows))]),
        cut_by_edge=np.concatenate([footprints.cut_by_edge, added.cut_by_edge[rows]]),
        skipped=skipped,
    )
