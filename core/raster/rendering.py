"""Images for display from native values: bands, contrast stretch and transparent masks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from core.input_settings import DisplaySettings
from core.raster.pixel_reader import Reader
from core.raster.scene import Scene
from core.types import AnyArray, BoolArray, ByteArray, DoubleArray

RGB = ("red", "green", "blue")
# Band names of ESA's Sentinel-2 product guide.
SENTINEL_2_RGB = ("b04", "b03", "b02")
# The usual display stretch of GIS programs: 2 % of the pixels saturate at either end.
PERCENTILES = (2, 98)
# The percentiles that samples of a scene consist of; the display form has the same step.
SAMPLE_PERCENTILES = np.linspace(0, 100, 201)
# uint8 is stretched if the 98th percentile of one of its displayed bands is below this level, a
# quarter of the range. docs/decisions/0027-one-stretch.md says why.
DARK_LEVEL = 64
# A scene with a longer side than this is sampled in squares, unless it has overviews.
WHOLE_SIDE = 2048
# Pixels along the longer side of a coarse read of a whole scene.
COARSE_SIDE = 1024
# Number of squares across and down a large scene, and their side in pixels.
N_SQUARES, SQUARE_SIDE = 12, 64


@dataclass(frozen=True)
class Rendering:
    """How native values become an image.

    Attributes
    ----------
    bands : tuple of str
        Three bands displayed as red, green and blue, or one displayed as grey.
    limits : float64 array, (bands, 2)
        The native values displayed as black and white in each band.
    """

    bands: tuple[str, ...]
    limits: DoubleArray

    def draw(self, values: AnyArray, mask: BoolArray) -> ByteArray:
        """Return native values of the bands, (bands, h, w), as an image; see `to_rgba`."""
        return to_rgba(values, mask, self.limits)


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


def fit_rendering(scene: Scene, display: DisplaySettings) -> Rendering:
    """Return the rendering of one scene on its own; a workspace pools samples of its scenes."""
    bands = tuple(scene.bands[i] for i in displayed_band_positions(scene.bands, display))
    return Rendering(bands, display_limits(scene, bands, stretch_percentiles(display)))


def display_limits(
    scene: Scene, bands: tuple[str, ...], percentiles: tuple[float, float] | None = None
) -> DoubleArray:
    """Return the native values of one scene shown as black and white, (bands, 2)."""
    return stretch_limits([sample_percentiles(scene, bands)], scene.dtype, percentiles)


def sample_percentiles(scene: Scene, bands: tuple[str, ...]) -> DoubleArray:
    """Return percentiles 0, 0.5, ..., 100 of a sample of a scene's valid pixels, (bands, 201).

    The sample is a coarse read of the scene. Without overviews, such a read would decode the whole
    of a large file, so squares spread over the scene are read instead. All values are NaN if the
    scene has no valid pixel. The colours of a palette are meant to be displayed as they are, so a
    scene with a palette counts as one that uses the full range.
    """
    if scene.palette:
        return np.tile(np.linspace(0, 255, len(SAMPLE_PERCENTILES)), (len(bands), 1))
    longer_side = max(scene.width, scene.height)
    with Reader(scene, bands) as reader:
        if longer_side > WHOLE_SIDE and not scene.has_overviews:
            sample = band_percentiles(*_read_squares(reader))
            if np.isfinite(sample).all():
                return sample
        part = reader.read(
            (0, 0, scene.width, scene.height), max(1, -(-longer_side // COARSE_SIDE))
        )
    return band_percentiles(part.values, part.mask)


def _read_squares(reader: Reader) -> tuple[AnyArray, BoolArray]:
    """Return the values and mask of squares spread over a scene, stacked into one column."""
    scene = reader.scene
    lefts = np.linspace(0, max(0, scene.width - SQUARE_SIDE), N_SQUARES).astype(int).tolist()
    tops = np.linspace(0, max(0, scene.height - SQUARE_SIDE), N_SQUARES).astype(int).tolist()
    parts = [
        reader.read((left, top, left + SQUARE_SIDE, top + SQUARE_SIDE))
        for top, left in product(tops, lefts)
    ]
    values = np.concatenate([part.values.reshape(len(part.values), -1) for part in parts], axis=1)
    return values[..., None], np.concatenate([part.mask.ravel() for part in parts])[:, None]


def band_percentiles(values: AnyArray, mask: BoolArray) -> DoubleArray:
    """Return percentiles 0, 0.5, ..., 100 of the valid pixels of each band, (bands, 201).

    The values have shape (bands, h, w), and the mask (h, w). NaN if no pixel is valid.
    """
    valid = values[:, ~mask].astype(np.float64)
    if not valid.size:
        return np.full((len(values), len(SAMPLE_PERCENTILES)), np.nan)
    return np.asarray(np.percentile(valid, SAMPLE_PERCENTILES, axis=1).T)


def stretch_limits(
    samples: Sequence[DoubleArray], dtype: str, percentiles: tuple[float, float] | None = None
) -> DoubleArray:
    """Return the native values shown as black and white in each band, (bands, 2).

    Each of the samples, one per scene, holds percentiles of its bands, (bands, 201), see
    `band_percentiles`. All scenes have the same weight. The limits are the `percentiles`, 0..100,
    of the pooled samples. By default these are the 2nd and 98th percentile, except that uint8 is
    shown unstretched unless one of the bands is dark, as in Sentinel-2 reflectance divided down to
    uint8: its 98th percentile is below 64.
    """
    pooled = np.concatenate(samples, axis=1)
    pooled = pooled[:, np.isfinite(pooled).all(axis=0)]
    top = 255.0 if dtype == "uint8" else 1.0
    if not pooled.size:
        return np.tile((0.0, top), (len(pooled), 1))
    limits = np.asarray(np.percentile(pooled, percentiles or PERCENTILES, axis=1).T)
    if dtype == "uint8" and percentiles is None and limits[:, 1].min() >= DARK_LEVEL:
        return np.tile((0.0, top), (len(pooled), 1))
    return limits


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
