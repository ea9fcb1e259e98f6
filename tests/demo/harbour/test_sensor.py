"""Cast shadows against a step-by-step reference; noise, haze and clipping of the sensor."""

import dataclasses

import numpy as np
import pytest

from core.demo.harbour.canvas import GSD, Canvas
from core.demo.harbour.scene_plans import PLANS
from core.demo.harbour.sensor import cast_shadows, expose_canvas


def march_shadows(height, sun_step, slope):
    """Reference: follow the ray of every pixel back towards the sun, one step at a time."""
    right, down = sun_step
    drop = np.hypot(right, down) * GSD * slope
    size = height.shape[0]
    ray = height.copy()
    for row in range(size):
        for column in range(size):
            for n in range(128):
                r, c = row - n * down, column - n * right
                if not (0 <= r < size and 0 <= c < size):
                    break
                ray[row, column] = max(ray[row, column], height[r, c] - n * drop)
    return np.clip((ray - height - 0.08) / 0.35, 0, 1)


@pytest.mark.parametrize("sun_step", [(1, 0), (-1, 0), (0, -1), (1, -1), (-1, 2)])
def test_cast_shadows__agree_with_the_reference(sun_step):
    rng = np.random.default_rng(0)
    height = (rng.random((40, 40)) ** 12 * 12).astype(np.float32)
    expected = march_shadows(height.astype(np.float64), sun_step, 0.9)
    assert cast_shadows(height, sun_step, 0.9) == pytest.approx(expected, abs=1e-4)
    assert 0.05 < expected.mean() < 0.9


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_cast_shadows__length_and_direction_of_a_post(plan):
    height = np.zeros((201, 201), np.float32)
    height[100, 100] = 9.0
    rows, columns = np.nonzero(cast_shadows(height, plan.sun_step, plan.sun_slope) > 0.5)
    farthest = np.hypot(rows - 100, columns - 100).argmax()
    tip = np.array([columns[farthest] - 100, rows[farthest] - 100]) * GSD
    assert tip == pytest.approx(np.array(plan.sun) * 9.0, abs=0.7)


def test_cast_shadows__none_on_flat_ground():
    assert not cast_shadows(np.full((30, 30), 2.0, np.float32), (1.0, -0.5), 1.0).any()


def flat_canvas(size, value):
    empty = np.zeros(size * size, np.float32)
    rgb = np.full((size * size, 3), value, np.float32)
    return Canvas(size, rgb, empty, empty, empty, (0.0, 0.0), (0.5, 0.5))


def test_expose_canvas__gain_haze_and_noise_as_planned():
    plan = dataclasses.replace(
        PLANS[0], gain=(1.0, 0.9, 0.8), haze=(0.0, 0.1, 0.2), noise=0.01, blur=0.5
    )
    picture = expose_canvas(flat_canvas(256, 0.5), plan, np.random.default_rng(0))
    assert picture.dtype == np.uint8
    levels = picture.reshape(3, -1).mean(axis=1) / 255
    assert levels == pytest.approx([0.5, 0.5 * 0.9 * 0.9 + 0.1, 0.5 * 0.8 * 0.8 + 0.2], abs=0.003)
    assert picture[0].std() / 255 == pytest.approx(0.01 * 0.9, rel=0.15)


def test_expose_canvas__clips_instead_of_wrapping():
    plan = dataclasses.replace(PLANS[0], gain=(3.0, 3.0, 3.0))
    assert expose_canvas(flat_canvas(64, 0.9), plan, np.random.default_rng(0)).min() == 255
