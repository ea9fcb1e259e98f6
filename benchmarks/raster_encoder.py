"""Compare a raster of embeddings with rasterio's mask: `python benchmarks/raster_encoder.py`.

"Other" is the loop that a user would write: for each footprint `rasterio.mask.mask` reads the
pixels whose centre lies in it (or that it touches, if it contains no centre), dequantises them and
takes the mean. Chipscape weights each pixel by the covered area. Both read the same 10,000
footprints of 10 to 80 m from a raster in AlphaEarth's format: 64 bands, int8, 10 m, in compressed
blocks of 1024 x 1024 pixels per band. The loop reads the footprints in the order of blocks, which
is the best case for GDAL's cache; for Chipscape their order is random. `detail` contains the
largest difference of the means for footprints of at least 4 x 4 pixels, and the time of both in
each round. `--quick` uses a raster of half the side, and one round instead of three.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import rasterio.mask
import shapely
from rasterio.transform import from_origin

from core.raster.embedding_rasters.footprint_statistics import measure_footprints
from core.raster.embedding_rasters.raster_files import read_embedding_tiles
from core.raster.geodesy import WGS84, reproject_geometries
from core.types import FloatArray, Geometries

CRS = "EPSG:32631"
GSD = 10.0
EAST, NORTH = 500_000.0, 5_000_000.0
N_BANDS = 64
NODATA = -128
ROUNDS = 3
BLOCK = 1024


def write_raster(path: Path, side: int) -> None:
    """Write quantised unit vectors that vary smoothly, with noise, in AlphaEarth's format."""
    random = np.random.default_rng(0)
    profile = {
        "driver": "GTiff",
        "width": side,
        "height": side,
        "count": N_BANDS,
        "dtype": "int8",
        "nodata": NODATA,
        "crs": CRS,
        "transform": from_origin(EAST, NORTH, GSD, GSD),
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "zstd",
        "interleave": "band",
    }
    coarse = random.normal(size=(N_BANDS, side // 64, side // 64)).astype(np.float32)
    with rasterio.open(path, "w", **profile) as target:
        for band in range(N_BANDS):
            smooth = np.kron(coarse[band], np.ones((64, 64), np.float32))
            values = (smooth + random.normal(0, 0.3, smooth.shape)) / np.sqrt(N_BANDS)
            stored = np.sqrt(np.minimum(np.abs(values), 1)) * 127 * np.sign(values)
            target.write(np.rint(stored).astype(np.int8), band + 1)
        target.descriptions = [f"A{axis:02d}" for axis in range(N_BANDS)]


def draw_footprints(side: int, n: int) -> Geometries:
    """Return n rotated boxes with sides of 10 to 80 m, in the raster's CRS."""
    random = np.random.default_rng(1)
    centre = random.uniform(100, side * GSD - 100, (n, 2)) * (1, -1) + (EAST, NORTH)
    half = random.uniform(5, 40, (n, 2))
    angle = random.uniform(0, np.pi / 2, n)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half[:, None]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x = corners[..., 0] * cos - corners[..., 1] * sin + centre[:, :1]
    y = corners[..., 0] * sin + corners[..., 1] * cos + centre[:, 1:]
    return np.asarray(shapely.polygons(np.stack([x, y], axis=-1)), dtype=object)


def run_plain_loop(path: Path, footprints: Geometries) -> tuple[float, FloatArray]:
    """Run the loop that a user would write; return its seconds and the means."""
    started = time.perf_counter()
    means = np.empty((len(footprints), N_BANDS), np.float32)
    with rasterio.open(path) as source:
        for row, polygon in enumerate(footprints):
            pixels, _ = rasterio.mask.mask(source, [polygon], crop=True)
            if (pixels == NODATA).all():
                pixels, _ = rasterio.mask.mask(source, [polygon], crop=True, all_touched=True)
            share = pixels[:, (pixels != NODATA).all(axis=0)].astype(np.float32) / 127.5
            means[row] = (share * np.abs(share)).mean(axis=1)
    return time.perf_counter() - started, means


def run_chipscape(path: Path, footprints: Geometries) -> tuple[float, FloatArray]:
    """Read the means and deviations of all footprints; return the seconds and the means."""
    started = time.perf_counter()
    statistics_of_footprints = measure_footprints(read_embedding_tiles(path), footprints)
    return time.perf_counter() - started, statistics_of_footprints.mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller raster, under 50 s")
    quick = parser.parse_args().quick
    side, n = (2048 if quick else 4096), 10_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "embeddings.tif"
        write_raster(path, side)
        footprints = draw_footprints(side, n)
        lonlat = reproject_geometries(footprints, CRS, WGS84)
        centroids = shapely.centroid(footprints)
        column, row = shapely.get_x(centroids) - EAST, NORTH - shapely.get_y(centroids)
        order = np.lexsort((column // (BLOCK * GSD), row // (BLOCK * GSD)))
        run_chipscape(path, lonlat[:10])
        memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        turns = []
        for _ in range(1 if quick else ROUNDS):
            seconds, means = run_chipscape(path, lonlat)
            growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before) / 1024
            loop_seconds, loop_means = run_plain_loop(path, footprints[order])
            turns.append((seconds, loop_seconds))
        large = shapely.area(footprints[order]) >= 16 * GSD**2
        difference = np.abs(means[order] - loop_means)[large].max()
        chipscape, loop = (statistics.median(times) for times in zip(*turns, strict=True))
        megabytes = path.stat().st_size / 2**20
    result = {
        "name": "raster_encoder",
        "ours": round(n / chipscape, 1),
        "other": round(n / loop, 1),
        "ratio": round(statistics.median(second / first for first, second in turns), 2),
        "unit": "footprints per second",
        "detail": {
            "footprints": n,
            "raster": f"{side} x {side} x {N_BANDS} int8, {megabytes:.0f} MB",
            "seconds": [[round(t, 2) for t in turn] for turn in turns],
            "ours_memory_growth_mb": round(growth),
            "largest_difference": round(float(difference), 3),
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
