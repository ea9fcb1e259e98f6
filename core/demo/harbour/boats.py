"""Small boats: pirogues, motorboats, sailboats and catamarans."""

import numpy as np
from numpy.random import Generator

from core.demo.harbour.canvas import Canvas, Place, Stamp, bars, box, disc, segment
from core.demo.harbour.hulls import GLASS, TEAK, WHITE, Colour, Hull, cabin, pick
from core.types import DoubleArray

_WOOD: tuple[Colour, ...] = (
    (0.42, 0.33, 0.25), (0.33, 0.26, 0.21), (0.52, 0.44, 0.35), (0.30, 0.28, 0.27),
)  # fmt: skip
_PAINT: tuple[Colour, ...] = (
    (0.22, 0.42, 0.62), (0.70, 0.24, 0.18), (0.80, 0.68, 0.25), (0.25, 0.50, 0.33),
    (0.82, 0.82, 0.79), (0.30, 0.60, 0.66),
)  # fmt: skip
_GELCOAT: tuple[Colour, ...] = (
    WHITE, WHITE, WHITE, (0.80, 0.80, 0.77), (0.76, 0.75, 0.70), (0.24, 0.29, 0.40),
    (0.45, 0.47, 0.49), (0.66, 0.22, 0.18), (0.33, 0.50, 0.60),
)  # fmt: skip
_DECK: tuple[Colour, ...] = (
    (0.83, 0.83, 0.81), (0.78, 0.77, 0.72), (0.72, 0.70, 0.64), (0.80, 0.79, 0.77),
    (0.66, 0.60, 0.52),
)  # fmt: skip
_CLOTH: tuple[Colour, ...] = (
    (0.17, 0.25, 0.42), (0.80, 0.79, 0.75), (0.16, 0.17, 0.19), (0.55, 0.50, 0.42),
    (0.20, 0.38, 0.36), (0.50, 0.18, 0.18),
)  # fmt: skip
_TUBES: tuple[Colour, ...] = ((0.45, 0.46, 0.47), (0.16, 0.17, 0.18), (0.80, 0.38, 0.16))


def pirogue(canvas: Canvas, place: Place, length: float, rng: Generator) -> DoubleArray:
    """A long narrow wooden boat, open, pointed at both ends; returns its outline."""
    beam = length * rng.uniform(0.12, 0.2) + 0.25
    hull = Hull(length, beam, bow=0.5, stern=rng.uniform(0.15, 0.5), fullness=1.8)
    stamp = Stamp(canvas, place, length / 2 + 1, beam / 2 + 1)
    u, v = stamp.u, stamp.v
    edge = hull.distance(u, v)
    # Painted in bright bands, or left as wood.
    painted = rng.random() < 0.6
    side = pick(rng, _PAINT if painted else _WOOD, 0.12)
    stamp.lay(edge, side, 0.9)
    inside = edge + rng.uniform(0.12, 0.22)
    stamp.lay(inside, pick(rng, _WOOD, 0.15), 0.25)
    thwart = bars(u + rng.uniform(0, 1), rng.uniform(1.0, 1.8), 0.3)
    stamp.lay(np.maximum(thwart, inside), pick(rng, _PAINT if painted else _WOOD, 0.1), 0.7)
    if rng.random() < 0.5:
        band = np.abs(np.abs(u) - length * rng.uniform(0.3, 0.42)) - 0.3
        stamp.lay(np.maximum(band, edge), pick(rng, _PAINT), 0.9)
    _load(stamp, hull, rng)
    if rng.random() < 0.35:
        engine = box(u, v, (-length / 2 - 0.3, -0.25), (-length / 2 + 0.4, 0.25))
        stamp.lay(engine, (0.12, 0.12, 0.13), 1.1)
    stamp.weather(rng.uniform(0.04, 0.1), 0.05)
    stamp.press()
    return hull.outline()


def _load(stamp: Stamp, hull: Hull, rng: Generator) -> None:
    """Nets, boxes and people in an open boat."""
    for _ in range(int(rng.integers(0, 5))):
        at = (rng.uniform(-0.35, 0.3) * hull.length, rng.normal(0, hull.beam * 0.1))
        size = rng.uniform(0.2, 0.2 + hull.beam * 0.25)
        colour = pick(rng, (*_PAINT, *_CLOTH), 0.2)
        stamp.lay(disc(stamp.u, stamp.v, at, size), colour, 0.9 + size)


