"""Native values to a picture for the eye: bands chosen, stretched, nodata transparent."""

import re

import numpy as np

from core.input_settings import DisplaySettings
from core.types import AnyArray, BoolArray, ByteArray, DoubleArray

RGB = ("red", "green", "blue")
# The product guide of ESA names the bands so.
SENTINEL_2 = ("b04", "b03", "b02")
# The usual display stretch of GIS programs: 2 % of the pixels saturate at either end.
PERCENTILES = (2, 98)


def display_bands(bands: tuple[str, ...]) -> tuple[int, ...]:
    """Positions of the three bands shown as red, green and blue, or of one shown as grey.

    A guess: bands of those names, else the first with such a word in its name (not red edge, not
    infrared), else Sentinel-2's B04, B03 and B02, else the first three.
    """
    found = [_named(bands, colour) for colour in RGB]
    if None in found:
        found = [bands.index(code) if code in bands else None for code in SENTINEL_2]
    whole = tuple(i for i in found if i is not None)
    if len(set(whole)) == len(RGB):
        return whole
    return (0, 1, 2) if len(bands) >= len(RGB) else (0,)


def shown_bands(bands: tuple[str, ...], display: DisplaySettings) -> tuple[int, ...]:
    """Positions of the bands that the user chose, or of those guessed where one is not there."""
    if display.bands and all(name in bands for name in display.bands):
        return tuple(bands.index(name) for name in display.bands)
    return display_bands(bands)


def percentiles(display: DisplaySettings) -> tuple[float, float] | None:
    """The percentiles shown as black and white; None for the usual stretch of the dtype."""
    return (display.low, display.high) if display.stretch == "percentiles" else None


def _named(bands: tuple[str, ...], colour: str) -> int | None:
    if colour in bands:
        return bands.index(colour)
    word = re.compile(rf"(?<![a-z]){colour}(?![a-z])(?!.?edge)")
    return next((i for i, name in enumerate(bands) if word.search(name)), None)


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
