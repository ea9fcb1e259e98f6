"""What stands on land: buildings, trees, cars, containers, walkways."""

import numpy as np
from numpy.random import Generator

from core.demo.harbour.canvas import Canvas, Place, Stamp, bars, box, disc
from core.demo.harbour.hulls import Colour, pick
from core.demo.harbour.ships import BOX_HEIGHT, BOX_LENGTH, BOX_WIDTH, CONTAINERS
from core.types import DoubleArray, FloatArray

_TILES: tuple[Colour, ...] = (
    (0.60, 0.36, 0.26), (0.52, 0.32, 0.25), (0.66, 0.46, 0.36), (0.42, 0.40, 0.40),
    (0.47, 0.36, 0.31), (0.55, 0.53, 0.50),
)  # fmt: skip
_SHEET: tuple[Colour, ...] = (
    (0.66, 0.67, 0.67), (0.52, 0.56, 0.60), (0.58, 0.45, 0.37), (0.74, 0.73, 0.70),
    (0.38, 0.47, 0.46), (0.30, 0.42, 0.56),
)  # fmt: skip
_FLAT: tuple[Colour, ...] = (
    (0.62, 0.60, 0.57), (0.48, 0.47, 0.46), (0.72, 0.70, 0.66), (0.55, 0.50, 0.44),
)  # fmt: skip
_WALLS: tuple[Colour, ...] = ((0.66, 0.61, 0.53), (0.58, 0.56, 0.53), (0.70, 0.66, 0.58))


def building(canvas: Canvas, place: Place, length: float, rng: Generator) -> DoubleArray:
    """A house, a block or a warehouse, by its length; returns the outline of its roof."""
    width = length * rng.uniform(0.48, 0.74) if length < 34 else length * rng.uniform(0.3, 0.45)
    flat = rng.random() < (0.35 if length < 16 else 0.6 if length < 34 else 0.15)
    tall = rng.uniform(3, 6) if length < 16 else rng.uniform(5, 13)
    stamp = Stamp(canvas, place, length / 2 + 3, width / 2 + 3)
    half_u, half_v = length / 2, width / 2
    u, v = stamp.shifted(tall)
    wall = pick(rng, _WALLS)
    # The view is not quite from above: one or two walls show between the ground and the roof.
    for share in (0.0, 0.25, 0.5, 0.75):
        wall_u, wall_v = stamp.shifted(tall * share)
        footing = box(wall_u, wall_v, (-half_u, -half_v), (half_u, half_v))
        stamp.lay(footing, np.multiply(wall, 0.8), tall * share)
    roof = box(u, v, (-half_u, -half_v), (half_u, half_v))
    if flat:
        _flat_roof(stamp, roof, (u, v), tall, rng)
    else:
        _pitched_roof(stamp, roof, (half_u, half_v), tall, rng)
    stamp.weather(rng.uniform(0.03, 0.07), rng.uniform(0.02, 0.07))
    stamp.press()
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (half_u, half_v)
    shift = np.array([stamp.u[0] - u[0], stamp.v[0] - v[0]]) if u.size else np.zeros(2)
    return np.asarray(corners + shift, np.float64)


def _flat_roof(
    stamp: Stamp, roof: FloatArray, at: tuple[FloatArray, FloatArray], tall: float, rng: Generator
) -> None:
    """A parapet, gravel or felt, and machines."""
    colour = pick(rng, _FLAT, 0.1)
    stamp.lay(roof, np.multiply(colour, 1.12), tall + 0.6)
    stamp.lay(roof + 0.4, colour, tall)
    reach = -float(roof.min(initial=-1)) * 0.75
    for _ in range(int(rng.integers(1, 7))):
        spot = rng.uniform(-reach, reach, 2) * (1.4, 1)
        size = rng.uniform(0.4, 1.6, 2)
        unit = box(*at, tuple(spot - size), tuple(spot + size))
        grey = pick(rng, ((0.75, 0.75, 0.74), (0.4, 0.4, 0.4), (0.2, 0.24, 0.33)), 0.1)
        stamp.lay(np.maximum(unit, roof + 0.6), grey, tall + rng.uniform(0.4, 2.0))


