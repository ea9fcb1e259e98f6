"""Resampling of chips from pixels: antialiased, by normalised convolution, ignoring nodata.

Each output pixel is the weighted mean of the valid pixels under a filter as wide as the output
pixel (never narrower than one input pixel). An output pixel is masked if less than half of its
filter's weight lies on valid pixels. Knutsson & Westin, Normalized and differential convolution,
CVPR 1993. A compiled loop resamples upright chips, and Pillow rotated ones, both in float32, for
any dtype.
"""

from typing import Any

import numpy as np
from PIL import Image

from core.raster.pixel_reader import Pixels
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

MIN_WEIGHT = 0.5
# Dtypes with a compiled loop; all others are converted to float32 and back. A float32 mean of 8-bit
# or 16-bit values is never rounded out of their range.
COMPILED = ("uint8", "uint16", "int16", "float32")


def resample_chips(
    pixels: Pixels, centres: DoubleArray, axes: DoubleArray, size: int
) -> tuple[AnyArray, BoolArray]:
    """Resample chips from one read, which covers all parts of the chips that lie on the scene.

    The centres, (n, 2), are columns and rows in scene pixels, and the axes, (n, 2, 2), matrices
    from the unit square to scene pixels (`ChipWindows.axes`). Returns values, (n, bands, size,
    size), of the pixels' dtype, and a mask, (n, size, size); values are 0 where it is True.
    """
    upright = (axes[:, 0, 1] == 0) & (axes[:, 1, 0] == 0)
    if upright.all() and (axes >= 0).all():
        return _draw_upright(pixels, centres, axes, size)
    dtype = pixels.values.dtype
    values = np.empty((len(centres), len(pixels.values), size, size), dtype)
    mask = np.empty((len(centres), size, size), bool)
    along_grid = upright | ((axes[:, 0, 0] == 0) & (axes[:, 1, 1] == 0))
    if along_grid.any():
        # Drawn upright, then turned and mirrored, so that no value is resampled twice.
        extents = np.abs(axes[along_grid]).sum(axis=2)
        sides = extents[:, :, None] * np.eye(2)
        drawing = _draw_upright(pixels, centres[along_grid], sides, size)
        values[along_grid], mask[along_grid] = (
            _turn_quarters(d, axes[along_grid]) for d in drawing
        )
    for i in np.flatnonzero(~along_grid):
        chip, mask[i] = _draw_rotated(pixels, centres[i], axes[i], size)
        values[i] = _cast(chip, dtype)
    return values, mask


def compile_resampling() -> None:
    """Compile the loops, or load them from disk if they were compiled before."""
    mask = np.zeros((8, 8), bool)
    for dtype in COMPILED:
        pixels = Pixels(np.ones((1, 8, 8), dtype), mask, 0, 0)
        _draw_upright(pixels, np.full((1, 2), 4.0), np.eye(2)[None], 1)


def _draw_upright(
    pixels: Pixels, centres: DoubleArray, axes: DoubleArray, size: int
) -> tuple[AnyArray, BoolArray]:
    """Resample chips that are aligned with the pixel grid."""
    from core.raster.resampling_loops import draw_upright_chips

    origin = (pixels.left, pixels.top)
    if pixels.step != (1, 1):
        centres, axes = (centres - origin) / pixels.step, axes / np.array(pixels.step)[:, None]
        origin = (0, 0)
    dtype = pixels.values.dtype
    is_compiled = dtype.name in COMPILED
    layers = np.ascontiguousarray(pixels.values, dtype.newbyteorder("=") if is_compiled else "f4")
    chips = np.empty((len(centres), len(layers), size, size), layers.dtype)
    masks = np.empty((len(centres), size, size), bool)
    sides = np.stack([axes[:, 0, 0], axes[:, 1, 1]], axis=1)
    mask, centres = np.ascontiguousarray(pixels.mask), np.ascontiguousarray(centres)
    round_values = layers.dtype.kind != "f"
    draw_upright_chips(layers, mask, origin, centres, sides, round_values, chips, masks)
    return (chips if is_compiled else _cast(chips, dtype)), masks


