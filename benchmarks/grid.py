"""Compare the notebook's 24 configurations with scikit-learn: `python benchmarks/grid.py`.

The data are 50 generated patches in FLAIR's layout, for training and evaluation (the notebook's
protocol). Chipscape runs its pipeline: reading, sampling, training, predicting every pixel,
counting. scikit-learn is timed on 10,000 queries of each configuration, and the time is projected
linearly to all pixels; its HDBSCAN is timed on 5,000 rows and projected by the square of the number
of rows. Its time includes no reading. Both are measured in core-hours (processor time), so that
other load on the machine does not matter. `--quick` uses 2 patches, six configurations and 500
queries: it shows that everything runs, but with so few training rows the ratio is not informative.
`--million` builds and cuts HDBSCAN's tree of 1,000,000 training pixels of five channels, a size
that the notebook could not process; scikit-learn's time is projected from 5,000 of these pixels by
the square.

The results for 200 patches are projected from those for 50: prediction by the factor 4, Chipscape's
trees by 4 to the power of 1.16 (the growth of fast_hdbscan from 40,000 to 135,000 pixels),
scikit-learn's brute-force search and HDBSCAN by the square of 4, and its tree searches by 4.
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

from core.clusters.methods.density import hdbscan_tree
from core.demo.land_cover.patches import write_land_cover
from core.land.data.dataset import SIDE
from core.land.models.classifier_table import CLASSIFIERS
from core.land.models.classifiers import MethodSettings, cut_pixel_tree, tree_settings
from core.land.models.configurations import GridCell, grid_configurations
from core.neighbours.nearest import compile_searches
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.workspace import Workspace

FULL = 200
TREE_GROWTH = 1.16
QUERIES = 10_000
# Above 15 columns, scikit-learn's HDBSCAN holds all distances: 200 MB for 5,000 rows.
ROWS = 5_000
MILLION = 1_000_000


def processor_seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call in seconds, of all threads."""
    start = time.process_time()
    call()
    return time.process_time() - start


def time_ours(run: StudyRun) -> tuple[float, float]:
    """Return the seconds of training with a tree, and of everything else."""
    training_seconds = 0.0
    if CLASSIFIERS[run.method.method].cluster:
        training_seconds = processor_seconds(lambda: run.fit(run.study.folds[0]))
    return training_seconds, processor_seconds(lambda: run.make(CELLS))


def time_scikit_learn(run: StudyRun, n_queries: int) -> tuple[float, float, bool]:
    """Return the projected seconds of HDBSCAN and of voting; True if voting is by brute force."""
    fold = run.study.folds[0]
    features, labels, _ = run.training_data(fold)
    matrix = features.matrix
    random = np.random.default_rng(0)
    clusters = CLASSIFIERS[run.method.method].cluster
    clustering = time_hdbscan(matrix, random) if clusters else 0.0
    # The queries are slightly shifted training pixels, so their neighbours are as near as those of
    # pixels of the training patches.
    chosen = matrix[random.integers(0, len(matrix), n_queries)]
    queries = chosen + random.normal(0, 0.01, chosen.shape) * matrix.std(axis=0)
    model = KNeighborsClassifier(n_neighbors=3, n_jobs=-1).fit(matrix, labels)
    seconds = processor_seconds(lambda: model.predict(queries.astype(np.float32)))
    n_pixels = len(fold.test) * SIDE * SIDE
    return clustering, seconds * n_pixels / n_queries, matrix.shape[1] > 15


def time_hdbscan(matrix: np.ndarray, random: np.random.Generator) -> float:
    """Return the projected seconds of scikit-learn's HDBSCAN."""
    sample = matrix[np.sort(random.permutation(len(matrix))[:ROWS])]
    fit = HDBSCAN(min_cluster_size=10, min_samples=10, n_jobs=-1, copy=True).fit
    return processor_seconds(lambda: fit(sample)) * (len(matrix) / len(sample)) ** 2


def peak_memory_mb() -> int:
    """Return the peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def benchmark_million() -> dict[str, object]:
    """Run HDBSCAN on a number of training pixels that the notebook could not process."""
    pixels = training(MILLION)[0].astype(np.float32)
    method = MethodSettings("hdbscan")
    memory_before = peak_memory_mb()
    wall_start, start = time.perf_counter(), time.process_time()
    tree = hdbscan_tree.build_tree(pixels, tree_settings(method, pixels.shape[1]))
    tree_seconds = time.perf_counter() - wall_start
    clusters, _ = cut_pixel_tree(tree, method)
    seconds, wall_seconds = time.process_time() - start, time.perf_counter() - wall_start
    memory = peak_memory_mb()
    other = time_hdbscan(pixels, np.random.default_rng(0))
    return {
        "name": "grid",
        "ours": round(seconds, 1),
        "other": round(other, 1),
        "ratio": round(other / seconds, 2),
        "unit": "core-seconds",
        "detail": {
            "pixels": len(pixels),
            "clusters": int(clusters.max()) + 1,
            "wall_seconds": round(wall_seconds, 1),
            "tree_wall_seconds": round(tree_seconds, 1),
            "memory_mb_before": memory_before,
            "memory_mb": memory,
            "cores": len(os.sched_getaffinity(0)),
        },
    }


def quick_configurations() -> list[GridCell]:
    """Return six robust configurations: the first, and the last five."""
    cells = [
        cell
        for cell in grid_configurations()
        if cell.spec.robust and (cell.spec.fusion or not cell.spec.normalised)
    ]
    return cells[:1] + cells[-5:]


def benchmark_cell(study: Study, cell: GridCell, n_queries: int) -> dict[str, object]:
    """Return the seconds of one configuration, and those projected to 200 patches."""
    run = StudyRun(study, MethodSettings(method=cell.method), cell.spec)
    training_seconds, evaluation = time_ours(run)
    clustering, voting, brute_force = time_scikit_learn(run, n_queries)
    factor = FULL / len(study.folds[0].test)
    return {
        "cell": cell.name,
        "ours": training_seconds + evaluation,
        "scikit_learn": clustering + voting,
        "ours_200": training_seconds * factor**TREE_GROWTH + evaluation * factor,
        "scikit_learn_200": clustering * factor**2 + voting * factor ** (2 if brute_force else 1),
        "notebook_minutes": cell.notebook_minutes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="HDBSCAN on 1,000,000 pixels only")
    parser.add_argument(
        "--quick", action="store_true", help="2 patches, six configurations, under 50 s"
    )
    parser.add_argument(
        "--patches", type=int, default=50, help="number of patches for training and evaluation"
    )
    options = parser.parse_args()
    quick = options.quick
    compile_searches()
    hdbscan_tree.compile_hdbscan()
    if options.million:
        print(json.dumps(benchmark_million()))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_land_cover(root / "flair", patches=3 if quick else options.patches * 3 // 2)
        study = Study(Workspace.at(root), StudySettings(protocol="patches"))
        n_patches = len(study.folds[0].test)
        for cell in quick_configurations() if quick else grid_configurations():
            rows.append(benchmark_cell(study, cell, 500 if quick else QUERIES))
            print({k: round(v, 2) if isinstance(v, float) else v for k, v in rows[-1].items()})
    hours = {k: sum(float(row[k]) for row in rows) / 3600 for k in rows[0] if k != "cell"}
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
            "memory_mb": peak_memory_mb(),
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
