"""Run 200,000 chips from `raw/` to an export: `python benchmarks/scale.py [--quick]`.

Writes 20 scenes of 10,000 x 10,000 pixels with 10,000 annotated objects each, of twelve kinds that
differ in brightness, grain and stripes. Then every stage of `chipscape run`, and an export, runs as
a command of its own, so that its processor time, wall time and peak memory are its own. `--quick`
uses two scenes of 1,500 x 1,500 pixels with 500 objects in all. `--root` keeps the workspace in a
folder; finished stages are then not run again, and their figures are not measured.

`agreement` in the detail is the adjusted Rand index of the clusters of 20,000 of these chips
between a fit to all of them and a fit to a quarter or a half, to which the others are added as in
a workspace with more chips than the exact methods accept. For HDBSCAN it also has the index of the
chips that both fits put into clusters, and that of an exact fit to the quarter or the half alone:
the tree of fewer points has other noise.

The alternative is the memory of a plain script, which holds all chips as float32, their embeddings
and scikit-learn's PCA of them: the sum of these arrays is computed, not measured, because such a
script does not finish on a machine with less memory. `ratio` is that sum divided by the largest
peak of Chipscape's stages.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.transform import from_origin
from rasterio.windows import Window
from sklearn.metrics import adjusted_rand_score

from core.clusters.methods import mixture
from core.clusters.methods.density import hdbscan_tree
from core.clusters.methods.gmm import fit_gmm
from core.clusters.methods.row_sample import random_rows
from core.settings import CutSettings, GmmSettings, TreeSettings
from core.types import AnyArray

KINDS, CELL, BOX = 12, 100, 40
# Columns of background noise from which the start of each row is drawn.
SPARE = 5000
GSD, CRS = 0.3, "EPSG:32631"
EAST, NORTH = 400_000.0, 5_000_000.0
STAGES = ("scenes", "chips", "embeddings", "reduction", "clusters", "projection")
GIGABYTE = 1e9
COMPARED = 20_000


def draw_cells(kinds: AnyArray, ground: AnyArray, random: np.random.Generator) -> AnyArray:
    """Return a row of cells with an object in each, uint8 (3, CELL, len(kinds) * CELL).

    `ground` is a strip of background noise, wider than the row, from which parts are drawn: drawing
    new noise for each pixel would take an hour.
    """
    looks = np.random.default_rng(7)
    light, grain = looks.uniform(40, 200, (KINDS, 3)), looks.uniform(3, 25, KINDS)
    pitch, strength = looks.integers(2, 9, KINDS), looks.uniform(0, 60, KINDS)
    n, first = len(kinds), int(random.integers(0, SPARE))
    cells = ground[:, :, first : first + n * CELL].copy().reshape(3, CELL, n, CELL)
    rows, columns = np.mgrid[:BOX, :BOX]
    along = np.where(kinds[:, None, None] % 2, rows + columns, rows) // pitch[kinds, None, None]
    stripes = strength[kinds, None, None] * random.uniform(0.2, 1.8, (n, 1, 1)) * (along % 2)
    grains = grain[kinds, None, None] * random.uniform(0.4, 2, (n, 1, 1))
    noise = random.standard_normal((1, n, BOX, BOX), np.float32) * grains
    shade = (light[kinds] + random.normal(0, 25, (n, 3))).T[:, :, None, None]
    objects = (shade + stripes + noise).clip(1, 255).astype(np.uint8)
    start = (CELL - BOX) // 2
    cells[:, start : start + BOX, :, start : start + BOX] = objects.transpose(0, 2, 1, 3)
    return cells.reshape(3, CELL, n * CELL)


def write_scene(raw: Path, number: int, side: int, n: int, **options: str) -> None:
    """Write a scene with n annotated objects, and its annotations; options are rasterio's."""
    random = np.random.default_rng(number)
    per_row = side // CELL
    kinds = random.integers(0, KINDS, (per_row, per_row))
    east = EAST + number * side * GSD
    profile = {
        "driver": "GTiff",
        "width": side,
        "height": side,
        "count": 3,
        "dtype": "uint8",
        "crs": CRS,
        "transform": from_origin(east, NORTH, GSD, GSD),
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        **options,
    }
    ground = random.normal(100, 8, (3, CELL, side + SPARE)).astype(np.uint8)
    with rasterio.open(raw / f"scene{number:02}.tif", "w", **profile) as target:
        for row in range(per_row):
            window = Window(0, row * CELL, per_row * CELL, CELL)
            target.write(draw_cells(kinds[row], ground, random), window=window)
    positions = random.permutation(per_row * per_row)[:n]
    first = (CELL - BOX) / 2
    west = east + (positions % per_row * CELL + first) * GSD
    north = NORTH - (positions // per_row * CELL + first) * GSD
    shapes = shapely.box(west, north - BOX * GSD, west + BOX * GSD, north)
    frame = gpd.GeoDataFrame({"class": kinds.ravel()[positions]}, geometry=shapes, crs=CRS)
    frame.to_file(raw / f"scene{number:02}.gpkg", driver="GPKG", engine="pyogrio")


def write_scenes(root: Path, n_scenes: int, side: int, n: int) -> None:
    """Write the scenes that do not exist yet."""
    raw = root / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for number in range(n_scenes):
        if not (raw / f"scene{number:02}.gpkg").exists():
            write_scene(raw, number, side, n)


def measure_command(*words: str) -> dict[str, float]:
    """Run a command of Chipscape; return its seconds, core-seconds and peak memory in GB.

    The peak includes pages of mapped files, which the system takes back when it needs memory;
    `own_gigabytes` is the memory without them, looked up twice a second.
    """
    start = time.perf_counter()
    command = [sys.executable, "-m", "core", *words]
    child = os.posix_spawn(sys.executable, command, dict(os.environ))
    anonymous = 0
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            break
        anonymous = max(anonymous, anonymous_memory(child))
        time.sleep(0.5)
    if status:
        raise SystemExit(f"the command failed: {' '.join(words)}")
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "core_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "gigabytes": round(usage.ru_maxrss * 1024 / GIGABYTE, 2),
        "own_gigabytes": round(anonymous / GIGABYTE, 2),
    }