def _turn_quarters(chips: AnyArray, axes: DoubleArray) -> AnyArray:
    """Turn and mirror upright drawings (n, ..., size, size), so that they lie along their axes."""
    turned = np.empty_like(chips)
    for i, ((a, b), (c, d)) in enumerate(np.sign(axes).astype(int)):
        # Reversing an axis of the drawing reverses columns or rows of the scene.
        drawing = chips[i][..., :: c + d, :: a + b]
        turned[i] = drawing if a else np.swapaxes(drawing, -1, -2)
    return turned


def _draw_rotated(
    pixels: Pixels, centre: DoubleArray, axes: DoubleArray, size: int
) -> tuple[FloatArray, BoolArray]:
    """Resample one chip at an angle to the pixel grid."""
    step = np.asarray(pixels.step)
    centre, axes = (centre - (pixels.left, pixels.top)) / step, axes / step[:, None]
    # The first and last (excluded) column and row that the filter can touch.
    half = np.abs(axes).sum(axis=1) / 2
    support = np.maximum(2 * half / size, 1) + 1
    low = np.floor(centre - half - support).astype(int)
    high = np.ceil(centre + half + support).astype(int)
    # Everything outside the read is masked.
    start, stop = np.clip([low, high], 0, pixels.mask.shape[::-1])
    source = tuple(map(slice, start[::-1], stop[::-1]))
    target = tuple(map(slice, (start - low)[::-1], (stop - low)[::-1]))
    input_mask = np.ones((high - low)[::-1], bool)
    input_mask[target] = pixels.mask[source]
    layers = np.zeros((len(pixels.values), *input_mask.shape), np.float32)
    layers[:, *target] = pixels.values[:, *source]
    has_masked = input_mask.any()
    if has_masked:
        layers[:, input_mask] = 0
    values: FloatArray = np.stack([_rotate(layer, centre - low, axes, size) for layer in layers])
    if not has_masked:
        return values, np.zeros((size, size), bool)
    weight = _rotate((~input_mask).astype(np.float32), centre - low, axes, size)
    mask = weight < MIN_WEIGHT
    values /= np.where(mask, np.float32(1), weight)
    values[:, mask] = 0
    return values, mask


def _rotate(layer: FloatArray, centre: DoubleArray, axes: DoubleArray, size: int) -> FloatArray:
    """Resample one layer of a rotated chip by bilinear samples and a triangle filter.

    The bilinear samples are as dense as the input. Together both filters are as wide as the filter
    of upright chips, so that a chip's contrast does not depend on its rotation. The triangle filter
    needs one more output pixel on each side.
    """
    density = np.hypot(axes[0], axes[1]) / size
    n_samples = 1 if density.max() <= 1 else max(2, int(np.ceil(density.max())))
    side = (size + 2) * n_samples
    column_axis, row_axis = axes.T / (size * n_samples)
    corner = centre - axes.sum(axis=1) * (0.5 + 1 / size)
    matrix = (column_axis[0], row_axis[0], corner[0], column_axis[1], row_axis[1], corner[1])
    samples = Image.fromarray(layer).transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    column_weights, row_weights = (_triangle(size, n_samples, d) for d in density)
    return np.asarray(row_weights @ np.asarray(samples) @ column_weights.T)


def _triangle(size: int, n_samples: int, density: float) -> FloatArray:
    """Return the weights of the samples in each output pixel, (size, (size + 2) * n_samples).

    The variances of the two filters add up. In squared input pixels, bilinear sampling has a
    variance of 1/6, and the two filters together must have density^2 / 6, where `density` is the
    number of input pixels per output pixel.
    """
    half = np.sqrt(max(density**2 - 1, 0.0)) / density * n_samples
    centres = (np.arange(size) + 1.5) * n_samples
    distance = np.abs(np.arange((size + 2) * n_samples) + 0.5 - centres[:, None])
    weights = np.maximum(0, 1 - distance / max(half, 1.0))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _cast(values: FloatArray, dtype: Any) -> AnyArray:
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    # float32 cannot represent 2^32 - 1, nor float64 2^64 - 1: rounded up, they would overflow.
    highest = float(limits.max)
    highest = highest if highest <= limits.max else np.nextafter(highest, 0)
    return np.clip(np.rint(values.astype(np.float64)), limits.min, highest).astype(dtype)
