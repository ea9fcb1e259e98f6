"""The ground of a landscape at any resolution: land cover and height."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.demo.land_cover.land_objects import STANDS, Cover, GroundBlock
from core.demo.land_cover.land_plan import LandPlan, Use, locate_parcels
from core.types import AnyArray, BoolArray, ByteArray, DoubleArray, FloatArray, IntArray

_COVERS = {
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
_FIELDS = (Use.CROP, Use.PLOWED, Use.VINES, Use.SITE, Use.YARD)
_PLANT_HEIGHTS = {
    Cover.BRUSHWOOD: 0.6,
    Cover.VINEYARD: 0.7,
    Cover.HERBACEOUS: 0.15,
    Cover.AGRICULTURAL: 0.6,
    Cover.CLEAR_CUT: 0.5,
}
"""Height in metres of the plants on open ground."""
VERGE = 0.8
"""Width in metres of the grass around fields."""


@dataclass
class GroundWindow:
    """A square window of a plan, with its n = size * size pixels flattened row by row.

    Attributes
    ----------
    size, gsd
        Pixels along one side, and metres per pixel.
    s, t : float64 arrays, (n,)
        Metres along the parcels' axes.
    parcel, distance : int32 and float64 arrays, (n,)
        Parcel, road or track of each pixel, and a distance; see `locate_parcels`.
    cover : uint8 array, (n,)
        FLAIR class.
    height : float32 array, (n,)
        Metres above the ground.
    tone : float32 array, (n,)
        0..1, the tone of the object on the pixel; 0.5 on open ground.
    roof_light : float32 array, (n,)
        Brightness of roofs according to their slope; 1 elsewhere.
    row_phase : float32 array, (n,)
        0..1 across the rows in which a field is worked; 0.5 in the middle of a row.
    """

    size: int
    gsd: float
    s: DoubleArray
    t: DoubleArray
    parcel: IntArray
    distance: DoubleArray
    cover: ByteArray
    height: FloatArray
    tone: FloatArray
    roof_light: FloatArray
    row_phase: FloatArray


def survey_plan(plan: LandPlan, left: float, top: float, size: int, gsd: float) -> GroundWindow:
    """Return the open ground in a window of a plan: parcels, roads and ponds without objects.

    `left` and `top` are the upper left corner of the window in metres from the area's origin.
    """
    axis = (np.arange(size) + 0.5) * gsd
    x, y = (grid.ravel() for grid in np.meshgrid(axis + left, axis + top))
    s, t = plan.to_axes(x, y)
    parcel, distance = locate_parcels(plan, s, t)
    covers = [_COVERS[use] for use in plan.uses]
    cover = _by_parcel(parcel, covers, Cover.PERVIOUS, Cover.IMPERVIOUS).astype(np.uint8)
    cover[_uses_at(plan, parcel, _FIELDS) & (distance < VERGE)] = Cover.HERBACEOUS
    # Stands of trees and shrubs have a ragged edge.
    wave = 0.7 * np.sin(s * 0.9 + t * 0.35) + 0.6 * np.sin(t * 1.1 - s * 0.5)
    cover[_uses_at(plan, parcel, tuple(STANDS)) & (distance < 0.9 + wave)] = Cover.HERBACEOUS
    cover[_ponds(plan, parcel, s, t)] = Cover.WATER
    height = np.zeros(size * size, np.float32)
    for plant, metres in _PLANT_HEIGHTS.items():
        height[cover == plant] = metres
    row_phase = _row_phase(plan, parcel, s, t)
    height[(cover == Cover.VINEYARD) & (np.abs(row_phase - 0.5) < 0.22)] = 1.4
    tone, roof_light = np.full(size * size, 0.5, np.float32), np.ones(size * size, np.float32)
    return GroundWindow(
        size, gsd, s, t, parcel, distance, cover, height, tone, roof_light, row_phase
    )


def _by_parcel(
    parcel: IntArray, values: Sequence[float], on_tracks: float, on_roads: float
) -> AnyArray:
    """Return the value of each pixel's parcel."""
    # TRACK and ROAD are -2 and -1, which select the last two values.
    return np.array([*values, on_tracks, on_roads])[parcel]


def _uses_at(plan: LandPlan, parcel: IntArray, uses: Sequence[Use]) -> BoolArray:
    """Return True for pixels whose parcel has one of the given uses."""
    return _by_parcel(parcel, [use in uses for use in plan.uses], False, False)


def _ponds(plan: LandPlan, parcel: IntArray, s: DoubleArray, t: DoubleArray) -> BoolArray:
    """Return True for pixels of water: an irregular oval in the parcel of each pond."""
    water = np.zeros(s.size, bool)
    for number in np.unique(parcel[parcel >= 0]):
        if plan.uses[number] != Use.POND:
            continue
        s0, s1, t0, t1 = plan.bounds[number]
        pixels = np.flatnonzero(parcel == number)
        u = (s[pixels] - (s0 + s1) / 2) / (0.44 * (s1 - s0))
        v = (t[pixels] - (t0 + t1) / 2) / (0.44 * (t1 - t0))
        angle = np.arctan2(v, u)
        phase = 6.3 * plan.traits[number]
        bulge = 0.10 * np.sin(2 * angle + phase[0]) + 0.07 * np.sin(3 * angle + phase[1])
        water[pixels] = np.hypot(u, v) + bulge + 0.04 * np.sin(7 * angle + phase[2]) < 1
    return water


