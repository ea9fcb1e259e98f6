"""What covers the ground, and how high: a plan seen at any resolution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.demo.land_cover.land_objects import Block, Cover
from core.demo.land_cover.land_plan import Plan, Use, locate
from core.types import AnyArray, ByteArray, DoubleArray, FloatArray, IntArray

COVERS = {
    Use.HOMES: Cover.HERBACEOUS,
    Use.YARD: Cover.PERVIOUS,
    Use.SITE: Cover.BARE,
    Use.CROP: Cover.AGRICULTURAL,
    Use.PLOWED: Cover.PLOWED_LAND,
    Use.VINES: Cover.VINEYARD,
    Use.MEADOW: Cover.HERBACEOUS,
    Use.SCRUB: Cover.BRUSHWOOD,
    Use.FIRS: Cover.CONIFEROUS,
    Use.WOOD: Cover.DECIDUOUS,
    Use.POND: Cover.HERBACEOUS,
    Use.FELLED: Cover.CLEAR_CUT,
}
STANDS = (Use.FIRS, Use.WOOD, Use.SCRUB)
_FIELDS = (Use.CROP, Use.PLOWED, Use.VINES, Use.SITE, Use.YARD)
_GROWN = {
    Cover.BRUSHWOOD: 0.6,
    Cover.VINEYARD: 0.7,
    Cover.HERBACEOUS: 0.15,
    Cover.AGRICULTURAL: 0.6,
    Cover.CLEAR_CUT: 0.5,
}
"""Metres that what grows on open ground is high."""
VERGE = 0.8
"""Metres of grass around fields."""


@dataclass
class Ground:
    """A window of a plan; pixels are flattened row by row.

    Attributes
    ----------
    size : int
        Pixels along one side.
    step : float
        Metres a pixel.
    s, t : float64 arrays, (size * size,)
        Metres along the parcels' axes.
    parcel : int32 array
        The parcel's number, ROAD or TRACK.
    distance : float64 array
        Metres to the parcel's border, or from the middle of the way.
    cover : uint8 array
        FLAIR's class.
    height : float32 array
        Metres above the ground.
    tone : float32 array
        0..1, of the thing that stands there; 0.5 on open ground.
    lit : float32 array
        Brightness of roofs by their slope, 1 elsewhere.
    rows : float32 array
        0..1 across the rows that a field is worked in, 0.5 in the middle of a row.
    """

    size: int
    step: float
    s: DoubleArray
    t: DoubleArray
    parcel: IntArray
    distance: DoubleArray
    cover: ByteArray
    height: FloatArray
    tone: FloatArray
    lit: FloatArray
    rows: FloatArray


def survey(plan: Plan, left: float, top: float, size: int, step: float) -> Ground:
    """The open ground in a window of a plan: parcels, roads, ponds, nothing that stands there."""
    axis = (np.arange(size) + 0.5) * step
    x, y = (grid.ravel() for grid in np.meshgrid(axis + left, axis + top))
    s, t = plan.axes(x, y)
    parcel, distance = locate(plan, s, t)
    kinds = np.array(
        [*(COVERS[kind] for kind in plan.kinds), Cover.PERVIOUS, Cover.IMPERVIOUS], np.uint8
    )
    cover = kinds[parcel]  # TRACK and ROAD are -2 and -1: the last two
    fields = np.array([*(kind in _FIELDS for kind in plan.kinds), False, False])
    cover[fields[parcel] & (distance < VERGE)] = Cover.HERBACEOUS
    ragged = np.array([*(kind in STANDS for kind in plan.kinds), False, False])
    wave = 0.7 * np.sin(s * 0.9 + t * 0.35) + 0.6 * np.sin(t * 1.1 - s * 0.5)
    cover[ragged[parcel] & (distance < 0.9 + wave)] = Cover.HERBACEOUS
    cover[_ponds(plan, parcel, s, t)] = Cover.WATER
    n = size * size
    ground = Ground(
        size, step, s, t, parcel, distance, cover, np.zeros(n, np.float32),
        np.full(n, 0.5, np.float32), np.ones(n, np.float32), _rows(plan, parcel, s, t),
    )  # fmt: skip
    for kind, metres in _GROWN.items():
        ground.height[cover == kind] = metres
    in_row = (cover == Cover.VINEYARD) & (np.abs(ground.rows - 0.5) < 0.22)
    ground.height[in_row] = 1.4
    return ground


def _ponds(plan: Plan, parcel: IntArray, s: DoubleArray, t: DoubleArray) -> AnyArray:
    """True where water stands: a bulging oval in each pond's parcel."""
    wet = np.zeros(s.size, bool)
    for number in np.unique(parcel[parcel >= 0]):
        if plan.kinds[number] != Use.POND:
            continue
        s0, s1, t0, t1 = plan.bounds[number]
        here = np.flatnonzero(parcel == number)
        u = (s[here] - (s0 + s1) / 2) / (0.44 * (s1 - s0))
        v = (t[here] - (t0 + t1) / 2) / (0.44 * (t1 - t0))
        around = np.arctan2(v, u)
        phase = 6.3 * plan.tones[number]
        bulge = 0.10 * np.sin(2 * around + phase[0]) + 0.07 * np.sin(3 * around + phase[1])
        wet[here] = np.hypot(u, v) + bulge + 0.04 * np.sin(7 * around + phase[2]) < 1
    return wet


