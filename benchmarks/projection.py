"""Compare the projection with scikit-learn's t-SNE: `python benchmarks/projection.py [--quick]`.

"Other" is what a user would run: `sklearn.manifold.TSNE`, started from principal components, with
the same perplexity and number of iterations. Both project generated embeddings in one thread, for
several seeds. Times are core-seconds, means over the seeds. The KL divergence is the exact one,
over all pairs of points, for the same affinities, and neighbour recall compares the 15 nearest
neighbours, so neither program judges itself. `detail` adds openTSNE with its defaults (without
--quick). With `--loads N`, N other processes keep the cores busy; `wall_s` then shows how long a
user waits. All code is compiled before the clocks start.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits

from core.reduction.projection_scores import score_projection
from core.reduction.tsne import EARLY_ITERATIONS, project_tsne
from core.reduction.tsne_gradient import EXACT_POINTS
from core.settings import ProjectionSettings
from core.types import FloatArray

PERPLEXITY = 30
N_DIMS = 50
ITERATIONS = EARLY_ITERATIONS + ProjectionSettings.n_iter


def generate_embeddings(n: int) -> FloatArray:
    """Return n points of 40 curved groups, (n, 50), as principal components, strongest first."""
    random = np.random.default_rng(0)
    kinds = random.integers(0, 40, n)
    along = random.uniform(-1, 1, (n, 8))
    curves = np.hstack([along, along**2, np.sin(3 * along)])
    directions = random.normal(0, 0.6, (40, curves.shape[1], N_DIMS))
    points = random.normal(0, 1, (40, N_DIMS))[kinds] + random.normal(0, 0.25, (n, N_DIMS))
    for kind in range(40):
        points[kinds == kind] += curves[kinds == kind] @ directions[kind]
    centred = points - points.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    return (centred @ axes.T).astype(np.float32)


def project_ours(points: FloatArray, seed: int) -> FloatArray:
    return project_tsne(points, ProjectionSettings(perplexity=PERPLEXITY, seed=seed)).coordinates


def project_scikit_learn(points: FloatArray, seed: int) -> FloatArray:
    from sklearn.manifold import TSNE

    model = TSNE(
        perplexity=PERPLEXITY, init="pca", random_state=seed, n_jobs=1, max_iter=ITERATIONS
    )
    return model.fit_transform(points)


def project_opentsne(points: FloatArray, seed: int) -> FloatArray:
    from openTSNE import TSNE

    return np.asarray(TSNE(perplexity=PERPLEXITY, random_state=seed).fit(points), np.float32)


class ExactDivergence:
    """The KL divergence of projections of some points, over all pairs of points."""

    def __init__(self, points: FloatArray) -> None:
        from openTSNE.affinity import PerplexityBasedNN

        self.affinities = PerplexityBasedNN(points, PERPLEXITY, method="exact").P.tocoo()

    def of(self, coordinates: FloatArray) -> float:
        """Return the divergence of one projection in nats."""
        positions = coordinates.astype(np.float64)
        total = 0.0
        for start in range(0, len(positions), 500):
            differences = positions[start : start + 500, None] - positions[None]
            total += float((1 / (1 + (differences**2).sum(axis=2))).sum())
        pairs = self.affinities
        distances = ((positions[pairs.row] - positions[pairs.col]) ** 2).sum(axis=1)
        q = 1 / (1 + distances) / (total - len(positions))
        used = pairs.data > 0
        return float((pairs.data[used] * np.log(pairs.data[used] / q[used])).sum())


def measure(
    project: Callable[[FloatArray, int], FloatArray],
    points: FloatArray,
    divergence: ExactDivergence,
    seeds: int,
) -> dict[str, float]:
    """Return mean core-seconds, wall time, KL divergence and neighbour recall over the seeds."""
    rows = []
    for seed in range(seeds):
        core_start, start = time.process_time(), time.perf_counter()
        coordinates = project(points, seed)
        seconds = time.process_time() - core_start, time.perf_counter() - start
        recall = score_projection(points, coordinates).neighbour_recall
        rows.append((*seconds, divergence.of(coordinates), recall))
    names = ("core_s", "wall_s", "kl_divergence", "neighbour_recall")
    means = (statistics.fmean(column) for column in zip(*rows, strict=True))
    return {name: round(mean, 4) for name, mean in zip(names, means, strict=True)}


def keep_busy() -> None:
    while True:
        pass


@contextmanager
def busy_machine(n_loads: int) -> Iterator[None]:
    """Run some processes that never pause."""
    context = multiprocessing.get_context("spawn")
    loads = [context.Process(target=keep_busy, daemon=True) for _ in range(n_loads)]
    for load in loads:
        load.start()
    try:
        yield
    finally:
        for load in loads:
            load.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed with 2,000 points")
    parser.add_argument("--points", type=int, help="5,000 by default")
    parser.add_argument("--seeds", type=int, help="3 by default")
    parser.add_argument("--loads", type=int, default=0, help="number of other busy processes")
    parser.add_argument("--ours-only", action="store_true", help="for many points")
    arguments = parser.parse_args()
    n_points = arguments.points or (2000 if arguments.quick else 5000)
    seeds = arguments.seeds or (1 if arguments.quick else 3)
    project_ours(generate_embeddings(EXACT_POINTS + 1), 0)
    programs = {"ours": project_ours}
    if not arguments.ours_only:
        programs["scikit_learn"] = project_scikit_learn
        if not arguments.quick:
            programs["opentsne"] = project_opentsne
    with threadpool_limits(1), busy_machine(arguments.loads):
        points = generate_embeddings(n_points)
        divergence = ExactDivergence(points)
        measured = {
            name: measure(project, points, divergence, seeds) for name, project in programs.items()
        }
    ours = measured["ours"]["core_s"]
    other = measured["scikit_learn"]["core_s"] if "scikit_learn" in measured else None
    result = {
        "name": "projection",
        "ours": round(ours, 2),
        "other": other and round(other, 2),
        "ratio": other and round(other / ours, 1),
        "unit": "core-seconds",
        "detail": {
            "points": n_points,
            "iterations": ITERATIONS,
            "seeds": seeds,
            "loads": arguments.loads,
            **measured,
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
