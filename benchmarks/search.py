"""Compare exact search with scikit-learn: `python benchmarks/search.py [--quick]`.

Both return the 50 embeddings of a million (with `--quick` of 200,000) with 384 columns that have
the largest cosine similarity to a query. Chipscape reads a memory-mapped file, whose pages are in
the system's cache after the first search; scikit-learn needs the matrix in memory, and is used with
brute force, because its trees do not support cosine distance. `fit` is the time in which a ranker
is fitted to three examples and 1,000 random embeddings. If usearch is installed, `detail` contains
its exact search. The processor time is that of all threads; `ratio` compares wall time.
"""

import argparse
import importlib.util
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sklearn.neighbors import NearestNeighbors

from core.compute.cores import n_workers
from core.search.exact_search import search_embeddings
from core.search.ranking import fit_ranker

COLUMNS, K, TURNS, BLOCK = 384, 50, 5, 50_000


def write_matrix(path: Path, n: int) -> np.ndarray:
    """Write n random embeddings of length 1 in forty kinds, and return them memory-mapped."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(40, COLUMNS)).astype(np.float32)
    matrix = np.lib.format.open_memmap(path, "w+", np.float32, (n, COLUMNS))
    for start in range(0, n, BLOCK):
        size = min(BLOCK, n - start)
        rows = random.normal(size=(size, COLUMNS)).astype(np.float32)
        rows += centres[random.integers(0, 40, size)]
        matrix[start : start + size] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    matrix.flush()
    del matrix
    return np.load(path, mmap_mode="r")


def time_calls(call: Callable[[], Any], n_turns: int = TURNS) -> tuple[float, float, Any]:
    """Return the median seconds of wall and of processor time of a call, and its last result."""
    wall, processor, result = [], [], None
    for _ in range(n_turns):
        start, cpu_start = time.perf_counter(), time.process_time()
        result = call()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - cpu_start)
    return statistics.median(wall), statistics.median(processor), result


def time_usearch(matrix: np.ndarray, query: np.ndarray) -> float | None:
    """Return the median seconds of usearch's exact search; None if it is not installed."""
    if importlib.util.find_spec("usearch") is None:
        return None
    from usearch.index import MetricKind, search

    # A copy: usearch takes contiguous arrays in memory.
    data = np.ascontiguousarray(matrix)
    call = lambda: search(data, query, K, MetricKind.Cos, exact=True)  # noqa: E731
    return time_calls(call)[0]


def main() -> None:
    """Measure, and print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200,000 embeddings")
    n = 200_000 if parser.parse_args().quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        matrix = write_matrix(Path(folder) / "embeddings.npy", n)
        random = np.random.default_rng(1)
        background = np.array(matrix[np.sort(random.choice(n, 1000, replace=False))])
        examples, none = np.array(matrix[:3]), np.empty((0, COLUMNS), np.float32)
        fit_ranker(examples, none, background)
        fit_seconds = time_calls(lambda: fit_ranker(examples, none, background))[0]
        query = fit_ranker(examples[:1], none, none, "mean")
        search_embeddings(matrix, query, K)
        before = psutil.Process().memory_full_info().uss
        ours, ours_cpu, found = time_calls(lambda: search_embeddings(matrix, query, K))
        added = psutil.Process().memory_full_info().uss - before
        index = NearestNeighbors(n_neighbors=K, metric="cosine", algorithm="brute", n_jobs=-1)
        index.fit(np.array(matrix))
        other, other_cpu, (_, rows) = time_calls(lambda: index.kneighbors(examples[:1]))
        same = len(np.intersect1d(found.rows, rows[0]))
        usearch = time_usearch(matrix, examples[0])
    detail = {"n": n, "columns": COLUMNS, "cores": n_workers(), "fit": round(fit_seconds, 4)}
    detail |= {"processor_seconds": [round(ours_cpu, 4), round(other_cpu, 4)], "same_rows": same}
    detail |= {"memory_added_mb": round(added / 1e6, 1), "load": os.getloadavg()[0]}
    detail |= {"usearch": None if usearch is None else round(usearch, 4)}
    result = {"name": "search", "ours": round(ours, 4), "other": round(other, 4)}
    result |= {"ratio": round(other / ours, 2), "unit": "s per search", "detail": detail}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
