"""Working vessels: fishing vessels and merchant ships.

Each painter of a vessel returns the outline of its hull in metres forward and to starboard.
"""

import numpy as np
from numpy.random import Generator

from core.demo.harbour.boats import paint_cabin
from core.demo.harbour.canvas import WHITE, Canvas, Pose, Stamp, palette, pick_colour
from core.demo.harbour.shapes import Hull, bar_distance, box_distance, centred_box, disc_distance
from core.types import DoubleArray

_HULLS = palette("17 30 47, 55 20 16, 20 38 31, 80 80 77, 16 18 21, 30 52 58, 78 77 72")
_PLATES = palette("47 40 34, 42 43 42, 30 42 36, 52 28 22, 60 57 51, 36 44 50")
NETS = palette("16 40 36, 22 33 22, 68 36 17, 14 24 38, 34 29 24, 70 66 55")
_HATCHES = palette("52 50 45, 26 40 33, 50 24 19, 40 46 50, 62 60 55, 60 52 34")
CONTAINERS = palette(
    "55 21 16, 17 31 50, 20 42 32, 75 74 71, 72 43 18, 44 44 45, 50 29 22, 30 52 62"
)
_Span = tuple[float, float]
"""Start and end along the length of a ship in metres."""
BOX_LENGTH, BOX_WIDTH, BOX_HEIGHT = 6.1, 2.44, 2.6
"""Size of a 20-foot container in metres."""


def paint_fishing_vessel(canvas: Canvas, pose: Pose, length: float, rng: Generator) -> DoubleArray:
    """Paint a boat with a wheelhouse and a working deck full of gear."""
    beam = length * rng.uniform(0.22, 0.28) + 0.9
    hull = Hull(length, beam, bow=rng.uniform(0.35, 0.55), stern=rng.uniform(0.7, 0.9))
    # Some of the larger boats spread outriggers far to both sides.
    has_outriggers = length > 12 and rng.random() < 0.2
    reach = beam / 2 + (length * 0.45 if has_outriggers else 2)
    stamp = Stamp(canvas, pose, length / 2 + 2, reach)
    top = 0.8 + length * 0.06
    edge = hull.distance(stamp.u, stamp.v)
    stamp.lay(edge, pick_colour(rng, _HULLS, 0.12), top + 0.3)
    stamp.lay(edge + 0.22, pick_colour(rng, (*_PLATES, (0.70, 0.69, 0.65)), 0.12), top - 0.3)
    # Trawlers have the wheelhouse forward and the working deck aft; other boats the reverse.
    is_trawler = rng.random() < 0.55
    _wheelhouse(stamp, hull, rng, top, is_trawler)
    _gear(stamp, hull, rng, top, is_trawler)
    if has_outriggers:
        for side in (-1.0, 1.0):
            tip = (rng.uniform(-0.15, 0.1) * length, side * length * rng.uniform(0.3, 0.42))
            stamp.lay_line((0.1 * length, 0.0), tip, 0.12, (0.62, 0.60, 0.56), 4.0, 0.8)
    if rng.random() < 0.7:
        mast_foot = rng.uniform(-0.1, 0.25) * length
        stamp.lay_mast(mast_foot, top + length * rng.uniform(0.25, 0.5), 0.15)
    stamp.press(rng.uniform(0.03, 0.09), 0.06)
    return hull.outline()


def _wheelhouse(stamp: Stamp, hull: Hull, rng: Generator, top: float, is_trawler: bool) -> None:
    """Paint the wheelhouse and the raised foredeck."""
    length, half_beam = hull.length, hull.beam / 2
    edge = hull.distance(stamp.u, stamp.v)
    foredeck = np.maximum(-(stamp.u - rng.uniform(0.28, 0.36) * length), edge + 0.3)
    stamp.lay(foredeck, pick_colour(rng, (*_PLATES, WHITE), 0.1), top + 0.6)
    aft_end = (rng.uniform(0.0, 0.1) if is_trawler else rng.uniform(-0.42, -0.32)) * length
    house_length = rng.uniform(0.16, 0.26) * length
    half_width = half_beam * rng.uniform(0.5, 0.78)
    colour = pick_colour(rng, (WHITE, WHITE, (0.76, 0.74, 0.66), _HULLS[5]), 0.08)
    wheelhouse = centred_box(aft_end, aft_end + house_length, half_width)
    paint_cabin(stamp, wheelhouse, top + 2.2, colour, 0.5)
    centre = (aft_end + house_length * 0.4, half_width * 0.2)
    roof_marking = disc_distance(*stamp.axes_at(top + 2.4), centre, 0.35)
    stamp.lay(roof_marking, pick_colour(rng, (*NETS, WHITE)), top + 2.6)


