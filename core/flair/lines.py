"""Exact neighbours where Sentinel's columns are a spectrum times the pixel's intensity."""

import numpy as np

from core.flair.blocks import FIRST, arrays, blocks_of, gather, nearest_cells
from core.flair.compiled import FARTHEST, NOBODY, compiled, group_rows, offer
from core.flair.lanes import LANES, box_distances, leaf_distances, lowest
from core.flair.packing import pack
from core.flair.threads import in_chunks
from core.types import DoubleArray, FloatArray, IntArray

# float32 loses this share of a length in the products that a line's geometry takes.
_ROUNDING = 4e-7


class Lines:
    """Training rows whose Sentinel columns are a spectrum times the pixel's intensity.

    In the space of the Sentinel columns each cell is a line through one point. With a the length
    of a query on its own line, t that of a row and c the cosine between the lines, their squared
    distance is (a c - t)^2 + a^2 (1 - c^2); cells are sorted by 1 - c^2. That is only a bound:
    it cancels in float32, so whatever comes near is decided by the full row.

    Parameters
    ----------
    matrix : float32 array, (n, f)
        All columns.
    n_own : int
        The first columns are the pixel's own.
    spectra : float32 array, (n, f - n_own)
    factor : float32 array, (n,)
    shift : float32 array, (f - n_own,)
        ``matrix[:, n_own:]`` is ``factor * spectra - shift``, but for rounding.
    """

    def __init__(
        self,
        matrix: FloatArray,
        n_own: int,
        spectra: FloatArray,
        factor: FloatArray,
        shift: FloatArray,
    ) -> None:
        groups, firsts = group_rows(spectra)
        self._matrix = np.ascontiguousarray(matrix)
        self._n_own, self._shift = n_own, shift.astype(np.float64)
        self._units, norms = _directions(spectra[firsts])
        lengths = factor * norms[groups]
        self._slack = self._off_line(matrix, groups, self._units, lengths)
        points = np.column_stack([matrix[:, :n_own], lengths]).astype(np.float32)
        self._leaves = pack(points, groups, len(firsts))

    def search(
        self, matrix: FloatArray, spectra: FloatArray, factor: FloatArray, k: int
    ) -> tuple[FloatArray, IntArray]:
        """The k nearest rows of each query: squared distances and row numbers, (m, k), rising."""
        order, bounds, firsts = blocks_of(spectra)
        units, norms = _directions(spectra[firsts])
        groups = np.empty(len(matrix), np.int32)
        groups[order] = np.repeat(np.arange(len(firsts)), np.diff(bounds))
        lengths = factor * norms[groups]
        slack = self._slack + self._off_line(matrix, groups, units, lengths)
        near = np.empty((len(matrix), k), np.float32)
        rows = np.empty((len(matrix), k), np.int32)
        leaves, full = arrays(self._leaves), np.ascontiguousarray(matrix)
        own = np.ascontiguousarray(matrix[:, : self._n_own])
        queries = (full, own, lengths.astype(np.float32), order, bounds, units)

        def call(start: int, stop: int) -> None:
            _search_lines(
                *leaves, self._units, self._matrix, slack, *queries, near, rows, start, stop
            )

        in_chunks(len(firsts), call)
        return near, rows

    def _off_line(
        self, matrix: FloatArray, groups: IntArray, units: DoubleArray, lengths: DoubleArray
    ) -> float:
        """The most that any row lies off its line, and what float32 may lose of its length."""
        off = _farthest(matrix[:, self._n_own :], self._shift, groups, units, lengths)
        return float(off) + _ROUNDING * float(np.abs(lengths).max(initial=0))


def _directions(spectra: FloatArray) -> tuple[DoubleArray, DoubleArray]:
    """Unit vectors, 0 where there is no length, and lengths."""
    exact = spectra.astype(np.float64)
    norms = np.sqrt((exact**2).sum(axis=1))
    return exact / np.where(norms > 0, norms, 1)[:, None], norms


@compiled
def _farthest(
    sentinel: FloatArray,
    shift: DoubleArray,
    groups: IntArray,
    units: DoubleArray,
    lengths: DoubleArray,
) -> float:
    most = 0.0
    for row in range(len(sentinel)):
        total = 0.0
        for column in range(len(shift)):
            on_line = lengths[row] * units[groups[row], column]
            total += (sentinel[row, column] + shift[column] - on_line) ** 2
        most = max(most, total)
    return float(np.sqrt(most))


