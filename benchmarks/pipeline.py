"""Compare the whole pipeline with a plain script: `python benchmarks/pipeline.py [--quick]`.

The plain script is the seed pipeline as a user would write it: one read of the scene and one .npy
file for each of 5,000 annotations, the files read again for the encoder, then scikit-learn's
StandardScaler, PCA with 50 components, full Gaussian mixture with five starts, and t-SNE. Chipscape
runs the stages of `chipscape run` from the same files with the same encoder (texture) and the same
number of Gaussians. Both start with the libraries imported and the compiled code loaded.

`ratio` is the plain script's processor time divided by Chipscape's, so that other load on the
machine does not matter; `wall_ratio` in `detail` compares the wall times. `ari` is the agreement of
both clusterings with the twelve kinds of objects in the scene. `--quick` uses 2,000 annotations.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.windows import from_bounds
from scale import CELL, KINDS, write_scene
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from core.chips.scaling import Scaling
from core.embeddings.encoder import ChipBatch
from core.embeddings.registry import load_encoder
from core.neighbours.nearest import compile_searches
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.raster.resampling import compile_resampling
from core.reduction.tsne_gradient import compile_tsne
from core.settings import EmbedSettings, GmmSettings, RunSettings
from core.types import AnyArray

FULL, QUICK = 5000, 2000
SIZE, MARGIN, DIMS, BATCH = 64, 0.15, 50, 32
SCALING = Scaling((0.0,) * 3, (255.0,) * 3, "uint8 divided by 255")


class Stopwatch:
    """Wall time and processor time of each step."""

    def __init__(self) -> None:
        self.steps: dict[str, tuple[float, float]] = {}
        self._start = time.perf_counter(), time.process_time()

    def record(self, step: str) -> None:
        """Add the time since the last call to a step."""
        now = time.perf_counter(), time.process_time()
        wall, processor = self.steps.get(step, (0.0, 0.0))
        self.steps[step] = (wall + now[0] - self._start[0], processor + now[1] - self._start[1])
        self._start = now

    @property
    def total(self) -> tuple[float, float]:
        """Wall time and processor time of all steps, seconds."""
        wall, processor = np.sum(list(self.steps.values()), axis=0).tolist()
        return wall, processor


def run_plain_script(root: Path, watch: Stopwatch) -> AnyArray:
    """Run the plain script; return the cluster of each annotation, in the order of the file."""
    frame = gpd.read_file(root / "raw" / "scene00.gpkg")
    folder = root / "plain"
    folder.mkdir()
    for number, (west, south, east, north) in enumerate(frame.bounds.to_numpy()):
        margin = MARGIN * max(east - west, north - south)
        with rasterio.open(root / "raw" / "scene00.tif") as scene:
            bounds = (west - margin, south - margin, east + margin, north + margin)
            pixels = scene.read(
                window=from_bounds(*bounds, scene.transform),
                out_shape=(scene.count, SIZE, SIZE),
                resampling=Resampling.bilinear,
                boundless=True,
            )
        np.save(folder / f"{number}.npy", pixels)
    watch.record("chips")
    chips = np.stack([np.load(folder / f"{number}.npy") for number in range(len(frame))])
    encoder = load_encoder("texture", EmbedSettings(), root)
    batch = ChipBatch(chips, np.zeros((len(chips), SIZE, SIZE), bool), SCALING)
    fitted = encoder.fit(batch)
    parts = [
        encoder.encode(batch.select(slice(start, start + BATCH)), fitted)
        for start in range(0, len(chips), BATCH)
    ]
    watch.record("embeddings")
    points = PCA(min(DIMS, len(chips) - 1)).fit_transform(
        StandardScaler().fit_transform(np.concatenate(parts))
    )
    watch.record("reduction")
    mixture = GaussianMixture(KINDS, n_init=5, random_state=0, reg_covar=1e-3)
    labels = mixture.fit_predict(points)
    watch.record("clusters")
    np.save(folder / "projection.npy", TSNE(random_state=0, init="pca").fit_transform(points))
    watch.record("projection")
    return np.asarray(labels)


def run_chipscape(root: Path, watch: Stopwatch) -> AnyArray:
    """Run every stage; return the cluster of each chip, in the order of the file."""
    settings = RunSettings("gmm", gmm=GmmSettings(n_components=KINDS))
    workspace = Workspace.at(root)
    for stage in ("chips", "embeddings", "reduction", "clusters", "projection"):
        run = run_pipeline(workspace, settings, until=stage)
        watch.record(stage)
    labelling, chips = run.labelling, run.chips
    assert labelling is not None
    assert chips is not None
    order = np.argsort(chips.facts["annotation"].to_numpy(), kind="stable")
    return np.asarray(labelling.labels)[order]


def describe(watch: Stopwatch, ari: float) -> dict[str, Any]:
    """Return the figures of one pipeline."""
    steps = {name: round(processor, 2) for name, (_, processor) in watch.steps.items()}
    wall, processor = watch.total
    return {
        "core_seconds": round(processor, 1),
        "seconds": round(wall, 1),
        "core_seconds_by_stage": steps,
        "ari": round(ari, 3),
    }


def main() -> None:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--annotations", type=int, default=0)
    choice = parser.parse_args()
    n = choice.annotations or (QUICK if choice.quick else FULL)
    # The mixture uses no compiled loops, but t-SNE searches neighbours and the chips are resampled.
    compile_resampling()
    compile_searches()
    compile_tsne()
    results, watches = {}, {}
    pipelines: dict[str, Callable[[Path, Stopwatch], AnyArray]] = {
        "chipscape": run_chipscape,
        "plain": run_plain_script,
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        side = CELL * int(np.ceil(np.sqrt(n)))
        raw = root / "raw"
        raw.mkdir()
        write_scene(raw, 0, side, n, compress="deflate")
        kinds = gpd.read_file(root / "raw" / "scene00.gpkg")["class"].to_numpy()
        for name, pipeline in pipelines.items():
            watches[name] = Stopwatch()
            labels = pipeline(root, watches[name])
            ari = adjusted_rand_score(kinds, labels)
            results[name] = describe(watches[name], ari)
    (wall, ours), (plain_wall, other) = watches["chipscape"].total, watches["plain"].total
    line = {
        "name": "pipeline",
        "ours": round(ours, 1),
        "other": round(other, 1),
        "ratio": round(other / ours, 2),
        "unit": "core-seconds",
        "detail": {"annotations": n, "wall_ratio": round(plain_wall / wall, 2), **results},
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
