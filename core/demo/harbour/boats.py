"""Small boats: pirogues, motorboats, sailboats and catamarans; cabins, and the wakes of all boats.

Each painter of a boat returns the outline of its hull in metres forward and to starboard.
"""

import numpy as np
from numpy.random import Generator

from core.demo.harbour.canvas import (
    GLASS,
    TEAK,
    WHITE,
    Canvas,
    Pose,
    Stamp,
    blend_colour,
    palette,
    pick_colour,
)
from core.demo.harbour.shapes import Box, Hull, bar_distance, centred_box, disc_distance
from core.types import DoubleArray

_WOOD = palette("42 33 25, 33 26 21, 52 44 35, 30 28 27")
_PAINT = palette("22 42 62, 70 24 18, 80 68 25, 25 50 33, 82 82 79, 30 60 66")
_GELCOAT = 3 * (WHITE,) + palette("80 80 77, 76 75 70, 24 29 40, 45 47 49, 66 22 18, 33 50 60")
_DECK = palette("83 83 81, 78 77 72, 72 70 64, 80 79 77, 66 60 52")
_CLOTH = palette("17 25 42, 80 79 75, 16 17 19, 55 50 42, 20 38 36, 50 18 18")
_TUBES = palette("45 46 47, 16 17 18, 80 38 16")


def paint_pirogue(canvas: Canvas, pose: Pose, length: float, rng: Generator) -> DoubleArray:
    """Paint a long narrow open boat of wood, pointed at both ends."""
    beam = length * rng.uniform(0.12, 0.2) + 0.25
    hull = Hull(length, beam, bow=0.5, stern=rng.uniform(0.15, 0.5), fullness=1.8)
    stamp = Stamp(canvas, pose, length / 2 + 1, beam / 2 + 1)
    edge = hull.distance(stamp.u, stamp.v)
    # Most pirogues are painted in bright colours; the others show their wood.
    side_colours = _PAINT if rng.random() < 0.6 else _WOOD
    stamp.lay(edge, pick_colour(rng, side_colours, 0.12), 0.9)
    interior = edge + rng.uniform(0.12, 0.22)
    stamp.lay(interior, pick_colour(rng, _WOOD, 0.15), 0.25)
    thwarts = bar_distance(stamp.u + rng.uniform(0, 1), rng.uniform(1.0, 1.8), 0.3)
    stamp.lay(np.maximum(thwarts, interior), pick_colour(rng, side_colours, 0.1), 0.7)
    if rng.random() < 0.5:
        stripes = np.abs(np.abs(stamp.u) - length * rng.uniform(0.3, 0.42)) - 0.3
        stamp.lay(np.maximum(stripes, edge), pick_colour(rng, _PAINT), 0.9)
    for _ in range(int(rng.integers(0, 5))):
        # Nets, boxes and people.
        centre = (rng.uniform(-0.35, 0.3) * length, rng.normal(0, beam * 0.1))
        radius = rng.uniform(0.2, 0.2 + beam * 0.25)
        colour = pick_colour(rng, (*_PAINT, *_CLOTH), 0.2)
        stamp.lay(disc_distance(stamp.u, stamp.v, centre, radius), colour, 0.9 + radius)
    if rng.random() < 0.35:
        engine = centred_box(-length / 2 - 0.3, -length / 2 + 0.4, 0.25)
        stamp.lay_box(engine, (0.12, 0.12, 0.13), 1.1)
    stamp.press(rng.uniform(0.04, 0.1), 0.05)
    return hull.outline()


