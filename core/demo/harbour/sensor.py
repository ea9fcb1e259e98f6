"""The sensor: cast shadows, haze, blur and noise turn a canvas into a picture."""

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from core.demo.harbour.canvas import GSD, Canvas
from core.demo.harbour.scene_plans import ScenePlan
from core.types import ByteArray, FloatArray

SKYLIGHT = (0.36, 0.40, 0.47)
"""Share of red, green and blue light that reaches a shadow; skylight is bluer than sunlight."""
BAND_OVERLAP = 0.1
"""Overlap of the sensor's bands: the share of grey in each colour."""
DOUBLINGS = 7
"""Number of times that the shadow's step is doubled, to 128 steps, which are at least 40 m."""


def cast_shadows(height: FloatArray, sun_step: tuple[float, float], sun_slope: float) -> FloatArray:
    """Return the fraction of each pixel that lies in the shadow of another pixel.

    The highest ray that passes over each pixel is found by doubling: the rays of n steps are the
    rays of n/2 steps, combined with the same rays shifted by n/2 steps.

    `height` is float32 (size, size) in metres, `sun_step` the columns and rows that a shadow moves
    in one step, and `sun_slope` the tangent of the sun's elevation. The result, float32 (size,
    size), is 0 in full sunlight and 1 in full shadow.
    """
    ray = height.copy()
    drop = float(np.hypot(*sun_step)) * GSD * sun_slope
    for power in range(DOUBLINGS):
        right, down = (round(step * 2**power) for step in sun_step)
        target = ray[_shifted(ray.shape[0], down), _shifted(ray.shape[1], right)]
        source = ray[_shifted(ray.shape[0], -down), _shifted(ray.shape[1], -right)]
        incoming = source - np.float32(drop * 2**power)
        np.maximum(target, incoming, out=target)
    # A ray less than 8 cm above a pixel casts no shadow on it; above that, the shadow grows softly.
    ray -= height
    return np.asarray(np.clip((ray - 0.08) / 0.35, 0, 1), np.float32)


def _shifted(size: int, shift: int) -> slice:
    """Return the positions on an axis that values reach when they move by `shift` pixels."""
    return slice(max(shift, 0), max(size + min(shift, 0), 0))


def expose_canvas(canvas: Canvas, plan: ScenePlan, rng: Generator) -> ByteArray:
    """Return the picture that a scene plan's sensor takes of a canvas, uint8 (3, size, size)."""
    size = canvas.size
    shadow = cast_shadows(canvas.height.reshape(size, size), plan.sun_step, plan.sun_slope)
    # The disc of the sun causes half shadows, less than half a pixel wide at these heights.
    shadow = gaussian_filter(shadow, 0.5, truncate=2.5)
    picture = np.empty((3, size, size), np.uint8)
    colours = np.ascontiguousarray(canvas.rgb.T).reshape(3, size, size)
    grey = colours.mean(axis=0)
    for band in range(3):
        radiance = colours[band] * (1 - BAND_OVERLAP) + BAND_OVERLAP * grey
        radiance *= 1 - (1 - SKYLIGHT[band]) * shadow
        for axis in (0, 1):
            radiance = gaussian_filter1d(radiance, plan.blur, axis, truncate=3.0)
        radiance = radiance * (plan.gain[band] * (1 - plan.haze[band])) + plan.haze[band]
        # Shot noise grows with the signal, read-out noise does not: a line approximates their sum.
        noise = rng.standard_normal(radiance.shape, np.float32)
        radiance += plan.noise * (0.6 + 0.6 * radiance) * noise
        picture[band] = np.clip(radiance * 255 + 0.5, 0, 255)
    return picture
