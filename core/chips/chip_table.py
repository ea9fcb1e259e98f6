"""The table of facts about chips, and chip ids that do not change."""

import hashlib
from collections import Counter

import numpy as np
import pandas as pd
import shapely

from core.raster.annotations.footprints import Footprints
from core.raster.windows import ChipWindows
from core.types import DoubleArray, Geometries

ID_LENGTH = 10
# Coordinates in ids are rounded to this many pixels: smaller differences come from reprojection.
COORDINATE_STEP = 0.01


def chip_ids(scene: str, footprints: Geometries) -> list[str]:
    """Return an id for each footprint, made of the scene's name and a hash of the footprint.

    An id does not change if annotations are added, removed or reordered, or if their attributes
    change. Identical footprints are numbered from the second one on.
    """
    # Adding 0 turns -0 into 0.
    steps = shapely.transform(footprints, lambda xy: np.rint(xy / COORDINATE_STEP) + 0.0)
    counts: Counter[str] = Counter()
    ids = []
    for shape in shapely.to_wkb(shapely.normalize(steps)):
        digest = hashlib.sha256(bytes(shape)).hexdigest()[:ID_LENGTH]
        counts[digest] += 1
        suffix = f"-{counts[digest]}" if counts[digest] > 1 else ""
        ids.append(f"{scene}-{digest}{suffix}")
    return ids


def chip_facts(
    scene: str, footprints: Footprints, windows: ChipWindows, valid_fraction: DoubleArray
) -> pd.DataFrame:
    """Return the location, size and valid fraction of each chip, one row per chip.

    The columns are chip_id, scene, annotation (position in its file), longitude, latitude
    (degrees), width, height, length, breadth (metres), area (square metres), heading (degrees
    clockwise from north), column, row (centre in scene pixels), columns, rows (sides in scene
    pixels; see `ChipWindows` for mirrored scenes), turn (degrees clockwise in the image), side
    (metres, or pixels without a CRS), valid_fraction (0..1), cut_by_edge (whether the scene's edge
    cuts the footprint).
    """
    return pd.DataFrame(
        {
            "chip_id": chip_ids(scene, footprints.pixels),
            "scene": scene,
            "annotation": np.asarray(footprints.index, np.int64),
            # All fields become columns: `longitude` to `heading`, then `column` to `side`.
            **vars(footprints.ground),
            **vars(windows),
            "valid_fraction": valid_fraction,
            "cut_by_edge": footprints.cut_by_edge,
        }
    )


def join_properties(facts: pd.DataFrame, properties: pd.DataFrame) -> pd.DataFrame:
    """Return facts and attributes in one table.

    An attribute with the name of a fact gets the prefix ``property_``, repeated if necessary.
    """
    names = {*facts, *properties}
    new_names = {}
    for name in properties:
        if name in facts:
            new_names[name] = f"property_{name}"
            while new_names[name] in names:
                new_names[name] = f"property_{new_names[name]}"
            names.add(new_names[name])
    return pd.concat([facts, properties.rename(columns=new_names)], axis=1)
