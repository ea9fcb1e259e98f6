"""What stands on a parcel: houses and sheds, pools and drives, trees and hedges."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.random import Generator

from core.demo.land_cover.land_plan import Plan, Use
from core.types import DoubleArray


class Cover(IntEnum):
    """Values of FLAIR's masks (arXiv:2310.13336); only those that the painters know."""

    BUILDING = 1
    PERVIOUS = 2
    IMPERVIOUS = 3
    BARE = 4
    WATER = 5
    CONIFEROUS = 6
    DECIDUOUS = 7
    BRUSHWOOD = 8
    VINEYARD = 9
    HERBACEOUS = 10
    AGRICULTURAL = 11
    PLOWED_LAND = 12
    POOL = 13
    CLEAR_CUT = 15
    GREENHOUSE = 18


@dataclass(frozen=True)
class Block:
    """A box on the ground.

    Attributes
    ----------
    cover : int
        Its class.
    s, t : float
        Its middle along the parcels' axes, metres.
    length, width, height : float
        Metres; a height of 0 is paint on the ground.
    turned : bool
        True where it stands along t.
    tone : float
        0..1, whatever its painter makes of it.
    """

    cover: int
    s: float
    t: float
    length: float
    width: float
    height: float
    turned: bool
    tone: float

    @property
    def half(self) -> tuple[float, float]:
        """Half its extent along s and t, metres."""
        sides = (self.length / 2, self.width / 2)
        return sides[::-1] if self.turned else sides


TREE_COLUMNS = ("s", "t", "radius", "height", "cover", "tone")


def blocks_of(plan: Plan, parcel: int, rng: Generator) -> list[Block]:
    """The boxes that stand on one parcel, those on the ground first."""
    kind = plan.kinds[parcel]
    s0, s1, t0, t1 = plan.bounds[parcel]
    if kind == Use.HOMES:
        return _homes(s0, s1, t0, t1, rng)
    middle_s, middle_t = (s0 + s1) / 2, (t0 + t1) / 2
    if kind == Use.YARD:
        length, width = 0.55 * (s1 - s0), 0.3 * (t1 - t0)
        barn = Block(Cover.BUILDING, middle_s, t0 + 0.28 * (t1 - t0), length, width, 7, False, 0.1)
        glass = Block(
            Cover.GREENHOUSE, s0 + 0.3 * (s1 - s0), t0 + 0.74 * (t1 - t0), 0.4 * (s1 - s0), 8, 3.5,
            False, rng.random(),
        )  # fmt: skip
        slab = Block(
            Cover.IMPERVIOUS,
            middle_s,
            t0 + 0.52 * (t1 - t0),
            length * 1.1,
            6,
            0,
            False,
            rng.random(),
        )
        return [slab, barn, glass]
    if kind == Use.SITE:
        hut = Block(Cover.BUILDING, s0 + 6, middle_t, 6, 2.6, 2.7, True, rng.random())
        return [hut]
    return []


def _homes(s0: float, s1: float, t0: float, t1: float, rng: Generator) -> list[Block]:
    """One or two houses with drive, terrace, sometimes a pool and a shed."""
    made: list[Block] = []
    lots = 2 if s1 - s0 > 34 else 1
    for lot in range(lots):
        left = s0 + (s1 - s0) * lot / lots
        right = s0 + (s1 - s0) * (lot + 1) / lots
        s = (left + right) / 2 + rng.uniform(-1.5, 1.5)
        t = t0 + (t1 - t0) * rng.uniform(0.36, 0.5)
        turned = bool(rng.random() < 0.35)
        house = Block(
            Cover.BUILDING, s, t, rng.uniform(10.5, 14), rng.uniform(7.5, 9.5),
            rng.uniform(4.5, 7.5), turned, rng.random(),
        )  # fmt: skip
        half_s, half_t = house.half
        drive = Cover.IMPERVIOUS if rng.random() < 0.5 else Cover.PERVIOUS
        reach = t - half_t - t0
        made.append(
            Block(drive, s + half_s - 2, t0 + reach / 2, reach + 1, 3.4, 0, True, rng.random())
        )
        made.append(Block(Cover.IMPERVIOUS, s, t + half_t + 1.6, 7.5, 3.4, 0, False, rng.random()))
        if rng.random() < 0.6 or not lot:
            at = (s + rng.uniform(-2, 2), min(t + half_t + 8, t1 - 4))
            turned_pool = bool(rng.random() < 0.3)
            made.append(Block(Cover.IMPERVIOUS, *at, 9.6, 6.2, 0, turned_pool, 0.9))
            made.append(Block(Cover.POOL, *at, 7.6, 4.0, 0, turned_pool, rng.random()))
        made.append(house)
        if rng.random() < 0.5:
            made.append(
                Block(Cover.BUILDING, left + 3.2, t1 - 3.4, 4, 3, 2.5, turned, rng.random())
            )
    return made


