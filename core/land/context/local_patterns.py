"""How often each kind of local binary pattern occurs around a pixel (Ojala et al. 2002)."""

import numpy as np
from scipy.ndimage import gaussian_filter

from core.land.context.image_bands import Surroundings
from core.land.context.local_statistics import Planes, window_mean
from core.types import AnyArray, DoubleArray, IntArray

PATTERN_RADIUS, PATTERN_SIGMA, PATTERN_WINDOW = 2, 0.7, 31
"""Distance of the eight neighbours; smoothing before comparison; window of the rates; pixels."""
PATTERN_TOLERANCE = 1 / 255
"""A neighbour is brighter only if it exceeds the centre by more than this share of the scale.

Without a tolerance, the noise of even surfaces makes patterns.
"""
_CIRCLE = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def count_brighter_neighbours(values: DoubleArray) -> tuple[IntArray, IntArray]:
    """Count the brighter neighbours of each pixel, 0..8, and the changes around the circle, 0..8.

    At most two changes make a uniform pattern. Beyond the edge, the outermost pixels are repeated.
    """
    radius, (height, width) = PATTERN_RADIUS, values.shape
    padded = np.pad(values, radius, mode="edge")
    brighter = [
        padded[
            radius * (1 + down) : radius * (1 + down) + height,
            radius * (1 + right) : radius * (1 + right) + width,
        ]
        > values + PATTERN_TOLERANCE
        for down, right in _CIRCLE
    ]
    changed = [brighter[i] != brighter[i - 1] for i in range(8)]
    count, changes = (np.stack(parts).sum(axis=0, dtype=np.int32) for parts in (brighter, changed))
    return count, changes


def pattern_planes(image: Surroundings) -> Planes:
    """Yield the share of pixels, 0..1, with each kind of pattern of the brightness."""
    smooth = gaussian_filter(image.brightness, PATTERN_SIGMA, mode="reflect")
    count, changes = count_brighter_neighbours(smooth)
    kinds: dict[str, AnyArray] = {
        "no brighter neighbour": count == 0,
        "straight edge": (changes == 2) & (count >= 3) & (count <= 5),
        "irregular": changes > 2,
        "dark spot": count >= 7,
    }
    for name, pixels in kinds.items():
        rate = window_mean(pixels.astype(np.float64), PATTERN_WINDOW, image.usable)
        yield f"patterns: {name}, {PATTERN_WINDOW} px", rate