def anonymous_memory(process: int) -> int:
    """Return the memory of a process without mapped files, in bytes; 0 if it is unknown."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def run_stages(root: Path, formats: str) -> dict[str, dict[str, float]]:
    """Run each stage and the export as commands of their own, and measure them."""
    place = ("--workspace", str(root))
    measured = {}
    for stage in STAGES:
        measured[stage] = measure_command("run", *place, "--until", stage, "--method", "hdbscan")
        print(stage, measured[stage], file=sys.stderr, flush=True)
    measured["mixture"] = measure_command("cluster", *place, "--method", "gmm")
    measured["export"] = measure_command("export", *place, "--format", formats)
    for name in ("mixture", "export"):
        print(name, measured[name], file=sys.stderr, flush=True)
    return measured


def measure_agreement(root: Path) -> dict[str, float]:
    """Return the agreement of clusters of a sample that is extended with those of a full fit."""
    (file,) = (root / "artifacts" / "reduction").glob("*/points.npy")
    points = np.load(file, mmap_mode="r")
    points = np.ascontiguousarray(points[random_rows(len(points), min(len(points), COMPARED))])
    n, trees = len(points), TreeSettings()

    def cut_exactly(chips: AnyArray, limit: int) -> AnyArray:
        hdbscan_tree.MAX_EXACT = limit
        return hdbscan_tree.cut_tree(hdbscan_tree.build_tree(chips, trees), CutSettings()).labels

    def mix(limit: int) -> AnyArray:
        mixture.MAX_FITTED = limit
        return fit_gmm(points, GmmSettings(KINDS)).labels

    tree_labels, mixture_labels = cut_exactly(points, n), mix(n)
    agreement = {}
    for size in (n // 4, n // 2):
        extended = cut_exactly(points, size)
        own = random_rows(n, size)
        alone = cut_exactly(np.ascontiguousarray(points[own]), size)
        agreement |= {
            f"HDBSCAN, {size:,}": agree(tree_labels, extended),
            f"HDBSCAN, {size:,}, without noise": agree(tree_labels, extended, noise=False),
            f"HDBSCAN, {size:,}, these alone": agree(tree_labels[own], alone),
            f"mixture, {size:,}": agree(mixture_labels, mix(size)),
        }
    return agreement


def agree(reference: AnyArray, labels: AnyArray, *, noise: bool = True) -> float:
    """Return the adjusted Rand index, of all chips or of those that both put into clusters."""
    rows = noise | ((reference >= 0) & (labels >= 0))
    return round(float(adjusted_rand_score(reference[rows], labels[rows])), 3)


def plain_gigabytes(n: int, side: int = 64, bands: int = 3, columns: int = 384) -> float:
    """Return the memory of all chips as float32 and of their embeddings, twice, in float64."""
    return n * (4 * bands * side**2 + 2 * 8 * columns) / GIGABYTE


def main() -> None:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--objects", type=int, default=10_000, help="objects in each scene")
    parser.add_argument("--side", type=int, default=10_000)
    choice = parser.parse_args()
    if choice.quick:
        choice.scenes, choice.objects, choice.side = 2, 200, 1_500
    with tempfile.TemporaryDirectory() as folder:
        root = choice.root or Path(folder)
        write_scenes(root, choice.scenes, choice.side, choice.objects)
        measured = run_stages(root, "geoparquet,csv")
        agreement = measure_agreement(root)
    n = choice.scenes * choice.objects
    ours, other = max(stage["gigabytes"] for stage in measured.values()), plain_gigabytes(n)
    result: dict[str, Any] = {
        "name": "scale",
        "ours": ours,
        "other": round(other, 2),
        "ratio": round(other / ours, 2),
        "unit": "GB",
        "detail": {"chips": n, "scenes": choice.scenes, "stages": measured, "agreement": agreement},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