def _gear(stamp: Stamp, hull: Hull, rng: Generator, top: float, is_trawler: bool) -> None:
    """Paint the fish hold, nets, a winch and a gantry on the working deck."""
    length, half_beam = hull.length, hull.beam / 2
    interior = hull.distance(stamp.u, stamp.v) + 0.35
    aft_end, fore_end = (-0.42, -0.02) if is_trawler else (-0.25, 0.28)
    middle = (aft_end + fore_end) / 2 * length
    stamp.lay_box(centred_box(middle - 0.6, middle + 0.6, 0.6), pick_colour(rng, _HATCHES), top)
    for _ in range(int(rng.integers(2, 7))):
        centre = rng.uniform(aft_end, fore_end) * length, rng.normal(0, half_beam * 0.4)
        radius = rng.uniform(0.3, 0.4 + half_beam * 0.28)
        nets = disc_distance(stamp.u, stamp.v, centre, radius) + 0.18 * stamp.grain
        colour = pick_colour(rng, NETS, 0.15)
        stamp.lay(np.maximum(nets, interior), colour, top + rng.uniform(0.1, 0.8))
    winch = centred_box(fore_end * length - 0.5, fore_end * length, half_beam * 0.4)
    stamp.lay_box(winch, (0.3, 0.3, 0.3), top + 0.5, float(rng.random() < 0.6))
    if is_trawler and rng.random() < 0.55:
        start = rng.uniform(-0.47, -0.36) * length
        gantry = centred_box(start, start + 0.4, half_beam * 0.9)
        colour = pick_colour(rng, (WHITE, NETS[2], _HULLS[0]))
        stamp.lay_box(gantry, colour, top + 3, clip=interior - 0.3)


def paint_merchant_ship(canvas: Canvas, pose: Pose, length: float, rng: Generator) -> DoubleArray:
    """Paint a coaster that carries dry cargo, containers or liquids."""
    beam = length * rng.uniform(0.13, 0.16) + 1.5
    hull = Hull(length, beam, bow=rng.uniform(0.12, 0.2), stern=0.85, fullness=1.7)
    stamp = Stamp(canvas, pose, length / 2 + 4, beam / 2 + 4)
    edge = hull.distance(stamp.u, stamp.v)
    # Larger ships lie higher out of the water and cast longer shadows.
    deck = 3.0 + length * 0.03
    stamp.lay(edge, pick_colour(rng, _HULLS[:6], 0.12), deck + 0.8)
    stamp.lay(edge + 0.35, pick_colour(rng, _PLATES, 0.12), deck)
    _forecastle(stamp, hull, rng, deck)
    hold = (rng.uniform(-0.3, -0.26) * length, 0.36 * length)
    # Most coasters carry dry cargo; fewer carry containers or liquids.
    paint_cargo = (_holds, _containers, _pipes)[int(rng.choice(3, p=(0.55, 0.25, 0.2)))]
    paint_cargo(stamp, hull, hold, deck, rng)
    _superstructure(stamp, hull, hold[0], deck, rng)
    stamp.press(rng.uniform(0.03, 0.07), 0.05)
    return hull.outline(9)


def _forecastle(stamp: Stamp, hull: Hull, rng: Generator, deck: float) -> None:
    length = hull.length
    bow = np.maximum(0.4 * length - stamp.u, hull.distance(stamp.u, stamp.v) + 0.5)
    stamp.lay(bow, pick_colour(rng, _PLATES, 0.1), deck + 2)
    for side in (-0.8, 0.8):
        winch = centred_box(0.42 * length, 0.42 * length + 1.2, 0.4, side)
        stamp.lay_box(winch, (0.35, 0.34, 0.32), deck + 2.8)
    stamp.lay_mast(0.44 * length, deck + 9, 0.2)


