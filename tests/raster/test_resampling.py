import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from core.raster.pixel_reader import Pixels
from core.raster.resampling import resample_chips

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]


def resample_chip(part, centre, axes, size):
    """Resample a single chip."""
    values, mask = resample_chips(part, np.asarray(centre)[None], np.asarray(axes)[None], size)
    return values[0], mask[0]


def pixels(values, mask=None, left=0, top=0, step=(1.0, 1.0)):
    values = np.asarray(values)
    values = values[None] if values.ndim == 2 else values
    mask = np.zeros(values.shape[1:], bool) if mask is None else mask
    return Pixels(values, mask, left, top, step)


def square(columns, rows=None, turn=0.0):
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return np.diag((columns, rows or columns)) @ np.array([(cos, -sin), (sin, cos)])


def triangle(start, side, n_in, n_out):
    """Dense weights (n_out, n_in) of a triangle, two output or two input pixels wide."""
    scale = side / n_out
    width = max(scale, 1)
    centre = start + (np.arange(n_out) + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(n_in) + 0.5 - centre[:, None]) / width)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.fixture
def noise():
    return np.random.default_rng(0).random((2, 90, 110), np.float32) * 200


@pytest.mark.parametrize(("columns", "rows"), [(64, 64), (16, 16), (8.5, 8.5), (40, 25), (7, 60)])
@pytest.mark.parametrize("holes", [0, 0.3])
def test_resample_chips__equals_dense_weights(noise, columns, rows, holes):
    mask = np.random.default_rng(1).random((90, 110)) < holes
    centre = np.array((55.3, 45.8))
    values, masked = resample_chip(pixels(noise, mask), centre, square(columns, rows), 16)
    row_weights = triangle(centre[1] - rows / 2, rows, 90, 16)
    column_weights = triangle(centre[0] - columns / 2, columns, 110, 16)
    weight = row_weights @ ~mask @ column_weights.T
    assert np.array_equal(masked, weight < 0.5) or np.abs(weight - 0.5).min() < 1e-5
    expected = row_weights @ (noise * ~mask) @ column_weights.T / np.maximum(weight, 1e-9)
    assert values[:, ~masked] == pytest.approx(expected[:, ~masked], abs=1e-3)
    assert not values[:, masked].any()


@pytest.mark.parametrize("turn", [10, 45, 90, 133])
@pytest.mark.parametrize(("columns", "rows"), [(10, 10), (16, 9), (50, 50), (80, 24)])
def test_resample_chips__rotated_equals_very_dense_samples_under_a_triangle(
    noise, columns, rows, turn
):
    centre, axes, size, dense = np.array((55.3, 45.8)), square(columns, rows, turn), 16, 25
    values, masked = resample_chip(pixels(noise), centre, axes, size)
    v, u = (np.mgrid[: (size + 2) * dense, : (size + 2) * dense] + 0.5) / dense / size
    u, v = u - 0.5 - 1 / size, v - 0.5 - 1 / size
    x, y = centre[:, None, None] + np.einsum("ij,jab->iab", axes, np.array([u, v]))
    samples = map_coordinates(noise[0], [y - 0.5, x - 0.5], order=1)
    for axis, density in enumerate(np.linalg.norm(axes, axis=0) / size):
        width = np.sqrt(max(density**2 - 1, 0)) / density * dense
        distance = np.arange((size + 2) * dense) + 0.5 - (np.arange(size)[:, None] + 1.5) * dense
        weights = np.maximum(0, 1 - np.abs(distance) / max(width, 1))
        weights /= weights.sum(axis=1, keepdims=True)
        samples = np.moveaxis(np.tensordot(weights, samples, (1, 1 - axis)), 0, 1 - axis)
    assert not masked.any()
    tolerance = 0.01 if max(columns, rows) <= size else 0.15
    assert np.abs(values[0] - samples).mean() < tolerance * samples.std()


@pytest.mark.parametrize("density", [0.5, 1, 1.3, 1.6, 2, 3, 4, 5.5])
def test_resample_chips__contrast_does_not_reveal_the_rotation(density):
    # Off the grid, where an upright chip is interpolated as well.
    noise, side = np.random.default_rng(0).random((1, 300, 300), np.float32), 32 * density
    centres = [np.array((150.3 + 0.13 * k, 149.7 - 0.21 * k)) for k in range(4)]
    contrast = [
        np.mean(
            [
                resample_chip(pixels(noise), centre, square(side, turn=t), 32)[0].std()
                for centre in centres
            ]
        )
        for t in (0, 20, 45, 70)
    ]
    assert max(contrast) < 1.2 * min(contrast)


def test_resample_chips__positions_in_a_rotated_chip():
    row, column = np.mgrid[:90, :110]
    axes, centre = square(40, 30, turn=25), np.array((55.3, 45.8))
    values, _ = resample_chip(pixels(np.stack([column, row]).astype(np.float32)), centre, axes, 16)
    v, u = (np.mgrid[:16, :16] + 0.5) / 16 - 0.5
    expected = centre[:, None, None] + np.einsum("ij,jab->iab", axes, np.array([u, v])) - 0.5
    assert values == pytest.approx(expected, abs=1e-3)


def test_resample_chips__positions_in_a_decimated_read():
    column = (np.arange(11) + 0.5) * 101 / 11
    part = pixels(
        np.tile(column, (6, 1)).astype(np.float32), left=20, top=30, step=(101 / 11, 55 / 6)
    )
    values, _ = resample_chip(part, np.array((70.0, 55.0)), square(60, 30), 4)
    assert values[0, 1] == pytest.approx(50 + (np.arange(4) - 1.5) * 15, abs=1)


@pytest.mark.parametrize("turn", [0, 30])
def test_resample_chips__beyond_the_scene_is_masked(turn):
    values, mask = resample_chip(
        pixels(np.full((20, 20), 9.0)), np.zeros(2), square(20, turn=turn), 16
    )
    share = 1 - mask.mean()
    assert share == pytest.approx(0.25, abs=0.05)
    assert set(np.unique(values.round(4))) == {0, 9}
    assert not mask[15 if turn == 0 else 10, 15]


@pytest.mark.parametrize("turn", [0, 45])
def test_resample_chips__fully_masked_outside_the_scene(turn):
    empty = pixels(np.zeros((2, 0, 0), np.uint16), np.zeros((0, 0), bool))
    values, mask = resample_chip(empty, np.array((-50.0, -50.0)), square(20, turn=turn), 16)
    assert mask.all()
    assert (values.shape, values.dtype) == ((2, 16, 16), np.uint16)


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
@pytest.mark.parametrize("end", ["min", "max"])
def test_resample_chips__the_limits_of_each_dtype_are_preserved(dtype, end):
    kind = np.dtype(dtype)
    limits = np.finfo("float32") if kind.kind == "f" else np.iinfo(kind)
    value = getattr(limits, end) * (1e-8 if kind.kind == "f" else 1)
    part = pixels(np.full((30, 30), value, kind))
    for turn in (0, 20):
        values, mask = resample_chip(part, np.array((15.0, 15.0)), square(18.4, turn=turn), 16)
        assert values.dtype == kind
        assert not mask.any()
        assert values.astype(float) == pytest.approx(float(value), rel=1e-6)


def test_resample_chips__masked_below_half_of_the_weight():
    mask = np.zeros((40, 40), bool)
    mask[:, :20] = True
    _, masked = resample_chip(
        pixels(np.ones((40, 40)), mask), np.array((20.5, 20.0)), square(16), 16
    )
    assert masked[0].tolist() == [True] * 7 + [False] * 9 or masked[0].sum() in (7, 8)
