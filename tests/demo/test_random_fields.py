"""Random fields: moments, scales, directions and seeds."""

import numpy as np
import pytest

from core.demo.random_fields import fractal_noise, resize_field, stone_cells, wave_slopes


@pytest.mark.parametrize("size", [64, 101, 257])
def test_fractal_noise__unit_variance_at_any_size(size):
    field = fractal_noise(np.random.default_rng(0), size, 32, 2)
    assert field.shape == (size, size)
    assert field.dtype == np.float32
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-3)


def test_fractal_noise__coarser_cells_vary_more_slowly():
    steps = []
    for finest in (1, 8):
        field = fractal_noise(np.random.default_rng(0), 256, 64, finest, gain=1.0)
        steps.append(np.abs(np.diff(field)).mean())
    assert steps[1] < 0.5 * steps[0]


def test_fractal_noise__same_seed_same_field():
    field, same_seed, other_seed = (
        fractal_noise(np.random.default_rng(seed), 64, 16) for seed in (5, 5, 6)
    )
    assert np.array_equal(field, same_seed)
    assert not np.array_equal(field, other_seed)


def test_resize_field__keeps_a_ramp_in_position():
    ramp = np.tile((np.arange(16, dtype=np.float32) + 0.5) * 4, (16, 1))
    fine = resize_field(ramp, 64)
    assert fine[32, 8:56] == pytest.approx(np.arange(8, 56) + 0.5, abs=1e-3)


def test_wave_slopes__vary_most_along_the_wind():
    slopes = wave_slopes(np.random.default_rng(0), 512, 0.0, 10.0)
    assert slopes.std() == pytest.approx(1, abs=1e-3)
    assert np.abs(np.diff(slopes, axis=1)).mean() > 1.5 * np.abs(np.diff(slopes, axis=0)).mean()


def test_stone_cells__number_and_border_of_cells():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 30, (2, 500)).astype(np.float32)
    cell, border = stone_cells(np.random.default_rng(1), x, y, 3.0)
    assert cell.shape == border.shape == (500,)
    assert border.min() >= 0
    assert 30 < len(np.unique(cell)) < 200


def test_stone_cells__no_positions():
    empty = np.zeros(0, np.float32)
    cell, border = stone_cells(np.random.default_rng(0), empty, empty, 2.0)
    assert cell.size == border.size == 0
