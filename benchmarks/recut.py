"""A re-cut of the tree beside a fresh fit: `python benchmarks/recut.py [--quick]`.

The other side is what a user would run at each move of a slider: `fast_hdbscan.HDBSCAN` fitted
anew where it is exact, up to 30 columns, on 20,000 x 30 points, in one thread: on a busy machine
two wait for each other (46 s instead of 6 were seen). Ours cuts the tree that is there.
"""

import argparse
import json
import os
import statistics
import time

import numpy as np

from core.clusters.methods.hdbscan_tree import build_tree, compile_hdbscan, cut_tree
from core.settings import CutSettings, TreeSettings
from core.types import FloatArray

SIZES = (5, 10, 15, 25, 40, 60, 100, 150, 250, 400)
MIN_SAMPLES = 10


def blobs(n: int, d: int) -> FloatArray:
    """Twelve blobs and a tenth of uniform noise."""
    random = np.random.default_rng(0)
    centres = random.normal(0, 6, (12, d))
    points = centres[random.integers(0, 12, n)] + random.normal(size=(n, d))
    points[: n // 10] = random.uniform(-12, 12, (n // 10, d))
    return points.astype(np.float32)


def fresh(points: FloatArray, size: int) -> float:
    """Seconds of one fit from nothing."""
    import fast_hdbscan
    import numba

    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    begun = time.perf_counter()
    fast_hdbscan.HDBSCAN(min_cluster_size=size, min_samples=MIN_SAMPLES).fit(points)
    seconds = time.perf_counter() - begun
    numba.set_num_threads(threads)
    return seconds


def recuts(points: FloatArray) -> tuple[list[float], float]:
    """Seconds of a cut at each size, twice over, and of the tree."""
    begun = time.perf_counter()
    tree = build_tree(points, TreeSettings(n_dims=points.shape[1], min_samples=MIN_SAMPLES))
    built = time.perf_counter() - begun
    cut_tree(tree, CutSettings(SIZES[0]))
    seconds = []
    for size in (*SIZES, *SIZES):
        begun = time.perf_counter()
        cut_tree(tree, CutSettings(size))
        seconds.append(time.perf_counter() - begun)
    return seconds, built


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without 500,000 points, under 50 s")
    quick = parser.parse_args().quick
    compile_hdbscan()
    fresh(blobs(500, 30), 15)
    points = blobs(20_000, 30)
    cuts, built = recuts(points)
    fits = [fresh(points, size) for size in ((15,) if quick else (15, 60, 250))]
    ours, other = statistics.median(cuts), statistics.median(fits)
    detail = {
        "points": "20,000 x 30",
        "recut_ms_median": round(1000 * ours, 2),
        "recut_ms_slowest": round(1000 * max(cuts), 2),
        "our_tree_s": round(built, 2),
        "fresh_fit_s": [round(one, 2) for one in fits],
        "cores": len(os.sched_getaffinity(0)),
    }
    if not quick:
        many, built = recuts(blobs(500_000, 5))
        detail["500000 x 5"] = {
            "recut_s_median": round(statistics.median(many), 3),
            "recut_s_slowest": round(max(many), 3),
            "our_tree_s": round(built, 1),
        }
    result = {
        "name": "recut",
        "ours": round(ours, 5),
        "other": round(other, 3),
        "ratio": round(other / ours, 1),
        "unit": "seconds a change of min_cluster_size",
        "detail": detail,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
