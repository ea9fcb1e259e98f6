"""The notebook's 24 configurations beside scikit-learn: `python benchmarks/grid.py [--quick]`.

50 made-up patches in FLAIR's layout to train on and to judge (the notebook's protocol). Ours runs
the pipeline: reading, sampling, learning, predicting every pixel, counting. scikit-learn is timed
on 10,000 queries of each cell and projected to all pixels, and its HDBSCAN on 5,000 rows and
projected as the square, without any reading; both in core-hours (processor time), so that a
loaded machine does not matter. `--quick` takes 2 patches, six cells and 500 queries: it shows
that everything runs, its ratio means little at so few training rows. `--million` builds HDBSCAN's
tree of 1,000,000 training pixels of five channels and cuts it, where the notebook gave up;
scikit-learn's time is projected from 5,000 of them as the square.

At 200 patches ours is projected: prediction times 4, trees times 4 to the power of 1.16 (as
fast_hdbscan grew from 40,000 to 135,000 pixels); scikit-learn's brute force and HDBSCAN as the
square, its tree searches times 4.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from knn import training
from sklearn.cluster import HDBSCAN
from sklearn.neighbors import KNeighborsClassifier

from core.clusters.methods import hdbscan_tree
from core.demo.land_cover.patches import write_land_cover
from core.flair.data.pixel_table import SIDE
from core.flair.models.classifiers import MethodSettings, cut, tree_settings
from core.flair.models.configurations import Cell, cells
from core.flair.models.features import build, fit_scaler
from core.neighbours.nearest import compile_searches
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.workspace import Workspace

FULL = 200
TREE_GROWTH = 1.16
QUERIES = 10_000
# Of its HDBSCAN: above 15 columns it holds all distances, 200 MB of them.
ROWS = 5_000
MILLION = 1_000_000


def timed(call: Callable[[], object]) -> float:
    """Processor seconds, of all threads."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def ours(study: Study, cell: Cell) -> tuple[float, float]:
    """Seconds of learning (the tree), and of the cell without it."""
    method = MethodSettings(method=cell.method)
    learnt = 0.0
    if cell.method == "hdbscan":
        learnt = timed(lambda: study.fit(study.folds[0], method, cell.spec))
    return learnt, timed(lambda: study.cell(method, cell.spec))


def scikit_learn(study: Study, cell: Cell, n_queries: int) -> tuple[float, float, bool]:
    """Projected seconds of its HDBSCAN and of its votes; True where those are brute force."""
    fold = study.folds[0]
    table = study.sampled(fold.train, cell.spec)
    features = build(table, cell.spec, fit_scaler(table, cell.spec)).matrix
    random = np.random.default_rng(0)
    clustering = clustered(features, random) if cell.method == "hdbscan" else 0.0
    # The queries are training pixels moved by a little: as near as those of the training patches.
    chosen = features[random.integers(0, len(features), n_queries)]
    moved = chosen + random.normal(0, 0.01, chosen.shape) * features.std(axis=0)
    model = KNeighborsClassifier(n_neighbors=3, n_jobs=-1).fit(features, table.labels)
    seconds = timed(lambda: model.predict(moved.astype(np.float32)))
    pixels = len(fold.judged) * SIDE * SIDE
    return clustering, seconds * pixels / n_queries, features.shape[1] > 15


def clustered(features: np.ndarray, random: np.random.Generator) -> float:
    """Projected seconds of scikit-learn's HDBSCAN."""
    few = features[np.sort(random.permutation(len(features))[:ROWS])]
    fit = HDBSCAN(min_cluster_size=10, min_samples=10, n_jobs=-1, copy=True).fit
    return timed(lambda: fit(few)) * (len(features) / len(few)) ** 2


def memory_mb() -> int:
    """The most that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def million() -> dict[str, object]:
    """HDBSCAN on as many training pixels as the notebook could not take."""
    pixels = training(MILLION)[0].astype(np.float32)
    method = MethodSettings("hdbscan")
    before, wall, begun = memory_mb(), time.perf_counter(), time.process_time()
    tree = hdbscan_tree.build_tree(pixels, tree_settings(method, pixels.shape[1]))
    built = time.perf_counter() - wall
    clusters, _ = cut(tree, method)
    ours, wall = time.process_time() - begun, time.perf_counter() - wall
    held = memory_mb()
    other = clustered(pixels, np.random.default_rng(0))
    return {
        "name": "grid",
        "ours": round(ours, 1),
        "other": round(other, 1),
        "ratio": round(other / ours, 2),
        "unit": "core-seconds",
        "detail": {
            "pixels": len(pixels),
            "clusters": int(clusters.max()) + 1,
            "wall_seconds": round(wall, 1),
            "tree_wall_seconds": round(built, 1),
            "memory_mb_before": before,
            "memory_mb": held,
            "cores": len(os.sched_getaffinity(0)),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="HDBSCAN on 1,000,000 pixels only")
    parser.add_argument("--quick", action="store_true", help="2 patches and six cells, under 50 s")
    parser.add_argument("--patches", type=int, default=50, help="to train on and to judge")
    given = parser.parse_args()
    quick = given.quick
    compile_searches()
    hdbscan_tree.compile_searches()
    if given.million:
        print(json.dumps(million()))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_land_cover(root / "flair", patches=3 if quick else given.patches * 3 // 2)
        study = Study(Workspace.at(root), StudySettings(protocol="patches"))
        n_patches = len(study.folds[0].judged)
        asked = [c for c in cells() if c.spec.robust and (c.spec.fusion or not c.spec.normalised)]
        for cell in asked[:1] + asked[-5:] if quick else cells():
            learning, judging = ours(study, cell)
            clustering, voting, brute = scikit_learn(study, cell, 500 if quick else QUERIES)
            times = FULL / n_patches
            rows.append(
                {
                    "cell": cell.name,
                    "ours": learning + judging,
                    "scikit_learn": clustering + voting,
                    "ours_200": learning * times**TREE_GROWTH + judging * times,
                    "scikit_learn_200": clustering * times**2
                    + voting * (times**2 if brute else times),
                    "notebook_minutes": cell.notebook_minutes,
                }
            )
            print({k: round(v, 2) if isinstance(v, float) else v for k, v in rows[-1].items()})
    hours = {k: sum(float(r[k]) for r in rows) / 3600 for k in rows[0] if k not in ("cell",)}
    result = {
        "name": "grid",
        "ours": round(hours["ours"], 4),
        "other": round(hours["scikit_learn"], 4),
        "ratio": round(hours["scikit_learn"] / hours["ours"], 2),
        "unit": "core-hours",
        "detail": {
            "cells": len(rows),
            "patches_judged": n_patches,
            "ours_at_200_patches": round(hours["ours_200"], 3),
            "scikit_learn_at_200_patches": round(hours["scikit_learn_200"], 3),
            "notebook_wall_hours_on_8_cores": round(hours["notebook_minutes"] * 60, 1),
            "memory_mb": memory_mb(),
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