def _pitched_roof(
    stamp: Stamp, roof: FloatArray, half: tuple[float, float], tall: float, rng: Generator
) -> None:
    """Two or four faces, each lit by its slope towards the sun."""
    u, v = stamp.shifted(tall)
    long = half[0] > 17
    colour = pick(rng, _SHEET if long or rng.random() < 0.3 else _TILES, 0.1)
    pitch = np.radians(rng.uniform(8, 14) if long else rng.uniform(20, 33))
    from_end, from_side = half[0] - np.abs(u), half[1] - np.abs(v)
    hipped = (from_end < from_side) & (not long and rng.random() < 0.5)
    sun_u, sun_v = _towards_sun(stamp)
    facing = np.where(hipped, np.sign(u) * sun_u, np.sign(v) * sun_v)
    # Lambert's law, relative to level ground under the same sun.
    light = np.cos(pitch) + np.sin(pitch) * facing
    rise = np.where(hipped, from_end, from_side) * np.tan(pitch)
    # Ribs of a sheet roof run down its slope, courses of tiles along it.
    courses = 1 - 0.07 * (bars(u if long else v, 1.2 if long else 0.62, 0.25) < 0)
    shade = np.clip(light * courses, 0.35, 1.5)[:, None]
    face = np.clip(np.asarray(colour, np.float32) * shade, 0, 0.97)
    stamp.lay(roof, face, (tall + np.clip(rise, 0, None)).astype(np.float32))
    ridge = np.abs(v) - 0.16
    stamp.lay(np.maximum(ridge, roof + 0.3), np.clip(np.multiply(colour, 1.1), 0, 1), None, 0.6)
    if long and rng.random() < 0.7:
        lights = np.maximum(bars(u, 8.0, 1.1), np.abs(from_side - half[1] * 0.5) - half[1] * 0.25)
        stamp.lay(np.maximum(lights, roof + 1), (0.72, 0.76, 0.77), None, 0.7)
    elif rng.random() < 0.6:
        spot = rng.uniform(-0.6, 0.6, 2) * half
        chimney = box(u, v, tuple(spot - 0.4), tuple(spot + 0.4))
        stamp.lay(chimney, (0.45, 0.33, 0.28), tall + half[1] * np.tan(pitch) + 1)


def _towards_sun(stamp: Stamp) -> tuple[float, float]:
    right, down = stamp.canvas.sun
    cos, sin = np.cos(stamp.place.heading), np.sin(stamp.place.heading)
    return float(-(right * cos + down * sin)), float(-(down * cos - right * sin))


def tree(canvas: Canvas, place: Place, radius: float, rng: Generator) -> None:
    """A crown with lit and dark leaves."""
    stamp = Stamp(canvas, place, radius * 1.4, radius * 1.4)
    angle = np.arctan2(stamp.v, stamp.u)
    lobes = sum(rng.uniform(0.03, 0.11) * np.sin(n * angle + rng.uniform(0, 6)) for n in (2, 3, 5))
    away = np.hypot(stamp.u, stamp.v)
    edge = away - radius * (0.9 + lobes) + 0.22 * stamp.grain
    dome = np.sqrt(np.clip(1 - (away / (radius * 1.25)) ** 2, 0, 1))
    sun_u, sun_v = _towards_sun(stamp)
    slope = (stamp.u * sun_u + stamp.v * sun_v) / radius
    light = np.clip(0.8 + 0.32 * slope + 0.22 * stamp.grain, 0.3, 1.7)
    green = pick(rng, ((0.22, 0.28, 0.15), (0.26, 0.31, 0.17), (0.20, 0.26, 0.14)), 0.05)
    colour = np.asarray(green, np.float32) * light[:, None]
    stamp.lay(edge.astype(np.float32), colour, (radius * 1.7 * (0.35 + 0.65 * dome)))
    stamp.press()


