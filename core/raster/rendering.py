"""Images for display from native values: bands, contrast stretch and transparent masks."""

import re

import numpy as np

from core.input_settings import DisplaySettings
from core.types import AnyArray, BoolArray, ByteArray, DoubleArray

RGB = ("red", "green", "blue")
# Band names of ESA's Sentinel-2 product guide.
SENTINEL_2_RGB = ("b04", "b03", "b02")
# The usual display stretch of GIS programs: 2 % of the pixels saturate at either end.
PERCENTILES = (2, 98)


def guess_display_bands(bands: tuple[str, ...]) -> tuple[int, ...]:
    """Return the positions of the bands to show as red, green and blue, or of one to show as grey.

    The guess prefers bands with exactly these names, then the first band whose name contains such a
    word (but not red edge or infrared), then Sentinel-2's B04, B03 and B02, then the first three.
    """
    guess = [_find_colour(bands, colour) for colour in RGB]
    if None in guess:
        guess = [bands.index(code) if code in bands else None for code in SENTINEL_2_RGB]
    positions = tuple(i for i in guess if i is not None)
    if len(set(positions)) == len(RGB):
        return positions
    return (0, 1, 2) if len(bands) >= len(RGB) else (0,)


def displayed_band_positions(bands: tuple[str, ...], display: DisplaySettings) -> tuple[int, ...]:
    """Return the positions of the user's display bands, or a guess if any of them is missing."""
    if display.bands and all(name in bands for name in display.bands):
        return tuple(bands.index(name) for name in display.bands)
    return guess_display_bands(bands)


def stretch_percentiles(display: DisplaySettings) -> tuple[float, float] | None:
    """Return the percentiles shown as black and white; None for the default stretch."""
    return (display.low, display.high) if display.stretch == "percentiles" else None


def _find_colour(bands: tuple[str, ...], colour: str) -> int | None:
    if colour in bands:
        return bands.index(colour)
    word = re.compile(rf"(?<![a-z]){colour}(?![a-z])(?!.?edge)")
    return next((i for i, name in enumerate(bands) if word.search(name)), None)


def stretch_limits(
    values: AnyArray, mask: BoolArray, percentiles: tuple[float, float] | None = None
) -> DoubleArray:
    """Return the native values shown as black and white in each band, (bands, 2).

    `percentiles`, 0..100, are those of the valid pixels of `values`, (bands, h, w).
    By default uint8 is shown unstretched, and any other dtype from its 2nd to its 98th percentile.
    """
    if values.dtype == np.uint8 and percentiles is None:
        return np.tile((0.0, 255.0), (len(values), 1))
    valid = values[:, ~mask].astype(np.float64)
    if not valid.size:
        return np.tile((0.0, 1.0), (len(values), 1))
    return np.asarray(np.percentile(valid, percentiles or PERCENTILES, axis=1).T)


def to_rgba(values: AnyArray, mask: BoolArray, limits: DoubleArray) -> ByteArray:
    """Return an image, (h, w, 4) uint8, of three bands or one; masked pixels are transparent.

    `limits` are the native values shown as black and white in each band, (bands, 2).
    """
    low, high = limits[:, 0, None, None], limits[:, 1, None, None]
    unit = (values.astype(np.float64) - low) / np.where(high > low, high - low, 1)
    levels = np.clip(np.nan_to_num(unit) * 255, 0, 255).astype(np.uint8)
    colours = np.broadcast_to(levels, (3, *mask.shape)) if len(levels) == 1 else levels
    alpha = np.where(mask, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(np.concatenate([colours, alpha[None]]), 0, -1))
