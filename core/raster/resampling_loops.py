"""The filter of upright chips, compiled: all chips of one read in one call, without the lock."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

LEAST_WEIGHT = np.float32(0.5)


def compiled(loop: Callable[..., Any]) -> Any:
    """Compile a loop on first use and keep it on disk; it runs in any thread."""
    return numba.njit(cache=True, nogil=True)(loop)


@compiled
def triangle(centre: float, side: float, size: int, start: int) -> Any:
    """A triangle as wide as two output pixels, or two input ones, at each output pixel.

    Returns the first input pixel that each triangle covers, counted from `start`, and the weights,
    (size, taps), each row summing to 1.
    """
    scale = side / size
    width = max(scale, 1.0)
    first = np.empty(size, np.int64)
    weights = np.zeros((size, int(2 * width) + 2), np.float32)
    for o in range(size):
        # Whole pixels before fractions: chips read alone and together must agree in every bit.
        middle = centre - side / 2 + (o + 0.5) * scale
        low = int(np.floor(middle - width + 0.5))
        total = 0.0
        for k in range(weights.shape[1]):
            total += max(0.0, 1 - abs(low + k + 0.5 - middle) / width)
        for k in range(weights.shape[1]):
            weights[o, k] = max(0.0, 1 - abs(low + k + 0.5 - middle) / width) / total
        first[o] = low - start
    return first, weights


@compiled
def reach(first: Any, weights: FloatArray, length: int) -> Any:
    """First and last input pixel, exclusive, that count, and whether all of them are there."""
    low, high = length, 0
    for o in range(len(first)):
        for k in range(weights.shape[1]):
            if weights[o, k] > 0:
                low = min(low, first[o] + k)
                high = max(high, first[o] + k + 1)
    return max(low, 0), min(high, length), low >= 0 and high <= length


@compiled
def gather(layers: AnyArray, hidden: BoolArray, box: Any, n: int) -> FloatArray:
    """The pixels under a chip, (n, h, w), 0 where masked; layer n, if asked for, 1 where not."""
    left, top, right, bottom = box
    bands, none = len(layers), np.float32(0)
    block = np.empty((n, bottom - top, right - left), np.float32)
    for y in range(bottom - top):
        # Slices: an index that is a sum keeps the compiler from using vectors.
        gone = hidden[top + y, left:right]
        for layer in range(bands):
            part, row = layers[layer, top + y, left:right], block[layer, y]
            if n == bands:
                for x in range(len(row)):
                    row[x] = part[x]
            else:
                for x in range(len(row)):
                    row[x] = none if gone[x] else np.float32(part[x])
        if n > bands:
            row = block[bands, y]
            for x in range(len(row)):
                row[x] = none if gone[x] else np.float32(1)
    return block


@compiled
def filter_rows(block: FloatArray, top: int, first: Any, weights: FloatArray) -> FloatArray:
    """Filter down each column.

    Returns (columns, layers * size), so that the second pass too runs along memory.
    """
    n, height, width = block.shape
    size = len(first)
    middle = np.empty((width, n * size), np.float32)
    row = np.empty(width, np.float32)
    for layer in range(n):
        part = block[layer]
        for o in range(size):
            row[:] = 0
            for k in range(weights.shape[1]):
                y, weight = first[o] + k - top, weights[o, k]
                if weight == 0 or y < 0 or y >= height:
                    continue
                for x in range(width):
                    row[x] += weight * part[y, x]
            at = layer * size + o
            for x in range(width):
                middle[x, at] = row[x]
    return middle


@compiled
def filter_columns(
    middle: FloatArray, left: int, first: Any, weights: FloatArray, drawn: FloatArray
) -> None:
    """Filter along each row, into `drawn`, (size, layers * size), each row a column of the chip."""
    for o in range(len(drawn)):
        line = drawn[o]
        line[:] = 0
        for k in range(weights.shape[1]):
            x, weight = first[o] + k - left, weights[o, k]
            if weight == 0 or x < 0 or x >= len(middle):
                continue
            part = middle[x]
            for j in range(len(line)):
                line[j] += weight * part[j]


@compiled
def any_hidden(hidden: BoolArray) -> bool:
    """True if any pixel is masked; a whole row at a time, which the compiler turns to vectors."""
    for y in range(hidden.shape[0]):
        found = 0
        row = hidden[y]
        for x in range(len(row)):
            found += row[x]
        if found:
            return True
    return False


@compiled
def finish(drawn: FloatArray, rounded: bool, chip: AnyArray, mask: BoolArray) -> None:
    """Divide by the weight of the valid pixels, mask what has too little, round whole numbers."""
    bands, size, _ = chip.shape
    n = bands * size
    line, stored = np.empty(n, np.float32), np.empty(n, chip.dtype)
    mask[:] = False
    for o in range(size):
        values = drawn[o]
        if len(values) == n:
            line[:] = values
        else:
            for y in range(size):
                weight = values[n + y]
                mask[y, o] = weight < LEAST_WEIGHT
                for band in range(bands):
                    value = values[band * size + y] / max(weight, LEAST_WEIGHT)
                    line[band * size + y] = 0 if mask[y, o] else value
        # One loop each: together with the turn to rows the compiler would use no vectors.
        if rounded:
            for j in range(n):
                line[j] = np.rint(line[j])
        for j in range(n):
            stored[j] = line[j]
        for band in range(bands):
            for y in range(size):
                chip[band, y, o] = stored[band * size + y]


@compiled
def upright(
    layers: AnyArray,
    hidden: BoolArray,
    origin: Any,
    centres: DoubleArray,
    sides: DoubleArray,
    rounded: bool,
    chips: AnyArray,
    masks: BoolArray,
) -> None:
    """Draw upright chips out of one read.

    Parameters
    ----------
    layers : array, (bands, h, w)
    hidden : bool array, (h, w), True where masked
    origin : tuple of int
        Column and row of the read's upper-left pixel.
    centres, sides : float64 arrays, (n, 2), column and row, in pixels
    rounded : bool
        Round to whole numbers.
    chips : array, (n, bands, size, size), filled; 0 where masked
    masks : bool array, (n, size, size), filled
    """
    bands, height, width = layers.shape
    size = masks.shape[1]
    for i in range(len(chips)):
        columns, across = triangle(centres[i, 0], sides[i, 0], size, origin[0])
        rows, down = triangle(centres[i, 1], sides[i, 1], size, origin[1])
        left, right, whole_across = reach(columns, across, width)
        top, bottom, whole_down = reach(rows, down, height)
        if right <= left or bottom <= top:
            chips[i] = 0
            masks[i] = True
            continue
        whole = whole_across and whole_down and not any_hidden(hidden[top:bottom, left:right])
        n = bands if whole else bands + 1
        block = gather(layers, hidden, (left, top, right, bottom), n)
        middle = filter_rows(block, top, rows, down)
        drawn = np.empty((size, n * size), np.float32)
        filter_columns(middle, left, columns, across, drawn)
        finish(drawn, rounded, chips[i], masks[i])
