"""Rows packed into leaves of sixteen nearby rows, each leaf with its bounding box."""

from itertools import pairwise

import numpy as np

from core.neighbours.compiled_loops import compiled
from core.neighbours.vector_lanes import LANES
from core.types import FloatArray, IntArray


def pack_leaves(
    points: FloatArray, groups: IntArray, n_groups: int
) -> tuple[FloatArray, IntArray, FloatArray, IntArray]:
    """Pack the rows of each group into leaves, by halving ranges of rows along the widest column.

    The points are (n, d), and the groups, (n,), from 0 to n_groups - 1. No leaf holds rows of two
    groups.

    Returns
    -------
    values : float32 array, (n_leaves, d, LANES)
        Column values, infinite in unused lanes.
    rows : int32 array, (n_leaves, LANES)
        Row numbers; -1 in unused lanes.
    boxes : float32 array, (n_leaves, 2, d)
        Lowest and highest value of each column.
    starts : int32 array, (n_groups + 1,)
        First leaf of each group.
    """
    order = np.argsort(groups, kind="stable").astype(np.int32)
    counts = np.bincount(groups, minlength=n_groups)
    bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(-(-counts // LANES))]).astype(np.int32)
    for start, stop in pairwise(bounds):
        if stop - start > LANES:
            _sort_into_leaves(points, order, start, stop)
    values, rows, boxes = _fill_leaves(points, order, bounds, starts)
    return values, rows, boxes, starts


@compiled
def _sort_into_leaves(points: FloatArray, order: IntArray, first: int, last: int) -> None:
    """Reorder a range of rows so that every sixteen consecutive rows are close to each other.

    The left half of a range always consists of full leaves, and their number is a power of two.
    Therefore, leaf i lies in box i // 16 of the next level of a tree, and so on up to the root.
    """
    stack = [(first, last)]
    while len(stack) > 0:
        start, stop = stack.pop()
        n_leaves = (stop - start + LANES - 1) // LANES
        if n_leaves < 2:
            continue
        widest, width = 0, np.float32(-1)
        for column in range(points.shape[1]):
            low = high = points[order[start], column]
            for position in range(start, stop):
                value = points[order[position], column]
                low, high = min(low, value), max(high, value)
            if high - low > width:
                widest, width = column, high - low
        values = np.empty(stop - start, np.float32)
        for position in range(start, stop):
            values[position - start] = points[order[position], widest]
        order[start:stop] = order[start:stop][np.argsort(values)]
        left = 1
        while 2 * left < n_leaves:
            left *= 2
        middle = start + left * LANES
        stack.append((start, middle))
        stack.append((middle, stop))


@compiled
def _fill_leaves(
    points: FloatArray, order: IntArray, bounds: IntArray, starts: IntArray
) -> tuple[FloatArray, IntArray, FloatArray]:
    width = points.shape[1]
    values = np.full((starts[-1], width, LANES), np.inf, np.float32)
    rows = np.full((starts[-1], LANES), -1, np.int32)
    boxes = np.empty((starts[-1], 2, width), np.float32)
    boxes[:, 0] = np.inf
    boxes[:, 1] = -np.inf
    for group in range(len(bounds) - 1):
        for position in range(bounds[group], bounds[group + 1]):
            leaf = starts[group] + (position - bounds[group]) // LANES
            lane = (position - bounds[group]) % LANES
            rows[leaf, lane] = order[position]
            for column in range(width):
                value = points[order[position], column]
                values[leaf, column, lane] = value
                boxes[leaf, 0, column] = min(boxes[leaf, 0, column], value)
                boxes[leaf, 1, column] = max(boxes[leaf, 1, column], value)
    return values, rows, boxes
