"""From painted ground to a picture: shadows, haze, blur, noise."""

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from core.demo.harbour.canvas import GSD, Canvas
from core.demo.harbour.scene_plans import ScenePlan
from core.types import ByteArray, FloatArray

# Skylight that still reaches a shadow, red, green, blue: it is bluer than the sun's.
SKYLIGHT = (0.36, 0.40, 0.47)
FADE = 0.1
"""How far the sensor's bands overlap: the share of grey in each colour."""
REACH = 7
"""Doublings of the shadow's step: 128 steps, 40 m and more."""


def shadows(height: FloatArray, sun_step: tuple[float, float], sun_slope: float) -> FloatArray:
    """Where the sun does not reach.

    The highest ray that passes over each pixel is found by doubling: the rays of n steps are those
    of n/2 steps, and the same again shifted by n/2.

    Parameters
    ----------
    height : float32 array, (size, size)
        Metres.
    sun_step : tuple of float
        Columns and rows that a shadow moves in one step.
    sun_slope : float
        Tangent of the sun's elevation.

    Returns
    -------
    float32 array, (size, size)
        0 in the sun, 1 in the shadow.
    """
    ray = height.copy()
    drop = float(np.hypot(*sun_step)) * GSD * sun_slope
    for power in range(REACH):
        right, down = (round(step * 2**power) for step in sun_step)
        target, source = _overlap(ray.shape[0], down), _overlap(ray.shape[1], right)
        passed = ray[target[1], source[1]] - np.float32(drop * 2**power)
        np.maximum(ray[target[0], source[0]], passed, out=ray[target[0], source[0]])
    # What rises less than 8 cm over a pixel doesn't shade it; above that, softly.
    ray -= height
    return np.asarray(np.clip((ray - 0.08) / 0.35, 0, 1), np.float32)


def _overlap(size: int, shift: int) -> tuple[slice, slice]:
    """Where pixels arrive and where they come from, shifted by so many."""
    if shift >= 0:
        return slice(min(shift, size), size), slice(0, max(size - shift, 0))
    return slice(0, max(size + shift, 0)), slice(min(-shift, size), size)


def expose(canvas: Canvas, plan: ScenePlan, rng: Generator) -> ByteArray:
    """The picture that a sensor takes of a canvas.

    Returns
    -------
    uint8 array, (3, size, size)
    """
    size = canvas.size
    shade = shadows(canvas.height.reshape(size, size), plan.sun_step, plan.sun_slope)
    # The sun's disc makes half shadows, under half a pixel wide at these heights.
    shade = gaussian_filter(shade, 0.5, truncate=2.5)
    picture = np.empty((3, size, size), np.uint8)
    painted = np.ascontiguousarray(canvas.rgb.T).reshape(3, size, size)
    grey = painted.mean(axis=0)
    for band in range(3):
        plane = painted[band] * (1 - FADE) + FADE * grey
        plane *= 1 - (1 - SKYLIGHT[band]) * shade
        for axis in (0, 1):
            plane = gaussian_filter1d(plane, plan.blur, axis, truncate=3.0)
        plane = plane * (plan.gain[band] * (1 - plan.haze[band])) + plan.haze[band]
        # Shot noise grows with the signal, read-out noise doesn't: a line is near enough to both.
        plane += plan.noise * (0.6 + 0.6 * plane) * rng.standard_normal(plane.shape, np.float32)
        picture[band] = np.clip(plane * 255 + 0.5, 0, 255)
    return picture
