"""The effect of events in the plot: polygons against an independent test, and the legend."""

import numpy as np
import pytest
from matplotlib.path import Path

from app.explore.chip_plot import isolate_group, rows_inside, toggle_group

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.uniform(-1, 1, (5000, 2)).astype(np.float32)
EVERY = np.ones(len(POINTS), bool)


def test_rows_inside__same_as_matplotlib():
    angles = np.sort(RANDOM.uniform(0, 2 * np.pi, 60))
    radii = RANDOM.uniform(0.3, 0.9, 60)
    polygon = np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])
    expected = np.flatnonzero(Path(polygon).contains_points(POINTS))
    np.testing.assert_array_equal(rows_inside(POINTS, polygon.tolist(), EVERY), expected)


def test_rows_inside__a_lasso_that_crosses_itself():
    bow_tie = [(-0.5, -0.5), (0.5, 0.5), (0.5, -0.5), (-0.5, 0.5)]
    x, y = POINTS[rows_inside(POINTS, bow_tie, EVERY)].T
    assert len(x) > 100
    assert (np.abs(y) <= np.abs(x)).all()
    assert (np.abs(x) <= 0.5).all()


def test_rows_inside__hidden_points_are_left_out():
    square = [(-2, -2), (2, -2), (2, 2), (-2, 2)]
    visible = np.arange(len(POINTS)) % 2 == 0
    np.testing.assert_array_equal(rows_inside(POINTS, square, visible), np.flatnonzero(visible))


@pytest.mark.parametrize(
    "polygon",
    [
        None,
        "polygon",
        [],
        [(0, 0), (1, 1)],
        [(0, 0, 0)] * 4,
        [(0, 0), (1, float("nan")), (1, 1)],
        [(0, 0), (1, 0), "corner"],
        [(0, 0), (1, 0), (1,)],
        [(0, 0)] * 20_001,
        {"x": 1},
    ],
)
def test_rows_inside__anything_else_contains_nothing(polygon):
    assert len(rows_inside(POINTS, polygon, EVERY)) == 0


def test_rows_inside__a_polygon_without_area_contains_nothing():
    assert len(rows_inside(POINTS, [(0, 0)] * 3, EVERY)) == 0


def test_isolate_group__twice_displays_everything():
    hidden = isolate_group(frozenset(), 1, 4)
    assert hidden == {0, 2, 3}
    assert isolate_group(hidden, 2, 4) == {0, 1, 3}
    assert isolate_group(hidden, 1, 4) == frozenset()


def test_toggle_group__twice_is_no_change():
    hidden = toggle_group(frozenset(), 1, 3)
    assert hidden == {1}
    assert toggle_group(hidden, 1, 3) == frozenset()


def test_toggle_group__the_last_group_brings_all_back():
    assert toggle_group(frozenset({0, 1}), 2, 3) == frozenset()
