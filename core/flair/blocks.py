"""What both fused searches share: blocks of queries, and cells ranked for a block."""

import numpy as np

from core.flair.compiled import compiled, group_rows
from core.flair.lanes import LANES
from core.flair.packing import Leaves
from core.types import AnyArray, FloatArray, IntArray

# Cells that a block looks at first; four times as many where a query needs more.
FIRST = 64


def arrays(leaves: Leaves) -> tuple[AnyArray, ...]:
    """Leaves as compiled code takes them."""
    return leaves.values, leaves.rows, leaves.boxes, leaves.starts


def blocks_of(shared: FloatArray) -> tuple[IntArray, IntArray, IntArray]:
    """Queries sorted by what they share: their order, each block's bounds and first query."""
    groups, firsts = group_rows(shared)
    order = np.argsort(groups, kind="stable").astype(np.int32)
    counts = np.bincount(groups, minlength=len(firsts))
    return order, np.concatenate([[0], np.cumsum(counts)]).astype(np.int32), firsts


@compiled
def nearest_cells(keys: FloatArray, wanted: int) -> AnyArray:
    """The cells with the smallest keys, rising; at least as many as wanted."""
    if wanted >= len(keys):
        return np.argsort(keys)
    limit = np.partition(keys, wanted)[wanted]
    chosen = np.flatnonzero(keys <= limit)
    return chosen[np.argsort(keys[chosen])]


@compiled
def gather(
    ranked: AnyArray, keys: FloatArray, boxes: FloatArray, starts: IntArray, n_own: int
) -> tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray]:
    """Leaves of the ranked cells, sixteen abreast.

    Leaf, cell and key, (c, LANES), boxes in the pixel's own columns, (c, 2, n_own, LANES), and
    the ends of the last column, (c, 2, LANES).
    """
    n_leaves = 0
    for cell in ranked:
        n_leaves += starts[cell + 1] - starts[cell]
    n_rows = (n_leaves + LANES - 1) // LANES
    leaves = np.full((n_rows, LANES), -1, np.int32)
    cells = np.full((n_rows, LANES), -1, np.int32)
    apart = np.zeros((n_rows, LANES), np.float32)
    own = np.empty((n_rows, 2, n_own, LANES), np.float32)
    own[:, 0] = np.inf
    own[:, 1] = -np.inf
    ends = np.zeros((n_rows, 2, LANES), np.float32)
    at = 0
    for cell in ranked:
        for leaf in range(starts[cell], starts[cell + 1]):
            row, lane = at // LANES, at % LANES
            leaves[row, lane], cells[row, lane], apart[row, lane] = leaf, cell, keys[cell]
            for side in range(2):
                ends[row, side, lane] = boxes[leaf, side, boxes.shape[2] - 1]
                for column in range(n_own):
                    own[row, side, column, lane] = boxes[leaf, side, column]
            at += 1
    return leaves, cells, apart, own, ends
