"""Nearest neighbours beside scikit-learn and pykdtree: `python benchmarks/knn.py [--quick]`.

Made-up pixels with FLAIR's statistics: aerial values quantised to 8 bits, smooth over tens of
pixels with noise of the sensor, twelve mixed signatures, Sentinel constant over blocks of 50 x 50.
scikit-learn is called as the notebook does (`n_neighbors=3, n_jobs=-1`) on a sample of the same
queries; pykdtree where it is installed. Ours classifies whole patches, in raster and in random
order, in and out of the training set. All sides use all cores; what counts is processor time, so
that other work on the machine does not decide.
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

from core.flair.models.features import Features
from core.neighbours.nearest import compile_searches

SIDE, BLOCK, STRIDE = 512, 50, 10
SIGNATURES = np.random.default_rng(7).integers(30, 190, (12, 15)).astype(np.float32)
FAMILIES = ("5", "6", "15", "16", "15 intensity", "16 intensity")
FLOORS = {"5": 4, "6": 4, "15": 20, "16": 200}


def smooth(random: np.random.Generator, size: int) -> np.ndarray:
    """A field of standard deviation 1 or less that varies over SIDE / size pixels, by fours."""
    coarse = random.standard_normal((size, size), np.float32)
    return zoom(coarse, SIDE / 4 / size, order=1).repeat(4, axis=0).repeat(4, axis=1)


def patch(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Aerial (512, 512, 5), Sentinel reflectance (512, 512, 10), labels (512, 512)."""
    random = np.random.default_rng([3, number])
    kinds = random.choice(12, 5, replace=False)
    fields = [smooth(random, 12) for _ in kinds]
    labels = kinds[np.argmax(fields, axis=0)]
    noise = random.standard_normal((SIDE, SIDE, 5), np.float32) * np.float32(9)
    aerial = SIGNATURES[labels, :5] * (1 + smooth(random, 9)[..., None] / 4) + noise
    aerial = np.clip(np.round(aerial), 1, 255)
    offset = random.integers(0, BLOCK)
    at = (np.arange(SIDE) + offset) // BLOCK
    n = at.max() + 1
    pure = np.equal.outer(labels, np.arange(12)).astype(np.float32)
    edges = np.flatnonzero(np.diff(at, prepend=-1))
    shares = np.add.reduceat(np.add.reduceat(pure, edges, axis=0), edges, axis=1)
    shares /= shares.sum(axis=2, keepdims=True)
    sentinel = shares @ SIGNATURES[:, 5:] * (1 + 0.1 * random.normal(size=(n, n, 10)))
    sentinel = np.round(sentinel * 20).clip(1) / 10_000
    return aerial, sentinel.astype(np.float32)[at[:, None], at[None]], labels.astype(np.uint8) + 1


def features(aerial: np.ndarray, sentinel: np.ndarray, family: str) -> Features:
    """The notebook's features by their number; "intensity" multiplies Sentinel by the pixel's."""
    aerial, sentinel = aerial.reshape(-1, 5), sentinel.reshape(-1, 10)
    factor = aerial[:, :3].sum(axis=1)
    own = aerial
    if family[:2] in ("6", "16"):
        own = np.column_stack([aerial[:, :4] / factor[:, None] * 255, aerial[:, 4], factor / 3])
    elif family == "15":
        own = np.column_stack([aerial[:, :4] / factor[:, None] * 255, aerial[:, 4]])
    own = own.astype(np.float32)
    if family in ("5", "6"):
        return Features(own, own.shape[1], ())
    spectra = sentinel / sentinel[:, :3].sum(axis=1, keepdims=True)
    if family.endswith("intensity"):
        return Features(np.hstack([own, spectra * factor[:, None]]), own.shape[1], ())
    return Features(np.hstack([own, spectra * 255]), own.shape[1], ())


@cache
def training(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The notebook's sample of as many patches as give n rows."""
    parts = []
    for number in range(-(-n // 2500)):
        keep = slice(11, 511, STRIDE)
        parts.append([layer[keep, keep].reshape(2500, -1) for layer in patch(number)])
    aerial, sentinel, labels = (np.concatenate(part)[:n] for part in zip(*parts, strict=True))
    return aerial, sentinel, labels.ravel()


def rate(n: int, call: Callable[[], object]) -> float:
    """Queries a second of processor time, threads added up."""
    begun = time.process_time()
    call()
    return n / (time.process_time() - begun)


def measure(n_train: int, family: str, sample: int, whole: int) -> dict[str, float]:
    """Every side at one size and one family of features."""
    aerial, sentinel, labels = training(n_train)
    train = features(aerial, sentinel, family)
    begun = time.perf_counter()
    index = train.neighbour_index()
    built = time.perf_counter() - begun
    known = [features(*patch(number)[:2], family) for number in range(whole)]
    foreign = [features(*patch(10_000 + number)[:2], family) for number in range(whole)]
    shuffled = np.random.default_rng(0).permutation(SIDE * SIDE)
    random_order = [queries.take(shuffled) for queries in known]

    def ours(patches: list[Features]) -> float:
        calls = lambda: [index.vote(labels, queries.matrix) for queries in patches]  # noqa: E731
        return rate(len(patches) * SIDE * SIDE, calls)

    result = {
        "raster": ours(known),
        "random": ours(random_order),
        "held_out": ours(foreign),
        "build_seconds": built,
    }
    few = known[0].matrix[shuffled[:sample]]
    plain = KNeighborsClassifier(n_neighbors=3, n_jobs=-1).fit(train.matrix, labels)
    votes = []
    result["scikit_learn"] = rate(sample, lambda: votes.append(plain.predict(few)))
    mine = index.vote(labels, few)
    result["votes_equal"] = float((votes[0] == mine).mean())
    try:
        from pykdtree.kdtree import KDTree
    except ImportError:
        pass
    else:
        tree = KDTree(train.matrix)
        many = known[0].matrix[shuffled[: 4 * sample]]
        result["pykdtree"] = rate(len(many), lambda: tree.query(many, k=3))
    result["ratio"] = result["raster"] / result["scikit_learn"]
    return {name: round(value, 4 if name == "votes_equal" else 1) for name, value in result.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="135,000 rows only, under 50 s")
    quick = parser.parse_args().quick
    compile_searches()
    detail: dict[str, object] = {}
    for n_train in (135_000,) if quick else (135_000, 500_000):
        for family in FLOORS if quick else FAMILIES:
            sample = {"5": 20_000, "6": 20_000}.get(family, 5000 if family[:2] == "15" else 2000)
            sample = sample if quick else 4 * sample
            row = measure(n_train, family, sample, 1 if quick else 4)
            detail[f"{n_train} x {family}"] = row
            print(n_train, family, row, flush=True)
    main_row = detail["135000 x 16"]
    assert isinstance(main_row, dict)
    result = {
        "name": "knn",
        "ours": main_row["raster"],
        "other": main_row["scikit_learn"],
        "ratio": main_row["ratio"],
        "unit": "queries a core-second",
        "detail": {"floors": FLOORS, "cores": len(os.sched_getaffinity(0)), **detail},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
