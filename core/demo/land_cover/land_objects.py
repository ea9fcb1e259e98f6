"""The objects on the parcels: houses and sheds, pools and drives, trees and hedges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.random import Generator

from core.demo.land_cover.land_plan import LandPlan, Use
from core.types import DoubleArray, FloatArray


class Cover(IntEnum):
    """Values of FLAIR's masks (arXiv:2310.13336) that the demonstration data contain."""

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


def cover_table(rows: Mapping[int, Sequence[float]]) -> FloatArray:
    """Return a float32 table in which the row number of each class is its value."""
    table = np.zeros((max(Cover) + 1, len(next(iter(rows.values())))), np.float32)
    table[list(rows)] = list(rows.values())
    return table


@dataclass(frozen=True)
class GroundBlock:
    """A box on the ground, with all lengths in metres; a height of 0 is a surface on the ground.

    `cover` is its class, and (s, t) its centre along the parcels' axes. Its length runs along t if
    `along_t` is True, and its tone, 0..1, varies its colour.
    """

    cover: int
    s: float
    t: float
    length: float
    width: float
    height: float
    along_t: bool
    tone: float

    @property
    def half(self) -> tuple[float, float]:
        """Half of its extent along s and t in metres."""
        sides = (self.length / 2, self.width / 2)
        return sides[::-1] if self.along_t else sides


TREE_COLUMNS = ("s", "t", "radius", "height", "cover", "tone")
STANDS = {
    Use.WOOD: (5.2, Cover.DECIDUOUS, (2.4, 4.2), (9, 20)),
    Use.FIRS: (3.9, Cover.CONIFEROUS, (1.6, 2.6), (10, 22)),
    Use.SCRUB: (3.4, Cover.BRUSHWOOD, (0.8, 2.1), (0.8, 3.2)),
}
"""Spacing, class, range of radii and range of heights of trees in stands; lengths in metres."""


def parcel_blocks(plan: LandPlan, parcel: int, rng: Generator) -> list[GroundBlock]:
    """Return the boxes on one parcel, each surface before the boxes that stand on it."""
    use = plan.uses[parcel]
    s0, s1, t0, t1 = plan.bounds[parcel]
    if use == Use.HOMES:
        return _homes(s0, s1, t0, t1, rng)
    if use == Use.YARD:
        middle, width, depth = (s0 + s1) / 2, s1 - s0, t1 - t0
        length = 0.55 * width
        glass, glass_tone = (s0 + 0.3 * width, t0 + 0.74 * depth, 0.4 * width), rng.random()
        slab_t, slab_tone = t0 + 0.52 * depth, rng.random()
        barn_t, barn_width = t0 + 0.28 * depth, 0.3 * depth
        return [
            GroundBlock(Cover.IMPERVIOUS, middle, slab_t, length * 1.1, 6, 0, False, slab_tone),
            GroundBlock(Cover.BUILDING, middle, barn_t, length, barn_width, 7, False, 0.1),
            GroundBlock(Cover.GREENHOUSE, *glass, 8, 3.5, False, glass_tone),
        ]
    if use == Use.SITE:
        return [GroundBlock(Cover.BUILDING, s0 + 6, (t0 + t1) / 2, 6, 2.6, 2.7, True, rng.random())]
    return []


def _homes(s0: float, s1: float, t0: float, t1: float, rng: Generator) -> list[GroundBlock]:
    """Return one or two houses with drive and terrace, sometimes with a pool and a shed."""
    blocks: list[GroundBlock] = []
    n_lots = 2 if s1 - s0 > 34 else 1
    for lot in range(n_lots):
        left = s0 + (s1 - s0) * lot / n_lots
        right = s0 + (s1 - s0) * (lot + 1) / n_lots
        s = (left + right) / 2 + rng.uniform(-1.5, 1.5)
        t = t0 + (t1 - t0) * rng.uniform(0.36, 0.5)
        along_t = bool(rng.random() < 0.35)
        size = rng.uniform(10.5, 14), rng.uniform(7.5, 9.5), rng.uniform(4.5, 7.5)
        house = GroundBlock(Cover.BUILDING, s, t, *size, along_t, rng.random())
        half_s, half_t = house.half
        drive = Cover.IMPERVIOUS if rng.random() < 0.5 else Cover.PERVIOUS
        reach = t - half_t - t0
        drive_s, drive_t, terrace_t = s + half_s - 2, t0 + reach / 2, t + half_t + 1.6
        blocks += [
            GroundBlock(drive, drive_s, drive_t, reach + 1, 3.4, 0, True, rng.random()),
            GroundBlock(Cover.IMPERVIOUS, s, terrace_t, 7.5, 3.4, 0, False, rng.random()),
        ]
        if rng.random() < 0.6 or not lot:
            centre = (s + rng.uniform(-2, 2), min(t + half_t + 8, t1 - 4))
            pool_along_t = bool(rng.random() < 0.3)
            blocks += [
                GroundBlock(Cover.IMPERVIOUS, *centre, 9.6, 6.2, 0, pool_along_t, 0.9),
                GroundBlock(Cover.POOL, *centre, 7.6, 4.0, 0, pool_along_t, rng.random()),
            ]
        blocks.append(house)
        if rng.random() < 0.5:
            shed = (left + 3.2, t1 - 3.4, 4, 3, 2.5, along_t, rng.random())
            blocks.append(GroundBlock(Cover.BUILDING, *shed))
    return blocks


