import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.embeddings.descriptors.masked_filters import (
    centre_weights,
    derivatives,
    halve_resolution,
    local_mean,
    local_sum,
)
from core.types import BoolArray, FloatArray

MASKS = hnp.arrays(np.bool_, st.tuples(st.just(1), st.integers(1, 7), st.integers(1, 7)))

STEPS = st.sampled_from([1, 2])


def chip(valid: BoolArray, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    values = rng.uniform(size=(len(valid), 2, *valid.shape[1:])).astype(np.float32)
    return values * valid[:, None], valid.astype(np.float32)


def neighbours(valid: FloatArray, y: int, x: int, dy: int, dx: int) -> list[int]:
    height, width = valid.shape
    return [
        sign
        for sign in (-1, 1)
        if 0 <= y + sign * dy < height
        and 0 <= x + sign * dx < width
        and valid[y + sign * dy, x + sign * dx]
    ]


@given(MASKS, st.sampled_from([2, 3]), STEPS)
def test_derivatives__agree_with_a_loop_that_extrapolates_linearly(
    mask: BoolArray, axis: int, step: int
) -> None:
    values, valid = chip(~mask)
    first, second = derivatives(values, valid, axis, step)
    dy, dx = (step, 0) if axis == 2 else (0, step)
    for y, x in np.ndindex(*valid.shape[1:]):
        centre = values[0, 1, y, x]
        sides = neighbours(valid[0], y, x, dy, dx) if valid[0, y, x] else []
        slopes = [sign * (values[0, 1, y + sign * dy, x + sign * dx] - centre) for sign in sides]
        assert first[0, 1, y, x] == pytest.approx(np.mean(slopes) if slopes else 0, abs=1e-6)
        curvature = slopes[1] - slopes[0] if len(slopes) == 2 else 0
        assert second[0, 1, y, x] == pytest.approx(curvature, abs=1e-6)


def test_derivatives__of_a_parabola() -> None:
    x = np.arange(6, dtype=np.float32)
    values = np.broadcast_to(x * x, (1, 1, 3, 6)).copy()
    first, second = derivatives(values, np.ones((1, 3, 6), np.float32), 3)
    np.testing.assert_array_equal(first[0, 0, 1], [1, 2, 4, 6, 8, 9])
    np.testing.assert_array_equal(second[0, 0, 1], [0, 2, 2, 2, 2, 0])


def neighbourhood(index: int, step: int, side: int) -> list[int]:
    return [i for i in (index - step, index, index + step) if 0 <= i < side]


@given(MASKS, STEPS)
def test_local_mean__ignores_masked_pixels(mask: BoolArray, step: int) -> None:
    values, valid = chip(~mask)
    mean = local_mean(values[:, 0], valid, step)
    for y, x in np.ndindex(*valid.shape[1:]):
        window = np.ix_(
            neighbourhood(y, step, valid.shape[1]), neighbourhood(x, step, valid.shape[2])
        )
        subset = values[0, 0][window][valid[0][window] > 0]
        assert mean[0, y, x] == pytest.approx(subset.mean() if subset.size else 0, abs=1e-6)


def test_local_sum__of_ones_is_the_number_of_pixels() -> None:
    total = local_sum(np.ones((1, 3, 4), np.float32))
    np.testing.assert_array_equal(total[0], [[4, 6, 6, 4], [6, 9, 9, 6], [4, 6, 6, 4]])


@given(MASKS)
def test_halve_resolution__mean_of_valid_pixels_at_each_corner(mask: BoolArray) -> None:
    values, valid = chip(~mask)
    mean, mean_valid = halve_resolution(values, valid)
    height, width = valid.shape[1:]
    assert mean.shape[2:] == mean_valid.shape[1:] == (height + 1, width + 1)
    assert mean.dtype == mean_valid.dtype == np.float32
    for y, x in np.ndindex(height + 1, width + 1):
        window = np.s_[max(y - 1, 0) : y + 1, max(x - 1, 0) : x + 1]
        subset = values[0, 0][window][valid[0][window] > 0]
        assert mean_valid[0, y, x] == float(subset.size > 0)
        assert mean[0, 0, y, x] == pytest.approx(subset.mean() if subset.size else 0, abs=1e-6)


def test_halve_resolution__every_second_pixel_is_a_block_mean() -> None:
    values, valid = chip(np.ones((1, 6, 8), bool))
    blocks = values.reshape(1, 2, 3, 2, 4, 2).mean((3, 5))
    np.testing.assert_allclose(
        halve_resolution(values, valid)[0][..., 1::2, 1::2], blocks, atol=1e-6
    )


def test_centre_weights__decrease_towards_the_edge_and_are_zero_where_masked() -> None:
    valid = np.ones((2, 9, 8), np.float32)
    valid[1, :, 2] = 0
    weight = centre_weights(valid)
    assert weight[0, 4].max() == weight[0].max() == pytest.approx(1, abs=0.05)
    assert (np.diff(weight[0, 4, :4]) > 0).all()
    assert 0 < weight[0].min() < 0.01
    np.testing.assert_array_equal(weight[0], weight[0, ::-1, ::-1])
    assert not weight[1, :, 2].any()
    np.testing.assert_array_equal(weight[1, :, 3:], weight[0, :, 3:])
