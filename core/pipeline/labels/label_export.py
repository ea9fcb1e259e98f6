"""Labels of chips as tables for other programs: CSV, and GeoJSON with footprints in EPSG:4326."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from core.errors import SettingsError, TooFewError
from core.labels.chip_classifier import Suggestions
from core.pipeline.labels.label_tasks import LabelTask
from core.pipeline.view import View
from core.raster.geodesy import WGS84, split_at_antimeridian


def write_labels(
    view: View, task: LabelTask, suggestions: Suggestions | None, folder: Path, kind: str
) -> Path:
    """Write the labels as "csv" or "geojson" into a folder; return the path of the file."""
    if folder.resolve().is_relative_to(view.workspace.raw.resolve()):
        raise SettingsError("raw/ is never written to", where="--out")
    text = format_labels(view, task, suggestions, kind)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"labels.{kind}"
    path.write_text(text, encoding="utf-8")
    return path


def format_labels(view: View, task: LabelTask, suggestions: Suggestions | None, kind: str) -> str:
    """Return the labels as the text of a CSV or GeoJSON file, one row per chip with a label.

    See `LabelTask.table` for the columns. Without suggestions, only labels that were given are
    written. Chips of scenes without a CRS have no geometry. Raises TooFewError without any label.
    """
    table = task.table(suggestions)
    has_label = table["label"].notna().to_numpy()
    if not has_label.any():
        raise TooFewError(
            "no chip has a label yet", where="labels", remedy="Label some chips first."
        )
    if kind == "csv":
        return str(table[has_label].to_csv(index=False))
    return str(_with_footprints(view, task, table)[has_label].to_json(drop_id=True, to_wgs84=True))


def _with_footprints(view: View, task: LabelTask, table: pd.DataFrame) -> gpd.GeoDataFrame:
    scenes = {scene.report.name: scene for scene in view.survey.usable}
    outlines = []
    for part in task.chips.parts:
        footprints = scenes[part.scene].footprints()
        outlines.append(footprints.lonlat[np.isin(footprints.index, part.facts["annotation"])])
    geometry = split_at_antimeridian(np.concatenate(outlines))
    return gpd.GeoDataFrame(table, geometry=list(geometry), crs=WGS84)