def motorboat(canvas: Canvas, place: Place, length: float, rng: Generator) -> DoubleArray:
    """An open boat, an inflatable or a cabin cruiser; returns its outline."""
    beam = length * rng.uniform(0.27, 0.32) + 0.5
    hull = Hull(length, beam, bow=rng.uniform(0.4, 0.62), stern=rng.uniform(0.8, 0.95))
    stamp = Stamp(canvas, place, length / 2 + 1.5, beam / 2 + 1)
    # Inflatables are small; their tubes are wider than a gunwale.
    inflatable = length < 9 and rng.random() < 0.25
    top = 0.5 + length * 0.07
    stamp.lay(hull.distance(stamp.u, stamp.v), pick(rng, _TUBES if inflatable else _GELCOAT), top)
    inside = hull.distance(stamp.u, stamp.v) + (0.42 if inflatable else 0.18)
    deck = pick(rng, _DECK)
    stamp.lay(inside, deck, top if length > 8 else 0.4)
    if length < 7.5:
        _open_cockpit(stamp, hull, rng, top)
    else:
        _cruiser(stamp, hull, rng, top)
    if length < 8.5:
        for side in (-0.35, 0.35) if length > 6.5 else (0.0,):
            low = (-length / 2 - 0.5, side - 0.25)
            stamp.lay(box(stamp.u, stamp.v, low, (-length / 2 + 0.2, side + 0.25)), GLASS, top)
    stamp.weather(0.03, 0.03)
    stamp.press()
    return hull.outline()


def _open_cockpit(stamp: Stamp, hull: Hull, rng: Generator, top: float) -> None:
    """Benches, a console with its screen, sometimes a cover or a sun roof."""
    u, v, length, half = stamp.u, stamp.v, hull.length, hull.beam / 2
    inside = hull.distance(u, v) + 0.3
    # A boat under its cover shows nothing of its inside.
    if rng.random() < 0.22:
        stamp.lay(inside, pick(rng, _CLOTH), top + 0.4)
        return
    well = box(u, v, (-0.42 * length, -half), (rng.uniform(0.05, 0.3) * length, half))
    floor = pick(rng, (*_DECK, (0.45, 0.45, 0.43), (0.35, 0.36, 0.37)))
    stamp.lay(np.maximum(well, inside), floor, 0.3)
    bench = box(u, v, (-0.44 * length, -half), (-0.34 * length, half))
    stamp.lay(np.maximum(bench, inside), pick(rng, _CLOTH), 0.8)
    console = rng.uniform(-0.1, 0.12) * length
    wide = half * rng.uniform(0.35, 0.9)
    screen = box(u, v, (console, -wide), (console + 0.5, wide))
    stamp.lay(np.maximum(screen, inside), GLASS, top + 0.6)
    if rng.random() < 0.4:
        low = (console - rng.uniform(1.2, 2.4), -half * 0.8)
        shade_u, shade_v = stamp.shifted(2.2)
        stamp.lay(box(shade_u, shade_v, low, (console + 0.3, half * 0.8)), pick(rng, _CLOTH), 2.2)


def _cruiser(stamp: Stamp, hull: Hull, rng: Generator, top: float) -> None:
    """A cabin with windows, a cockpit aft, now and then a flying bridge and a tender."""
    u, v, length, half = stamp.u, stamp.v, hull.length, hull.beam / 2
    inside = hull.distance(u, v) + 0.35
    aft = rng.uniform(-0.3, -0.12) * length
    well = box(u, v, (-0.47 * length, -half), (aft, half))
    stamp.lay(np.maximum(well, inside), pick(rng, (*_DECK, TEAK, TEAK)), top * 0.6)
    fore = rng.uniform(0.08, 0.25) * length
    wide = half * rng.uniform(0.62, 0.8)
    cabin(stamp, (aft, -wide), (fore, wide), top + 1.2, pick(rng, _GELCOAT[:5]), length * 0.07)
    hatch = box(u, v, (0.3 * length, -0.3), (0.3 * length + 0.6, 0.3))
    stamp.lay(hatch, GLASS, top)
    if rng.random() < 0.45:
        low = (aft * rng.uniform(0.6, 1.2), -wide * 0.8)
        roof_u, roof_v = stamp.shifted(top + 2.6)
        roof = box(roof_u, roof_v, low, (low[0] + length * 0.22, wide * 0.8))
        stamp.lay(roof, pick(rng, (*_CLOTH, WHITE, WHITE)), top + 2.6)
    if rng.random() < 0.3:
        pad = box(u, v, (fore + 0.4, -wide * 0.6), (fore + length * 0.14, wide * 0.6))
        stamp.lay(np.maximum(pad, inside), pick(rng, _CLOTH), top + 0.2)


