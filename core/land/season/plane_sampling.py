"""Values of coarse pixels at the positions of fine pixels: of the block, or interpolated."""

from typing import Literal

import numpy as np

from core.types import AnyArray, FloatArray

Interpolation = Literal["blocks", "smooth"]
"""Which value a pixel of the image gets: that of the coarse pixel around it, or interpolated."""


def sample_planes(
    planes: FloatArray, rows: AnyArray, columns: AnyArray, interpolation: Interpolation
) -> FloatArray:
    """Return the values of planes, (c, h, w), at n positions, float32 (n, c).

    Positions count from the outer corner of the first pixel, whose centre is at (0.5, 0.5).
    "blocks" returns the pixel that contains the position; "smooth" interpolates bilinearly between
    the centres of the four nearest pixels. Beyond the outermost centres, their values continue.
    """
    height, width = planes.shape[1:]
    if interpolation == "blocks":
        inside = (_limit(np.floor(rows), height), _limit(np.floor(columns), width))
        return np.ascontiguousarray(planes[:, inside[0], inside[1]].T, np.float32)
    top, bottom, down = _neighbours(rows, height)
    left, right, across = _neighbours(columns, width)
    # One row of the result per pixel, so that no second copy of it is made.
    by_pixel = np.ascontiguousarray(planes.transpose(1, 2, 0), np.float32)
    result = by_pixel[top, left] * ((1 - down) * (1 - across))
    result += by_pixel[top, right] * ((1 - down) * across)
    result += by_pixel[bottom, left] * (down * (1 - across))
    result += by_pixel[bottom, right] * (down * across)
    return result


def _neighbours(positions: AnyArray, size: int) -> tuple[AnyArray, AnyArray, FloatArray]:
    """Return the pixels before and after each position, and the weight of the second, (n, 1)."""
    centred = np.asarray(positions, np.float64) - 0.5
    before = np.floor(centred)
    weight = (centred - before).astype(np.float32)[:, None]
    return _limit(before, size), _limit(before + 1, size), weight


def _limit(indexes: AnyArray, size: int) -> AnyArray:
    return np.clip(indexes, 0, size - 1).astype(np.int64)
