"""Working vessels: fishing vessels and merchant ships."""

import numpy as np
from numpy.random import Generator

from core.demo.harbour.canvas import Canvas, Place, Stamp, bars, box, disc, segment
from core.demo.harbour.hulls import WHITE, Colour, Hull, cabin, pick
from core.types import DoubleArray

_HULLS: tuple[Colour, ...] = (
    (0.17, 0.30, 0.47), (0.55, 0.20, 0.16), (0.20, 0.38, 0.31), (0.80, 0.80, 0.77),
    (0.16, 0.18, 0.21), (0.30, 0.52, 0.58), (0.78, 0.77, 0.72),
)  # fmt: skip
_PLATES: tuple[Colour, ...] = (
    (0.47, 0.40, 0.34), (0.42, 0.43, 0.42), (0.30, 0.42, 0.36), (0.52, 0.28, 0.22),
    (0.60, 0.57, 0.51), (0.36, 0.44, 0.50),
)  # fmt: skip
NETS: tuple[Colour, ...] = (
    (0.16, 0.40, 0.36), (0.22, 0.33, 0.22), (0.68, 0.36, 0.17), (0.14, 0.24, 0.38),
    (0.34, 0.29, 0.24), (0.70, 0.66, 0.55),
)  # fmt: skip
_HATCHES: tuple[Colour, ...] = (
    (0.52, 0.50, 0.45), (0.26, 0.40, 0.33), (0.50, 0.24, 0.19), (0.40, 0.46, 0.50),
    (0.62, 0.60, 0.55), (0.60, 0.52, 0.34),
)  # fmt: skip
CONTAINERS: tuple[Colour, ...] = (
    (0.55, 0.21, 0.16), (0.17, 0.31, 0.50), (0.20, 0.42, 0.32), (0.75, 0.74, 0.71),
    (0.72, 0.43, 0.18), (0.44, 0.44, 0.45), (0.50, 0.29, 0.22), (0.30, 0.52, 0.62),
)  # fmt: skip
BOX_LENGTH, BOX_WIDTH, BOX_HEIGHT = 6.1, 2.44, 2.6


def fishing_vessel(canvas: Canvas, place: Place, length: float, rng: Generator) -> DoubleArray:
    """A boat with a wheelhouse and a working deck full of gear; returns its outline."""
    beam = length * rng.uniform(0.22, 0.28) + 0.9
    hull = Hull(length, beam, bow=rng.uniform(0.35, 0.55), stern=rng.uniform(0.7, 0.9))
    # Outriggers spread wide on some of the larger boats.
    booms = length > 12 and rng.random() < 0.2
    reach = beam / 2 + (length * 0.45 if booms else 2)
    stamp = Stamp(canvas, place, length / 2 + 2, reach)
    top = 0.8 + length * 0.06
    edge = hull.distance(stamp.u, stamp.v)
    stamp.lay(edge, pick(rng, _HULLS, 0.12), top + 0.3)
    stamp.lay(edge + 0.22, pick(rng, (*_PLATES, (0.70, 0.69, 0.65)), 0.12), top - 0.3)
    # Trawlers have the wheelhouse forward and work aft; others the other way round.
    forward = rng.random() < 0.55
    _wheelhouse(stamp, hull, rng, top, forward)
    _gear(stamp, hull, rng, top, forward)
    if booms:
        for side in (-1.0, 1.0):
            tip = (rng.uniform(-0.15, 0.1) * length, side * length * rng.uniform(0.3, 0.42))
            boom = segment(stamp.u, stamp.v, (0.1 * length, 0.0), tip)
            stamp.lay(boom - 0.12, (0.62, 0.60, 0.56), 4.0, 0.8)
    if rng.random() < 0.7:
        stamp.mast(
            rng.uniform(-0.1, 0.25) * length, 0.0, top + length * rng.uniform(0.25, 0.5), 0.15
        )
    stamp.weather(rng.uniform(0.03, 0.09), 0.06)
    stamp.press()
    return hull.outline()


def _wheelhouse(stamp: Stamp, hull: Hull, rng: Generator, top: float, forward: bool) -> None:
    """The wheelhouse, with a raised foredeck before it."""
    u, v, length, half = stamp.u, stamp.v, hull.length, hull.beam / 2
    edge = hull.distance(u, v)
    foredeck = np.maximum(-(u - rng.uniform(0.28, 0.36) * length), edge + 0.3)
    stamp.lay(foredeck, pick(rng, (*_PLATES, WHITE), 0.1), top + 0.6)
    aft = (rng.uniform(0.0, 0.1) if forward else rng.uniform(-0.42, -0.32)) * length
    long = rng.uniform(0.16, 0.26) * length
    wide = half * rng.uniform(0.5, 0.78)
    colour = pick(rng, (WHITE, WHITE, (0.76, 0.74, 0.66), _HULLS[5]), 0.08)
    cabin(stamp, (aft, -wide), (aft + long, wide), top + 2.2, colour, 0.5)
    high_u, high_v = stamp.shifted(top + 2.4)
    mark = disc(high_u, high_v, (aft + long * 0.4, wide * 0.2), 0.35)
    stamp.lay(mark, pick(rng, (*NETS, WHITE)), top + 2.6)


