"""Stamps: painted areas, axes and edges; signed distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.demo.harbour.canvas import GSD, Canvas, Pose, Stamp
from core.demo.harbour.shapes import (
    bar_distance,
    box_distance,
    centred_box,
    disc_distance,
    segment_distance,
)


def blank_canvas(size=128):
    empty = np.zeros(size * size, np.float32)
    return Canvas(
        size,
        np.zeros((size * size, 3), np.float32),
        empty.copy(),
        empty,
        empty,
        (0.1, 0.0),
        (0.5, 0.5),
    )


@settings(deadline=None, max_examples=30)
@given(st.floats(-np.pi, np.pi), st.floats(-0.5, 0.5), st.floats(3, 9), st.floats(2, 6))
def test_stamp__rectangle_covers_its_area_at_any_heading(heading, offset, length, width):
    canvas = blank_canvas()
    stamp = Stamp(canvas, Pose(19.2 + offset, 19.2 - offset, heading), 8, 8)
    stamp.lay_box(centred_box(-length / 2, length / 2, width / 2), (1, 1, 1), 2.0)
    stamp.press()
    area = canvas.rgb[:, 0].sum() * GSD**2
    assert area == pytest.approx(length * width, rel=0.06)
    assert (canvas.height == 2).sum() * GSD**2 == pytest.approx(length * width, rel=0.2)


def test_stamp__disc_covers_its_area():
    canvas = blank_canvas()
    stamp = Stamp(canvas, Pose(19.0, 19.0, 0.3), 6, 6)
    stamp.lay(disc_distance(stamp.u, stamp.v, (1.0, -0.5), 4.0), (1, 1, 1))
    stamp.press()
    assert canvas.rgb[:, 0].sum() * GSD**2 == pytest.approx(np.pi * 16, rel=0.02)


def test_stamp__axes_agree_with_the_position():
    canvas = blank_canvas()
    pose = Pose(20.0, 15.0, 0.7)
    stamp = Stamp(canvas, pose, 8, 8)
    stamp.lay(disc_distance(stamp.u, stamp.v, (5.0, 2.0), 0.6), (1, 1, 1))
    stamp.press()
    row, column = np.divmod(int(canvas.rgb[:, 0].argmax()), canvas.size)
    x, y = pose.to_scene(np.array([[5.0, 2.0]]))[0]
    assert ((column + 0.5) * GSD, (row + 0.5) * GSD) == pytest.approx((x, y), abs=0.6)


def test_stamp__outside_the_canvas_changes_nothing():
    canvas = blank_canvas()
    stamp = Stamp(canvas, Pose(-50.0, 10.0, 0.0), 8, 8)
    stamp.lay(box_distance(stamp.u, stamp.v, (-1, -1), (1, 1)), (1, 1, 1), 3.0)
    stamp.lay_mast(0, 10)
    stamp.press(0.1)
    assert not canvas.rgb.any()
    assert not canvas.height.any()


def test_stamp__mast_is_one_tall_pixel_and_leans():
    canvas = blank_canvas()
    stamp = Stamp(canvas, Pose(19.0, 19.0, 1.2), 6, 6)
    stamp.lay_mast(0.0, 20.0)
    stamp.press()
    assert (canvas.height == 20).sum() == 1
    rows, columns = np.divmod(np.flatnonzero(canvas.rgb[:, 0] > 0.1), canvas.size)
    assert np.ptp(columns) * GSD == pytest.approx(2.0, abs=0.5)
    assert np.ptp(rows) * GSD < 0.7


def test_distances__to_known_shapes():
    u, v = np.float32([0, 3, 5]), np.float32([0, 0, 4])
    assert box_distance(u, v, (-1, -1), (3, 1)).tolist() == [-1, 0, 3]
    assert disc_distance(u, v, (3, 0), 1).tolist() == pytest.approx([2, -1, 20**0.5 - 1])
    assert segment_distance(u, v, (0, 0), (5, 0)).tolist() == [0, 0, 4]
    assert segment_distance(u, v, (3, 0), (3, 0)).tolist() == pytest.approx([3, 0, 20**0.5])
    assert (bar_distance(np.float32([0, 2, 1, -2]), 2.0, 0.5) < 0).tolist() == [
        True,
        True,
        False,
        True,
    ]
