"""The area of each cluster on the ground."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.export.clustered_chips import ClusteredChips
from core.progress import Progress

SQUARE_METRES = 10_000
"""Square metres per hectare."""
COLUMNS = (
    *("cluster", "cluster_name", "cluster_colour", "chips", "hectares", "chips_without_area"),
    "run_id",
)


def cluster_areas(results: ClusteredChips) -> pd.DataFrame:
    """Return one row per cluster: its id, name, colour, number of chips, and area in hectares.

    The area is the sum of the areas of the footprints, measured on the ellipsoid. Footprints that
    overlap count more than once. `chips_without_area` counts the chips of scenes without a CRS;
    `hectares` is empty if a cluster has no others.
    """
    look, included = results.look, results.included
    areas = results.chips.facts["area"].to_numpy(float)
    rows = []
    for cluster in results.cluster_ids():
        members = areas[included & (results.clusters == cluster)]
        measured = np.isfinite(members)
        hectares = members[measured].sum() / SQUARE_METRES if measured.any() else np.nan
        row = {
            "cluster": cluster,
            "cluster_name": look.name(cluster),
            "cluster_colour": look.colour(cluster),
            "chips": len(members),
            "hectares": hectares,
            "chips_without_area": int((~measured).sum()),
            "run_id": results.provenance.run_id,
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def write_cluster_areas(results: ClusteredChips, path: Path, _: Progress) -> None:
    """Write the area of each cluster as CSV."""
    cluster_areas(results).to_csv(path, index=False)
