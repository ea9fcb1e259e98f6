"""Generate a workspace with many small annotations, for benchmarks/click.py."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
import tomli_w
from rasterio.transform import from_origin

from core.artifacts.formats import write_array
from core.pipeline.cluster_stages import PROJECTION, read_points
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, CutSettings, RunSettings
from core.tables import settings_table

CELL, BOX = 24, 16


def write_scene(raw: Path, n: int) -> None:
    """Write rows of n small boxes, of twelve kinds that differ in brightness, grain and stripes."""
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    columns = int(np.ceil(np.sqrt(n)))
    side = columns * CELL
    pixels = random.normal(100, 8, (3, side, side)).astype(np.float32)
    kinds = random.integers(0, 12, n)
    light, grain = random.uniform(40, 200, (12, 3)), random.uniform(2, 30, 12)
    pitch, strength = random.integers(2, 7, 12), random.uniform(0, 50, 12)
    rows, across = np.mgrid[:BOX, :BOX]
    boxes = []
    for i, kind in enumerate(kinds):
        x, y = i % columns * CELL + 4, i // columns * CELL + 4
        stripes = (
            strength[kind]
            * random.uniform(0.3, 1.5)
            * ((rows + across * (kind % 2)) // pitch[kind] % 2)
        )
        noise = random.normal(0, grain[kind] * random.uniform(0.5, 2), (3, BOX, BOX))
        shade = light[kind] + random.normal(0, 15, 3)
        pixels[:, y : y + BOX, x : x + BOX] = shade[:, None, None] + stripes + noise
        boxes.append((500_000 + x * 0.3, 5_000_000 - y * 0.3))
    west, north = np.array(boxes).T
    profile = {
        "driver": "GTiff",
        "width": side,
        "height": side,
        "count": 3,
        "dtype": "uint8",
        "crs": "EPSG:32631",
        "transform": from_origin(500_000, 5_000_000, 0.3, 0.3),
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
    }
    with rasterio.open(raw / "scene.tif", "w", **profile) as target:
        target.write(pixels.clip(1, 255).astype(np.uint8))
    shapes = shapely.box(west, north - BOX * 0.3, west + BOX * 0.3, north)
    frame = gpd.GeoDataFrame({"class": kinds}, geometry=shapes, crs="EPSG:32631")
    frame.to_file(raw / "scene.geojson", driver="GeoJSON", engine="pyogrio")


def prepare(root: Path, n: int) -> tuple[RunSettings, list[str], Path]:
    """Run the stages up to the clusters, and store two components in place of the projection.

    Returns
    -------
    settings : RunSettings
    chip_ids : list of str
    file : Path
        A .npy file with the points that are clustered.
    """
    write_scene(root / "raw", n)
    workspace = Workspace.at(root)
    settings = RunSettings("hdbscan", ChipSettings(size=16), cut=CutSettings(20, "leaf"))
    run = run_pipeline(workspace, settings, until="clusters")
    points = read_points(run.view)[:, : settings.tree.n_dims or None]

    def write_projection(folder: Path) -> dict[str, Any]:
        write_array(folder / "coordinates.npy", np.ascontiguousarray(points[:, :2], np.float32))
        return {"kl_divergence": 1.0, "perplexity": 30.0}

    workspace.store.make(PROJECTION.step(run.view), write_projection)
    (root / "app").mkdir(exist_ok=True)
    (root / "app" / "settings.toml").write_text(tomli_w.dumps(settings_table(settings)))
    file = root / "points.npy"
    np.save(file, points)
    return settings, run.chips.facts["chip_id"].tolist(), file