def _rows(plan: Plan, parcel: IntArray, s: DoubleArray, t: DoubleArray) -> FloatArray:
    """How far across its row each pixel lies; spacing by use."""
    each = {Use.VINES: (2.1, 0.5), Use.PLOWED: (0.9, 0.5)}
    shifts = [each.get(kind, (14.0, 0.0)) for kind in plan.kinds]
    metres = [low + more * tone[3] for (low, more), tone in zip(shifts, plan.tones, strict=True)]
    spacing = np.array([*metres, 1.0, 1.0])
    along = np.array([*(tone[2] > 0.5 for tone in plan.tones), False, False])
    across = np.where(along[parcel], s, t)
    return np.asarray((across / spacing[parcel]) % 1.0, np.float32)


def build_on(plan: Plan, ground: Ground, blocks: Sequence[Block], left: float, top: float) -> None:
    """Put boxes on the ground, in their order.

    Parameters
    ----------
    plan : Plan
    ground : Ground
    blocks : sequence of Block
    left, top : float
        The window's upper left corner in the area, metres.
    """
    size, step = ground.size, ground.step
    x, y = plan.place(
        np.array([block.s for block in blocks]), np.array([block.t for block in blocks])
    )
    for block, across, down in zip(blocks, (x - left) / step, (y - top) / step, strict=True):
        # Bends may stretch a box a little beyond its diagonal.
        reach = 1.2 * float(np.hypot(block.length, block.width)) / 2 / step + 2
        c0, c1 = max(int(across - reach), 0), min(int(across + reach) + 1, size)
        r0, r1 = max(int(down - reach), 0), min(int(down + reach) + 1, size)
        if c0 >= c1 or r0 >= r1:
            continue
        window = (np.arange(r0, r1)[:, None] * size + np.arange(c0, c1)).ravel()
        half_s, half_t = block.half
        inside = np.abs(ground.s[window] - block.s) < half_s
        inside &= np.abs(ground.t[window] - block.t) < half_t
        _build(ground, block, window[inside])


def _build(ground: Ground, block: Block, near: AnyArray) -> None:
    half_s, half_t = block.half
    ground.cover[near] = block.cover
    ground.tone[near] = block.tone
    ground.height[near] = block.height
    ground.lit[near] = 1.0
    if block.cover == Cover.BUILDING:
        # A gable: the ridge runs along the longer side, and one half faces the sun.
        across = ground.s if block.turned else ground.t
        middle, half = (block.s, half_s) if block.turned else (block.t, half_t)
        side = (across[near] - middle) / half
        ground.lit[near] = np.where(np.abs(side) < 0.06, 1.12, np.where(side < 0, 1.1, 0.84))
        ground.height[near] += 0.25 * block.width * (1 - np.abs(side))


def plant(ground: Ground, trees: DoubleArray, left: float, top: float) -> None:
    """Let crowns stand on the ground; the higher hides the lower.

    Parameters
    ----------
    ground : Ground
    trees : float64 array, (n, 6)
        As `land_things.furnish` gives them.
    left, top : float
        The window's upper left corner in the area, metres.
    """
    size, step = ground.size, ground.step
    cover, height, tone = (
        values.reshape(size, size) for values in (ground.cover, ground.height, ground.tone)
    )
    lit = ground.lit.reshape(size, size)
    for x, y, radius, tall, kind, shade in trees:
        column, row, reach = (x - left) / step - 0.5, (y - top) / step - 0.5, radius / step
        c0, c1 = max(int(column - reach), 0), min(int(column + reach) + 2, size)
        r0, r1 = max(int(row - reach), 0), min(int(row + reach) + 2, size)
        if c0 >= c1 or r0 >= r1:
            continue
        dy = (np.arange(r0, r1, dtype=np.float32) - np.float32(row))[:, None]
        dx = (np.arange(c0, c1, dtype=np.float32) - np.float32(column))[None, :]
        # Lobes, so that a crown is no disc.
        around = np.arctan2(dy, dx) + np.float32(6.3 * shade)
        lobes = 1 + 0.09 * np.sin((4 + int(9 * shade) % 3) * around) + 0.07 * np.sin(7 * around)
        share = (dx * dx + dy * dy) / np.float32(reach * reach) / lobes
        power = np.float32(0.8 if kind == Cover.CONIFEROUS else 0.5)
        crown = np.float32(tall) * (0.35 + 0.65 * np.maximum(1 - share, 0) ** power)
        window = (slice(r0, r1), slice(c0, c1))
        on_top = (share < 1) & (crown > height[window])
        height[window][on_top] = crown[on_top]
        cover[window][on_top] = int(kind)
        tone[window][on_top] = shade
        lit[window][on_top] = 1.0


def within(trees: DoubleArray, left: float, top: float, side: float) -> DoubleArray:
    """The trees whose crowns can reach a window."""
    x, y, reach = trees[:, 0] - left, trees[:, 1] - top, trees[:, 2]
    near = (x > -reach) & (x < side + reach) & (y > -reach) & (y < side + reach)
    return np.asarray(trees[near], np.float64)
