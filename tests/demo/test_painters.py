"""Each painter on a blank canvas: its outline fits what it paints."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.demo.harbour.canvas import GSD, Canvas, Place
from core.demo.harbour.harbour_scenes import PAINTERS
from core.demo.harbour.hulls import Hull, pick, wake
from core.demo.harbour.layout import LENGTHS, width

SIZE = 420


def blank(height=0.0):
    return Canvas(
        size=SIZE,
        rgb=np.full((SIZE * SIZE, 3), [0.0, 0.9, 0.1], np.float32),
        height=np.full(SIZE * SIZE, height, np.float32),
        grain=np.zeros(SIZE * SIZE, np.float32),
        patches=np.zeros(SIZE * SIZE, np.float32),
        lean=(0.0, 0.0),
        sun=(-0.3, -0.6),
    )


def painted(canvas):
    change = np.abs(canvas.rgb - np.float32([0.0, 0.9, 0.1])).max(axis=1)
    return change.reshape(SIZE, SIZE) > 0.25


def filled(outline):
    picture = Image.new("1", (SIZE, SIZE))
    points = outline / GSD - 0.5
    ImageDraw.Draw(picture).polygon([tuple(point) for point in points], fill=1)
    return np.asarray(picture)


@pytest.mark.parametrize("kind", PAINTERS)
def test_painter__outline_fits_what_is_painted(kind):
    overlaps = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        canvas = blank()
        place = Place(60.0, 66.0, rng.uniform(-np.pi, np.pi))
        length = LENGTHS[kind][0] + (LENGTHS[kind][1] - LENGTHS[kind][0]) * seed / 8
        outline = place.to_scene(PAINTERS[kind](canvas, place, length, rng))
        there, marked = painted(canvas), filled(outline)
        overlaps.append((there & marked).sum() / (there | marked).sum())
    assert np.median(overlaps) > 0.75
    assert min(overlaps) > 0.5


@pytest.mark.parametrize("kind", PAINTERS)
def test_painter__keeps_to_its_length_and_width(kind):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        length = float(rng.uniform(*LENGTHS[kind]))
        outline = PAINTERS[kind](blank(), Place(60.0, 60.0, 0.0), length, rng)
        assert np.ptp(outline[:, 0]) == pytest.approx(length, rel=0.01)
        assert np.ptp(outline[:, 1]) <= width(kind, length) * 1.05


@pytest.mark.parametrize("kind", PAINTERS)
def test_painter__casts_a_shadow_and_stays_in_range(kind):
    canvas = blank()
    rng = np.random.default_rng(0)
    PAINTERS[kind](canvas, Place(60.0, 60.0, 0.4), LENGTHS[kind][1], rng)
    assert canvas.height.max() > 0.5
    assert canvas.rgb.min() >= 0
    assert canvas.rgb.max() <= 1.2
    assert canvas.rgb.dtype == np.float32


@pytest.mark.parametrize("kind", PAINTERS)
@pytest.mark.parametrize("at", [-500.0, 0.0, SIZE * GSD])
def test_painter__at_and_beyond_the_edge(kind, at):
    canvas = blank()
    rng = np.random.default_rng(1)
    outline = PAINTERS[kind](canvas, Place(at, 60.0, 1.0), LENGTHS[kind][0], rng)
    assert np.isfinite(outline).all()
    assert painted(canvas).any() == (at > -500)


def test_building__roof_leans_with_its_outline():
    canvas = blank()
    canvas.lean = (0.5, 0.0)
    place = Place(60.0, 60.0, 0.9)
    roof = place.to_scene(PAINTERS["building"](canvas, place, 20.0, np.random.default_rng(0)))
    shift = roof.mean(axis=0) - (60, 60)
    assert shift[0] > 1
    assert shift[1] == pytest.approx(0, abs=1e-4)


def test_hull__outline_lies_on_the_edge():
    hull = Hull(12.0, 4.0)
    outline = hull.outline()
    u, v = outline.T.astype(np.float32)
    assert np.abs(hull.distance(u, v)).max() < 0.1
    assert hull.distance(np.float32([0]), np.float32([0]))[0] < -1
    assert hull.distance(np.float32([0]), np.float32([4]))[0] > 1


def test_wake__spares_land_and_lies_behind():
    sea, land = blank(), blank(height=1.0)
    for canvas in (sea, land):
        wake(canvas, Place(90.0, 60.0, 0.0), 8.0, 2.5, 0.8)
    change = np.abs(sea.rgb[:, 1] - 0.9).reshape(SIZE, SIZE)
    assert change[:, :300].sum() > 5 * change[:, 315:].sum()
    assert change.max() > 0.02
    assert np.array_equal(land.rgb, blank().rgb)


def test_pick__stays_a_colour():
    rng = np.random.default_rng(0)
    colours = np.array([pick(rng, ((0.0, 0.5, 1.0),), 0.5) for _ in range(200)])
    assert colours.min() >= 0.02
    assert colours.max() <= 0.97