def car(canvas: Canvas, place: Place, rng: Generator) -> None:
    """A car: body, windows, roof."""
    stamp = Stamp(canvas, place, 3, 1.6)
    paint = pick(rng, ((0.8, 0.8, 0.8), (0.15, 0.15, 0.16), (0.5, 0.51, 0.53), (0.5, 0.15, 0.14),
                       (0.2, 0.28, 0.42), (0.86, 0.86, 0.85)), 0.08)  # fmt: skip
    stamp.lay(box(stamp.u, stamp.v, (-2.1, -0.85), (2.1, 0.85)), paint, 3.0)
    stamp.lay(box(stamp.u, stamp.v, (-1.6, -0.7), (1.0, 0.7)), (0.12, 0.14, 0.16), 3.5)
    stamp.lay(box(stamp.u, stamp.v, (-1.2, -0.7), (0.3, 0.7)), paint, 3.6)
    stamp.press()


def container_yard(canvas: Canvas, place: Place, half: tuple[float, float], rng: Generator) -> None:
    """Stacked containers in blocks with lanes between them."""
    stamp = Stamp(canvas, place, half[0] + 2, half[1] + 2)
    u, v = stamp.u, stamp.v
    bay = np.floor((u + half[0]) / (BOX_LENGTH + 0.35)).astype(int)
    row = np.floor((v + half[1]) / BOX_WIDTH).astype(int)
    tiers = rng.integers(0, 4, (64, 64)) * ((np.arange(64) % 5) != 4)
    colours = np.array([pick(rng, CONTAINERS, 0.12) for _ in range(101)])
    n_tiers = tiers[bay % 64, row % 64]
    colour = colours[(bay * 37 + row * 13 + n_tiers * 29) % 101]
    along = np.abs((u + half[0]) % (BOX_LENGTH + 0.35) - BOX_LENGTH / 2) - BOX_LENGTH / 2
    across = np.abs((v + half[1]) % BOX_WIDTH - BOX_WIDTH / 2) - BOX_WIDTH / 2 + 0.06
    inside = box(u, v, (-half[0], -half[1]), (half[0], half[1]))
    distance = np.maximum(np.maximum(along, across), inside)
    distance = np.where(n_tiers > 0, distance, 9.0).astype(np.float32)
    stamp.lay(distance, colour, (2.2 + n_tiers * BOX_HEIGHT).astype(np.float32))
    stamp.weather(0.05, 0.03)
    stamp.press()


def walkway(canvas: Canvas, place: Place, length: float, width: float) -> None:
    """A pontoon of planks on floats."""
    stamp = Stamp(canvas, place, length / 2 + 1, width / 2 + 1)
    deck = box(stamp.u, stamp.v, (-length / 2, -width / 2), (length / 2, width / 2))
    tone = 0.56 - 0.05 * (bars(stamp.u, 3.0, 0.3) < 0)
    colour = tone[:, None] * np.asarray((1.0, 0.96, 0.89), np.float32)
    stamp.lay(deck, colour, 0.6)
    stamp.weather(0.06, 0.03)
    stamp.press()


def gantry_crane(canvas: Canvas, place: Place, rng: Generator) -> None:
    """A quayside crane whose boom reaches over the water, forward of the place."""
    stamp = Stamp(canvas, place, 42, 14)
    colour = pick(rng, ((0.20, 0.36, 0.56), (0.74, 0.44, 0.16), (0.70, 0.68, 0.62)), 0.08)
    legs = np.maximum(np.abs(np.abs(stamp.v) - 6) - 0.6, np.abs(stamp.u + 4) - 6)
    stamp.lay(legs.astype(np.float32), np.multiply(colour, 0.8), 8.0)
    u, v = stamp.shifted(18)
    for side in (-1.3, 1.3):
        stamp.lay(box(u, v, (-16, side - 0.3), (24, side + 0.3)), colour, 18.0)
    ties = np.maximum(bars(u, 3.0, 0.3), box(u, v, (-16, -1.3), (24, 1.3)))
    stamp.lay(ties, colour, 18.0)
    stamp.lay(box(u, v, (-12, -2.6), (-5, 2.6)), np.multiply(colour, 1.1).clip(0, 1), 20.0)
    stamp.lay(disc(u, v, (10, 0), 1.2), (0.8, 0.8, 0.78), 18.0)
    stamp.press()
