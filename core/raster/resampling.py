"""Chips out of read pixels: antialiased, by normalised convolution, so that nodata doesn't bleed.

Each output pixel is the weighted mean of the valid pixels under a filter as wide as the output
pixel (never narrower than one input pixel). Where less than half of the filter's weight lies on
valid pixels, the output pixel is masked. Knutsson & Westin, Normalized and differential
convolution, CVPR 1993. Upright chips go through a compiled loop, turned ones through Pillow, both
in float32, for any dtype.
"""

from typing import Any

import numpy as np
from PIL import Image

from core.raster.pixel_reader import Pixels
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

LEAST_WEIGHT = 0.5
# The dtypes that have a loop of their own; all others go through float32. A mean of 8 or 16 bits
# in float32 is never rounded beyond their ends.
COMPILED = ("uint8", "uint16", "int16", "float32")


def resample(
    pixels: Pixels, centres: DoubleArray, axes: DoubleArray, size: int
) -> tuple[AnyArray, BoolArray]:
    """Chips out of one read.

    Parameters
    ----------
    pixels : Pixels
        A part of the scene that holds the chips' squares, or what of them lies on the scene.
    centres : float64 array, (n, 2)
        Column and row of each chip's centre in the scene's pixels.
    axes : float64 array, (n, 2, 2)
        The matrices of `core.raster.windows`: unit square to the scene's pixels.
    size : int
        Pixels along one side of a chip.

    Returns
    -------
    values : array, (n, bands, size, size), the pixels' dtype; 0 where masked
    mask : bool array, (n, size, size), True where masked
    """
    dtype = pixels.values.dtype
    level = (axes[:, 0, 1] == 0) & (axes[:, 1, 0] == 0)
    if level.all():
        return _upright(pixels, centres, axes, size)
    values = np.empty((len(centres), len(pixels.values), size, size), dtype)
    mask = np.empty((len(centres), size, size), bool)
    if level.any():
        values[level], mask[level] = _upright(pixels, centres[level], axes[level], size)
    for i in np.flatnonzero(~level):
        drawn, mask[i] = _turned_chip(pixels, centres[i], axes[i], size)
        values[i] = _cast(drawn, dtype)
    return values, mask


def warm_up() -> None:
    """Compile the loops, or load them where they are on disk already."""
    hidden = np.zeros((8, 8), bool)
    for dtype in COMPILED:
        _upright(
            Pixels(np.ones((1, 8, 8), dtype), hidden, 0, 0),
            np.full((1, 2), 4.0),
            np.eye(2)[None],
            1,
        )


def _upright(
    pixels: Pixels, centres: DoubleArray, axes: DoubleArray, size: int
) -> tuple[AnyArray, BoolArray]:
    """Chips along the grid."""
    from core.raster.resampling_loops import upright

    origin = (pixels.left, pixels.top)
    if pixels.step != (1, 1):
        centres, axes = (centres - origin) / pixels.step, axes / np.array(pixels.step)[:, None]
        origin = (0, 0)
    dtype = pixels.values.dtype
    compiled = dtype.name in COMPILED
    layers = np.ascontiguousarray(pixels.values, dtype.newbyteorder("=") if compiled else "f4")
    chips = np.empty((len(centres), len(layers), size, size), layers.dtype)
    masks = np.empty((len(centres), size, size), bool)
    sides = np.stack([axes[:, 0, 0], axes[:, 1, 1]], axis=1)
    upright(
        layers,
        np.ascontiguousarray(pixels.mask),
        origin,
        np.ascontiguousarray(centres),
        sides,
        layers.dtype.kind != "f",
        chips,
        masks,
    )
    return (chips if compiled else _cast(chips, dtype)), masks


def _turned_chip(
    pixels: Pixels, centre: DoubleArray, axes: DoubleArray, size: int
) -> tuple[FloatArray, BoolArray]:
    """One chip across the grid."""
    step = np.asarray(pixels.step)
    at = (centre - (pixels.left, pixels.top)) / step
    axes = axes / step[:, None]
    low, high = _reach(at, axes, size)
    if (high <= 0).any() or (low >= pixels.mask.shape[::-1]).any():
        shape = (len(pixels.values), size, size)
        return np.zeros(shape, np.float32), np.ones(shape[1:], bool)
    part, at = _surrounded(pixels, at, low, high)
    values: FloatArray = np.stack([_turned(layer, at, axes, size) for layer in _zeroed(part)])
    if not part.mask.any():
        return values, np.zeros((size, size), bool)
    weight = _turned((~part.mask).astype(np.float32), at, axes, size)
    mask = weight < LEAST_WEIGHT
    values /= np.where(mask, np.float32(1), weight)
    values[:, mask] = 0
    return values, mask


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


def _turned(layer: FloatArray, at: DoubleArray, axes: DoubleArray, size: int) -> FloatArray:
    """A turned chip: bilinear samples as dense as the input, then a triangle over them.

    Both together are as wide as the filter of upright chips, so that contrast does not tell how
    far a chip was turned. One more output pixel on each side is drawn for the triangle to reach.
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
    if pixels.mask.any():
        values[:, pixels.mask] = 0
    return values


def _cast(values: FloatArray, dtype: Any) -> AnyArray:
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    # 2^32 - 1 is no float32 number and 2^64 - 1 no float64 one: rounded up they would overflow.
    most = float(limits.max)
    most = most if most <= limits.max else np.nextafter(most, 0)
    return np.clip(np.rint(values.astype(np.float64)), limits.min, most).astype(dtype)
