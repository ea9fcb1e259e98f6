"""The compiled filter of upright chips: all chips of one read in one call, without the GIL."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

# The value of `core.raster.resampling.MIN_WEIGHT`, in the precision of the loops.
MIN_WEIGHT = np.float32(0.5)
# Compiles a loop on its first call, cached on disk; it runs in any thread without the GIL.
compile_loop: Callable[[Callable[..., Any]], Any] = numba.njit(cache=True, nogil=True)


@compile_loop
def triangle_weights(centre: float, side: float, size: int, start: int) -> Any:
    """Return a triangle filter for each output pixel.

    The filter is two output pixels wide, but at least two input pixels. Returns the first input
    pixel under each triangle, counted from `start`, and the weights, (size, taps), whose rows sum
    to 1.
    """
    scale = side / size
    width = max(scale, 1.0)
    first = np.empty(size, np.int64)
    weights = np.zeros((size, int(2 * width) + 2), np.float32)
    for o in range(size):
        # Not relative to `start`, so that a chip is identical whether read alone or with others.
        middle = centre - side / 2 + (o + 0.5) * scale
        low = int(np.floor(middle - width + 0.5))
        total = 0.0
        for k in range(weights.shape[1]):
            total += max(0.0, 1 - abs(low + k + 0.5 - middle) / width)
        for k in range(weights.shape[1]):
            weights[o, k] = max(0.0, 1 - abs(low + k + 0.5 - middle) / width) / total
        first[o] = low - start
    return first, weights


@compile_loop
def input_range(first: Any, weights: FloatArray, length: int) -> Any:
    """Return the range of input pixels with a weight, clipped, and True if nothing was clipped."""
    low, high = length, 0
    for o in range(len(first)):
        for k in range(weights.shape[1]):
            if weights[o, k] > 0:
                low = min(low, first[o] + k)
                high = max(high, first[o] + k + 1)
    return max(low, 0), min(high, length), low >= 0 and high <= length


@compile_loop
def gather_pixels(layers: AnyArray, pixel_mask: BoolArray, box: Any, n: int) -> FloatArray:
    """Return the pixels under a chip, (n, h, w), 0 where masked.

    If n exceeds the number of bands, the last layer is 1 where pixels are valid.
    """
    left, top, right, bottom = box
    bands, zero = len(layers), np.float32(0)
    block = np.empty((n, bottom - top, right - left), np.float32)
    for y in range(bottom - top):
        # Slices, since an index that is a sum keeps the compiler from vectorising.
        mask_row = pixel_mask[top + y, left:right]
        for layer in range(bands):
            part, row = layers[layer, top + y, left:right], block[layer, y]
            if n == bands:
                for x in range(len(row)):
                    row[x] = part[x]
            else:
                for x in range(len(row)):
                    row[x] = zero if mask_row[x] else np.float32(part[x])
        if n > bands:
            row = block[bands, y]
            for x in range(len(row)):
                row[x] = zero if mask_row[x] else np.float32(1)
    return block


@compile_loop
def filter_rows(block: FloatArray, top: int, first: Any, weights: FloatArray) -> FloatArray:
    """Filter down each column.

    Returns (columns, layers * size), so that the second pass also reads contiguous memory.
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
            column = layer * size + o
            for x in range(width):
                middle[x, column] = row[x]
    return middle


@compile_loop
def filter_columns(
    middle: FloatArray, left: int, first: Any, weights: FloatArray, lines: FloatArray
) -> None:
    """Filter along each row into `lines`, (size, layers * size), one line per chip column."""
    for o in range(len(lines)):
        line = lines[o]
        line[:] = 0
        for k in range(weights.shape[1]):
            x, weight = first[o] + k - left, weights[o, k]
            if weight == 0 or x < 0 or x >= len(middle):
                continue
            part = middle[x]
            for j in range(len(line)):
                line[j] += weight * part[j]


@compile_loop
def any_masked(pixel_mask: BoolArray) -> bool:
    """Return True if any pixel is masked; whole rows are summed, which the compiler vectorises."""
    for y in range(pixel_mask.shape[0]):
        n_masked = 0
        row = pixel_mask[y]
        for x in range(len(row)):
            n_masked += row[x]
        if n_masked:
            return True
    return False


@compile_loop
def finish_chip(lines: FloatArray, round_values: bool, chip: AnyArray, mask: BoolArray) -> None:
    """Divide by the weight of the valid pixels, mask low weights, and round if required."""
    bands, size, _ = chip.shape
    n = bands * size
    line, output_line = np.empty(n, np.float32), np.empty(n, chip.dtype)
    mask[:] = False
    for o in range(size):
        values = lines[o]
        if len(values) == n:
            line[:] = values
        else:
            for y in range(size):
                weight = values[n + y]
                mask[y, o] = weight < MIN_WEIGHT
                for band in range(bands):
                    value = values[band * size + y] / max(weight, MIN_WEIGHT)
                    line[band * size + y] = 0 if mask[y, o] else value
        # Separate loops, since the compiler cannot vectorise them together with the transposition.
        if round_values:
            for j in range(n):
                line[j] = np.rint(line[j])
        for j in range(n):
            output_line[j] = line[j]
        for band in range(bands):
            for y in range(size):
                chip[band, y, o] = output_line[band * size + y]


@compile_loop
def draw_upright_chips(
    layers: AnyArray,
    pixel_mask: BoolArray,
    origin: Any,
    centres: DoubleArray,
    sides: DoubleArray,
    round_values: bool,
    chips: AnyArray,
    masks: BoolArray,
) -> None:
    """Resample upright chips from one read into `chips` and `masks`; masked values are 0.

    The layers are (bands, h, w), the pixel mask (h, w), the chips (n, bands, size, size) and the
    masks (n, size, size), True where masked. `origin` is the column and row of the read's
    upper-left pixel; `centres` and `sides`, (n, 2), are columns and rows in pixels.
    """
    bands, height, width = layers.shape
    size = masks.shape[1]
    for i in range(len(chips)):
        columns, column_weights = triangle_weights(centres[i, 0], sides[i, 0], size, origin[0])
        rows, row_weights = triangle_weights(centres[i, 1], sides[i, 1], size, origin[1])
        left, right, has_all_columns = input_range(columns, column_weights, width)
        top, bottom, has_all_rows = input_range(rows, row_weights, height)
        if right <= left or bottom <= top:
            chips[i] = 0
            masks[i] = True
            continue
        is_complete = has_all_columns and has_all_rows
        all_valid = is_complete and not any_masked(pixel_mask[top:bottom, left:right])
        n = bands if all_valid else bands + 1
        block = gather_pixels(layers, pixel_mask, (left, top, right, bottom), n)
        middle = filter_rows(block, top, rows, row_weights)
        lines = np.empty((size, n * size), np.float32)
        filter_columns(middle, left, columns, column_weights, lines)
        finish_chip(lines, round_values, chips[i], masks[i])