def sailboat(canvas: Canvas, place: Place, length: float, rng: Generator) -> DoubleArray:
    """A yacht with one mast, its sails furled; returns its outline."""
    beam = length * rng.uniform(0.24, 0.29) + 0.6
    hull = Hull(
        length, beam, bow=rng.uniform(0.6, 0.72), stern=rng.uniform(0.5, 0.85), fullness=1.8
    )
    stamp = Stamp(canvas, place, length / 2 + 4, beam / 2 + 4)
    u, v, half = stamp.u, stamp.v, beam / 2
    top = 0.5 + length * 0.06
    edge = hull.distance(u, v)
    stamp.lay(edge, pick(rng, _GELCOAT), top)
    stamp.lay(edge + 0.2, pick(rng, _DECK), top)
    well = box(u, v, (-0.44 * length, -half * 0.5), (-0.14 * length, half * 0.5))
    stamp.lay(np.maximum(well, edge + 0.3), pick(rng, (*_DECK, TEAK, TEAK)), top - 0.4)
    low, high = (-0.14 * length, -half * 0.55), (0.2 * length, half * 0.5)
    cabin(stamp, low, high, top + 0.4, pick(rng, _DECK[:4]), 0.3)
    for at in (0.02, 0.12, 0.3):
        stamp.lay(box(u, v, (at * length, -0.25), (at * length + 0.5, 0.25)), GLASS, top + 0.4)
    if rng.random() < 0.55:
        low = (-0.2 * length, -half * 0.6)
        stamp.lay(box(u, v, low, (-0.08 * length, half * 0.6)), pick(rng, _CLOTH), top + 1.2)
    stepped = rng.uniform(0.06, 0.14) * length
    # Some lie without a mast, and look much like motorboats.
    if rng.random() < 0.88:
        _rig(stamp, stepped, length, rng)
    stamp.weather(0.03, 0.03)
    stamp.press()
    return hull.outline()


def _rig(stamp: Stamp, stepped: float, length: float, rng: Generator) -> None:
    """Mast, boom with its cover, furled foresail, spreaders."""
    u, v = stamp.u, stamp.v
    boom = segment(u, v, (stepped, 0.0), (stepped - 0.36 * length, rng.normal(0, 0.25)))
    stamp.lay(boom - rng.uniform(0.12, 0.26), pick(rng, (*_CLOTH, WHITE)), 2.6)
    stay = segment(u, v, (stepped, 0.0), (0.48 * length, 0.0)) - 0.08
    stamp.lay(stay, (0.75, 0.75, 0.75), None, rng.uniform(0.2, 0.7))
    stamp.mast(stepped, 0.0, 2 + length * rng.uniform(0.9, 1.25))


def catamaran(canvas: Canvas, place: Place, length: float, rng: Generator) -> DoubleArray:
    """Two hulls, a bridge deck between them and nets forward; returns its outline."""
    beam = length * rng.uniform(0.42, 0.55)
    each = Hull(length, length * rng.uniform(0.14, 0.18), bow=0.55, stern=0.75, fullness=1.9)
    apart = (beam - each.beam) / 2
    stamp = Stamp(canvas, place, length / 2 + 4, beam / 2 + 4)
    u, v = stamp.u, stamp.v
    paint, top = pick(rng, _GELCOAT[:5]), 0.8 + length * 0.06
    # The nets let the water shine through.
    net_end = rng.uniform(0.34, 0.42) * length
    stamp.lay(box(u, v, (0.1 * length, -apart), (net_end, apart)), (0.2, 0.23, 0.25), 0.3, 0.55)
    stamp.lay(box(u, v, (net_end, -apart), (net_end + 0.3, apart)), paint, 1.0)
    spine = box(u, v, (0.1 * length, -0.3), (net_end, 0.3))
    stamp.lay(spine, paint, 1.0, float(rng.random() < 0.5))
    # Hulls over the nets' ends, the bridge deck over both.
    for side in (-apart, apart):
        stamp.lay(each.distance(u, v, side), paint, top)
        hatch = box(u, v, (0.2 * length, side - 0.25), (0.2 * length + 0.6, side + 0.25))
        stamp.lay(hatch, GLASS, top)
    front = rng.uniform(0.12, 0.2) * length
    stamp.lay(box(u, v, (-0.4 * length, -apart), (front, apart)), pick(rng, _DECK), top)
    _saloon(stamp, length, apart, top, rng)
    stamp.weather(0.03, 0.03)
    stamp.press()
    outline = each.outline()
    outline[:, 1] += np.sign(outline[:, 1]) * apart
    return outline


def _saloon(stamp: Stamp, length: float, apart: float, top: float, rng: Generator) -> None:
    """The cabin across both hulls, the cockpit behind it, panels, and mostly a mast."""
    u, v = stamp.u, stamp.v
    wide = apart * rng.uniform(0.75, 1.0)
    aft = rng.uniform(-0.2, -0.12) * length
    cockpit = box(u, v, (-0.38 * length, -wide), (aft, wide))
    stamp.lay(cockpit, pick(rng, (TEAK, *_DECK)), top - 0.4)
    if rng.random() < 0.6:
        cover = box(u, v, (-0.33 * length, -wide), (aft + 0.5, wide))
        stamp.lay(cover, pick(rng, (WHITE, WHITE, *_CLOTH)), top + 2)
    cabin(stamp, (aft, -wide), (0.12 * length, wide), top + 1.3, pick(rng, _GELCOAT[:4]), 0.7)
    if rng.random() < 0.4:
        panel = box(u, v, (-0.4 * length, -wide * 0.7), (-0.33 * length, wide * 0.7))
        stamp.lay(panel, (0.13, 0.15, 0.24), top + 1.5)
    if rng.random() < 0.8:
        _rig(stamp, 0.08 * length, length, rng)