def _gear(stamp: Stamp, hull: Hull, rng: Generator, top: float, forward: bool) -> None:
    """Fish hold, nets, boxes, a winch and a gantry on the working deck."""
    u, v, length, half = stamp.u, stamp.v, hull.length, hull.beam / 2
    inside = hull.distance(u, v) + 0.35
    low, high = (-0.42, -0.02) if forward else (-0.25, 0.28)
    middle = (low + high) / 2 * length
    stamp.lay(box(u, v, (middle - 0.6, -0.6), (middle + 0.6, 0.6)), pick(rng, _HATCHES), top)
    for _ in range(int(rng.integers(2, 7))):
        heap = (rng.uniform(low, high) * length, rng.normal(0, half * 0.4))
        pile = disc(u, v, heap, rng.uniform(0.3, 0.4 + half * 0.28)) + 0.18 * stamp.grain
        stamp.lay(np.maximum(pile, inside), pick(rng, NETS, 0.15), top + rng.uniform(0.1, 0.8))
    winch = box(u, v, (high * length - 0.5, -half * 0.4), (high * length, half * 0.4))
    stamp.lay(winch, (0.3, 0.3, 0.3), top + 0.5, float(rng.random() < 0.6))
    if forward and rng.random() < 0.55:
        at = rng.uniform(-0.47, -0.36) * length
        gantry = box(u, v, (at, -half * 0.9), (at + 0.4, half * 0.9))
        stamp.lay(np.maximum(gantry, inside - 0.3), pick(rng, (WHITE, NETS[2], _HULLS[0])), top + 3)


def merchant_ship(canvas: Canvas, place: Place, length: float, rng: Generator) -> DoubleArray:
    """A coaster: dry cargo, containers or a tanker; returns its outline."""
    beam = length * rng.uniform(0.13, 0.16) + 1.5
    hull = Hull(length, beam, bow=rng.uniform(0.12, 0.2), stern=0.85, fullness=1.7)
    stamp = Stamp(canvas, place, length / 2 + 4, beam / 2 + 4)
    edge = hull.distance(stamp.u, stamp.v)
    # Larger ships lie higher out of the water, and throw longer shadows.
    deck = 3.0 + length * 0.03
    stamp.lay(edge, pick(rng, _HULLS[:6], 0.12), deck + 0.8)
    stamp.lay(edge + 0.35, pick(rng, _PLATES, 0.12), deck)
    _forecastle(stamp, hull, rng, deck)
    hold = (rng.uniform(-0.3, -0.26) * length, 0.36 * length)
    # Most coasters carry dry cargo, fewer carry containers or liquids.
    cargo = (_holds, _stacks, _tanks)[int(rng.choice(3, p=(0.55, 0.25, 0.2)))]
    cargo(stamp, hull, hold, deck, rng)
    _bridge(stamp, hull, hold[0], deck, rng)
    stamp.weather(rng.uniform(0.03, 0.07), 0.05)
    stamp.press()
    return hull.outline(9)


def _forecastle(stamp: Stamp, hull: Hull, rng: Generator, deck: float) -> None:
    u, v, length = stamp.u, stamp.v, hull.length
    fore = np.maximum(0.4 * length - u, hull.distance(u, v) + 0.5)
    stamp.lay(fore, pick(rng, _PLATES, 0.1), deck + 2)
    for side in (-0.8, 0.8):
        winch = box(u, v, (0.42 * length, side - 0.4), (0.42 * length + 1.2, side + 0.4))
        stamp.lay(winch, (0.35, 0.34, 0.32), deck + 2.8)
    stamp.mast(0.44 * length, 0.0, deck + 9, 0.2)


