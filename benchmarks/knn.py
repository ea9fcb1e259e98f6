"""Compare nearest neighbours with scikit-learn and pykdtree: `python benchmarks/knn.py [--quick]`.

The pixels are generated with FLAIR's statistics: aerial values are quantised to 8 bits, smooth over
tens of pixels, with sensor noise; there are twelve mixed signatures, and Sentinel is constant over
blocks of 50 x 50. scikit-learn is called as in the notebook (`n_neighbors=3, n_jobs=-1`) on a
sample of the same queries, and so is pykdtree if it is installed. Chipscape classifies complete
patches, in raster order and in random order, inside and outside the training set. All use all
cores; processor time is measured, so that other load on the machine does not matter.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.ndimage import zoom
from sklearn.neighbors import KNeighborsClassifier

from core.land.models.features import Features
from core.neighbours.nearest import compile_searches

SIDE, BLOCK, STRIDE = 512, 50, 10
SIGNATURES = np.random.default_rng(7).integers(30, 190, (12, 15)).astype(np.float32)
FAMILIES = ("5", "6", "15", "16", "15 intensity", "16 intensity")
TARGET_RATIOS = {"5": 4, "6": 4, "15": 20, "16": 200}


def smooth_field(random: np.random.Generator, size: int) -> np.ndarray:
    """Return a field (SIDE, SIDE) that varies over SIDE / size pixels, in blocks of 4 x 4.

    Its standard deviation is at most 1.
    """
    coarse = random.standard_normal((size, size), np.float32)
    return zoom(coarse, SIDE / 4 / size, order=1).repeat(4, axis=0).repeat(4, axis=1)


def make_patch(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return aerial (512, 512, 5), Sentinel reflectance (512, 512, 10) and labels (512, 512)."""
    random = np.random.default_rng([3, number])
    kinds = random.choice(12, 5, replace=False)
    fields = [smooth_field(random, 12) for _ in kinds]
    labels = kinds[np.argmax(fields, axis=0)]
    noise = random.standard_normal((SIDE, SIDE, 5), np.float32) * np.float32(9)
    aerial = SIGNATURES[labels, :5] * (1 + smooth_field(random, 9)[..., None] / 4) + noise
    aerial = np.clip(np.round(aerial), 1, 255)
    offset = random.integers(0, BLOCK)
    block_numbers = (np.arange(SIDE) + offset) // BLOCK
    n = block_numbers.max() + 1
    one_hot = np.equal.outer(labels, np.arange(12)).astype(np.float32)
    edges = np.flatnonzero(np.diff(block_numbers, prepend=-1))
    shares = np.add.reduceat(np.add.reduceat(one_hot, edges, axis=0), edges, axis=1)
    shares /= shares.sum(axis=2, keepdims=True)
    sentinel = shares @ SIGNATURES[:, 5:] * (1 + 0.1 * random.normal(size=(n, n, 10)))
    sentinel = np.round(sentinel * 20).clip(1) / 10_000
    return (
        aerial,
        sentinel.astype(np.float32)[block_numbers[:, None], block_numbers[None]],
        labels.astype(np.uint8) + 1,
    )


def make_features(aerial: np.ndarray, sentinel: np.ndarray, family: str) -> Features:
    """Return features as in the notebook; a family is named by the number of its columns.

    With "intensity", the Sentinel columns are multiplied by the intensity of the aerial pixel.
    """
    aerial, sentinel = aerial.reshape(-1, 5), sentinel.reshape(-1, 10)
    factor = aerial[:, :3].sum(axis=1)
    aerial_columns = aerial
    if family[:2] in ("6", "16"):
        aerial_columns = np.column_stack(
            [aerial[:, :4] / factor[:, None] * 255, aerial[:, 4], factor / 3]
        )
    elif family == "15":
        aerial_columns = np.column_stack([aerial[:, :4] / factor[:, None] * 255, aerial[:, 4]])
    aerial_columns = aerial_columns.astype(np.float32)
    if family in ("5", "6"):
        return Features(aerial_columns, aerial_columns.shape[1], ())
    spectra = sentinel / sentinel[:, :3].sum(axis=1, keepdims=True)
    if family.endswith("intensity"):
        return Features(
            np.hstack([aerial_columns, spectra * factor[:, None]]), aerial_columns.shape[1], ()
        )
    return Features(np.hstack([aerial_columns, spectra * 255]), aerial_columns.shape[1], ())


