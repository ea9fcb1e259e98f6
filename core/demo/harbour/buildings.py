"""The painter of buildings: houses, blocks and warehouses with flat and pitched roofs."""

import numpy as np
from numpy.random import Generator

from core.demo.harbour.canvas import Canvas, Pose, Stamp, palette, pick_colour
from core.demo.harbour.shapes import Point, bar_distance, box_distance, centred_box
from core.types import DoubleArray, FloatArray

_TILES = palette("60 36 26, 52 32 25, 66 46 36, 42 40 40, 47 36 31, 55 53 50")
_SHEET = palette("66 67 67, 52 56 60, 58 45 37, 74 73 70, 38 47 46, 30 42 56")
_FLAT = palette("62 60 57, 48 47 46, 72 70 66, 55 50 44")
_WALLS = palette("66 61 53, 58 56 53, 70 66 58")


def paint_building(canvas: Canvas, pose: Pose, length: float, rng: Generator) -> DoubleArray:
    """Paint a house, a block or a warehouse, depending on its length.

    Returns the corners of the roof, (4, 2), as the oblique view shows them: metres forward and to
    starboard of the position.
    """
    width = length * rng.uniform(0.48, 0.74) if length < 34 else length * rng.uniform(0.3, 0.45)
    is_flat = rng.random() < (0.35 if length < 16 else 0.6 if length < 34 else 0.15)
    eaves = rng.uniform(3, 6) if length < 16 else rng.uniform(5, 13)
    stamp = Stamp(canvas, pose, length / 2 + 3, width / 2 + 3)
    box = centred_box(-length / 2, length / 2, width / 2)
    wall = pick_colour(rng, _WALLS) * 0.8
    # The view is slightly oblique: one or two walls show between the ground and the roof.
    for share in (0.0, 0.25, 0.5, 0.75):
        stamp.lay_box(box, wall, eaves * share, elevation=eaves * share)
    u, v = stamp.axes_at(eaves)
    roof = box_distance(u, v, *box)
    if is_flat:
        _flat_roof(stamp, roof, eaves, rng)
    else:
        _pitched_roof(stamp, roof, box[1], eaves, rng)
    stamp.press(rng.uniform(0.03, 0.07), rng.uniform(0.02, 0.07))
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * box[1]
    shift = np.array([stamp.u[0] - u[0], stamp.v[0] - v[0]]) if u.size else np.zeros(2)
    return np.asarray(corners + shift, np.float64)


def _flat_roof(stamp: Stamp, roof: FloatArray, eaves: float, rng: Generator) -> None:
    """Paint a parapet, gravel or felt, and machinery."""
    colour = pick_colour(rng, _FLAT, 0.1)
    stamp.lay(roof, colour * 1.12, eaves + 0.6)
    stamp.lay(roof + 0.4, colour, eaves)
    reach = -float(roof.min(initial=-1)) * 0.75
    for _ in range(int(rng.integers(1, 7))):
        centre = rng.uniform(-reach, reach, 2) * (1.4, 1)
        half_size = rng.uniform(0.4, 1.6, 2)
        machine = tuple(centre - half_size), tuple(centre + half_size)
        grey = pick_colour(rng, ((0.75, 0.75, 0.74), (0.4, 0.4, 0.4), (0.2, 0.24, 0.33)), 0.1)
        top = eaves + rng.uniform(0.4, 2.0)
        stamp.lay_box(machine, grey, top, clip=roof + 0.6, elevation=eaves)


def _pitched_roof(
    stamp: Stamp, roof: FloatArray, half: Point, eaves: float, rng: Generator
) -> None:
    """Paint two or four roof faces, each lit according to its slope towards the sun."""
    u, v = stamp.axes_at(eaves)
    is_long = half[0] > 17
    colour = pick_colour(rng, _SHEET if is_long or rng.random() < 0.3 else _TILES, 0.1)
    pitch = np.radians(rng.uniform(8, 14) if is_long else rng.uniform(20, 33))
    from_end, from_side = half[0] - np.abs(u), half[1] - np.abs(v)
    hip_faces = (from_end < from_side) & (not is_long and rng.random() < 0.5)
    sun_u, sun_v = stamp.sun_direction()
    facing = np.where(hip_faces, np.sign(u) * sun_u, np.sign(v) * sun_v)
    # Lambert's law, relative to level ground under the same sun.
    light = np.cos(pitch) + np.sin(pitch) * facing
    rise = np.where(hip_faces, from_end, from_side) * np.tan(pitch)
    # The ribs of a sheet roof run down its slope; courses of tiles run along it.
    courses = bar_distance(u, 1.2, 0.25) if is_long else bar_distance(v, 0.62, 0.25)
    shade = np.clip(light * (1 - 0.07 * (courses < 0)), 0.35, 1.5)[:, None]
    face = np.clip(colour.astype(np.float32) * shade, 0, 0.97)
    stamp.lay(roof, face, eaves + np.clip(rise, 0, None))
    ridge = np.maximum(np.abs(v) - 0.16, roof + 0.3)
    stamp.lay(ridge, np.clip(colour * 1.1, 0, 1), None, 0.6)
    if is_long and rng.random() < 0.7:
        skylight_rows = np.abs(from_side - half[1] * 0.5) - half[1] * 0.25
        skylights = np.maximum(bar_distance(u, 8.0, 1.1), skylight_rows)
        stamp.lay(np.maximum(skylights, roof + 1), (0.72, 0.76, 0.77), None, 0.7)
    elif rng.random() < 0.6:
        centre = rng.uniform(-0.6, 0.6, 2) * half
        top = eaves + half[1] * np.tan(pitch) + 1
        chimney = tuple(centre - 0.4), tuple(centre + 0.4)
        stamp.lay_box(chimney, (0.45, 0.33, 0.28), top, elevation=eaves)