def paint_motorboat(canvas: Canvas, pose: Pose, length: float, rng: Generator) -> DoubleArray:
    """Paint an open boat, an inflatable or a cabin cruiser, depending on its length."""
    beam = length * rng.uniform(0.27, 0.32) + 0.5
    hull = Hull(length, beam, bow=rng.uniform(0.4, 0.62), stern=rng.uniform(0.8, 0.95))
    stamp = Stamp(canvas, pose, length / 2 + 1.5, beam / 2 + 1)
    edge = hull.distance(stamp.u, stamp.v)
    # Inflatables are small; their tubes are wider than a gunwale.
    inflatable = length < 9 and rng.random() < 0.25
    top = 0.5 + length * 0.07
    stamp.lay(edge, pick_colour(rng, _TUBES if inflatable else _GELCOAT), top)
    interior = edge + (0.42 if inflatable else 0.18)
    stamp.lay(interior, pick_colour(rng, _DECK), top if length > 8 else 0.4)
    (_open_cockpit if length < 7.5 else _cruiser)(stamp, hull, rng, top)
    if length < 8.5:
        for side in (-0.35, 0.35) if length > 6.5 else (0.0,):
            engine = centred_box(-length / 2 - 0.5, -length / 2 + 0.2, 0.25, side)
            stamp.lay_box(engine, GLASS, top)
    stamp.press(0.03, 0.03)
    return hull.outline()


def _open_cockpit(stamp: Stamp, hull: Hull, rng: Generator, top: float) -> None:
    """Paint benches and a console with its screen, sometimes a cover or a sun roof."""
    length, half_beam = hull.length, hull.beam / 2
    interior = hull.distance(stamp.u, stamp.v) + 0.3
    # A cover hides everything inside the boat.
    if rng.random() < 0.22:
        stamp.lay(interior, pick_colour(rng, _CLOTH), top + 0.4)
        return
    well = centred_box(-0.42 * length, rng.uniform(0.05, 0.3) * length, half_beam)
    floor_colour = pick_colour(rng, (*_DECK, (0.45, 0.45, 0.43), (0.35, 0.36, 0.37)))
    stamp.lay_box(well, floor_colour, 0.3, clip=interior)
    bench = centred_box(-0.44 * length, -0.34 * length, half_beam)
    stamp.lay_box(bench, pick_colour(rng, _CLOTH), 0.8, clip=interior)
    console = rng.uniform(-0.1, 0.12) * length
    half_width = half_beam * rng.uniform(0.35, 0.9)
    screen = centred_box(console, console + 0.5, half_width)
    stamp.lay_box(screen, GLASS, top + 0.6, clip=interior)
    if rng.random() < 0.4:
        sun_roof = centred_box(console - rng.uniform(1.2, 2.4), console + 0.3, half_beam * 0.8)
        stamp.lay_box(sun_roof, pick_colour(rng, _CLOTH), 2.2, elevation=2.2)


def _cruiser(stamp: Stamp, hull: Hull, rng: Generator, top: float) -> None:
    """Paint a cabin and an aft cockpit, sometimes a flying bridge and a sun pad."""
    length, half_beam = hull.length, hull.beam / 2
    interior = hull.distance(stamp.u, stamp.v) + 0.35
    aft_end = rng.uniform(-0.3, -0.12) * length
    cockpit = centred_box(-0.47 * length, aft_end, half_beam)
    stamp.lay_box(cockpit, pick_colour(rng, (*_DECK, TEAK, TEAK)), top * 0.6, clip=interior)
    fore_end = rng.uniform(0.08, 0.25) * length
    half_width = half_beam * rng.uniform(0.62, 0.8)
    cabin = centred_box(aft_end, fore_end, half_width)
    paint_cabin(stamp, cabin, top + 1.2, pick_colour(rng, _GELCOAT[:5]), length * 0.07)
    stamp.lay_box(centred_box(0.3 * length, 0.3 * length + 0.6, 0.3), GLASS, top)
    if rng.random() < 0.45:
        start = aft_end * rng.uniform(0.6, 1.2)
        bridge = centred_box(start, start + length * 0.22, half_width * 0.8)
        bridge_colour = pick_colour(rng, (*_CLOTH, WHITE, WHITE))
        stamp.lay_box(bridge, bridge_colour, top + 2.6, elevation=top + 2.6)
    if rng.random() < 0.3:
        sun_pad = centred_box(fore_end + 0.4, fore_end + length * 0.14, half_width * 0.6)
        stamp.lay_box(sun_pad, pick_colour(rng, _CLOTH), top + 0.2, clip=interior)


