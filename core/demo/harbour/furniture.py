"""Everything that is painted but not annotated: walkways, cranes, containers, trees, cars."""

import numpy as np
from numpy.random import Generator

from core.demo.harbour.canvas import GSD, Canvas, Pose, Stamp, palette, pick_colour
from core.demo.harbour.layout import Layout
from core.demo.harbour.scene_plans import APRON, ROAD, YARD, Rect, Site
from core.demo.harbour.shapes import Point, bar_distance, box_distance, centred_box, disc_distance
from core.demo.harbour.ships import BOX_HEIGHT, BOX_LENGTH, BOX_WIDTH, CONTAINERS, NETS
from core.demo.harbour.terrain import BLOCK_S, BLOCK_T, CELL

_LEAVES = palette("22 28 15, 26 31 17, 20 26 14")
_CRANES = palette("20 36 56, 74 44 16, 70 68 62")
_CAR_PAINT = palette("80 80 80, 15 15 16, 50 51 53, 50 15 14, 20 28 42, 86 86 85")


def paint_furniture(canvas: Canvas, layout: Layout) -> None:
    """Paint the surroundings of the annotated objects."""
    for pontoon in layout.site.pontoons():
        _paint_walkway(canvas, layout.site, pontoon)
    _cargo_handling(canvas, layout)
    _gear_on_quays(canvas, layout)
    _trees(canvas, layout)
    _cars_in_streets(canvas, layout)
    _parked_cars(canvas, layout)


def _paint_walkway(canvas: Canvas, site: Site, pontoon: Rect) -> None:
    """Paint a pontoon of planks on floats."""
    length, width = pontoon.t1 - pontoon.t0, pontoon.s1 - pontoon.s0
    s, t = (pontoon.s0 + pontoon.s1) / 2, (pontoon.t0 + pontoon.t1) / 2
    stamp = Stamp(canvas, site.pose(s, t, np.pi / 2), length / 2 + 1, width / 2 + 1)
    brightness = 0.56 - 0.05 * (bar_distance(stamp.u, 3.0, 0.3) < 0)
    colour = brightness[:, None] * np.asarray((1.0, 0.96, 0.89), np.float32)
    stamp.lay_box(centred_box(-length / 2, length / 2, width / 2), colour, 0.6)
    stamp.press(0.06, 0.03)


def _cargo_handling(canvas: Canvas, layout: Layout) -> None:
    """Paint cranes at the edge of the quay and containers behind them and on the piers."""
    site, rng = layout.site, layout.rng
    for start, end in site.stretches("quay"):
        for s in np.arange(start + 20, end - 16, 58.0):
            pose = site.pose(s, site.quay_edge - 21, 0.0)
            half = (rng.uniform(14, 24), rng.uniform(4, 8))
            if rng.random() < 0.65 and layout.reserve(pose, *half):
                _paint_container_yard(canvas, pose, half, rng)
        for s in np.arange(start + 35, end - 16, 150.0):
            _paint_gantry_crane(canvas, site.pose(s, site.quay_edge - 5, np.pi / 2), rng)
    for pier in site.wide_piers():
        for t in np.arange(site.quay_edge + 25, pier.t1 - 20, 34.0):
            if rng.random() < 0.6:
                s = (pier.s0 + pier.s1) / 2 + rng.normal(0, 1)
                pose = site.pose(s, t, np.pi / 2)
                half = (rng.uniform(6, 13), rng.uniform(2.4, 5))
                _paint_container_yard(canvas, pose, half, rng)


def _gear_on_quays(canvas: Canvas, layout: Layout) -> None:
    """Paint heaps of nets, crates and trailers on the quays."""
    site, rng = layout.site, layout.rng
    for start, end in site.stretches("fishing", "marina", "quay"):
        for _ in range(round((end - start) / 6)):
            s, inland = rng.uniform(start + 6, end - 6), rng.uniform(5, YARD - 4)
            pose = site.pose(s, site.quay_edge - inland, rng.normal(0, 0.3))
            if layout.reserve(pose, 3.0, 3.0):
                _paint_gear(canvas, pose, rng)


