"""The footprints of chips, for encoders that need them, and chips that lie outside their data."""

from pathlib import Path

import numpy as np
import shapely

from core.artifacts.formats import RowFile, read_array
from core.chips.chip_set import SceneChips
from core.errors import SceneError, TooFewError
from core.pipeline.scene_survey import Survey
from core.types import Geometries

_LISTED = 3


def scene_footprints(survey: Survey, part: SceneChips) -> Geometries:
    """Return the footprint of each chip of a scene in longitude and latitude, (n,).

    Raises SceneError if the scene has no CRS.
    """
    scene = next(scene for scene in survey.usable if scene.report.name == part.scene)
    footprints = scene.footprints()
    # Chips that were left out have no row, so annotations are identified by their position.
    order = np.argsort(footprints.index)
    annotations = part.facts["annotation"].to_numpy()
    positions = order[np.searchsorted(footprints.index, annotations, sorter=order)]
    geometries: Geometries = footprints.lonlat[positions]
    if len(part) and shapely.is_missing(geometries).all():
        raise SceneError(
            "the scene has no CRS, so its footprints cannot be placed on a raster of embeddings",
            where=part.scene,
            remedy="Give the scene a CRS, remove it, or choose another encoder.",
        )
    return geometries


def fill_missing_rows(file: Path, part: SceneChips) -> tuple[str, ...]:
    """Give chips without an embedding the mean of the scene's other chips; return a note on them.

    `file` is the matrix of the scene's embeddings, in which such chips have NaN. Other columns of
    the matrix do not change. Raises TooFewError
    if no chip has an embedding.
    """
    matrix = read_array(file, mapped=True)
    is_missing = np.isnan(matrix).any(axis=1)
    rows = np.flatnonzero(is_missing)
    if not len(rows):
        return ()
    if is_missing.all():
        raise TooFewError(
            f"none of its {len(rows)} footprints lies on valid pixels of the raster of embeddings",
            where=part.scene,
            remedy="Choose a raster that covers the scene, or remove the scene.",
        )
    # A joined encoder has other columns, which these chips do not lack.
    mean = matrix[~is_missing].mean(axis=0, dtype=np.float64)
    with RowFile.continued(file) as target:
        target.write(rows.astype(np.int32), np.where(np.isnan(matrix[rows]), mean, matrix[rows]))
    names = ", ".join(part.facts["chip_id"].iloc[rows[:_LISTED]])
    more = f" and {len(rows) - _LISTED} more" if len(rows) > _LISTED else ""
    note = (
        f"{len(rows)} of {len(part)} chips of {part.scene} lie outside the raster or on nodata, "
        f"and get the mean embedding of the others: {names}{more}"
    )
    return (note,)