def paint_sailboat(canvas: Canvas, pose: Pose, length: float, rng: Generator) -> DoubleArray:
    """Paint a yacht with one mast and furled sails."""
    beam = length * rng.uniform(0.24, 0.29) + 0.6
    bow, stern = rng.uniform(0.6, 0.72), rng.uniform(0.5, 0.85)
    hull = Hull(length, beam, bow, stern, fullness=1.8)
    stamp = Stamp(canvas, pose, length / 2 + 4, beam / 2 + 4)
    half_beam, top = beam / 2, 0.5 + length * 0.06
    edge = hull.distance(stamp.u, stamp.v)
    stamp.lay(edge, pick_colour(rng, _GELCOAT), top)
    stamp.lay(edge + 0.2, pick_colour(rng, _DECK), top)
    cockpit = centred_box(-0.44 * length, -0.14 * length, half_beam * 0.5)
    cockpit_colour = pick_colour(rng, (*_DECK, TEAK, TEAK))
    stamp.lay_box(cockpit, cockpit_colour, top - 0.4, clip=edge + 0.3)
    cabin = (-0.14 * length, -half_beam * 0.55), (0.2 * length, half_beam * 0.5)
    paint_cabin(stamp, cabin, top + 0.4, pick_colour(rng, _DECK[:4]), 0.3)
    for share in (0.02, 0.12, 0.3):
        stamp.lay_box(centred_box(share * length, share * length + 0.5, 0.25), GLASS, top + 0.4)
    if rng.random() < 0.55:
        spray_hood = centred_box(-0.2 * length, -0.08 * length, half_beam * 0.6)
        stamp.lay_box(spray_hood, pick_colour(rng, _CLOTH), top + 1.2)
    mast_foot = rng.uniform(0.06, 0.14) * length
    # A few yachts have no mast and look much like motorboats.
    if rng.random() < 0.88:
        _rig(stamp, mast_foot, length, rng)
    stamp.press(0.03, 0.03)
    return hull.outline()


def _rig(stamp: Stamp, mast_foot: float, length: float, rng: Generator) -> None:
    """Paint the boom with its sail cover, the furled foresail and the mast."""
    foot, boom_end = (mast_foot, 0.0), (mast_foot - 0.36 * length, rng.normal(0, 0.25))
    boom_radius = rng.uniform(0.12, 0.26)
    stamp.lay_line(foot, boom_end, boom_radius, pick_colour(rng, (*_CLOTH, WHITE)), 2.6)
    opacity = rng.uniform(0.2, 0.7)
    stamp.lay_line(foot, (0.48 * length, 0.0), 0.08, (0.75, 0.75, 0.75), None, opacity)
    stamp.lay_mast(mast_foot, 2 + length * rng.uniform(0.9, 1.25))


def paint_catamaran(canvas: Canvas, pose: Pose, length: float, rng: Generator) -> DoubleArray:
    """Paint two hulls with a bridge deck between them and nets in front of it."""
    beam = length * rng.uniform(0.42, 0.55)
    hull = Hull(length, length * rng.uniform(0.14, 0.18), bow=0.55, stern=0.75, fullness=1.9)
    hull_offset = (beam - hull.beam) / 2
    stamp = Stamp(canvas, pose, length / 2 + 4, beam / 2 + 4)
    paint, top = pick_colour(rng, _GELCOAT[:5]), 0.8 + length * 0.06
    net_start, net_end = 0.1 * length, rng.uniform(0.34, 0.42) * length
    # The water shows through the nets.
    stamp.lay_box(centred_box(net_start, net_end, hull_offset), (0.2, 0.23, 0.25), 0.3, 0.55)
    stamp.lay_box(centred_box(net_end, net_end + 0.3, hull_offset), paint, 1.0)
    spine = centred_box(net_start, net_end, 0.3)
    stamp.lay_box(spine, paint, 1.0, float(rng.random() < 0.5))
    # The hulls cover the ends of the nets, and the bridge deck covers both.
    for side in (-hull_offset, hull_offset):
        stamp.lay(hull.distance(stamp.u, stamp.v, side), paint, top)
        stamp.lay_box(centred_box(0.2 * length, 0.2 * length + 0.6, 0.25, side), GLASS, top)
    deck = centred_box(-0.4 * length, rng.uniform(0.12, 0.2) * length, hull_offset)
    stamp.lay_box(deck, pick_colour(rng, _DECK), top)
    _saloon(stamp, length, hull_offset, top, rng)
    stamp.press(0.03, 0.03)
    outline = hull.outline()
    outline[:, 1] += np.sign(outline[:, 1]) * hull_offset
    return outline


