"""Native values to a picture for the eye: bands chosen, stretched, nodata transparent."""

import numpy as np

from core.types import AnyArray, BoolArray, ByteArray, DoubleArray

RGB = ("red", "green", "blue")
# The usual display stretch of GIS programs: 2 % of the pixels saturate at either end.
PERCENTILES = (2, 98)


def display_bands(bands: tuple[str, ...]) -> tuple[int, ...]:
    """Positions of the three bands shown as red, green and blue, or of one shown as grey."""
    if all(name in bands for name in RGB):
        return tuple(bands.index(name) for name in RGB)
    return (0, 1, 2) if len(bands) >= 3 else (0,)


def stretch_ends(
    values: AnyArray, mask: BoolArray, percentiles: tuple[float, float] | None = None
) -> DoubleArray:
    """Native values shown as black and white, a pair a band, (bands, 2).

    Parameters
    ----------
    values : array, (bands, h, w)
    mask : bool array, (h, w), True where masked
    percentiles : tuple of float, optional
        Share of the valid pixels below black and below white, 0..100; by default uint8 is shown
        as it is and anything else from 2 to 98.
    """
    if values.dtype == np.uint8 and percentiles is None:
        return np.tile((0.0, 255.0), (len(values), 1))
    valid = values[:, ~mask].astype(np.float64)
    if not valid.size:
        return np.tile((0.0, 1.0), (len(values), 1))
    return np.asarray(np.percentile(valid, percentiles or PERCENTILES, axis=1).T)


def to_rgba(values: AnyArray, mask: BoolArray, ends: DoubleArray) -> ByteArray:
    """A picture, (h, w, 4) uint8, of three bands or one; masked pixels are transparent."""
    low, high = ends[:, 0, None, None], ends[:, 1, None, None]
    unit = (values.astype(np.float64) - low) / np.where(high > low, high - low, 1)
    shown = np.clip(np.nan_to_num(unit) * 255, 0, 255).astype(np.uint8)
    colours = np.broadcast_to(shown, (3, *mask.shape)) if len(shown) == 1 else shown
    alpha = np.where(mask, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(np.concatenate([colours, alpha[None]]), 0, -1))
