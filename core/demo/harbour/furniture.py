"""What is painted but not annotated: walkways, cranes, containers, trees, cars."""

import numpy as np
from numpy.random import Generator

from core.demo.harbour.buildings import car, container_yard, gantry_crane, tree, walkway
from core.demo.harbour.canvas import GSD, Canvas, Stamp, box, disc
from core.demo.harbour.hulls import pick
from core.demo.harbour.layout import Layout
from core.demo.harbour.scene_plans import APRON, ROAD, YARD
from core.demo.harbour.ships import CONTAINERS, NETS
from core.demo.harbour.terrain import BLOCK_S, BLOCK_T, CELL


def furnish(canvas: Canvas, layout: Layout, rng: Generator) -> None:
    """Paint everything that gives the annotated things their surroundings."""
    site = layout.site
    for pontoon in site.pontoons():
        middle = (pontoon.s0 + pontoon.s1) / 2
        length = pontoon.t1 - pontoon.t0
        place = site.place(middle, (pontoon.t0 + pontoon.t1) / 2, np.pi / 2)
        walkway(canvas, place, length, pontoon.s1 - pontoon.s0)
    _quay(canvas, layout, rng)
    _clutter(canvas, layout, rng)
    _trees(canvas, layout, rng)
    _cars(canvas, layout, rng)


def _quay(canvas: Canvas, layout: Layout, rng: Generator) -> None:
    """Cranes at the edge, containers behind them and on the piers."""
    site = layout.site
    for start, end in site.stretches("quay"):
        for at in np.arange(start + 20, end - 16, 58.0):
            place = site.place(at, site.edge - 21, 0.0)
            half = (rng.uniform(14, 24), rng.uniform(4, 8))
            if rng.random() < 0.65 and layout.block(place, *half):
                container_yard(canvas, place, half, rng)
        for at in np.arange(start + 35, end - 16, 150.0):
            gantry_crane(canvas, site.place(at, site.edge - 5, np.pi / 2), rng)
    for pier in site.piers():
        if pier.s1 - pier.s0 < 20:
            continue
        middle = (pier.s0 + pier.s1) / 2
        for at in np.arange(site.edge + 25, pier.t1 - 20, 34.0):
            if rng.random() < 0.6:
                place = site.place(middle + rng.normal(0, 1), at, np.pi / 2)
                container_yard(canvas, place, (rng.uniform(6, 13), rng.uniform(2.4, 5)), rng)


def _clutter(canvas: Canvas, layout: Layout, rng: Generator) -> None:
    """Nets spread to dry, crates and trailers on the quays."""
    site = layout.site
    for start, end in site.stretches("fishing", "marina", "quay"):
        for _ in range(round((end - start) / 6)):
            s, inland = rng.uniform(start + 6, end - 6), rng.uniform(5, YARD - 4)
            place = site.place(s, site.edge - inland, rng.normal(0, 0.3))
            if not layout.block(place, 3.0, 3.0):
                continue
            stamp = Stamp(canvas, place, 4, 4)
            for _ in range(int(rng.integers(1, 6))):
                at, colour = rng.normal(0, 1.2, 2), pick(rng, (*NETS, *CONTAINERS), 0.1)
                size = rng.uniform(0.4, 1.5, 2)
                if rng.random() < 0.5:
                    pile = box(stamp.u, stamp.v, tuple(at - size), tuple(at + size))
                    stamp.lay(pile, colour, 2.2 + float(size.min()))
                else:
                    heap = disc(stamp.u, stamp.v, tuple(at), float(size[0])) + 0.25 * stamp.grain
                    stamp.lay(heap, colour, 2.5)
            stamp.weather(0.08)
            stamp.press()


def _trees(canvas: Canvas, layout: Layout, rng: Generator) -> None:
    """Trees in gardens, along the streets and behind the beach."""
    site = layout.site
    # One tree to 620 square metres of scene; most of those on water are refused.
    for _ in range(round(site.side**2 / 620)):
        s = rng.uniform(-0.75, 0.75) * site.side
        inland = ROAD + 9 + rng.exponential(0.22 * site.side)
        beach = any(start < s < end for start, end in site.stretches("beach"))
        if beach and rng.random() < 0.4:
            inland = rng.uniform(52, ROAD - 9)
        place = site.place(s, site.edge - inland, rng.uniform(0, 6))
        radius = float(rng.gamma(6, 0.42))
        if layout.block(place, radius * 0.7, radius * 0.7):
            tree(canvas, place, radius, rng)


def _cars(canvas: Canvas, layout: Layout, rng: Generator) -> None:
    """Cars in the streets, and parked at their sides."""
    site = layout.site
    reach = 0.75 * site.side
    for row in range(1 + int(0.4 * site.side / BLOCK_T)):
        for lane in (-3.7, -1.6, 1.6, 3.7) if row == 0 else (-2.0, 2.0):
            at = -reach
            while at < reach:
                at += 5.5 + rng.exponential(26 if abs(lane) < 3 and row == 0 else 45)
                turn = np.pi * (lane > 0) + rng.normal(0, 0.02)
                _park(canvas, layout, (at, ROAD + row * BLOCK_T + lane), turn, rng)
    for street in np.arange(-(reach // BLOCK_S) * BLOCK_S, reach, BLOCK_S):
        inland = ROAD + 8
        while inland < 0.5 * site.side:
            inland += 5.5 + rng.exponential(40)
            _park(canvas, layout, (street + rng.choice((-2, 2)), inland), np.pi / 2, rng)
    for start, end in site.stretches("marina", "fishing", "quay"):
        for at in np.arange(start + 6, end - 6, 2.9):
            # Parked cars come in clusters.
            for inland in (APRON - 3, APRON + 3, YARD - 4):
                if rng.random() > 0.3 + 0.3 * np.sin(at / 17):
                    continue
                place = site.place(at, site.edge - inland, np.pi / 2 + rng.normal(0, 0.03))
                if layout.block(place, 2.5, 1.3):
                    car(canvas, place, rng)


def _park(
    canvas: Canvas, layout: Layout, at: tuple[float, float], turn: float, rng: Generator
) -> None:
    """A car in a street, where there is land."""
    site, cell = layout.site, CELL * GSD
    place = site.place(at[0], site.edge - at[1], turn)
    row, column = int(place.y // cell), int(place.x // cell)
    n_cells = layout.water.shape[0]
    inside = 0 <= row < n_cells and 0 <= column < n_cells
    if inside and not layout.water[row, column]:
        car(canvas, place, rng)