def _paint_gear(canvas: Canvas, pose: Pose, rng: Generator) -> None:
    stamp = Stamp(canvas, pose, 4, 4)
    for _ in range(int(rng.integers(1, 6))):
        centre, colour = rng.normal(0, 1.2, 2), pick_colour(rng, (*NETS, *CONTAINERS), 0.1)
        half = rng.uniform(0.4, 1.5, 2)
        if rng.random() < 0.5:
            crate = tuple(centre - half), tuple(centre + half)
            stamp.lay_box(crate, colour, 2.2 + float(half.min()))
        else:
            heap = disc_distance(stamp.u, stamp.v, tuple(centre), float(half[0]))
            stamp.lay(heap + 0.25 * stamp.grain, colour, 2.5)
    stamp.press(0.08)


def _trees(canvas: Canvas, layout: Layout) -> None:
    """Paint trees in gardens, along the streets and behind the beach."""
    site, rng = layout.site, layout.rng
    # One attempt for every 620 square metres of scene; none is placed on occupied ground.
    for _ in range(round(site.side**2 / 620)):
        s = rng.uniform(-0.75, 0.75) * site.side
        inland = ROAD + 9 + rng.exponential(0.22 * site.side)
        behind_beach = any(start < s < end for start, end in site.stretches("beach"))
        if behind_beach and rng.random() < 0.4:
            inland = rng.uniform(52, ROAD - 9)
        pose = site.pose(s, site.quay_edge - inland, rng.uniform(0, 6))
        radius = float(rng.gamma(6, 0.42))
        if layout.reserve(pose, radius * 0.7, radius * 0.7):
            _paint_tree(canvas, pose, radius, rng)


