"""HDBSCAN's tree and labels beside scikit-learn's: `python benchmarks/tree.py [--quick]`.

The other side is what a user would run, `sklearn.cluster.HDBSCAN` as it comes, on 40,000 quantised
pixels in 5 bands; min_samples is one higher there, since it counts the point itself. Ours builds
the exact tree and cuts it. `detail` adds hdbscan's exact tree, 10-D blobs clean and with a fifth of
uniform noise, and (without --quick) 500,000 x 5. Compiled code is warm on both sides.

Quantised pixels have many equal distances, so many trees are equally minimal, and labels depend on
which one a program finds: `ties` in `detail` shows that the three trees weigh the same, that
scikit-learn does not agree with itself on shuffled rows, and that all agree once the values are
moved by less than a twentieth of a level.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable

import numpy as np

from core.clusters.labelling import Labelling
from core.clusters.methods.hdbscan_tree import (
    build_tree,
    choose_tree_algorithm,
    compile_hdbscan,
    cut_tree,
)
from core.settings import CutSettings, TreeSettings
from core.types import FloatArray, IntArray

MIN_SAMPLES = 10
MIN_CLUSTER_SIZE = 100
JITTER = 0.05


def pixels(n: int) -> FloatArray:
    """Rows like those of five 8-bit bands: eight kinds of ground, bands that go together."""
    random = np.random.default_rng(0)
    kinds, widths = random.uniform(40, 160, (8, 3)), random.uniform(5, 25, (8, 3))
    which = random.integers(0, 8, n)
    light = kinds[which] + widths[which] * random.normal(size=(n, 3))
    rows = light @ np.abs(random.normal(0, 0.5, (3, 5))) + 3 * random.normal(size=(n, 5))
    return np.clip(np.round(rows), 0, 255).astype(np.float32)


def blobs(n: int, d: int, noise: float) -> FloatArray:
    """Twelve blobs, with a share of uniform noise."""
    random = np.random.default_rng(1)
    centres = random.normal(0, 6, (12, d))
    points = centres[random.integers(0, 12, n)] + random.normal(size=(n, d))
    points[: int(noise * n)] = random.uniform(-12, 12, (int(noise * n), d))
    return points.astype(np.float32)


def ours(points: FloatArray) -> Labelling:
    settings = TreeSettings(n_dims=points.shape[1], min_samples=MIN_SAMPLES)
    return cut_tree(build_tree(points, settings), CutSettings(MIN_CLUSTER_SIZE))


def scikit_learn(points: FloatArray) -> IntArray:
    from sklearn.cluster import HDBSCAN

    model = HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES + 1, copy=True)
    return model.fit_predict(points)


def hdbscan_exact(points: FloatArray) -> IntArray:
    import hdbscan

    model = hdbscan.HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES, approx_min_span_tree=False)
    return model.fit_predict(points)


def ties(points: FloatArray) -> dict[str, object]:
    """Whether differences come from equal distances: weights, shuffled rows, values moved apart."""
    from sklearn.metrics import adjusted_rand_score as ari

    random = np.random.default_rng(3)
    order = random.permutation(len(points))
    moved = points + random.uniform(-JITTER, JITTER, points.shape).astype(np.float32)
    mine, sklearns, hdbscans = (one(points) for one in THREE)
    again = np.empty_like(sklearns[0])
    again[order] = sklearn_tree(points[order])[0]
    apart = [one(moved)[0] for one in THREE]
    return {
        "points": len(points),
        "tree_weights": [round(weight, 3) for _, weight in (mine, sklearns, hdbscans)],
        "ari_ours_scikit_learn": round(ari(mine[0], sklearns[0]), 4),
        "ari_hdbscan_scikit_learn": round(ari(hdbscans[0], sklearns[0]), 4),
        "ari_scikit_learn_shuffled": round(ari(sklearns[0], again), 4),
        "ari_ours_scikit_learn_moved_apart": round(ari(apart[0], apart[1]), 4),
        "ari_hdbscan_scikit_learn_moved_apart": round(ari(apart[2], apart[1]), 4),
    }


def our_tree(points: FloatArray) -> tuple[IntArray, float]:
    """Labels, and the weight of the tree."""
    labelling = ours(points)
    return labelling.labels, float(labelling.facts["tree_weight"])


def sklearn_tree(points: FloatArray) -> tuple[IntArray, float]:
    """The same of scikit-learn, whose linkage holds the tree's edges."""
    from sklearn.cluster import HDBSCAN

    model = HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES + 1, copy=True).fit(points)
    return model.labels_, float(model._single_linkage_tree_["value"].sum())


def hdbscan_tree(points: FloatArray) -> tuple[IntArray, float]:
    """The same of hdbscan."""
    import hdbscan

    model = hdbscan.HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES, approx_min_span_tree=False)
    model.fit(points)
    return model.labels_, float(model.single_linkage_tree_.to_numpy()[:, 2].sum())


THREE = (our_tree, sklearn_tree, hdbscan_tree)


def timed(call: Callable[[FloatArray], object], points: FloatArray) -> tuple[float, object]:
    begun = time.perf_counter()
    result = call(points)
    return time.perf_counter() - begun, result


def beside(points: FloatArray) -> dict[str, object]:
    """Ours and hdbscan's exact tree on some points."""
    mine, labelling = timed(ours, points)
    other, _ = timed(hdbscan_exact, points)
    return {
        "ours_s": round(mine, 2),
        "hdbscan_exact_s": round(other, 2),
        "route": choose_tree_algorithm(*points.shape),
        "n_clusters": labelling.n_clusters,
        "noise_fraction": round(labelling.noise_fraction, 3),
    }


def main() -> None:
    from sklearn.metrics import adjusted_rand_score

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer points in detail, under 50 s")
    quick = parser.parse_args().quick
    compile_hdbscan()
    scikit_learn(pixels(500))
    points = pixels(40_000)
    mine, labelling = timed(ours, points)
    other, labels = timed(scikit_learn, points)
    n = 2000 if quick else 40_000
    detail = {
        "points": "40,000 x 5 quantised pixels",
        "ari": round(adjusted_rand_score(labels, labelling.labels), 4),
        "n_clusters": labelling.n_clusters,
        "ties": ties(pixels(10_000 if quick else 40_000)),
        f"pixels {n} x 5": beside(pixels(n)),
        f"blobs {n} x 10": beside(blobs(n, 10, 0.0)),
        f"blobs {n} x 10, 20 % noise": beside(blobs(n, 10, 0.2)),
        "cores": len(os.sched_getaffinity(0)),
    }
    if not quick:
        seconds, large = timed(ours, pixels(500_000))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        detail["pixels 500000 x 5"] = {
            "ours_s": round(seconds, 1),
            "peak_gb": round(peak, 2),
            "n_clusters": large.n_clusters,
        }
    result = {
        "name": "tree",
        "ours": round(mine, 3),
        "other": round(other, 3),
        "ratio": round(other / mine, 2),
        "unit": "seconds for tree and labels",
        "detail": detail,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
