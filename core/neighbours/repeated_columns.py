"""Exact nearest neighbours in data where some columns repeat over blocks of rows.

Rows with exactly equal values in the repeated columns form a cell; queries with equal values there
form a block. In these columns, all queries of a block are equally far from a cell, so the cells
are sorted once per block. A query stops when the next cell is farther than the k-th nearest row so
far. Within a cell, leaves are skipped by their bounding boxes in the varying columns.
"""

import numpy as np

from core.compute.work_streams import map_row_chunks
from core.neighbours.compiled_loops import FARTHEST, NO_ROW, compiled, group_rows, insert_neighbour
from core.neighbours.leaf_packing import pack_leaves
from core.neighbours.vector_lanes import LANES, box_distances, leaf_distances, lowest_bit
from core.types import AnyArray, FloatArray, IntArray

# Number of cells that are searched first; if a query needs more, four times as many are ranked.
_FIRST_CELLS = 64


class RowCells:
    """The rows of a matrix, float32 (n, d), grouped into cells.

    The values in the first `n_varying` columns differ from row to row; the rows of a cell have the
    same values in all other columns.
    """

    def __init__(self, matrix: FloatArray, n_varying: int) -> None:
        self._n_varying = n_varying
        varying, repeated = self._split(matrix)
        groups, firsts = group_rows(repeated)
        self._centres = repeated[firsts]
        self._leaves = pack_leaves(varying, groups, len(firsts))

    def _split(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        varying, repeated = np.split(matrix, [self._n_varying], axis=1)
        return np.ascontiguousarray(varying), np.ascontiguousarray(repeated)

    def search(self, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """Return squared distances and row numbers of the k nearest rows, (m, k), nearest first."""
        points, repeated = self._split(queries)
        groups, firsts = group_rows(repeated)
        order = np.argsort(groups, kind="stable").astype(np.int32)
        counts = np.bincount(groups, minlength=len(firsts))
        bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        near = np.empty((len(points), k), np.float32)
        rows = np.empty((len(points), k), np.int32)
        blocks = repeated[firsts]
        arrays = (*self._leaves, self._centres, points, order, bounds, blocks, near, rows)
        map_row_chunks(len(firsts), lambda start, stop: _search_cells(*arrays, start, stop))
        return near, rows


@compiled
def _nearest_cells(distances: FloatArray, n_cells: int) -> AnyArray:
    """Return at least `n_cells` cells with the smallest distances, nearest first."""
    if n_cells >= len(distances):
        return np.argsort(distances)
    limit = np.partition(distances, n_cells)[n_cells]
    chosen = np.flatnonzero(distances <= limit)
    return chosen[np.argsort(distances[chosen])]


@compiled
def _gather_leaves(
    ranked: AnyArray, distances: FloatArray, boxes: FloatArray, starts: IntArray, n_varying: int
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return the leaves of the ranked cells, sixteen to a row.

    Leaf numbers and cell distances have shape (c, LANES), bounding boxes in the varying columns
    (c, 2, n_varying, LANES).
    """
    n_leaves = 0
    for cell in ranked:
        n_leaves += starts[cell + 1] - starts[cell]
    n_rows = (n_leaves + LANES - 1) // LANES
    leaves = np.full((n_rows, LANES), -1, np.int32)
    cell_distances = np.zeros((n_rows, LANES), np.float32)
    lane_boxes = np.empty((n_rows, 2, n_varying, LANES), np.float32)
    lane_boxes[:, 0] = np.inf
    lane_boxes[:, 1] = -np.inf
    position = 0
    for cell in ranked:
        for leaf in range(starts[cell], starts[cell + 1]):
            row, lane = position // LANES, position % LANES
            leaves[row, lane], cell_distances[row, lane] = leaf, distances[cell]
            for side in range(2):
                for column in range(n_varying):
                    lane_boxes[row, side, column, lane] = boxes[leaf, side, column]
            position += 1
    return leaves, cell_distances, lane_boxes


@compiled
def _search_cells(
    values: FloatArray,
    numbers: IntArray,
    boxes: FloatArray,
    starts: IntArray,
    centres: FloatArray,
    queries: FloatArray,
    order: IntArray,
    bounds: IntArray,
    blocks: FloatArray,
    near: FloatArray,
    rows: IntArray,
    start: int,
    stop: int,
) -> None:
    n_cells, n_varying = len(centres), queries.shape[1]
    distances = np.empty(n_cells, np.float32)
    box_lanes = np.empty(LANES, np.float32)
    leaf_lanes = np.empty(LANES, np.float32)
    last = near.shape[1] - 1
    for block in range(start, stop):
        for cell in range(n_cells):
            total = 0.0
            for column in range(centres.shape[1]):
                gap = np.float64(centres[cell, column]) - np.float64(blocks[block, column])
                total += gap * gap
            distances[cell] = total
        ranked = _nearest_cells(distances, _FIRST_CELLS)
        leaves, bases, gathered = _gather_leaves(ranked, distances, boxes, starts, n_varying)
        position = bounds[block]
        while position < bounds[block + 1]:
            query = order[position]
            point, best, best_rows = queries[query], near[query], rows[query]
            best[:] = FARTHEST
            best_rows[:] = NO_ROW
            for row in range(len(leaves)):
                if bases[row, 0] > best[last]:
                    break
                bits = box_distances(gathered, row, point, bases, best[last], box_lanes)
                while bits:
                    lane = lowest_bit(bits)
                    bits &= bits - 1
                    if box_lanes[lane] > best[last]:
                        continue
                    leaf, base = leaves[row, lane], bases[row, lane]
                    hits = leaf_distances(values, leaf, point, base, best[last], leaf_lanes)
                    while hits:
                        hit = lowest_bit(hits)
                        hits &= hits - 1
                        insert_neighbour(best, best_rows, leaf_lanes[hit], numbers[leaf, hit])
            if len(ranked) == n_cells or distances[ranked[-1]] > best[last]:
                position += 1
            else:
                ranked = _nearest_cells(distances, 4 * len(ranked))
                leaves, bases, gathered = _gather_leaves(
                    ranked, distances, boxes, starts, n_varying
                )
