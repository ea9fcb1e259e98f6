"""The painters on a blank canvas: outlines match what is painted, sizes stay in bounds."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.demo.harbour.boats import paint_wake
from core.demo.harbour.canvas import GSD, Canvas, Pose, pick_colour
from core.demo.harbour.harbour_scenes import PAINTERS
from core.demo.harbour.layout import LENGTHS, object_width
from core.demo.harbour.shapes import Hull

SIZE = 420


def blank_canvas(height=0.0):
    return Canvas(
        size=SIZE,
        rgb=np.full((SIZE * SIZE, 3), [0.0, 0.9, 0.1], np.float32),
        height=np.full(SIZE * SIZE, height, np.float32),
        grain=np.zeros(SIZE * SIZE, np.float32),
        patches=np.zeros(SIZE * SIZE, np.float32),
        lean=(0.0, 0.0),
        sun=(-0.3, -0.6),
    )


def changed_pixels(canvas):
    change = np.abs(canvas.rgb - np.float32([0.0, 0.9, 0.1])).max(axis=1)
    return change.reshape(SIZE, SIZE) > 0.25


def fill_outline(outline):
    image = Image.new("1", (SIZE, SIZE))
    points = outline / GSD - 0.5
    ImageDraw.Draw(image).polygon([tuple(point) for point in points], fill=1)
    return np.asarray(image)


@pytest.mark.parametrize("kind", PAINTERS)
def test_painter__outline_matches_what_is_painted(kind):
    overlaps = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        canvas = blank_canvas()
        pose = Pose(60.0, 66.0, rng.uniform(-np.pi, np.pi))
        length = LENGTHS[kind][0] + (LENGTHS[kind][1] - LENGTHS[kind][0]) * seed / 8
        outline = pose.to_scene(PAINTERS[kind](canvas, pose, length, rng))
        painted_pixels, outline_pixels = changed_pixels(canvas), fill_outline(outline)
        overlaps.append(
            (painted_pixels & outline_pixels).sum() / (painted_pixels | outline_pixels).sum()
        )
    assert np.median(overlaps) > 0.75
    assert min(overlaps) > 0.5


@pytest.mark.parametrize("kind", PAINTERS)
def test_painter__outline_has_the_given_length_and_a_bounded_width(kind):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        length = float(rng.uniform(*LENGTHS[kind]))
        outline = PAINTERS[kind](blank_canvas(), Pose(60.0, 60.0, 0.0), length, rng)
        assert np.ptp(outline[:, 0]) == pytest.approx(length, rel=0.01)
        assert np.ptp(outline[:, 1]) <= object_width(kind, length) * 1.05


@pytest.mark.parametrize("kind", PAINTERS)
def test_painter__raises_the_height_and_keeps_colours_in_range(kind):
    canvas = blank_canvas()
    rng = np.random.default_rng(0)
    PAINTERS[kind](canvas, Pose(60.0, 60.0, 0.4), LENGTHS[kind][1], rng)
    assert canvas.height.max() > 0.5
    assert canvas.rgb.min() >= 0
    assert canvas.rgb.max() <= 1.2
    assert canvas.rgb.dtype == np.float32


@pytest.mark.parametrize("kind", PAINTERS)
@pytest.mark.parametrize("x", [-500.0, 0.0, SIZE * GSD])
def test_painter__at_the_edge_and_outside_the_scene(kind, x):
    canvas = blank_canvas()
    rng = np.random.default_rng(1)
    outline = PAINTERS[kind](canvas, Pose(x, 60.0, 1.0), LENGTHS[kind][0], rng)
    assert np.isfinite(outline).all()
    assert changed_pixels(canvas).any() == (x > -500)


def test_paint_building__outline_follows_the_leaning_roof():
    canvas = blank_canvas()
    canvas.lean = (0.5, 0.0)
    pose = Pose(60.0, 60.0, 0.9)
    outline = PAINTERS["building"](canvas, pose, 20.0, np.random.default_rng(0))
    roof = pose.to_scene(outline)
    shift = roof.mean(axis=0) - (60, 60)
    assert shift[0] > 1
    assert shift[1] == pytest.approx(0, abs=1e-4)


def test_hull__outline_lies_on_the_zero_of_its_distance():
    hull = Hull(12.0, 4.0)
    outline = hull.outline()
    u, v = outline.T.astype(np.float32)
    assert np.abs(hull.distance(u, v)).max() < 0.1
    assert hull.distance(np.float32([0]), np.float32([0]))[0] < -1
    assert hull.distance(np.float32([0]), np.float32([4]))[0] > 1


def test_paint_wake__lies_behind_the_boat_and_not_on_land():
    sea, land = blank_canvas(), blank_canvas(height=1.0)
    for canvas in (sea, land):
        paint_wake(canvas, Pose(90.0, 60.0, 0.0), 8.0, 2.5, 0.8)
    change = np.abs(sea.rgb[:, 1] - 0.9).reshape(SIZE, SIZE)
    assert change[:, :300].sum() > 5 * change[:, 315:].sum()
    assert change.max() > 0.02
    assert np.array_equal(land.rgb, blank_canvas().rgb)


def test_pick_colour__stays_in_range():
    rng = np.random.default_rng(0)
    colours = np.array([pick_colour(rng, ((0.0, 0.5, 1.0),), 0.5) for _ in range(200)])
    assert colours.min() >= 0.02
    assert colours.max() <= 0.97
