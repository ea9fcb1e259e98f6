"""Compare HDBSCAN's tree and labels with scikit-learn's: `python benchmarks/tree.py [--quick]`.

"Other" is what a user would run: `sklearn.cluster.HDBSCAN` with its default algorithm, on 40,000
quantised pixels in 5 bands. Its min_samples is one higher, because it counts the point itself.
Chipscape builds the exact tree and cuts it. `detail` adds hdbscan's exact tree, blobs in 10
dimensions without noise and with a fifth of uniform noise, and (without --quick) 500,000 pixels in
5 bands. All code is compiled before the clocks start.

Quantised pixels have many equal distances, so many trees are minimal, and the labels depend on
which of them a program finds. `ties` in `detail` shows that the three trees have the same total
length, that scikit-learn does not agree with itself on shuffled rows, and that all agree if the
values are shifted by less than a twentieth of a level.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable

import numpy as np

from core.clusters.labelling import Labelling
from core.clusters.methods.density.exact_edges import choose_tree_algorithm
from core.clusters.methods.density.hdbscan_tree import build_tree, compile_hdbscan, cut_tree
from core.settings import CutSettings, TreeSettings
from core.types import FloatArray, IntArray

MIN_SAMPLES = 10
MIN_CLUSTER_SIZE = 100
JITTER = 0.05


def make_pixels(n: int) -> FloatArray:
    """Return n rows like pixels of five correlated 8-bit bands, with eight kinds of ground."""
    random = np.random.default_rng(0)
    kinds, widths = random.uniform(40, 160, (8, 3)), random.uniform(5, 25, (8, 3))
    row_kinds = random.integers(0, 8, n)
    light = kinds[row_kinds] + widths[row_kinds] * random.normal(size=(n, 3))
    rows = light @ np.abs(random.normal(0, 0.5, (3, 5))) + 3 * random.normal(size=(n, 5))
    return np.clip(np.round(rows), 0, 255).astype(np.float32)


def make_blobs(n: int, d: int, noise: float) -> FloatArray:
    """Return n points in d columns: twelve blobs, with a fraction of uniform noise."""
    random = np.random.default_rng(1)
    centres = random.normal(0, 6, (12, d))
    points = centres[random.integers(0, 12, n)] + random.normal(size=(n, d))
    points[: int(noise * n)] = random.uniform(-12, 12, (int(noise * n), d))
    return points.astype(np.float32)


def cluster_ours(points: FloatArray) -> Labelling:
    settings = TreeSettings(n_dims=points.shape[1], min_samples=MIN_SAMPLES)
    return cut_tree(build_tree(points, settings), CutSettings(MIN_CLUSTER_SIZE))


def cluster_scikit_learn(points: FloatArray) -> IntArray:
    from sklearn.cluster import HDBSCAN

    model = HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES + 1, copy=True)
    return model.fit_predict(points)


def cluster_hdbscan(points: FloatArray) -> IntArray:
    import hdbscan

    model = hdbscan.HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES, approx_min_span_tree=False)
    return model.fit_predict(points)


def examine_ties(points: FloatArray) -> dict[str, object]:
    """Show that ties cause the differences: tree weights, shuffled rows, shifted values."""
    from sklearn.metrics import adjusted_rand_score as ari

    random = np.random.default_rng(3)
    order = random.permutation(len(points))
    moved = points + random.uniform(-JITTER, JITTER, points.shape).astype(np.float32)
    our_seconds, sklearns, hdbscans = (build(points) for build in TREE_BUILDERS)
    shuffled_labels = np.empty_like(sklearns[0])
    shuffled_labels[order] = sklearn_tree(points[order])[0]
    moved_labels = [build(moved)[0] for build in TREE_BUILDERS]
    return {
        "points": len(points),
        "tree_weights": [round(weight, 3) for _, weight in (our_seconds, sklearns, hdbscans)],
        "ari_ours_scikit_learn": round(ari(our_seconds[0], sklearns[0]), 4),
        "ari_hdbscan_scikit_learn": round(ari(hdbscans[0], sklearns[0]), 4),
        "ari_scikit_learn_shuffled": round(ari(sklearns[0], shuffled_labels), 4),
        "ari_ours_scikit_learn_moved_apart": round(ari(moved_labels[0], moved_labels[1]), 4),
        "ari_hdbscan_scikit_learn_moved_apart": round(ari(moved_labels[2], moved_labels[1]), 4),
    }


def our_tree(points: FloatArray) -> tuple[IntArray, float]:
    """Return Chipscape's labels and the weight of its tree."""
    labelling = cluster_ours(points)
    return labelling.labels, float(labelling.facts["tree_weight"])


def sklearn_tree(points: FloatArray) -> tuple[IntArray, float]:
    """Return scikit-learn's labels and the weight of its tree, whose edges are in the linkage."""
    from sklearn.cluster import HDBSCAN

    model = HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES + 1, copy=True).fit(points)
    return model.labels_, float(model._single_linkage_tree_["value"].sum())


def hdbscan_tree(points: FloatArray) -> tuple[IntArray, float]:
    """Return hdbscan's labels and the weight of its tree."""
    import hdbscan

    model = hdbscan.HDBSCAN(MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES, approx_min_span_tree=False)
    model.fit(points)
    return model.labels_, float(model.single_linkage_tree_.to_numpy()[:, 2].sum())


TREE_BUILDERS = (our_tree, sklearn_tree, hdbscan_tree)


def time_call(call: Callable[[FloatArray], object], points: FloatArray) -> tuple[float, object]:
    start = time.perf_counter()
    result = call(points)
    return time.perf_counter() - start, result


def compare_with_hdbscan(points: FloatArray) -> dict[str, object]:
    """Compare the times of Chipscape and of hdbscan's exact tree on some points."""
    our_seconds, labelling = time_call(cluster_ours, points)
    other_seconds, _ = time_call(cluster_hdbscan, points)
    return {
        "ours_s": round(our_seconds, 2),
        "hdbscan_exact_s": round(other_seconds, 2),
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
    cluster_scikit_learn(make_pixels(500))
    points = make_pixels(40_000)
    our_seconds, labelling = time_call(cluster_ours, points)
    other_seconds, labels = time_call(cluster_scikit_learn, points)
    n = 2000 if quick else 40_000
    detail = {
        "points": "40,000 x 5 quantised pixels",
        "ari": round(adjusted_rand_score(labels, labelling.labels), 4),
        "n_clusters": labelling.n_clusters,
        "ties": examine_ties(make_pixels(10_000 if quick else 40_000)),
        f"pixels {n} x 5": compare_with_hdbscan(make_pixels(n)),
        f"blobs {n} x 10": compare_with_hdbscan(make_blobs(n, 10, 0.0)),
        f"blobs {n} x 10, 20 % noise": compare_with_hdbscan(make_blobs(n, 10, 0.2)),
        "cores": len(os.sched_getaffinity(0)),
    }
    if not quick:
        seconds, large = time_call(cluster_ours, make_pixels(500_000))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        detail["pixels 500000 x 5"] = {
            "ours_s": round(seconds, 1),
            "peak_gb": round(peak, 2),
            "n_clusters": large.n_clusters,
        }
    result = {
        "name": "tree",
        "ours": round(our_seconds, 3),
        "other": round(other_seconds, 3),
        "ratio": round(other_seconds / our_seconds, 2),
        "unit": "seconds for tree and labels",
        "detail": detail,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