@cache
def training(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n training rows, sampled as in the notebook from as many patches as needed."""
    parts = []
    for number in range(-(-n // 2500)):
        sample_rows = slice(11, 511, STRIDE)
        parts.append(
            [layer[sample_rows, sample_rows].reshape(2500, -1) for layer in make_patch(number)]
        )
    aerial, sentinel, labels = (np.concatenate(part)[:n] for part in zip(*parts, strict=True))
    return aerial, sentinel, labels.ravel()


def queries_per_second(n: int, call: Callable[[], object]) -> float:
    """Return the queries per second of processor time, summed over the threads."""
    start = time.process_time()
    call()
    return n / (time.process_time() - start)


def measure_family(n_train: int, family: str, sample: int, n_patches: int) -> dict[str, float]:
    """Measure all programs with one number of training rows and one family of features."""
    aerial, sentinel, labels = training(n_train)
    train = make_features(aerial, sentinel, family)
    start = time.perf_counter()
    index = train.neighbour_index()
    build_seconds = time.perf_counter() - start
    training_patches = [
        make_features(*make_patch(number)[:2], family) for number in range(n_patches)
    ]
    other_patches = [
        make_features(*make_patch(10_000 + number)[:2], family) for number in range(n_patches)
    ]
    shuffled = np.random.default_rng(0).permutation(SIDE * SIDE)
    shuffled_patches = [queries.take(shuffled) for queries in training_patches]

    def our_rate(patches: list[Features]) -> float:
        calls = lambda: [index.vote(labels, queries.matrix) for queries in patches]  # noqa: E731
        return queries_per_second(len(patches) * SIDE * SIDE, calls)

    result = {
        "raster": our_rate(training_patches),
        "random": our_rate(shuffled_patches),
        "held_out": our_rate(other_patches),
        "build_seconds": build_seconds,
    }
    sample_queries = training_patches[0].matrix[shuffled[:sample]]
    model = KNeighborsClassifier(n_neighbors=3, n_jobs=-1).fit(train.matrix, labels)
    votes = []
    result["scikit_learn"] = queries_per_second(
        sample, lambda: votes.append(model.predict(sample_queries))
    )
    our_votes = index.vote(labels, sample_queries)
    result["votes_equal"] = float((votes[0] == our_votes).mean())
    try:
        from pykdtree.kdtree import KDTree
    except ImportError:
        pass
    else:
        tree = KDTree(train.matrix)
        pykdtree_queries = training_patches[0].matrix[shuffled[: 4 * sample]]
        result["pykdtree"] = queries_per_second(
            len(pykdtree_queries), lambda: tree.query(pykdtree_queries, k=3)
        )
    result["ratio"] = result["raster"] / result["scikit_learn"]
    return {name: round(value, 4 if name == "votes_equal" else 1) for name, value in result.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="135,000 rows only, under 50 s")
    quick = parser.parse_args().quick
    compile_searches()
    detail: dict[str, object] = {}
    for n_train in (135_000,) if quick else (135_000, 500_000):
        for family in TARGET_RATIOS if quick else FAMILIES:
            sample = {"5": 20_000, "6": 20_000}.get(family, 5000 if family[:2] == "15" else 2000)
            sample = sample if quick else 4 * sample
            row = measure_family(n_train, family, sample, 1 if quick else 4)
            detail[f"{n_train} x {family}"] = row
            print(n_train, family, row, flush=True)
    main_row = detail["135000 x 16"]
    assert isinstance(main_row, dict)
    result = {
        "name": "knn",
        "ours": main_row["raster"],
        "other": main_row["scikit_learn"],
        "ratio": main_row["ratio"],
        "unit": "queries per core-second",
        "detail": {"floors": TARGET_RATIOS, "cores": len(os.sched_getaffinity(0)), **detail},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
