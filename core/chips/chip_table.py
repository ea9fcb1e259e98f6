"""The facts of each chip, and ids that stay."""

import hashlib
from collections import Counter

import numpy as np
import pandas as pd
import shapely

from core.raster.annotations.footprints import Footprints
from core.raster.windows import ChipWindows
from core.types import DoubleArray, Geometries

ID_LENGTH = 10
# Hundredths of a pixel: finer differences come from reprojection, not from another annotation.
GRID = 0.01


def chip_ids(scene: str, footprints: Geometries) -> list[str]:
    """An id for each footprint, made of the scene's name and the footprint's shape.

    It stays when annotations are added, removed or put in another order, and when properties
    change; of footprints with one shape the second and later ones are numbered.
    """
    shapes = shapely.to_wkb(shapely.normalize(shapely.transform(footprints, _on_grid)))
    seen: Counter[str] = Counter()
    ids = []
    for shape in shapes:
        digest = hashlib.sha256(bytes(shape)).hexdigest()[:ID_LENGTH]
        seen[digest] += 1
        again = f"-{seen[digest]}" if seen[digest] > 1 else ""
        ids.append(f"{scene}-{digest}{again}")
    return ids


def _on_grid(at: DoubleArray) -> DoubleArray:
    """Coordinates as whole steps of the grid; adding 0 turns -0 into 0."""
    return np.rint(at / GRID) + 0.0


def facts(
    scene: str, footprints: Footprints, windows: ChipWindows, valid_fraction: DoubleArray
) -> pd.DataFrame:
    """One row a chip: where it lies, how large it is, how much of it is valid.

    Returns
    -------
    DataFrame
        chip_id, scene, annotation (position in its file), longitude, latitude (degrees), width,
        height, length, breadth (metres), area (square metres), heading (degrees clockwise from
        north), column, row (centre in the scene's pixels), columns, rows (sides in pixels), turn
        (degrees clockwise in the image), side (metres; pixels without a CRS), valid_fraction,
        cut_by_edge.
    """
    ground = footprints.ground
    return pd.DataFrame(
        {
            "chip_id": chip_ids(scene, footprints.pixels),
            "scene": scene,
            "annotation": np.asarray(footprints.index, np.int64),
            "longitude": ground.longitude,
            "latitude": ground.latitude,
            "width": ground.width,
            "height": ground.height,
            "length": ground.length,
            "breadth": ground.breadth,
            "area": ground.area,
            "heading": ground.heading,
            "column": windows.column,
            "row": windows.row,
            "columns": windows.columns,
            "rows": windows.rows,
            "turn": windows.turn,
            "side": windows.side,
            "valid_fraction": valid_fraction,
            "cut_by_edge": footprints.cut,
        }
    )


def joined(facts_table: pd.DataFrame, properties: pd.DataFrame) -> pd.DataFrame:
    """Facts and the user's own columns in one table; theirs get `property_` before a taken name."""
    taken = {*facts_table, *properties}
    renamed = {}
    for name in properties:
        if name in facts_table:
            renamed[name] = f"property_{name}"
            while renamed[name] in taken:
                renamed[name] = f"property_{renamed[name]}"
            taken.add(renamed[name])
    return pd.concat([facts_table, properties.rename(columns=renamed)], axis=1)
