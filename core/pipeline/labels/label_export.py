"""Labels of chips as tables for other programs: CSV, and GeoJSON with footprints in EPSG:4326."""

from pathlib import Path

import geopandas as gpd
import pandas as pd

from core.artifacts.formats import write_atomically
from core.errors import TooFewError
from core.labels.chip_classifier import Suggestions
from core.pipeline.labels.label_tasks import LabelTask
from core.pipeline.run_results import chip_footprints
from core.pipeline.view import View
from core.raster.geodesy import WGS84


def write_labels(
    view: View, task: LabelTask, suggestions: Suggestions | None, folder: Path, kind: str
) -> Path:
    """Write the labels as "csv" or "geojson" into a folder; return the path of the file."""
    view.workspace.refuse_raw(folder)
    text = format_labels(view, task, suggestions, kind)
    return write_atomically(folder / f"labels.{kind}", text)


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
    geometry, _ = chip_footprints(view.survey, task.chips)
    return gpd.GeoDataFrame(table, geometry=list(geometry), crs=WGS84)
