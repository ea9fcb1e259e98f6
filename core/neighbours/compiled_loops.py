"""Loops that numba compiles once and keeps on disk, and the few that every search shares."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from core.types import AnyArray, FloatArray, IntArray

# Beyond any distance, yet below the infinity that fills unused lanes.
FARTHEST = np.float32(3e38)
NOBODY = np.int32(2**31 - 1)
_FILES = (
    "compiled_loops",
    "vector_lanes",
    "leaf_packing",
    "box_tree",
    "repeated_columns",
)
_SOURCES = b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in _FILES)
_STAMP = hashlib.sha256(_SOURCES).hexdigest()


def compiled(loop: Callable[..., Any]) -> Any:
    """Compile a loop on first use; it runs without the interpreter's lock, in any thread."""
    made: Any = numba.njit(cache=True, nogil=True)(loop)
    # By itself numba looks at the loop's own file only, and keeps what calls a changed one.
    made._cache._cache_file._source_stamp = _STAMP
    return made


@compiled
def insert_neighbour(near: FloatArray, rows: IntArray, distance: np.float32, row: np.int32) -> None:
    """Put a row among the nearest, if it is one: by distance, then by row number."""
    last = len(near) - 1
    if distance > near[last] or (distance == near[last] and row > rows[last]):
        return
    at = last
    while at > 0 and (near[at - 1] > distance or (near[at - 1] == distance and rows[at - 1] > row)):
        near[at] = near[at - 1]
        rows[at] = rows[at - 1]
        at -= 1
    near[at] = distance
    rows[at] = row


@compiled
def group_rows(matrix: FloatArray) -> tuple[IntArray, IntArray]:
    """Group exactly equal rows by hashing: each row's group, and each group's first row.

    Groups are numbered by first appearance. -0.0 and 0.0 are equal.
    """
    n, width = matrix.shape
    bits = (matrix + np.float32(0)).view(np.uint32)
    size = 1024
    while size < 2 * n:
        size *= 2
    slots = np.full(size, -1, np.int32)
    groups = np.empty(n, np.int32)
    firsts = np.empty(n, np.int32)
    found = 0
    for row in range(n):
        same = row > 0
        for column in range(width):
            same = same and bits[row, column] == bits[row - 1, column]
        if same:
            groups[row] = groups[row - 1]
            continue
        mixed = np.uint64(14695981039346656037)
        for column in range(width):
            mixed = (mixed ^ np.uint64(bits[row, column])) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        slot = np.int64(mixed & np.uint64(size - 1))
        while slots[slot] >= 0:
            first = firsts[slots[slot]]
            equal = True
            for column in range(width):
                equal = equal and bits[row, column] == bits[first, column]
            if equal:
                break
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = found
            firsts[found] = row
            found += 1
        groups[row] = slots[slot]
    return groups, firsts[:found].copy()


@compiled
def majority(labels: AnyArray, rows: IntArray) -> AnyArray:
    """The commonest label of each row of neighbours, the smallest of equals: (n, k) -> (n,)."""
    n, k = rows.shape
    votes = np.empty(n, labels.dtype)
    for query in range(n):
        best = labels[rows[query, 0]]
        most = 0
        for one in range(k):
            label = labels[rows[query, one]]
            count = 0
            for other in range(k):
                count += labels[rows[query, other]] == label
            if count > most or (count == most and label < best):
                best, most = label, count
        votes[query] = best
    return votes
