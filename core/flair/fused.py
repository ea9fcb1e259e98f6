"""Exact neighbours among fused features, whose Sentinel part is constant over blocks.

Training rows with exactly equal Sentinel rows form a cell. The queries of a block share their
distances to all cells, so the cells are sorted once a block, and a query stops where the Sentinel
distance alone exceeds its k-th best. Within that, leaves are skipped by their box in the pixel's
own features. `core.flair.lines` does the same where Sentinel is multiplied with the intensity.
"""

import numpy as np

from core.flair.blocks import FIRST, arrays, blocks_of, gather, nearest_cells
from core.flair.compiled import FARTHEST, NOBODY, compiled, group_rows, offer
from core.flair.lanes import LANES, box_distances, leaf_distances, lowest
from core.flair.packing import pack
from core.flair.threads import in_chunks
from core.types import FloatArray, IntArray


class Cells:
    """Training rows whose Sentinel columns repeat.

    Parameters
    ----------
    own : float32 array, (n, a)
        The pixel's own columns.
    sentinel : float32 array, (n, s)
    """

    def __init__(self, own: FloatArray, sentinel: FloatArray) -> None:
        groups, firsts = group_rows(sentinel)
        self._centres = sentinel[firsts]
        self._leaves = pack(np.ascontiguousarray(own), groups, len(firsts))

    def search(self, own: FloatArray, sentinel: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
        """The k nearest rows of each query: squared distances and row numbers, (m, k), rising."""
        order, bounds, firsts = blocks_of(sentinel)
        blocks = sentinel[firsts]
        near = np.empty((len(own), k), np.float32)
        rows = np.empty((len(own), k), np.int32)
        leaves, points = arrays(self._leaves), np.ascontiguousarray(own)

        def call(start: int, stop: int) -> None:
            _search_cells(
                *leaves, self._centres, points, order, bounds, blocks, near, rows, start, stop
            )

        in_chunks(len(firsts), call)
        return near, rows


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
    n_cells, n_own = len(centres), queries.shape[1]
    apart = np.empty(n_cells, np.float32)
    lanes = np.empty(LANES, np.float32)
    inside = np.empty(LANES, np.float32)
    last = near.shape[1] - 1
    for block in range(start, stop):
        for cell in range(n_cells):
            total = 0.0
            for column in range(centres.shape[1]):
                gap = np.float64(centres[cell, column]) - np.float64(blocks[block, column])
                total += gap * gap
            apart[cell] = total
        ranked = nearest_cells(apart, FIRST)
        leaves, _, beyond, gathered, _ = gather(ranked, apart, boxes, starts, n_own)
        at = bounds[block]
        while at < bounds[block + 1]:
            query = order[at]
            point, mine, found = queries[query], near[query], rows[query]
            mine[:] = FARTHEST
            found[:] = NOBODY
            for row in range(len(leaves)):
                if beyond[row, 0] > mine[last]:
                    break
                bits = box_distances(gathered, row, point, beyond, mine[last], lanes)
                while bits:
                    lane = lowest(bits)
                    bits &= bits - 1
                    if lanes[lane] > mine[last]:
                        continue
                    leaf, base = leaves[row, lane], beyond[row, lane]
                    hits = leaf_distances(values, leaf, point, base, mine[last], inside)
                    while hits:
                        one = lowest(hits)
                        hits &= hits - 1
                        offer(mine, found, inside[one], numbers[leaf, one])
            if len(ranked) == n_cells or apart[ranked[-1]] > mine[last]:
                at += 1
            else:
                ranked = nearest_cells(apart, 4 * len(ranked))
                leaves, _, beyond, gathered, _ = gather(ranked, apart, boxes, starts, n_own)
