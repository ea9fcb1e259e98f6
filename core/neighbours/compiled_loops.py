"""Compilation of loops with a cache on disk, and the loops that all searches share."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from core.internals.numba_internals import set_cache_stamp
from core.types import AnyArray, FloatArray, IntArray

# Larger than any distance, but smaller than the infinity in unused lanes.
FARTHEST = np.float32(3e38)
NO_ROW = np.int32(2**31 - 1)
_SOURCES = (path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
_STAMP = hashlib.sha256(b"".join(_SOURCES)).hexdigest()


def compiled(loop: Callable[..., Any]) -> Any:
    """Compile a loop on its first call, to run without the GIL in any thread."""
    dispatcher: Any = numba.njit(cache=True, nogil=True)(loop)
    set_cache_stamp(dispatcher, _STAMP)
    return dispatcher


@compiled
def insert_neighbour(near: FloatArray, rows: IntArray, distance: np.float32, row: np.int32) -> None:
    """Insert a row into the nearest rows if near enough; they are sorted by distance, then row."""
    last = len(near) - 1
    if distance > near[last] or (distance == near[last] and row > rows[last]):
        return
    rank = last
    while rank > 0 and (
        near[rank - 1] > distance or (near[rank - 1] == distance and rows[rank - 1] > row)
    ):
        near[rank] = near[rank - 1]
        rows[rank] = rows[rank - 1]
        rank -= 1
    near[rank] = distance
    rows[rank] = row


@compiled
def group_rows(matrix: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the group of each row and the first row of each group of exactly equal rows.

    Groups are found by hashing and numbered by first appearance. -0.0 equals 0.0.
    """
    n, width = matrix.shape
    bits = (matrix + np.float32(0)).view(np.uint32)
    size = 1024
    while size < 2 * n:
        size *= 2
    slots = np.full(size, -1, np.int32)
    groups = np.empty(n, np.int32)
    firsts = np.empty(n, np.int32)
    n_groups = 0
    for row in range(n):
        same = row > 0
        for column in range(width):
            same = same and bits[row, column] == bits[row - 1, column]
        if same:
            groups[row] = groups[row - 1]
            continue
        row_hash = np.uint64(14695981039346656037)
        for column in range(width):
            row_hash = (row_hash ^ np.uint64(bits[row, column])) * np.uint64(0x9E3779B97F4A7C15)
            row_hash ^= row_hash >> np.uint64(29)
        slot = np.int64(row_hash & np.uint64(size - 1))
        while slots[slot] >= 0:
            first = firsts[slots[slot]]
            equal = True
            for column in range(width):
                equal = equal and bits[row, column] == bits[first, column]
            if equal:
                break
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = n_groups
            firsts[n_groups] = row
            n_groups += 1
        groups[row] = slots[slot]
    return groups, firsts[:n_groups].copy()


@compiled
def majority(labels: AnyArray, rows: IntArray) -> AnyArray:
    """Return the most common label, (m,), of each query's rows, (m, k); in a tie, the smallest."""
    n, k = rows.shape
    votes = np.empty(n, labels.dtype)
    for query in range(n):
        best = labels[rows[query, 0]]
        most = 0
        for i in range(k):
            label = labels[rows[query, i]]
            count = 0
            for j in range(k):
                count += labels[rows[query, j]] == label
            if count > most or (count == most and label < best):
                best, most = label, count
        votes[query] = best
    return votes
