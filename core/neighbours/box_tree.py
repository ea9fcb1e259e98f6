"""Exact nearest neighbours in data with few columns, by a tree of boxes with 16 children each."""

import numpy as np

from core.compute.work_streams import map_row_chunks
from core.neighbours.compiled_loops import FARTHEST, NO_ROW, compiled, group_rows, insert_neighbour
from core.neighbours.leaf_packing import pack_leaves
from core.neighbours.vector_lanes import LANES, box_distances, leaf_distances, lowest_bit
from core.types import FloatArray, IntArray


class BoxTree:
    """The rows of a matrix, float32 (n, d), in a tree of bounding boxes."""

    def __init__(self, matrix: FloatArray) -> None:
        n = len(matrix)
        self._values, self._rows, boxes, _ = pack_leaves(matrix, np.zeros(n, np.int32), 1)
        levels = [_group_boxes(boxes)]
        while len(levels[-1]) > 1:
            low, high = levels[-1][:, 0].min(axis=2), levels[-1][:, 1].max(axis=2)
            levels.append(_group_boxes(np.stack([low, high], axis=1)))
        self._boxes = np.concatenate(levels)
        sizes = [len(level) for level in levels]
        self._offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Return squared distances and row numbers of the k nearest rows, (m, k), nearest first."""
        groups, firsts = group_rows(queries)
        unique = queries[firsts]
        near = np.empty((len(unique), k), np.float32)
        rows = np.empty((len(unique), k), np.int32)
        arrays = (self._values, self._rows, self._boxes, self._offsets, unique, near, rows)
        map_row_chunks(len(unique), lambda start, stop: _search(*arrays, start, stop))
        return near[groups], rows[groups]


def _group_boxes(boxes: FloatArray) -> FloatArray:
    """Group boxes, (n, 2, d), sixteen to each parent: (ceil(n / 16), 2, d, 16)."""
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
    no_bases = np.zeros((1, LANES), np.float32)
    last = near.shape[1] - 1
    for query in range(start, stop):
        point, best, best_rows = queries[query], near[query], rows[query]
        best[:] = FARTHEST
        best_rows[:] = NO_ROW
        levels[0], nodes[0], bounds[0] = top, 0, 0
        depth = 1
        while depth > 0:
            depth -= 1
            if bounds[depth] > best[last]:
                continue
            level, node = levels[depth], nodes[depth]
            if level == 0:
                bits = leaf_distances(values, node, point, no_bases[0, 0], best[last], lanes)
                while bits:
                    lane = lowest_bit(bits)
                    bits &= bits - 1
                    insert_neighbour(best, best_rows, lanes[lane], numbers[node, lane])
                continue
            parent = offsets[level - 1] + node
            bits = box_distances(boxes, parent, point, no_bases, best[last], lanes)
            first = depth
            while bits:
                lane = lowest_bit(bits)
                bits &= bits - 1
                levels[depth], nodes[depth] = level - 1, node * LANES + lane
                bounds[depth] = lanes[lane]
                depth += 1
            # The nearest child goes on top of the stack: after it, most others can be skipped.
            nearest = first
            for child in range(first + 1, depth):
                if bounds[child] < bounds[nearest]:
                    nearest = child
            if nearest < depth - 1:
                last_child = depth - 1
                bound, node = bounds[nearest], nodes[nearest]
                bounds[nearest], nodes[nearest] = bounds[last_child], nodes[last_child]
                bounds[last_child], nodes[last_child] = bound, node
