"""Heights of objects above and depths below their surroundings, from grey-scale morphology.

Source: Pesaresi and Benediktsson, IEEE TGRS 39 (2001), with plain openings and closings by squares.
"""

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from core.land.context.image_bands import Surroundings
from core.land.context.local_statistics import Planes
from core.types import BoolArray, DoubleArray

RELIEF_RADII = (10, 50)
"""Objects that are narrower than twice the radius plus one, in pixels, are measured completely."""


def open_surface(values: DoubleArray, radius: int, usable: BoolArray | None = None) -> DoubleArray:
    """Remove peaks that are narrower than a square, (h, w): the largest of the smallest values.

    Pixels that are not usable do not contribute, and keep their values.
    """
    side = 2 * radius + 1
    if usable is None:
        lowest = minimum_filter(values, side, mode="reflect")
        return np.asarray(maximum_filter(lowest, side, mode="reflect"), np.float64)
    lowest = minimum_filter(np.where(usable, values, np.inf), side, mode="reflect")
    opened = maximum_filter(np.where(usable, lowest, -np.inf), side, mode="reflect")
    return np.where(usable, opened, values)


def relief_planes(image: Surroundings) -> Planes:
    """Yield the square roots of the height above the opening and of the depth below the closing.

    They are computed from the elevation, or from the brightness of an image without elevation. The
    square root limits the weight of a few tall objects; without it, kNN loses what it gains.
    """
    surfaces = image.surfaces()
    name = "elevation" if "elevation" in surfaces else "brightness"
    values = surfaces[name]
    for radius in RELIEF_RADII:
        opened = open_surface(values, radius, image.usable)
        yield f"relief: {name} above opening, {radius} px", np.sqrt(np.maximum(values - opened, 0))
        closed = -open_surface(-values, radius, image.usable)
        yield f"relief: {name} below closing, {radius} px", np.sqrt(np.maximum(closed - values, 0))
