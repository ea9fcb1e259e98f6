"""Measure how time grows with the number of chips: `python benchmarks/growth.py [--quick]`.

Each step after the embeddings runs on 1,000 to 100,000 points in 50 columns (blobs with noise), and
scikit-learn's counterpart on up to 20,000; its HDBSCAN holds all distances, so it stops at 5,000,
and it does not suggest a minimum cluster size, as Chipscape's does from resamples of up to 2,000.
Times are processor seconds, so that other load on the machine does not matter. The exponent is the
slope of a straight line through the logarithms of time and size, from 5,000 points on, where
constant costs no longer dominate. `ratio` is scikit-learn's time divided by Chipscape's for all
steps at 5,000 points (2,000 with `--quick`).
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.mixture import GaussianMixture

from core.clusters.methods.density.hdbscan_tree import build_tree, compile_hdbscan, cut_tree
from core.clusters.methods.gmm import fit_gmm
from core.neighbours.nearest import compile_searches
from core.reduction.pca import reduce_embeddings
from core.reduction.tsne import project_tsne
from core.reduction.tsne_gradient import compile_tsne
from core.reduction_settings import ProjectionSettings, ReductionSettings
from core.settings import CutSettings, GmmSettings, TreeSettings
from core.types import FloatArray

COLUMNS, BLOBS, STARTS = 50, 12, 5
SIZES, QUICK_SIZES = (1000, 5000, 20_000, 100_000), (1000, 2000)
COMPARED, MAX_DENSE, MAX_PLAIN = 5000, 5000, 20_000
Step = Callable[[FloatArray], object]

OURS: dict[str, Step] = {
    "PCA": lambda points: reduce_embeddings(points, {}, ReductionSettings()),
    "mixture of 8": lambda points: fit_gmm(points, GmmSettings(n_init=STARTS)),
    "HDBSCAN": lambda points: cut_tree(build_tree(points, TreeSettings()), CutSettings()),
    "t-SNE": lambda points: project_tsne(points, ProjectionSettings()),
}
SCIKIT_LEARN: dict[str, Step] = {
    "PCA": lambda points: PCA(COLUMNS).fit_transform(points),
    "mixture of 8": lambda points: GaussianMixture(8, n_init=STARTS, random_state=0).fit(points),
    "HDBSCAN": lambda points: HDBSCAN(min_cluster_size=len(points) // 30, copy=True).fit(points),
    "t-SNE": lambda points: TSNE(random_state=0).fit_transform(points),
}


def make_points(n: int) -> FloatArray:
    """Return n points: overlapping blobs whose spread falls from column to column, and noise."""
    random = np.random.default_rng(0)
    spread = np.geomspace(4, 0.3, COLUMNS)
    centres = random.normal(size=(BLOBS, COLUMNS)) * spread
    points = centres[random.integers(0, BLOBS, n)] + random.normal(size=(n, COLUMNS)) * spread / 2
    points[: n // 20] = random.normal(size=(n // 20, COLUMNS)) * spread * 2
    return random.permutation(points).astype(np.float32)


def processor_seconds(step: Step, points: FloatArray) -> float:
    """Return the processor time of a step."""
    start = time.process_time()
    step(points)
    return round(time.process_time() - start, 3)


def exponent(seconds: dict[int, float]) -> float | None:
    """Return the fitted exponent of growth; None with fewer than two sizes to fit to."""
    sizes = [n for n in seconds if n >= COMPARED]
    if len(sizes) < 2:
        return None
    logs = np.log([[n, seconds[n]] for n in sizes])
    return round(float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0]), 2)


def main() -> None:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    sizes = QUICK_SIZES if parser.parse_args().quick else SIZES
    for compile_loops in (compile_hdbscan, compile_searches, compile_tsne):
        compile_loops()
    for step in (*OURS.values(), *SCIKIT_LEARN.values()):
        step(make_points(500))
    detail, compared = {}, {"ours": 0.0, "other": 0.0}
    at = COMPARED if COMPARED in sizes else sizes[-1]
    for name, step in OURS.items():
        ours = {n: processor_seconds(step, make_points(n)) for n in sizes}
        largest = MAX_DENSE if name == "HDBSCAN" else MAX_PLAIN
        plain = SCIKIT_LEARN[name]
        other = {n: processor_seconds(plain, make_points(n)) for n in sizes if n <= largest}
        compared["ours"] += ours[at]
        compared["other"] += other[at]
        detail[name] = {
            "ours": ours,
            "scikit_learn": other,
            "exponent": exponent(ours),
            "exponent_scikit_learn": exponent(other),
        }
    result = {
        "name": "growth",
        **{name: round(seconds, 2) for name, seconds in compared.items()},
        "ratio": round(compared["other"] / compared["ours"], 2),
        "unit": f"core-seconds for all steps at {at} points",
        "detail": detail,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
