"""Chips of two scenes with synthetic results and with attributes whose names are difficult."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from core.chips.chip_set import ChipSet, SceneChips
from core.clusters.editing import edited_labelling
from core.clusters.labelling import make_labelling
from core.export.clustered_chips import ClusteredChips, ExportedScene
from core.export.provenance import Provenance
from core.reduction.pca import Reduction
from core.reduction.tsne import Projection

N = 9
RAW_LABELS = np.array([0, 0, 0, 0, 1, 1, 1, -1, -1])
EVIL = "<img src=x onerror=alert(1)>"
PROPERTIES = {
    "class": [EVIL, "Ünïcode 漢字", *"abcdefg"],
    "cluster": [f"property {i}" for i in range(N)],
    "width": np.arange(N) + 100.0,
    "scene": ["s"] * N,
    "Height": np.arange(N),
    "geometry": ["g"] * N,
    "geom": ["h"] * N,
    "fid": ["f"] * N,
    "property_width": ["w"] * N,
    "height_m": [None, *range(1, N)],
}
PROVENANCE = Provenance(
    run_id="20260102-030405-abcdef01",
    date="2026-01-02T03:04:05+00:00",
    settings={"method": "hdbscan", "cut": {"min_cluster_size": 5}, "note": EVIL},
    scenes=("a.tif", "b#c.tif"),
)


def scene_chips(name, rows, properties):
    n = len(rows)
    rng = np.random.default_rng(len(name))
    facts = pd.DataFrame(
        {
            "chip_id": [f"{name}-{i:02d}" for i in rows],
            "scene": name,
            "longitude": 3.0 + rows / 100,
            "latitude": 45.0,
            "width": 10.0,
            "height": 12.0,
            "area": 2500.0 + rows,
            "annotation": np.arange(n),
            "column": 20.0 + 20 * np.arange(n),
            "row": 30.0,
            "columns": 16.0,
            "rows": 16.0,
            "turn": 0.0,
            "side": 8.0,
            "cut_by_edge": False,
        }
    )
    pixels = rng.integers(0, 255, (n, 3, 8, 8)).astype(np.uint8)
    return SceneChips(name, name, pixels, np.zeros((n, 8, 8), np.uint8), facts, properties)


@pytest.fixture
def clustered_chips():
    rows, properties = np.arange(N), pd.DataFrame(PROPERTIES)
    parts = tuple(
        scene_chips(name, rows[part], properties.iloc[part].reset_index(drop=True))
        for name, part in (("a", slice(0, 5)), ("b#c", slice(5, N)))
    )
    rng = np.random.default_rng(0)
    points = rng.normal(size=(N, 3)).astype(np.float32)
    return ClusteredChips(
        chips=ChipSet(parts, ("red", "green", "blue")),
        footprints=np.array([box(3 + i / 100, 45, 3 + i / 100 + 0.001, 45.001) for i in rows]),
        embeddings=rng.normal(size=(N, 4)).astype(np.float32),
        reduction=Reduction(points, np.array([0.5, 0.3, 0.2]), np.eye(3), np.zeros(3), np.ones(3)),
        labelling=make_labelling(RAW_LABELS, np.full(N, 0.5), "hdbscan", {}),
        projection=Projection(rng.normal(size=(N, 2)).astype(np.float32), 0.1, 5.0),
        outlines=np.array([square(chip) for part in parts for chip in part.facts["column"]]),
        scenes=tuple(
            ExportedScene(part.scene, Path(f"{part.scene}.tif"), 160, 120, 3, "EPSG:32631")
            for part in parts
        ),
        provenance=PROVENANCE,
    )


def square(column):
    """A footprint of 10 by 6 pixels around the centre of a chip."""
    return box(column - 5, 27, column + 5, 33)


def with_edits(clustered_chips, **changes):
    """The same chips with an edited labelling."""
    state = dataclasses.replace(
        edited_labelling.unedited_clusters(clustered_chips.labelling.labels), **changes
    )
    return dataclasses.replace(clustered_chips, edited=state)
