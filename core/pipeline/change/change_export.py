"""The changes between two scenes as tables for other programs."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from core.artifacts.formats import write_atomically
from core.errors import SettingsError
from core.pipeline.change.scene_comparison import SceneChanges
from core.pipeline.workspace import Workspace
from core.raster.geodesy import split_at_antimeridian

COLUMNS = (
    *("chip_id", "scene", "partner", "annotated", "score", "changed", "kind"),
    *("longitude", "latitude"),
)
SUFFIXES = (".geojson", ".csv")


def change_table(changes: SceneChanges) -> pd.DataFrame:
    """Return the compared footprints as they are exported, with the two scenes."""
    first, second = changes.pair.names
    return changes.table[list(COLUMNS)].assign(first=first, second=second)


def change_collection(changes: SceneChanges) -> dict[str, Any]:
    """Return the compared footprints as a GeoJSON FeatureCollection in EPSG:4326."""
    features = [
        {"type": "Feature", "properties": row, "geometry": shapely.geometry.mapping(shape)}
        for row, shape in zip(
            change_table(changes).to_dict("records"),
            split_at_antimeridian(changes.footprints),
            strict=True,
        )
    ]
    return {"type": "FeatureCollection", "features": features}


def require_writable(workspace: Workspace, path: Path) -> None:
    """Raise SettingsError if changes cannot be written to a file: see `SUFFIXES`."""
    if path.suffix.lower() not in SUFFIXES:
        raise SettingsError(
            f"{path.name} is neither GeoJSON nor CSV",
            where="--out",
            remedy=f"Name a file that ends with {' or '.join(SUFFIXES)}.",
        )
    workspace.refuse_raw(path)


def write_changes(changes: SceneChanges, path: Path) -> None:
    """Write the compared footprints as GeoJSON or CSV, whichever the name of the file says."""
    require_writable(changes.pair.view.workspace, path)
    if path.suffix.lower() == ".csv":
        write_atomically(path, change_table(changes).to_csv(index=False))
    else:
        write_atomically(path, json.dumps(change_collection(changes)))
