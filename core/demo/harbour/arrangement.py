"""Where everything goes: berths, moorings, beaches, streets."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from core.demo.harbour.canvas import GSD, Place
from core.demo.harbour.layout import (  # fmt: skip
    BUILDING,
    CATAMARAN,
    FISHING,
    MERCHANT,
    MOTORBOAT,
    PIROGUE,
    SAILBOAT,
    Layout,
    Thing,
    width,
)
from core.demo.harbour.scene_plans import APRON, ROAD, YARD, Rect, Site
from core.demo.harbour.terrain import BLOCK_S, BLOCK_T, CELL, Ground
from core.demo.random_fields import fractal
from core.types import BoolArray


def arrange(site: Site, ground: Ground, rng: Generator) -> Layout:
    """Everything annotated in a scene.

    Parameters
    ----------
    site : Site
    ground : Ground
        The site's ground plan.
    rng : numpy Generator

    Returns
    -------
    Layout
        What stands where; things that the scene's edge cuts are among them.
    """
    # Berths are given away before moorings, so that these keep clear of them.
    layout = Layout(site, ground, rng)
    _ships(layout)
    _fishing_berths(layout)
    _marina(layout)
    _beach(layout)
    _roads(layout)
    _at_anchor(layout)
    _under_way(layout)
    _town(layout)
    return layout


def _row(
    layout: Layout,
    start: float,
    end: float,
    kinds: tuple[str, ...],
    weights: tuple[float, ...],
    gap: float,
) -> Iterator[tuple[float, str, float]]:
    """Places along a quay for things that lie alongside: middle, class, length."""
    at = start
    while True:
        kind = kinds[int(layout.rng.choice(len(kinds), p=weights))]
        length = layout.length(kind)
        if at + length > end:
            return
        yield at + length / 2, kind, length
        at += length + layout.rng.uniform(gap, 3 * gap)


def _ships(layout: Layout) -> None:
    """Merchant ships along both sides of wide piers and along the quay."""
    site, rng = layout.site, layout.rng
    for pier in site.piers():
        if pier.s1 - pier.s0 < 20:
            continue
        for side, edge in ((-1, pier.s0), (1, pier.s1)):
            kinds, odds = (MERCHANT, FISHING), (0.85, 0.15)
            for middle, kind, length in _row(layout, site.edge + 24, pier.t1, kinds, odds, 4):
                if rng.random() < 0.9:
                    s = edge + side * (width(kind, length) / 2 + 0.8)
                    turn = np.pi / 2 * rng.choice((-1, 1)) + rng.normal(0, 0.006)
                    layout.add(Thing(kind, site.place(s, middle, turn), length, "berthed"), 0.0)
    for start, end in site.stretches("quay"):
        for middle, kind, length in _row(layout, start, end, (MERCHANT,), (1.0,), 9):
            t = site.edge + width(kind, length) / 2 + 0.8
            if rng.random() < 0.4:
                turn = np.pi * float(rng.integers(2)) + rng.normal(0, 0.006)
                layout.add(
                    Thing(kind, site.place(middle, t, turn), length, "berthed"), 0.0, layout.water
                )


def _fishing_berths(layout: Layout) -> None:
    """Fishing vessels: bow to the quay where it is free, and on both sides of narrow piers."""
    site, rng = layout.site, layout.rng
    for start, end in site.stretches("quay", "fishing"):
        at = start
        while at < end:
            length = layout.length(FISHING)
            at += length * 0.32 + rng.uniform(0.4, 2.2)
            if rng.random() < 0.78:
                turn = -np.pi / 2 * rng.choice((-1, 1), p=(0.2, 0.8)) + rng.normal(0, 0.05)
                place = site.place(at, site.edge + length / 2 + rng.uniform(0.8, 2.5), turn)
                layout.add(Thing(FISHING, place, length, "berthed"), 0.0, layout.water)
            at += length * 0.1 + (rng.uniform(8, 40) if rng.random() < 0.12 else 0)
    for pier in site.piers():
        if pier.s1 - pier.s0 > 20:
            continue
        _both_sides(layout, pier, (FISHING, PIROGUE, MOTORBOAT), (0.8, 0.1, 0.1), 0.85)


def _both_sides(
    layout: Layout, rect: Rect, kinds: tuple[str, ...], odds: tuple[float, ...], filled: float
) -> None:
    """Boats side by side along both sides of a pier or a pontoon, bow or stern to it."""
    rng = layout.rng
    for side, edge in ((-1, rect.s0), (1, rect.s1)):
        at = layout.site.edge + 6.0
        while at < rect.t1 - 2:
            kind = kinds[int(rng.choice(len(kinds), p=odds))]
            # Longer boats would lie across the fairway between two pontoons.
            length = min(layout.length(kind), 19.0)
            beam = width(kind, length) + 0.4
            s = edge + side * (length / 2 + rng.uniform(0.5, 1.4))
            turn = float(rng.integers(2)) * np.pi + rng.normal(0, 0.035)
            place = layout.site.place(s, at + beam / 2, turn)
            if at + beam < rect.t1 and rng.random() < filled:
                layout.add(Thing(kind, place, length, "berthed"), 0.0, layout.water)
            at += beam + rng.uniform(0.4, 1.3)


def _marina(layout: Layout) -> None:
    """Yachts in rows."""
    for pontoon in layout.site.pontoons():
        kinds, odds = (MOTORBOAT, SAILBOAT, CATAMARAN), (0.42, 0.36, 0.22)
        _both_sides(layout, pontoon, kinds, odds, 0.74)


def _beach(layout: Layout) -> None:
    """Pirogues drawn up in groups, and others afloat before the beach."""
    site, rng = layout.site, layout.rng
    sand = (layout.ground.hard > 1) & (layout.ground.rock > 1)
    for start, end in site.stretches("beach"):
        at = max(start, -0.7 * site.side) + 12
        while at < min(end, 0.7 * site.side) - 4:
            for _ in range(int(rng.integers(3, 11))):
                length = layout.length(PIROGUE)
                t = site.waterline(at) - length / 2 - rng.uniform(0.5, 7)
                turn = np.pi / 2 * rng.choice((-1, 1)) + rng.normal(0, 0.16)
                place = site.place(at, t, turn)
                layout.add(Thing(PIROGUE, place, length, "ashore"), 0.1, sand)
                at += rng.uniform(2.2, 4.5)
            at += rng.uniform(6, 34)


def _roads(layout: Layout) -> None:
    """Keep streets free."""
    inland = layout.site.edge - layout.ground.t
    rows = BLOCK_T / 2 - np.abs((inland - ROAD) % BLOCK_T - BLOCK_T / 2)
    columns = BLOCK_S / 2 - np.abs(layout.ground.s % BLOCK_S - BLOCK_S / 2)
    street = (np.minimum(rows, columns) < 5) & (inland > ROAD)
    layout.taken |= street | (np.abs(inland - ROAD) < 7)


def _at_anchor(layout: Layout) -> None:
    """Boats on moorings off the shore, swung by the wind; ships in the roads."""
    site, rng = layout.site, layout.rng
    # At anchor a boat lies with its bow into the wind.
    wind = np.radians(site.plan.wind) + np.pi
    hectares = site.side**2 / 1e4
    moorings = fractal(rng, layout.depth.shape[0], 64, 16) > 0.55
    for kind, density, nearest, farthest in (
        (MERCHANT, 0.19, 90, 900), (FISHING, 0.12, 30, 300), (CATAMARAN, 0.16, 18, 200),
        (SAILBOAT, 0.27, 14, 220), (MOTORBOAT, 0.22, 10, 200), (PIROGUE, 0.3, 6, 90),
    ):  # fmt: skip
        allowed = (layout.depth > nearest * min(1, site.side / 600)) & (layout.depth < farthest)
        # Ships anchor in the roads; small craft mostly in mooring fields, a few anywhere.
        if kind == MERCHANT:
            allowed &= layout.ground.t > site.edge + 0.38 * site.side
        elif rng.random() < 0.9:
            allowed &= moorings
        _scatter(layout, kind, round(density * hectares), allowed, wind, 0.16)


def _scatter(
    layout: Layout, kind: str, n_things: int, allowed: BoolArray, heading: float, spread: float
) -> None:
    rng, side = layout.rng, layout.site.side
    spots = np.argwhere(allowed)
    for _ in range(n_things if len(spots) else 0):
        for _ in range(12):
            row, column = spots[int(rng.integers(len(spots)))]
            cell = side / allowed.shape[0]
            place = Place(
                float((column + rng.random()) * cell),
                float((row + rng.random()) * cell),
                heading + rng.normal(0, spread),
            )
            if layout.add(Thing(kind, place, layout.length(kind), "anchored"), 6.0, layout.water):
                break


def _under_way(layout: Layout) -> None:
    """Boats on the move, each with its wake."""
    rng, site = layout.rng, layout.site
    hectares = site.side**2 / 1e4
    spots = np.argwhere(layout.depth > min(30.0, site.side / 12))
    for kind, density in ((MOTORBOAT, 0.4), (FISHING, 0.2), (PIROGUE, 0.16), (MERCHANT, 0.06)):
        for _ in range(round(density * hectares)):
            row, column = spots[int(rng.integers(len(spots)))] * (CELL * GSD)
            place = Place(float(column), float(row), rng.uniform(-np.pi, np.pi))
            speed = rng.uniform(0.25, 1.0) if kind == MOTORBOAT else rng.uniform(0.05, 0.4)
            thing = Thing(kind, place, layout.length(kind), "under way", speed)
            # The wake needs clear water as well.
            reach = thing.length * (1 + 2 * speed)
            x, y = place.to_scene(np.array([[-reach, 0.0]]))[0]
            if layout.free(Place(float(x), float(y), place.heading), 1.4 * reach, 0.5 * reach):
                layout.add(thing, 8.0, layout.water)


def _town(layout: Layout) -> None:
    """Warehouses behind the quay, houses and blocks in the streets, a few by the beach."""
    site, rng = layout.site, layout.rng
    land = ~layout.water
    for start, end in site.stretches("quay", "fishing", "marina"):
        for at in np.arange(start + 30, end - 20, 68.0):
            length = rng.uniform(36, 58)
            place = site.place(at, site.edge - (APRON + YARD) / 2, rng.normal(0, 0.01))
            if rng.random() < 0.62:
                layout.add(Thing(BUILDING, place, length, "built"), 1.0, land)
    reach = site.side * 0.75
    for inland in np.arange(ROAD + 15, reach, BLOCK_T / 2):
        for at in np.arange(-reach, reach, 15.0):
            length = float(rng.choice((rng.uniform(8, 16), rng.uniform(14, 30)), p=(0.72, 0.28)))
            turn = float(rng.integers(2)) * np.pi / 2 + rng.normal(0, 0.03)
            s, t = at + rng.normal(0, 1.5), site.edge - inland + rng.normal(0, 1.8)
            if rng.random() < 0.62:
                place = site.place(s, t, turn)
                layout.add(Thing(BUILDING, place, length, "built"), 0.8, land)
