"""Exact neighbours among few features: a tree sixteen boxes wide, its leaves contiguous."""

import numpy as np

from core.neighbours.compiled_loops import FARTHEST, NOBODY, compiled, group_rows, insert_neighbour
from core.neighbours.leaf_packing import pack_leaves
from core.neighbours.row_threads import map_row_chunks
from core.neighbours.vector_lanes import LANES, box_distances, leaf_distances, lowest_bit
from core.types import FloatArray, IntArray


class BoxTree:
    """Training rows in a tree of boxes.

    Parameters
    ----------
    matrix : float32 array, (n, d)
    """

    def __init__(self, matrix: FloatArray) -> None:
        n = len(matrix)
        leaves = pack_leaves(matrix, np.zeros(n, np.int32), 1)
        self._values, self._rows = leaves.values, leaves.rows
        levels = [_upwards(leaves.boxes)]
        while len(levels[-1]) > 1:
            low, high = levels[-1][:, 0].min(axis=2), levels[-1][:, 1].max(axis=2)
            levels.append(_upwards(np.stack([low, high], axis=1)))
        self._boxes = np.concatenate(levels)
        sizes = [len(level) for level in levels]
        self._offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """The k nearest rows of each query: squared distances and row numbers, (m, k), rising."""
        groups, firsts = group_rows(queries)
        unique = queries[firsts]
        near = np.empty((len(unique), k), np.float32)
        rows = np.empty((len(unique), k), np.int32)
        arrays = (self._values, self._rows, self._boxes, self._offsets, unique, near, rows)
        map_row_chunks(len(unique), lambda start, stop: _search(*arrays, start, stop))
        return near[groups], rows[groups]


def _upwards(boxes: FloatArray) -> FloatArray:
    """Boxes, (n, 2, d), sixteen to a parent: (ceil(n / 16), 2, d, 16)."""
    n, _, width = boxes.shape
    parents = -(-n // LANES)
    padded = np.empty((parents * LANES, 2, width), np.float32)
    padded[:, 0], padded[:, 1] = np.inf, -np.inf
    padded[:n] = boxes
    return np.ascontiguousarray(padded.reshape(parents, LANES, 2, width).transpose(0, 2, 3, 1))


@compiled
def _search(
    values: FloatArray,
    numbers: IntArray,
    boxes: FloatArray,
    offsets: IntArray,
    queries: FloatArray,
    near: FloatArray,
    rows: IntArray,
    start: int,
    stop: int,
) -> None:
    top = len(offsets) - 1
    levels = np.empty(LANES * (top + 1), np.int64)
    nodes = np.empty(LANES * (top + 1), np.int64)
    bounds = np.empty(LANES * (top + 1), np.float32)
    lanes = np.empty(LANES, np.float32)
    nothing = np.zeros((1, LANES), np.float32)
    last = near.shape[1] - 1
    for query in range(start, stop):
        point, mine, found = queries[query], near[query], rows[query]
        mine[:] = FARTHEST
        found[:] = NOBODY
        levels[0], nodes[0], bounds[0] = top, 0, 0
        depth = 1
        while depth > 0:
            depth -= 1
            if bounds[depth] > mine[last]:
                continue
            level, node = levels[depth], nodes[depth]
            if level == 0:
                bits = leaf_distances(values, node, point, nothing[0, 0], mine[last], lanes)
                while bits:
                    lane = lowest_bit(bits)
                    bits &= bits - 1
                    insert_neighbour(mine, found, lanes[lane], numbers[node, lane])
                continue
            place = offsets[level - 1] + node
            bits = box_distances(boxes, place, point, nothing, mine[last], lanes)
            first = depth
            while bits:
                lane = lowest_bit(bits)
                bits &= bits - 1
                levels[depth], nodes[depth] = level - 1, node * LANES + lane
                bounds[depth] = lanes[lane]
                depth += 1
            # The nearest child comes to lie on top; the rest mostly falls to its neighbours.
            best = first
            for at in range(first + 1, depth):
                if bounds[at] < bounds[best]:
                    best = at
            if best < depth - 1:
                last_one = depth - 1
                bound, child = bounds[best], nodes[best]
                bounds[best], nodes[best] = bounds[last_one], nodes[last_one]
                bounds[last_one], nodes[last_one] = bound, child
