"""Compare a new cut of the tree with a new fit: `python benchmarks/recut.py [--quick]`.

"Other" is what a user would run at each move of a slider: a new fit of `fast_hdbscan.HDBSCAN` on
20,000 points in 30 columns, the largest number for which it is exact. It runs in one thread,
because two threads wait for each other on a busy machine (46 s instead of 6 s were measured).
Chipscape only cuts the existing tree.
"""

import argparse
import json
import os
import statistics
import time

import numpy as np

from core.clusters.methods.density.hdbscan_tree import build_tree, compile_hdbscan, cut_tree
from core.settings import CutSettings, TreeSettings
from core.types import FloatArray

SIZES = (5, 10, 15, 25, 40, 60, 100, 150, 250, 400)
MIN_SAMPLES = 10


def make_blobs(n: int, d: int) -> FloatArray:
    """Return n points in d columns: twelve blobs, and a tenth of uniform noise."""
    random = np.random.default_rng(0)
    centres = random.normal(0, 6, (12, d))
    points = centres[random.integers(0, 12, n)] + random.normal(size=(n, d))
    points[: n // 10] = random.uniform(-12, 12, (n // 10, d))
    return points.astype(np.float32)


def time_fresh_fit(points: FloatArray, size: int) -> float:
    """Return the seconds of one new fit."""
    import fast_hdbscan
    import numba

    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    start = time.perf_counter()
    fast_hdbscan.HDBSCAN(min_cluster_size=size, min_samples=MIN_SAMPLES).fit(points)
    seconds = time.perf_counter() - start
    numba.set_num_threads(threads)
    return seconds


def time_recuts(points: FloatArray) -> tuple[list[float], float]:
    """Return the seconds of two cuts at each size, and those of building the tree."""
    start = time.perf_counter()
    tree = build_tree(points, TreeSettings(n_dims=points.shape[1], min_samples=MIN_SAMPLES))
    tree_seconds = time.perf_counter() - start
    cut_tree(tree, CutSettings(SIZES[0]))
    seconds = []
    for size in (*SIZES, *SIZES):
        start = time.perf_counter()
        cut_tree(tree, CutSettings(size))
        seconds.append(time.perf_counter() - start)
    return seconds, tree_seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without 500,000 points, under 50 s")
    quick = parser.parse_args().quick
    compile_hdbscan()
    time_fresh_fit(make_blobs(500, 30), 15)
    points = make_blobs(20_000, 30)
    cuts, tree_seconds = time_recuts(points)
    fits = [time_fresh_fit(points, size) for size in ((15,) if quick else (15, 60, 250))]
    ours, other = statistics.median(cuts), statistics.median(fits)
    detail = {
        "points": "20,000 x 30",
        "recut_ms_median": round(1000 * ours, 2),
        "recut_ms_slowest": round(1000 * max(cuts), 2),
        "our_tree_s": round(tree_seconds, 2),
        "fresh_fit_s": [round(value, 2) for value in fits],
        "cores": len(os.sched_getaffinity(0)),
    }
    if not quick:
        large_cuts, tree_seconds = time_recuts(make_blobs(500_000, 5))
        detail["500000 x 5"] = {
            "recut_s_median": round(statistics.median(large_cuts), 3),
            "recut_s_slowest": round(max(large_cuts), 3),
            "our_tree_s": round(tree_seconds, 1),
        }
    result = {
        "name": "recut",
        "ours": round(ours, 5),
        "other": round(other, 3),
        "ratio": round(other / ours, 1),
        "unit": "seconds per change of min_cluster_size",
        "detail": detail,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