def _saloon(stamp: Stamp, length: float, hull_offset: float, top: float, rng: Generator) -> None:
    """Paint the saloon and the cockpit behind it, often a cover, solar panels and a mast."""
    half_width = hull_offset * rng.uniform(0.75, 1.0)
    aft_end = rng.uniform(-0.2, -0.12) * length
    cockpit = centred_box(-0.38 * length, aft_end, half_width)
    stamp.lay_box(cockpit, pick_colour(rng, (TEAK, *_DECK)), top - 0.4)
    if rng.random() < 0.6:
        cover = centred_box(-0.33 * length, aft_end + 0.5, half_width)
        stamp.lay_box(cover, pick_colour(rng, (WHITE, WHITE, *_CLOTH)), top + 2)
    saloon = centred_box(aft_end, 0.12 * length, half_width)
    paint_cabin(stamp, saloon, top + 1.3, pick_colour(rng, _GELCOAT[:4]), 0.7)
    if rng.random() < 0.4:
        solar_panel = centred_box(-0.4 * length, -0.33 * length, half_width * 0.7)
        stamp.lay_box(solar_panel, (0.13, 0.15, 0.24), top + 1.5)
    if rng.random() < 0.8:
        _rig(stamp, 0.08 * length, length, rng)


def paint_cabin(
    stamp: Stamp, box: Box, top: float, colour: DoubleArray, window_depth: float
) -> None:
    """Paint a cabin whose roof lies `top` metres above the water, with windows at its front."""
    stamp.lay_box(box, colour * 0.7, top * 0.6)
    stamp.lay_box(box, GLASS, top, elevation=top)
    low, high = box
    roof = (low[0] + 0.1, low[1] + 0.1), (high[0] - window_depth, high[1] - 0.1)
    stamp.lay_box(roof, colour, top, elevation=top)


def paint_wake(canvas: Canvas, pose: Pose, length: float, beam: float, speed: float) -> None:
    """Paint the foam behind a moving boat and the two arms of its bow wave.

    The arms open at 19.5 degrees, whatever the speed (Kelvin, 1887). Length and beam of the boat
    are in metres; its speed, 0..1, sets how long and how bright the wake is.
    """
    reach = length * (3 + 8 * speed)
    stamp = Stamp(canvas, pose.ahead(-reach / 2), reach / 2 + length / 2, reach * 0.3 + beam)
    # Metres behind the bow.
    distance = (reach / 2 + length / 2) - stamp.u
    fade = np.exp(-distance / (reach * 0.3))
    # Foam breaks up into flecks, which follow the same noise as every other surface.
    flecks = 0.55 + 0.45 * np.clip(stamp.grain + 0.5 * stamp.patches, -1, 1.5)
    stern_wake = np.clip((distance - length * 0.8) / length, 0, 1)
    trail = np.exp(-((stamp.v / (beam * (0.42 + 0.01 * distance))) ** 2)) * stern_wake
    arm = np.abs(stamp.v) - beam * 0.3 - distance * np.tan(np.radians(19.5)) * (0.35 + 0.2 * speed)
    width = 0.35 + 0.045 * distance
    arms = np.exp(-((arm / width) ** 2) - distance / (reach * 0.35)) * (0.3 + 0.5 * speed)
    # There is no foam on anything above the water: piers, breakwaters, other boats.
    water = stamp.height <= 0
    foam = np.clip((trail * 0.95 + arms * 0.8) * fade * flecks * (0.5 + speed), 0, 0.95) * water
    troughs = np.exp(-(((arm + 1.6 * width) / width) ** 2)) * fade * 0.35 * water
    stamp.rgb *= (1 - troughs)[:, None]
    blend_colour(stamp.rgb, foam.astype(np.float32), (0.88, 0.88, 0.88))
    stamp.press()
