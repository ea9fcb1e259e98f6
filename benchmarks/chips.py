"""Compare the chips cut per second with a plain loop: `python benchmarks/chips.py [--quick]`.

The plain loop is what a user would write: it opens the scene once with rasterio, and for each
annotation reads the window of its bounds, resizes it and calls `np.save`. It resizes with Pillow's
antialiased bilinear filter, which Chipscape uses too (OpenCV's plain filter aliases). Both read the
same tiled, deflated scene with many annotations and write to the same disk. Chipscape's time
includes the scene's report, masks, facts and Parquet tables, which the loop does not produce.
Libraries are imported and the compiled loop is loaded (`chipscape warm-up`) before either clock
starts, and are frozen for the garbage collector, as on the command line. Chipscape and the loop run
in turns, five times each with nothing cached, so that other load affects both alike; `ratio` is the
median over the turns. Written files are flushed before each turn, so that the time of neither
includes the other's writing.
"""

import argparse
import gc
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from PIL import Image
from rasterio.transform import from_origin
from rasterio.windows import from_bounds
from scipy.ndimage import zoom

from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.raster.resampling import compile_resampling
from core.settings import RunSettings

CRS = "EPSG:32631"
GSD = 0.3
ROUNDS = 5
EAST, NORTH = 500_000.0, 5_000_000.0


def write_scene(raw: Path, side: int, n: int) -> None:
    """Write a scene of smooth noise, as compressible as imagery, with n boxes of 5 to 30 m."""
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    coarse = random.integers(0, 200, (3, side // 16 + 1, side // 16 + 1)).astype(np.float32)
    profile = {
        "driver": "GTiff",
        "width": side,
        "height": side,
        "count": 3,
        "dtype": "uint8",
        "crs": CRS,
        "transform": from_origin(EAST, NORTH, GSD, GSD),
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "photometric": "rgb",
    }
    with rasterio.open(raw / "scene.tif", "w", **profile) as target:
        for band in range(3):
            smooth = zoom(coarse[band], 16, order=1)[:side, :side]
            smooth += random.integers(0, 12, (side, side), dtype=np.uint8)
            target.write(smooth.astype(np.uint8), band + 1)
    centre = random.uniform(60, side * GSD - 60, (n, 2)) * (1, -1) + (EAST, NORTH)
    half = random.uniform(2.5, 15, (n, 2))
    boxes = shapely.box(*(centre - half).T, *(centre + half).T)
    frame = gpd.GeoDataFrame({"class": random.integers(0, 5, n)}, geometry=boxes, crs=CRS)
    frame.to_file(raw / "scene.geojson", driver="GeoJSON", engine="pyogrio")


def run_plain_loop(raw: Path, out: Path, size: int = 64, margin: float = 0.15) -> float:
    """Run the loop that a user would write; return its seconds."""
    started = time.perf_counter()
    out.mkdir()
    frame = gpd.read_file(raw / "scene.geojson")
    with rasterio.open(raw / "scene.tif") as source:
        for i, (west, south, east, north) in enumerate(frame.geometry.bounds.to_numpy()):
            half = max(east - west, north - south) * (0.5 + margin)
            x, y = (west + east) / 2, (south + north) / 2
            window = from_bounds(x - half, y - half, x + half, y + half, source.transform)
            pixels = source.read(window=window)
            picture = Image.fromarray(np.moveaxis(pixels, 0, -1))
            chip = picture.resize((size, size), Image.Resampling.BILINEAR)
            np.save(out / f"{i}.npy", np.asarray(chip))
    return time.perf_counter() - started


def run_chipscape(workspace: Path) -> float:
    """Run the pipeline up to the chips, with nothing cached; return its seconds."""
    started = time.perf_counter()
    run_pipeline(Workspace.at(workspace), RunSettings(), until="chips")
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller scene, under 50 s")
    quick = parser.parse_args().quick
    side, n = (4000, 4000) if quick else (10_000, 20_000)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # In a separate process, so that its arrays do not count as memory of the pipeline.
        writer = multiprocessing.get_context("spawn").Process(
            target=write_scene, args=(root / "raw", side, n)
        )
        writer.start()
        writer.join()
        compile_resampling()
        gc.freeze()
        memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        turns = []
        for _ in range(ROUNDS):
            os.sync()
            seconds = run_chipscape(root)
            growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before) / 1024
            os.sync()
            turns.append((seconds, run_plain_loop(root / "raw", root / "loop")))
            for name in ("artifacts", "results", "loop"):
                shutil.rmtree(root / name, ignore_errors=True)
        chipscape, loop = (statistics.median(times) for times in zip(*turns, strict=True))
        ratio = statistics.median(second / first for first, second in turns)
        scene_mb = side * side * 3 / 2**20
    result = {
        "name": "chips",
        "ours": round(n / chipscape, 1),
        "other": round(n / loop, 1),
        "ratio": round(ratio, 2),
        "unit": "chips per second",
        "detail": {
            "annotations": n,
            "scene": f"{side} x {side} x 3 uint8",
            "scene_mb": round(scene_mb),
            "ours_memory_growth_mb": round(growth),
            "seconds": [[round(t, 2) for t in turn] for turn in turns],
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
