"""Chips out of read pixels: antialiased, by normalised convolution, so that nodata doesn't bleed.

Each output pixel is the weighted mean of the valid pixels under a filter as wide as the output
pixel (never narrower than one input pixel). Where less than half of the filter's weight lies on
valid pixels, the output pixel is masked. Knutsson & Westin, Normalized and differential
convolution, CVPR 1993. Pillow does the filtering, in float32, for any dtype.
"""

from typing import Any

import numpy as np
from PIL import Image

from core.raster.reading import Pixels
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

LEAST_WEIGHT = 0.5


def resample(
    pixels: Pixels, centre: DoubleArray, axes: DoubleArray, size: int
) -> tuple[AnyArray, BoolArray]:
    """One chip.

    Parameters
    ----------
    pixels : Pixels
        A part of the scene that holds the chip's square, or what of it lies on the scene.
    centre : float64 array, (2,)
        Column and row of the chip's centre in the scene's pixels.
    axes : float64 array, (2, 2)
        The matrix of `core.raster.windows`: unit square to the scene's pixels.
    size : int
        Pixels along one side of the chip.

    Returns
    -------
    values : array, (bands, size, size), the pixels' dtype; 0 where masked
    mask : bool array, (size, size), True where masked
    """
    step = np.asarray(pixels.step)
    at = (centre - (pixels.left, pixels.top)) / step
    axes = axes / step[:, None]
    upright = axes[0, 1] == 0 and axes[1, 0] == 0
    low, high = _reach(at, axes, size)
    if (high <= 0).any() or (low >= pixels.mask.shape[::-1]).any():
        shape = (len(pixels.values), size, size)
        return np.zeros(shape, pixels.values.dtype), np.ones(shape[1:], bool)
    part, at = _surrounded(pixels, at, low, high)
    draw = _upright if upright else _turned
    values = np.stack([draw(layer, at, axes, size) for layer in _zeroed(part)])
    if not part.mask.any():
        return _cast(values, pixels.values.dtype), np.zeros((size, size), bool)
    weight = draw((~part.mask).astype(np.float32), at, axes, size)
    mask = weight < LEAST_WEIGHT
    values /= np.where(mask, np.float32(1), weight)
    values[:, mask] = 0
    return _cast(values, pixels.values.dtype), mask


def _reach(at: DoubleArray, axes: DoubleArray, size: int) -> tuple[Any, Any]:
    """First and last pixel, exclusive, that the filter can touch, as column and row."""
    half = np.abs(axes).sum(axis=1) / 2
    support = np.maximum(2 * half / size, 1) + 1
    low = np.floor(at - half - support).astype(int)
    return low, np.ceil(at + half + support).astype(int)


def _surrounded(pixels: Pixels, at: DoubleArray, low: Any, high: Any) -> tuple[Pixels, DoubleArray]:
    """The pixels that the filter touches; what lies beyond the read is masked."""
    height, width = pixels.mask.shape
    left, top = np.clip(low, 0, (width, height))
    right, bottom = np.clip(high, 0, (width, height))
    before = (int(top - low[1]), int(left - low[0]))
    after = (int(high[1] - bottom), int(high[0] - right))
    around = tuple(zip(before, after, strict=True))
    values = pixels.values[:, top:bottom, left:right]
    mask = pixels.mask[top:bottom, left:right]
    if any(before) or any(after):
        values = np.pad(values, ((0, 0), *around))
        mask = np.pad(mask, around, constant_values=True)
    return Pixels(values, mask, 0, 0), at - low


def _upright(layer: FloatArray, at: DoubleArray, axes: DoubleArray, size: int) -> FloatArray:
    """A chip along the grid, by Pillow's antialiased bilinear filter."""
    half = np.array((axes[0, 0], axes[1, 1])) / 2
    box = (*(at - half), *(at + half))
    drawn = Image.fromarray(layer).resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.asarray(drawn)


def _turned(layer: FloatArray, at: DoubleArray, axes: DoubleArray, size: int) -> FloatArray:
    """A turned chip: bilinear samples as dense as the input, then a triangle over them.

    Both together are as wide as the filter of `_upright`, so that a chip's contrast does not tell
    how far it was turned. One more output pixel on each side is drawn for the triangle to reach.
    """
    density = np.hypot(axes[0], axes[1]) / size
    dense = 1 if density.max() <= 1 else max(2, int(np.ceil(density.max())))
    side = (size + 2) * dense
    across, down = axes.T / (size * dense)
    corner = at - axes.sum(axis=1) * (0.5 + 1 / size)
    matrix = (across[0], down[0], corner[0], across[1], down[1], corner[1])
    drawn = Image.fromarray(layer).transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    over_columns, over_rows = (_triangle(size, dense, d) for d in density)
    filtered: FloatArray = over_rows @ np.asarray(drawn) @ over_columns.T
    return filtered


def _triangle(size: int, dense: int, density: float) -> FloatArray:
    """Weights of dense samples in each output pixel, (size, (size + 2) * dense).

    The variances of two filters add: a bilinear sample has 1/6 of an input pixel's square, the
    whole shall have density^2 / 6.
    """
    half = np.sqrt(max(density**2 - 1, 0.0)) / density * dense
    centres = (np.arange(size) + 1.5) * dense
    off = np.abs(np.arange((size + 2) * dense) + 0.5 - centres[:, None])
    weights = np.maximum(0, 1 - off / max(half, 1.0))
    normalised: FloatArray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def _zeroed(pixels: Pixels) -> FloatArray:
    values: FloatArray = pixels.values.astype(np.float32)
    values[:, pixels.mask] = 0
    return values


def _cast(values: FloatArray, dtype: Any) -> AnyArray:
    if dtype.kind == "f":
        return values.astype(dtype)
    # 2^32 - 1 is no float32 number and 2^64 - 1 no float64 one: rounded up they would overflow.
    limits = np.iinfo(dtype)
    most = float(limits.max)
    most = most if most <= limits.max else np.nextafter(most, 0)
    return np.clip(np.rint(values.astype(np.float64)), limits.min, most).astype(dtype)