def trees_of(plan: Plan, parcel: int, rng: Generator) -> DoubleArray:
    """The trees of one parcel, (n, 6): columns as in TREE_COLUMNS, all lengths in metres."""
    kind = plan.kinds[parcel]
    s0, s1, t0, t1 = plan.bounds[parcel]
    if kind == Use.WOOD:
        return _stand(plan, parcel, rng, 5.2, Cover.DECIDUOUS, (2.4, 4.2), (9, 20))
    if kind == Use.FIRS:
        return _stand(plan, parcel, rng, 3.9, Cover.CONIFEROUS, (1.6, 2.6), (10, 22))
    if kind == Use.SCRUB:
        return _stand(plan, parcel, rng, 3.4, Cover.BRUSHWOOD, (0.8, 2.1), (0.8, 3.2))
    number = {Use.HOMES: 7, Use.MEADOW: 2, Use.YARD: 2, Use.FELLED: 2}.get(kind, 0)
    number = rng.poisson(number)
    s, t = rng.uniform(s0 + 2, s1 - 2, number), rng.uniform(t0 + 2, t1 - 2, number)
    firs = rng.random(number) < 0.3
    cover = np.where(firs, Cover.CONIFEROUS, Cover.DECIDUOUS)
    loose = _rows(s, t, rng.uniform(1.3, 3.4, number), rng.uniform(3, 10, number), cover, rng)
    # A hedge along one or two borders of gardens and meadows.
    if kind not in (Use.HOMES, Use.MEADOW) or rng.random() < 0.3:
        return loose
    edge = np.arange(s0 + 1, s1 - 1, 1.5)
    across = np.full(edge.size, t1 - 0.8) + rng.normal(0, 0.25, edge.size)
    sizes = rng.uniform(0.9, 1.5, edge.size)
    hedge = _rows(edge, across, sizes, 1.6 * sizes, np.full(edge.size, Cover.DECIDUOUS), rng)
    return np.concatenate([loose, hedge])


def _stand(
    plan: Plan,
    parcel: int,
    rng: Generator,
    spacing: float,
    cover: int,
    radius: tuple[float, float],
    height: tuple[float, float],
) -> DoubleArray:
    """Trees that fill a parcel, on a grid that is shaken."""
    s0, s1, t0, t1 = plan.bounds[parcel]
    s, t = np.meshgrid(np.arange(s0 + 1, s1 - 1, spacing), np.arange(t0 + 1, t1 - 1, spacing))
    s = s.ravel() + rng.normal(0, spacing * 0.3, s.size)
    t = t.ravel() + rng.normal(0, spacing * 0.3, t.size)
    size = rng.random(s.size)
    radii = radius[0] + size * (radius[1] - radius[0])
    heights = height[0] + (0.55 * size + 0.45 * plan.tones[parcel, 2]) * (height[1] - height[0])
    return _rows(s, t, radii, heights, np.full(s.size, cover), rng)


def _rows(
    s: DoubleArray,
    t: DoubleArray,
    radius: DoubleArray,
    height: DoubleArray,
    cover: DoubleArray,
    rng: Generator,
) -> DoubleArray:
    return np.stack([s, t, radius, height, cover, rng.random(s.size)], axis=1)


def furnish(plan: Plan, rng: Generator) -> tuple[list[Block], DoubleArray]:
    """Everything that stands in an area.

    Returns
    -------
    list of Block
    float64 array, (n, 6)
        Trees as in TREE_COLUMNS, but at metres right and down in the area.
    """
    blocks: list[Block] = []
    parts = [np.zeros((0, len(TREE_COLUMNS)))]
    for parcel in range(len(plan.kinds)):
        blocks += blocks_of(plan, parcel, rng)
        parts.append(trees_of(plan, parcel, rng))
    trees = np.concatenate(parts)
    trees[:, 0], trees[:, 1] = plan.place(trees[:, 0], trees[:, 1])
    return blocks, trees