def _cars_in_streets(canvas: Canvas, layout: Layout) -> None:
    """Paint cars on the shore road and in the streets behind it."""
    site, rng = layout.site, layout.rng
    reach = 0.75 * site.side
    for row in range(1 + int(0.4 * site.side / BLOCK_T)):
        for lane in (-3.7, -1.6, 1.6, 3.7) if row == 0 else (-2.0, 2.0):
            s = -reach
            while s < reach:
                s += 5.5 + rng.exponential(26 if abs(lane) < 3 and row == 0 else 45)
                t = site.quay_edge - (ROAD + row * BLOCK_T + lane)
                pose = site.pose(s, t, np.pi * (lane > 0) + rng.normal(0, 0.02))
                _paint_car_on_land(canvas, layout, pose)
    for street in np.arange(-(reach // BLOCK_S) * BLOCK_S, reach, BLOCK_S):
        inland = ROAD + 8
        while inland < 0.5 * site.side:
            inland += 5.5 + rng.exponential(40)
            pose = site.pose(street + rng.choice((-2, 2)), site.quay_edge - inland, np.pi / 2)
            _paint_car_on_land(canvas, layout, pose)


def _paint_car_on_land(canvas: Canvas, layout: Layout, pose: Pose) -> None:
    """Paint a car, unless its position lies on water or outside the scene."""
    n_cells = layout.water.shape[0]
    row, column = int(pose.y // (CELL * GSD)), int(pose.x // (CELL * GSD))
    if 0 <= row < n_cells and 0 <= column < n_cells and not layout.water[row, column]:
        _paint_car(canvas, pose, layout.rng)


def _parked_cars(canvas: Canvas, layout: Layout) -> None:
    """Paint rows of parked cars on the quays and in the yards."""
    site, rng = layout.site, layout.rng
    for start, end in site.stretches("marina", "fishing", "quay"):
        for s in np.arange(start + 6, end - 6, 2.9):
            for inland in (APRON - 3, APRON + 3, YARD - 4):
                # Parked cars come in clusters.
                if rng.random() > 0.3 + 0.3 * np.sin(s / 17):
                    continue
                pose = site.pose(s, site.quay_edge - inland, np.pi / 2 + rng.normal(0, 0.03))
                if layout.reserve(pose, 2.5, 1.3):
                    _paint_car(canvas, pose, rng)


def _paint_tree(canvas: Canvas, pose: Pose, radius: float, rng: Generator) -> None:
    """Paint a crown of sunlit and shaded leaves; `radius` in metres."""
    stamp = Stamp(canvas, pose, radius * 1.4, radius * 1.4)
    angle = np.arctan2(stamp.v, stamp.u)
    lobes = sum(rng.uniform(0.03, 0.11) * np.sin(n * angle + rng.uniform(0, 6)) for n in (2, 3, 5))
    trunk_distance = np.hypot(stamp.u, stamp.v)
    edge = trunk_distance - radius * (0.9 + lobes) + 0.22 * stamp.grain
    dome = np.sqrt(np.clip(1 - (trunk_distance / (radius * 1.25)) ** 2, 0, 1))
    sun_u, sun_v = stamp.sun_direction()
    slope = (stamp.u * sun_u + stamp.v * sun_v) / radius
    light = np.clip(0.8 + 0.32 * slope + 0.22 * stamp.grain, 0.3, 1.7)
    green = pick_colour(rng, _LEAVES).astype(np.float32)
    stamp.lay(edge, green * light[:, None], radius * 1.7 * (0.35 + 0.65 * dome))
    stamp.press()


def _paint_car(canvas: Canvas, pose: Pose, rng: Generator) -> None:
    """Paint the body, the windows and the roof of a car."""
    stamp = Stamp(canvas, pose, 3, 1.6)
    paint = pick_colour(rng, _CAR_PAINT, 0.08)
    stamp.lay_box(centred_box(-2.1, 2.1, 0.85), paint, 3.0)
    stamp.lay_box(centred_box(-1.6, 1.0, 0.7), (0.12, 0.14, 0.16), 3.5)
    stamp.lay_box(centred_box(-1.2, 0.3, 0.7), paint, 3.6)
    stamp.press()


def _paint_container_yard(canvas: Canvas, pose: Pose, half: Point, rng: Generator) -> None:
    """Paint blocks of stacked containers; `half` is half of the yard's length and width, metres."""
    stamp = Stamp(canvas, pose, half[0] + 2, half[1] + 2)
    # Metres from one corner of the yard.
    s, t = stamp.u + half[0], stamp.v + half[1]
    bay_length = BOX_LENGTH + 0.35
    bay, row = np.floor(s / bay_length).astype(int), np.floor(t / BOX_WIDTH).astype(int)
    tiers = rng.integers(0, 4, (64, 64)) * ((np.arange(64) % 5) != 4)
    colours = np.array([pick_colour(rng, CONTAINERS, 0.12) for _ in range(101)])
    n_tiers = tiers[bay % 64, row % 64]
    colour = colours[(bay * 37 + row * 13 + n_tiers * 29) % 101]
    along = np.abs(s % bay_length - BOX_LENGTH / 2) - BOX_LENGTH / 2
    across = np.abs(t % BOX_WIDTH - BOX_WIDTH / 2) - BOX_WIDTH / 2 + 0.06
    yard = box_distance(stamp.u, stamp.v, (-half[0], -half[1]), half)
    stacks = np.maximum.reduce([along, across, yard])
    distance = np.where(n_tiers > 0, stacks, np.float32(9.0))
    stamp.lay(distance, colour, 2.2 + n_tiers * BOX_HEIGHT)
    stamp.press(0.05, 0.03)


def _paint_gantry_crane(canvas: Canvas, pose: Pose, rng: Generator) -> None:
    """Paint a quayside crane whose boom reaches forward of its position, over the water."""
    stamp = Stamp(canvas, pose, 42, 14)
    colour = pick_colour(rng, _CRANES, 0.08)
    legs = np.maximum(np.abs(np.abs(stamp.v) - 6) - 0.6, np.abs(stamp.u + 4) - 6)
    stamp.lay(legs, colour * 0.8, 8.0)
    for side in (-1.3, 1.3):
        stamp.lay_box(centred_box(-16, 24, 0.3, side), colour, 18.0, elevation=18)
    u, v = stamp.axes_at(18)
    ties = bar_distance(u, 3.0, 0.3)
    stamp.lay_box(centred_box(-16, 24, 1.3), colour, 18.0, clip=ties, elevation=18)
    machine_house = (colour * 1.1).clip(0, 1)
    stamp.lay_box(centred_box(-12, -5, 2.6), machine_house, 20.0, elevation=18)
    stamp.lay(disc_distance(u, v, (10, 0), 1.2), (0.8, 0.8, 0.78), 18.0)
    stamp.press()
