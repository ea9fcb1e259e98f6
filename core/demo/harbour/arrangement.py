"""The arrangement of the annotated objects: berths, moorings, beaches and streets."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.random import Generator

from core.demo.harbour.canvas import GSD, Pose
from core.demo.harbour.layout import Layout, ObjectKind, SceneObject, object_width
from core.demo.harbour.scene_plans import APRON, ROAD, YARD, Rect, Site
from core.demo.harbour.terrain import BLOCK_T, CELL, GroundPlan, street_distance
from core.demo.random_fields import fractal_noise
from core.types import BoolArray

Fleet = Mapping[ObjectKind, float]
"""The fraction of each class among the vessels at a berth."""


def arrange_scene(site: Site, ground: GroundPlan, rng: Generator) -> Layout:
    """Arrange every annotated object of a scene, including objects that the scene's edge cuts."""
    # Vessels are berthed first, so that anchored boats keep clear of them.
    layout = Layout(site, ground, rng)
    _berth_ships(layout)
    _berth_fishing_vessels(layout)
    for pontoon in site.pontoons():
        fleet: Fleet = {"motorboat": 0.42, "sailboat": 0.36, "catamaran": 0.22}
        _berth_both_sides(layout, pontoon, fleet, 0.74)
    _beach_pirogues(layout)
    # The shore road and the streets stay free.
    inland = site.quay_edge - ground.t
    streets = (street_distance(ground.s, inland) < 5) & (inland > ROAD)
    layout.occupied_cells |= streets | (np.abs(inland - ROAD) < 7)
    _anchor_boats(layout)
    _send_under_way(layout)
    _build_town(layout)
    return layout


def _draw_kind(fleet: Fleet, rng: Generator) -> ObjectKind:
    return list(fleet)[int(rng.choice(len(fleet), p=list(fleet.values())))]


def _alongside(
    layout: Layout, start: float, end: float, fleet: Fleet, gap: float
) -> Iterator[tuple[float, ObjectKind, float]]:
    """Yield centre, class and length of vessels that lie one behind the other along a quay."""
    while True:
        kind = _draw_kind(fleet, layout.rng)
        length = layout.draw_length(kind)
        if start + length > end:
            return
        yield start + length / 2, kind, length
        start += length + layout.rng.uniform(gap, 3 * gap)


def _berth_ships(layout: Layout) -> None:
    """Berth merchant ships along both sides of wide piers and along the quay."""
    site, rng = layout.site, layout.rng
    for pier in site.wide_piers():
        for side, edge in ((-1, pier.s0), (1, pier.s1)):
            fleet: Fleet = {"merchant ship": 0.85, "fishing vessel": 0.15}
            for t, kind, length in _alongside(layout, site.quay_edge + 24, pier.t1, fleet, 4):
                if rng.random() < 0.9:
                    s = edge + side * (object_width(kind, length) / 2 + 0.8)
                    turn = np.pi / 2 * rng.choice((-1, 1)) + rng.normal(0, 0.006)
                    layout.add(SceneObject(kind, site.pose(s, t, turn), length, "berthed"), 0.0)
    for start, end in site.stretches("quay"):
        for s, kind, length in _alongside(layout, start, end, {"merchant ship": 1.0}, 9):
            if rng.random() < 0.4:
                t = site.quay_edge + object_width(kind, length) / 2 + 0.8
                pose = site.pose(s, t, np.pi * float(rng.integers(2)) + rng.normal(0, 0.006))
                layout.add(SceneObject(kind, pose, length, "berthed"), 0.0, layout.water)


def _berth_fishing_vessels(layout: Layout) -> None:
    """Berth fishing vessels bow or stern to the quay and on both sides of narrow piers."""
    site, rng = layout.site, layout.rng
    for start, end in site.stretches("quay", "fishing"):
        s = start
        while s < end:
            length = layout.draw_length("fishing vessel")
            s += length * 0.32 + rng.uniform(0.4, 2.2)
            if rng.random() < 0.78:
                turn = -np.pi / 2 * rng.choice((-1, 1), p=(0.2, 0.8)) + rng.normal(0, 0.05)
                pose = site.pose(s, site.quay_edge + length / 2 + rng.uniform(0.8, 2.5), turn)
                vessel = SceneObject("fishing vessel", pose, length, "berthed")
                layout.add(vessel, 0.0, layout.water)
            s += length * 0.1 + (rng.uniform(8, 40) if rng.random() < 0.12 else 0)
    for pier in site.narrow_piers():
        fleet: Fleet = {"fishing vessel": 0.8, "pirogue": 0.1, "motorboat": 0.1}
        _berth_both_sides(layout, pier, fleet, 0.85)


def _berth_both_sides(layout: Layout, pier: Rect, fleet: Fleet, occupancy: float) -> None:
    """Berth boats next to each other on both sides of a pier or pontoon, bow or stern to it.

    The occupancy is the share of berths with a boat, 0..1.
    """
    rng = layout.rng
    for side, edge in ((-1, pier.s0), (1, pier.s1)):
        t = layout.site.quay_edge + 6.0
        while t < pier.t1 - 2:
            kind = _draw_kind(fleet, rng)
            # Longer boats would block the fairway between two pontoons.
            length = min(layout.draw_length(kind), 19.0)
            beam = object_width(kind, length) + 0.4
            s = edge + side * (length / 2 + rng.uniform(0.5, 1.4))
            turn = float(rng.integers(2)) * np.pi + rng.normal(0, 0.035)
            if t + beam < pier.t1 and rng.random() < occupancy:
                pose = layout.site.pose(s, t + beam / 2, turn)
                layout.add(SceneObject(kind, pose, length, "berthed"), 0.0, layout.water)
            t += beam + rng.uniform(0.4, 1.3)