@compiled
def _search_lines(
    values: FloatArray,
    numbers: IntArray,
    boxes: FloatArray,
    starts: IntArray,
    units: DoubleArray,
    matrix: FloatArray,
    slack: float,
    full: FloatArray,
    own: FloatArray,
    lengths: FloatArray,
    order: IntArray,
    bounds: IntArray,
    blocks: DoubleArray,
    near: FloatArray,
    rows: IntArray,
    start: int,
    stop: int,
) -> None:
    n_cells, n_own = len(units), own.shape[1]
    cosine = np.empty(n_cells, np.float32)
    sine = np.empty(n_cells, np.float32)
    lanes = np.empty(LANES, np.float32)
    inside = np.empty(LANES, np.float32)
    beyond = np.empty((1, LANES), np.float32)
    point = np.empty(n_own + 1, np.float32)
    last = near.shape[1] - 1
    for block in range(start, stop):
        for cell in range(n_cells):
            _angle(units[cell], blocks[block], cell, cosine, sine)
        ranked = nearest_cells(sine, FIRST)
        leaves, cells, apart, gathered, ends = gather(ranked, sine, boxes, starts, n_own)
        at = bounds[block]
        while at < bounds[block + 1]:
            query = order[at]
            mine, found, length = near[query], rows[query], lengths[query]
            mine[:] = FARTHEST
            found[:] = NOBODY
            limit = FARTHEST
            square = length * length
            for row in range(len(leaves)):
                if square * apart[row, 0] > limit:
                    break
                _reach(row, length, cosine, cells, apart, ends, beyond)
                bits = box_distances(gathered, row, own[query], beyond, limit, lanes)
                while bits:
                    lane = lowest(bits)
                    bits &= bits - 1
                    if lanes[lane] > limit:
                        continue
                    leaf = leaves[row, lane]
                    point[:n_own] = own[query]
                    point[n_own] = length * cosine[cells[row, lane]]
                    base = square * apart[row, lane]
                    hits = leaf_distances(values, leaf, point, base, limit, inside)
                    while hits:
                        one = lowest(hits)
                        hits &= hits - 1
                        if inside[one] <= limit:
                            number = numbers[leaf, one]
                            offer(mine, found, _whole(full[query], matrix[number]), number)
                            limit = _limit(mine[last], slack)
            if len(ranked) == n_cells or square * sine[ranked[-1]] > limit:
                at += 1
            else:
                ranked = nearest_cells(sine, 4 * len(ranked))
                leaves, cells, apart, gathered, ends = gather(ranked, sine, boxes, starts, n_own)


@compiled
def _reach(
    row: int,
    length: np.float32,
    cosine: FloatArray,
    cells: IntArray,
    apart: FloatArray,
    ends: FloatArray,
    out: FloatArray,
) -> None:
    """Write the least Sentinel distance, squared, between a query and each of sixteen leaves."""
    for lane in range(LANES):
        along = length * cosine[cells[row, lane]]
        step = max(ends[row, 0, lane] - along, along - ends[row, 1, lane], np.float32(0))
        out[0, lane] = length * length * apart[row, lane] + step * step


@compiled
def _angle(
    unit: DoubleArray, other: DoubleArray, cell: int, cosine: FloatArray, sine: FloatArray
) -> None:
    """Write the cosine between two directions, and 1 - cosine^2 without cancellation."""
    dot = 0.0
    for column in range(len(unit)):
        dot += unit[column] * other[column]
    rest = 0.0
    for column in range(len(unit)):
        rest += (other[column] - dot * unit[column]) ** 2
    cosine[cell] = dot
    sine[cell] = rest


@compiled
def _limit(kth: np.float32, slack: float) -> np.float32:
    """What a bound may reach while its row can still be nearer than the k-th best."""
    if kth >= FARTHEST:
        return FARTHEST
    return np.float32((np.sqrt(np.float64(kth)) + slack) ** 2 * (1 + 1e-6))


@compiled
def _whole(query: FloatArray, row: FloatArray) -> np.float32:
    """Squared distance over all columns."""
    total = np.float32(0)
    for column in range(len(query)):
        apart = query[column] - row[column]
        total += apart * apart
    return total
