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
    at = (centre - (pixels.left, pixels.top)) / pixels.step
    axes = axes / pixels.step
    upright = axes[0, 1] == 0 and axes[1, 0] == 0
    low, high = _reach(at, axes, size)
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
    """A turned chip: bilinear samples as dense as the input, averaged over each output pixel."""
    dense = max(1, int(np.ceil(np.abs(axes).sum(axis=1).max() / size)))
    side = size * dense
    across, down = axes.T / side
    corner = at - axes.sum(axis=1) / 2
    matrix = (across[0], down[0], corner[0], across[1], down[1], corner[1])
    drawn = Image.fromarray(layer).transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    return np.asarray(drawn if dense == 1 else drawn.reduce(dense))


def _zeroed(pixels: Pixels) -> FloatArray:
    values: FloatArray = pixels.values.astype(np.float32)
    values[:, pixels.mask] = 0
    return values


def _cast(values: FloatArray, dtype: Any) -> AnyArray:
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