def _beach_pirogues(layout: Layout) -> None:
    """Place groups of pirogues on the beach."""
    site, rng = layout.site, layout.rng
    sand = (layout.ground.quays > 1) & (layout.ground.breakwaters > 1)
    for start, end in site.stretches("beach"):
        s = max(start, -0.7 * site.side) + 12
        while s < min(end, 0.7 * site.side) - 4:
            for _ in range(int(rng.integers(3, 11))):
                length = layout.draw_length("pirogue")
                t = site.waterline(s) - length / 2 - rng.uniform(0.5, 7)
                turn = np.pi / 2 * rng.choice((-1, 1)) + rng.normal(0, 0.16)
                pirogue = SceneObject("pirogue", site.pose(s, t, turn), length, "ashore")
                layout.add(pirogue, 0.1, sand)
                s += rng.uniform(2.2, 4.5)
            s += rng.uniform(6, 34)


def _anchor_boats(layout: Layout) -> None:
    """Anchor boats off the shore, bow to the wind, and ships farther out."""
    site, rng = layout.site, layout.rng
    hectares, scale = site.side**2 / 1e4, min(1, site.side / 600)
    moorings = fractal_noise(rng, layout.depth.shape[0], 64, 16) > 0.55
    # Boats per hectare of scene; smallest and largest distance from dry cells in metres.
    moored_fleet: dict[ObjectKind, tuple[float, float, float]] = {
        "merchant ship": (0.19, 90, 900),
        "fishing vessel": (0.12, 30, 300),
        "catamaran": (0.16, 18, 200),
        "sailboat": (0.27, 14, 220),
        "motorboat": (0.22, 10, 200),
        "pirogue": (0.3, 6, 90),
    }
    for kind, (density, min_distance, max_distance) in moored_fleet.items():
        allowed = (layout.depth > min_distance * scale) & (layout.depth < max_distance)
        # Ships anchor offshore; small craft anchor in mooring fields, rarely anywhere else.
        if kind == "merchant ship":
            allowed &= layout.ground.t > site.quay_edge + 0.38 * site.side
        elif rng.random() < 0.9:
            allowed &= moorings
        _scatter(layout, kind, round(density * hectares), allowed)


def _scatter(layout: Layout, kind: ObjectKind, n_boats: int, allowed: BoolArray) -> None:
    """Anchor boats on random allowed cells, with up to 12 attempts for each boat."""
    rng, cell = layout.rng, layout.site.side / allowed.shape[0]
    # A boat at anchor lies with its bow into the wind.
    heading = np.radians(layout.site.plan.wind) + np.pi
    cells = np.argwhere(allowed)
    for _ in range(n_boats if len(cells) else 0):
        for _ in range(12):
            row, column = cells[int(rng.integers(len(cells)))]
            x, y = float((column + rng.random()) * cell), float((row + rng.random()) * cell)
            pose = Pose(x, y, heading + rng.normal(0, 0.16))
            boat = SceneObject(kind, pose, layout.draw_length(kind), "anchored")
            if layout.add(boat, 6.0, layout.water):
                break


def _send_under_way(layout: Layout) -> None:
    """Add moving boats where there is room for their wakes."""
    rng, side = layout.rng, layout.site.side
    cells = np.argwhere(layout.depth > min(30.0, side / 12))
    # Boats per hectare of scene.
    fleet: Fleet = {"motorboat": 0.4, "fishing vessel": 0.2, "pirogue": 0.16, "merchant ship": 0.06}
    for kind, density in fleet.items():
        for _ in range(round(density * (side**2 / 1e4))):
            y, x = cells[int(rng.integers(len(cells)))] * (CELL * GSD)
            pose = Pose(float(x), float(y), rng.uniform(-np.pi, np.pi))
            speed = rng.uniform(0.25, 1.0) if kind == "motorboat" else rng.uniform(0.05, 0.4)
            boat = SceneObject(kind, pose, layout.draw_length(kind), "under way", speed)
            reach = boat.length * (1 + 2 * speed)
            if layout.is_open_water(pose.ahead(-reach), 1.4 * reach, 0.5 * reach):
                layout.add(boat, 8.0, layout.water)


def _build_town(layout: Layout) -> None:
    """Build warehouses behind the quay, and houses and blocks along the streets."""
    site, rng = layout.site, layout.rng
    land = ~layout.water
    for start, end in site.stretches("quay", "fishing", "marina"):
        for s in np.arange(start + 30, end - 20, 68.0):
            length = rng.uniform(36, 58)
            pose = site.pose(s, site.quay_edge - (APRON + YARD) / 2, rng.normal(0, 0.01))
            if rng.random() < 0.62:
                layout.add(SceneObject("building", pose, length, "built"), 1.0, land)
    reach = site.side * 0.75
    for inland in np.arange(ROAD + 15, reach, BLOCK_T / 2):
        for along in np.arange(-reach, reach, 15.0):
            length = float(rng.choice((rng.uniform(8, 16), rng.uniform(14, 30)), p=(0.72, 0.28)))
            turn = float(rng.integers(2)) * np.pi / 2 + rng.normal(0, 0.03)
            s, t = along + rng.normal(0, 1.5), site.quay_edge - inland + rng.normal(0, 1.8)
            if rng.random() < 0.62:
                house = SceneObject("building", site.pose(s, t, turn), length, "built")
                layout.add(house, 0.8, land)