def _holds(stamp: Stamp, hull: Hull, hold: _Span, deck: float, rng: Generator) -> None:
    """Paint hatch covers in panels, some of them open, and the cranes of larger ships."""
    half_width = hull.beam * 0.36
    n_holds = max(1, int(hull.length // 30))
    colour, pitch = pick_colour(rng, _HATCHES, 0.1), (hold[1] - hold[0]) / n_holds
    has_cranes = hull.length > 55 and rng.random() < 0.7
    seams = bar_distance(stamp.u, 4.5, 0.25)
    for number in range(n_holds):
        start = hold[0] + number * pitch
        hatch = centred_box(start + 1.5, start + pitch - 2.5, half_width)
        stamp.lay_box(hatch, colour, deck + 1.8)
        stamp.lay_box(hatch, colour * 0.6, deck + 1.8, 0.8, clip=seams)
        # An open hold shows its dark interior or its cargo.
        if rng.random() < 0.25:
            opening = centred_box(start + 1.5 + 1, start + 1.5 + pitch * 0.45, half_width - 0.6)
            interior = pick_colour(rng, ((0.2, 0.18, 0.16), (0.55, 0.47, 0.34)))
            stamp.lay_box(opening, interior, deck - 4)
        if has_cranes:
            _crane(stamp, start + pitch - 1.2, hull, deck, rng)


def _crane(stamp: Stamp, pedestal: float, hull: Hull, deck: float, rng: Generator) -> None:
    colour = pick_colour(rng, ((0.78, 0.70, 0.32), (0.80, 0.79, 0.75), (0.62, 0.33, 0.2)))
    swing = rng.choice((-1.0, 1.0)) * hull.beam * rng.uniform(0.0, 0.3)
    foot, tip = (pedestal, 0.0), (pedestal - rng.uniform(12, 18), swing)
    stamp.lay_line(foot, tip, 0.4, colour, deck + 9, elevation=deck + 8)
    stamp.lay(disc_distance(*stamp.axes_at(deck + 8), foot, 1.1), colour, deck + 9)


def _containers(stamp: Stamp, hull: Hull, hold: _Span, deck: float, rng: Generator) -> None:
    """Paint containers in bays and rows, up to four high."""
    u, v = stamp.axes_at(deck + 5)
    bay_length = BOX_LENGTH + 0.9
    bay = np.floor((u - hold[0]) / bay_length).astype(int)
    row = np.floor(v / BOX_WIDTH + 0.5).astype(int)
    # Random stack heights by bay and row; about one bay in ten is empty.
    tiers = rng.integers(0, 5, (64, 32)) * (rng.random((64, 1)) < 0.9)
    colours = np.array([pick_colour(rng, CONTAINERS, 0.1) for _ in range(97)])
    n_tiers = tiers[bay % 64, row % 32]
    colour = colours[(bay * 31 + row * 17 + n_tiers * 7) % 97]
    along = np.abs((u - hold[0]) % bay_length - BOX_LENGTH / 2) - BOX_LENGTH / 2
    across = np.abs((v / BOX_WIDTH + 0.5) % 1 - 0.5) * BOX_WIDTH - BOX_WIDTH / 2 + 0.05
    half_width = (int(hull.beam * 0.84 / BOX_WIDTH) // 2 + 0.5) * BOX_WIDTH
    stowage = box_distance(u, v, *centred_box(*hold, half_width))
    stacks = np.maximum.reduce([along, across, stowage])
    distance = np.where(n_tiers > 0, stacks, np.float32(9.0))
    stamp.lay(distance, colour, deck + n_tiers * BOX_HEIGHT)


def _pipes(stamp: Stamp, hull: Hull, hold: _Span, deck: float, rng: Generator) -> None:
    """Paint the pipes along the deck of a tanker, the manifold amidships and round hatches."""
    u, v = stamp.u, stamp.v
    colour = pick_colour(rng, ((0.66, 0.64, 0.60), (0.50, 0.30, 0.24), (0.70, 0.66, 0.45)))
    for offset in (-0.9, 0.0, 0.9):
        stamp.lay_box(centred_box(*hold, 0.2, offset), colour, deck + 1.2)
    middle, half_width = (hold[0] + hold[1]) / 2, hull.beam * 0.42
    manifold = centred_box(middle - 1, middle + 1, half_width)
    stamp.lay_box(manifold, colour, deck + 1.5, clip=bar_distance(u, 0.9, 0.35))
    hatches = np.hypot((u % 9) - 4.5, np.abs(v) - hull.beam * 0.25) - 0.7
    stamp.lay_box(centred_box(*hold, 99), (0.7, 0.7, 0.68), deck + 1, clip=hatches)


def _superstructure(stamp: Stamp, hull: Hull, front: float, deck: float, rng: Generator) -> None:
    """Paint the accommodation block aft with bridge wings, a funnel and a lifeboat."""
    length, half_beam = hull.length, hull.beam / 2
    aft_end = -0.44 * length
    colour = pick_colour(rng, (WHITE, WHITE, (0.80, 0.77, 0.68)), 0.06)
    top = deck + 5 + length * 0.05
    paint_cabin(stamp, centred_box(aft_end, front - 1, half_beam * 0.8), deck + 3, colour, 0.4)
    paint_cabin(stamp, centred_box(front - 6, front - 1.5, half_beam * 0.95), top, colour, 0.8)
    funnel = pick_colour(rng, (*_HULLS, CONTAINERS[4]), 0.1)
    stamp.lay_box(centred_box(aft_end + 1.5, aft_end + 4, 1.2), funnel, top + 1, elevation=top)
    uptake = centred_box(aft_end + 2.2, aft_end + 3.2, 0.5)
    stamp.lay_box(uptake, (0.1, 0.1, 0.1), top + 1, elevation=top)
    lifeboat = (aft_end + 1, half_beam * 0.7), (aft_end + 3.4, half_beam * 0.7)
    stamp.lay_line(*lifeboat, 0.75, (0.82, 0.40, 0.14), deck + 5)
    stamp.lay_mast(front - 3.5, top + 6, 0.25)