def _row_phase(plan: LandPlan, parcel: IntArray, s: DoubleArray, t: DoubleArray) -> FloatArray:
    """Return the position of each pixel across its row, 0..1; row spacing depends on the use."""
    spacing_ranges = {Use.VINES: (2.1, 0.5), Use.PLOWED: (0.9, 0.5)}
    spacings = []
    for use, traits in zip(plan.uses, plan.traits, strict=True):
        smallest, extent = spacing_ranges.get(use, (14.0, 0.0))
        spacings.append(smallest + extent * traits[3])
    rows_along_t = _by_parcel(parcel, list(plan.traits[:, 2] > 0.5), False, False)
    across = np.where(rows_along_t, s, t)
    return np.asarray((across / _by_parcel(parcel, spacings, 1.0, 1.0)) % 1.0, np.float32)


def _pixels_around(centre: float, reach: float, size: int, extra: int) -> slice:
    """Return the pixels of an axis within `reach` of `centre`, and `extra` more after them."""
    start = max(int(centre - reach), 0)
    return slice(start, max(start, min(int(centre + reach) + extra, size)))


def place_blocks(
    plan: LandPlan, ground: GroundWindow, blocks: Sequence[GroundBlock], left: float, top: float
) -> None:
    """Put boxes on the ground in the given order; for `left` and `top`, see `survey_plan`."""
    size, gsd = ground.size, ground.gsd
    pixels = np.arange(size * size).reshape(size, size)
    x, y = plan.to_area(
        np.array([block.s for block in blocks]), np.array([block.t for block in blocks])
    )
    for block, column, row in zip(blocks, (x - left) / gsd, (y - top) / gsd, strict=True):
        # The displacement of the plan may stretch a box a little beyond its diagonal.
        reach = 1.2 * float(np.hypot(block.length, block.width)) / 2 / gsd + 2
        rows, columns = _pixels_around(row, reach, size, 1), _pixels_around(column, reach, size, 1)
        window = pixels[rows, columns].ravel()
        if not window.size:
            continue
        half_s, half_t = block.half
        inside = np.abs(ground.s[window] - block.s) < half_s
        inside &= np.abs(ground.t[window] - block.t) < half_t
        _build(ground, block, window[inside])


def _build(ground: GroundWindow, block: GroundBlock, pixels: AnyArray) -> None:
    """Put a box, with a gabled roof if it is a building, on the pixels that it covers."""
    half_s, half_t = block.half
    ground.cover[pixels] = block.cover
    ground.tone[pixels] = block.tone
    ground.height[pixels] = block.height
    ground.roof_light[pixels] = 1.0
    if block.cover == Cover.BUILDING:
        # The ridge runs along the longer side, and one half of the roof faces the sun.
        across = ground.s if block.along_t else ground.t
        middle, half = (block.s, half_s) if block.along_t else (block.t, half_t)
        side = (across[pixels] - middle) / half
        light = np.where(np.abs(side) < 0.06, 1.12, np.where(side < 0, 1.1, 0.84))
        ground.roof_light[pixels] = light
        ground.height[pixels] += 0.25 * block.width * (1 - np.abs(side))


def plant_trees(ground: GroundWindow, trees: DoubleArray, left: float, top: float) -> None:
    """Put the crowns of trees on the ground; higher crowns hide lower ones.

    The trees, (n, 6), come from `land_objects.furnish_plan`. `left` and `top` are the upper left
    corner of the window in metres from the area's origin.
    """
    size, gsd = ground.size, ground.gsd
    cover, height, tone, roof_light = (
        pixels.reshape(size, size)
        for pixels in (ground.cover, ground.height, ground.tone, ground.roof_light)
    )
    for x, y, radius, top_height, tree_cover, tree_tone in trees:
        column, row, reach = (x - left) / gsd - 0.5, (y - top) / gsd - 0.5, radius / gsd
        rows, columns = _pixels_around(row, reach, size, 2), _pixels_around(column, reach, size, 2)
        dy = (np.arange(rows.start, rows.stop, dtype=np.float32) - np.float32(row))[:, None]
        dx = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(column)
        # Lobes make the crown irregular.
        angle = np.arctan2(dy, dx) + np.float32(6.3 * tree_tone)
        n_lobes = 4 + int(9 * tree_tone) % 3
        lobes = 1 + 0.09 * np.sin(n_lobes * angle) + 0.07 * np.sin(7 * angle)
        share = (dx * dx + dy * dy) / np.float32(reach * reach) / lobes
        power = np.float32(0.8 if tree_cover == Cover.CONIFEROUS else 0.5)
        crown = np.float32(top_height) * (0.35 + 0.65 * np.maximum(1 - share, 0) ** power)
        window = (rows, columns)
        visible_crown = (share < 1) & (crown > height[window])
        height[window][visible_crown] = crown[visible_crown]
        cover[window][visible_crown] = int(tree_cover)
        tone[window][visible_crown] = tree_tone
        roof_light[window][visible_crown] = 1.0


def trees_within(trees: DoubleArray, left: float, top: float, side: float) -> DoubleArray:
    """Return the trees whose crowns may reach into a window with sides of `side` metres."""
    x, y, radius = trees[:, 0] - left, trees[:, 1] - top, trees[:, 2]
    within_reach = (x > -radius) & (x < side + radius) & (y > -radius) & (y < side + radius)
    return np.asarray(trees[within_reach], np.float64)