def _holds(
    stamp: Stamp, hull: Hull, hold: tuple[float, float], deck: float, rng: Generator
) -> None:
    """Hatch covers in panels, some open, and cranes between the larger ones."""
    u, v, wide = stamp.u, stamp.v, hull.beam * 0.36
    n_holds = max(1, int(hull.length // 30))
    colour, pitch = pick(rng, _HATCHES, 0.1), (hold[1] - hold[0]) / n_holds
    cranes = hull.length > 55 and rng.random() < 0.7
    for number in range(n_holds):
        start = hold[0] + number * pitch
        low, high = (start + 1.5, -wide), (start + pitch - 2.5, wide)
        stamp.lay(box(u, v, low, high), colour, deck + 1.8)
        seams = np.maximum(bars(u, 4.5, 0.25), box(u, v, low, high))
        stamp.lay(seams, np.multiply(colour, 0.6), deck + 1.8, 0.8)
        # A hold that is open shows its dark inside, or its cargo.
        if rng.random() < 0.25:
            opened = box(u, v, (low[0] + 1, low[1] + 0.6), (low[0] + pitch * 0.45, high[1] - 0.6))
            stamp.lay(opened, pick(rng, ((0.2, 0.18, 0.16), (0.55, 0.47, 0.34))), deck - 4)
        if cranes:
            _crane(stamp, start + pitch - 1.2, hull, deck, rng)


def _crane(stamp: Stamp, at: float, hull: Hull, deck: float, rng: Generator) -> None:
    colour = pick(rng, ((0.78, 0.70, 0.32), (0.80, 0.79, 0.75), (0.62, 0.33, 0.2)))
    u, v = stamp.shifted(deck + 8)
    swing = rng.choice((-1.0, 1.0)) * hull.beam * rng.uniform(0.0, 0.3)
    jib = segment(u, v, (at, 0.0), (at - rng.uniform(12, 18), swing))
    stamp.lay(jib - 0.4, colour, deck + 9)
    stamp.lay(disc(u, v, (at, 0.0), 1.1), colour, deck + 9)


def _stacks(
    stamp: Stamp, hull: Hull, hold: tuple[float, float], deck: float, rng: Generator
) -> None:
    """Containers in bays and rows, up to four high."""
    u, v = stamp.shifted(deck + 5)
    bay = np.floor((u - hold[0]) / (BOX_LENGTH + 0.9)).astype(int)
    row = np.floor(v / BOX_WIDTH + 0.5).astype(int)
    # Tables of random stacks, read by bay and row; a bay now and then is empty.
    tiers = rng.integers(0, 5, (64, 32)) * (rng.random((64, 1)) < 0.9)
    colours = np.array([pick(rng, CONTAINERS, 0.1) for _ in range(97)])
    n_tiers = tiers[bay % 64, row % 32]
    colour = colours[(bay * 31 + row * 17 + n_tiers * 7) % 97]
    within_u = np.abs((u - hold[0]) % (BOX_LENGTH + 0.9) - BOX_LENGTH / 2) - BOX_LENGTH / 2
    within_v = np.abs((v / BOX_WIDTH + 0.5) % 1 - 0.5) * BOX_WIDTH - BOX_WIDTH / 2 + 0.05
    n_rows = int(hull.beam * 0.84 / BOX_WIDTH) // 2
    stowed = box(
        u, v, (hold[0], -(n_rows + 0.5) * BOX_WIDTH), (hold[1], (n_rows + 0.5) * BOX_WIDTH)
    )
    distance = np.maximum(np.maximum(within_u, within_v), stowed)
    distance = np.where(n_tiers > 0, distance, 9.0).astype(np.float32)
    stamp.lay(distance, colour, deck + n_tiers * BOX_HEIGHT)


def _tanks(
    stamp: Stamp, hull: Hull, hold: tuple[float, float], deck: float, rng: Generator
) -> None:
    """Pipes along a tanker's deck, the manifold amidships, round hatches."""
    u, v = stamp.u, stamp.v
    pipe = pick(rng, ((0.66, 0.64, 0.60), (0.50, 0.30, 0.24), (0.70, 0.66, 0.45)))
    for offset in (-0.9, 0.0, 0.9):
        line = box(u, v, (hold[0], offset - 0.2), (hold[1], offset + 0.2))
        stamp.lay(line, pipe, deck + 1.2)
    middle = (hold[0] + hold[1]) / 2
    across = box(u, v, (middle - 1, -hull.beam * 0.42), (middle + 1, hull.beam * 0.42))
    stamp.lay(np.maximum(across, bars(u, 0.9, 0.35)), pipe, deck + 1.5)
    rings = np.hypot((u % 9) - 4.5, np.abs(v) - hull.beam * 0.25) - 0.7
    stamp.lay(
        np.maximum(rings, box(u, v, (hold[0], -99), (hold[1], 99))), (0.7, 0.7, 0.68), deck + 1
    )


def _bridge(stamp: Stamp, hull: Hull, front: float, deck: float, rng: Generator) -> None:
    """The accommodation block aft, bridge wings, funnel, lifeboat."""
    length, half = hull.length, hull.beam / 2
    aft = -0.44 * length
    colour = pick(rng, (WHITE, WHITE, (0.80, 0.77, 0.68)), 0.06)
    tall = deck + 5 + length * 0.05
    cabin(stamp, (aft, -half * 0.8), (front - 1, half * 0.8), deck + 3, colour, 0.4)
    cabin(stamp, (front - 6, -half * 0.95), (front - 1.5, half * 0.95), tall, colour, 0.8)
    u, v = stamp.shifted(tall)
    funnel = pick(rng, (*_HULLS, CONTAINERS[4]), 0.1)
    stamp.lay(box(u, v, (aft + 1.5, -1.2), (aft + 4, 1.2)), funnel, tall + 1)
    stamp.lay(box(u, v, (aft + 2.2, -0.5), (aft + 3.2, 0.5)), (0.1, 0.1, 0.1), tall + 1)
    boat = segment(stamp.u, stamp.v, (aft + 1, half * 0.7), (aft + 3.4, half * 0.7)) - 0.75
    stamp.lay(boat, (0.82, 0.40, 0.14), deck + 5)
    stamp.mast(front - 3.5, 0.0, tall + 6, 0.25)