def parcel_trees(plan: LandPlan, parcel: int, rng: Generator) -> DoubleArray:
    """Return the trees of one parcel, (n, 6), with TREE_COLUMNS; all lengths in metres."""
    use = plan.uses[parcel]
    s0, s1, t0, t1 = plan.bounds[parcel]
    if use in STANDS:
        return _stand(plan, parcel, rng)
    n_trees = rng.poisson({Use.HOMES: 7, Use.MEADOW: 2, Use.YARD: 2, Use.FELLED: 2}.get(use, 0))
    s, t = rng.uniform(s0 + 2, s1 - 2, n_trees), rng.uniform(t0 + 2, t1 - 2, n_trees)
    cover = np.where(rng.random(n_trees) < 0.3, Cover.CONIFEROUS, Cover.DECIDUOUS)
    radius, height = rng.uniform(1.3, 3.4, n_trees), rng.uniform(3, 10, n_trees)
    single_trees = np.stack([s, t, radius, height, cover, rng.random(n_trees)], axis=1)
    # Most gardens and meadows have a hedge along one border.
    if use not in (Use.HOMES, Use.MEADOW) or rng.random() < 0.3:
        return single_trees
    s = np.arange(s0 + 1, s1 - 1, 1.5)
    t = np.full(s.size, t1 - 0.8) + rng.normal(0, 0.25, s.size)
    radius = rng.uniform(0.9, 1.5, s.size)
    cover = np.full(s.size, Cover.DECIDUOUS)
    hedge = np.stack([s, t, radius, 1.6 * radius, cover, rng.random(s.size)], axis=1)
    return np.concatenate([single_trees, hedge])


def _stand(plan: LandPlan, parcel: int, rng: Generator) -> DoubleArray:
    """Return trees on a jittered grid that fills a parcel."""
    spacing, cover, radii, heights = STANDS[plan.uses[parcel]]
    s0, s1, t0, t1 = plan.bounds[parcel]
    s, t = np.meshgrid(np.arange(s0 + 1, s1 - 1, spacing), np.arange(t0 + 1, t1 - 1, spacing))
    s = s.ravel() + rng.normal(0, spacing * 0.3, s.size)
    t = t.ravel() + rng.normal(0, spacing * 0.3, t.size)
    size = rng.random(s.size)
    radius = radii[0] + size * (radii[1] - radii[0])
    vigour = 0.55 * size + 0.45 * plan.traits[parcel, 2]
    height = heights[0] + vigour * (heights[1] - heights[0])
    return np.stack([s, t, radius, height, np.full(s.size, cover), rng.random(s.size)], axis=1)


def furnish_plan(plan: LandPlan, rng: Generator) -> tuple[list[GroundBlock], DoubleArray]:
    """Return every block and tree of an area.

    The trees, (n, 6), have TREE_COLUMNS, but instead of s and t, their positions are in metres to
    the right of and below the area's origin.
    """
    blocks: list[GroundBlock] = []
    tables = [np.zeros((0, len(TREE_COLUMNS)))]
    for parcel in range(len(plan.uses)):
        blocks += parcel_blocks(plan, parcel, rng)
        tables.append(parcel_trees(plan, parcel, rng))
    trees = np.concatenate(tables)
    trees[:, 0], trees[:, 1] = plan.to_area(trees[:, 0], trees[:, 1])
    return blocks, trees
