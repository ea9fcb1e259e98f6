"""Sea, beach, rock, quays and land, painted whole before anything stands on them."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.ndimage import distance_transform_edt

from core.demo.harbour.canvas import GSD, Canvas, segment
from core.demo.harbour.hulls import Colour
from core.demo.harbour.scene_plans import APRON, ROAD, WATERLINE, YARD, Rect, Site
from core.demo.random_fields import fractal, resize, stones, waves
from core.types import AnyArray, BoolArray, FloatArray

CELL = 4
"""Pixels along one side of a cell of the ground plan."""
BLOCK_S, BLOCK_T = 84.0, 58.0
"""Metres between streets along the shore and inland."""


@dataclass(frozen=True)
class Ground:
    """The ground plan in cells of CELL pixels; distances in metres, negative inside.

    Attributes
    ----------
    s, t : float32 arrays
        Along the shore and seaward, from the scene's middle.
    land : float32 array
        Signed distance to natural land.
    hard : float32 array
        Signed distance to quays and piers.
    rock : float32 array
        Signed distance to breakwaters.
    """

    s: FloatArray
    t: FloatArray
    land: FloatArray
    hard: FloatArray
    rock: FloatArray

    @property
    def dry(self) -> BoolArray:
        """True where there is no water."""
        return np.asarray(np.minimum(np.minimum(self.land, self.hard), self.rock) < 0, bool)


def survey(site: Site, rng: Generator) -> Ground:
    """The ground plan of a site.

    Parameters
    ----------
    site : Site
    rng : numpy Generator

    Returns
    -------
    Ground
        Arrays of (n_cells, n_cells), n_cells = size // CELL. Distances are linear across straight
        edges, so that resampling them to pixels keeps the edges sharp.
    """
    n_cells = site.size // CELL
    row, column = np.divmod(np.arange(n_cells**2), n_cells)
    s, t = (axis.reshape(n_cells, n_cells) for axis in site.axes(row, column, n_cells))
    line = np.interp(s, knots := np.arange(-site.side, site.side, 2.0), [
        site.waterline(float(knot)) for knot in knots
    ])  # fmt: skip
    land = t - line + fractal(rng, n_cells, 16, 2) * 0.7
    rock = np.full_like(s, 1e3)
    for corners in site.breakwaters():
        for first, last in itertools.pairwise(corners):
            rock = np.minimum(rock, segment(s, t, first, last) - 5.5)
    rock += fractal(rng, n_cells, 8, 2) * 0.6
    # Rock ends where the quay begins.
    hard = _union(s, t, site.built() + site.piers())
    return Ground(s, t, land.astype(np.float32), hard, np.maximum(rock, -hard + 1))


def _union(s: FloatArray, t: FloatArray, rects: Sequence[Rect]) -> FloatArray:
    distance = np.full_like(s, 1e3)
    for rect in rects:
        along = np.abs(s - (rect.s0 + rect.s1) / 2) - (rect.s1 - rect.s0) / 2
        across = np.abs(t - (rect.t0 + rect.t1) / 2) - (rect.t1 - rect.t0) / 2
        np.minimum(distance, np.maximum(along, across), out=distance)
    return distance


def paint_ground(site: Site, ground: Ground, rng: Generator) -> Canvas:
    """A canvas with sea and land, and nothing on them yet.

    Parameters
    ----------
    site : Site
    ground : Ground
        The site's ground plan.
    rng : numpy Generator
    """
    size = site.size
    grain = fractal(rng, size, 4, 1, gain=1.1)
    patches = fractal(rng, size, 256, 4, gain=0.72)
    canvas = Canvas(
        size=size,
        rgb=_sea(site, ground, patches, grain, rng),
        height=np.zeros(size * size, np.float32),
        grain=grain.ravel(),
        patches=patches.ravel(),
        lean=site.plan.lean,
        sun=site.plan.sun,
    )
    _land(canvas, site, ground, rng)
    _rocks(canvas, ground, rng)
    _hard(canvas, site, ground)
    return canvas


def _mix(weight: AnyArray, low: Colour, high: Colour) -> FloatArray:
    share = np.asarray(weight, np.float32)[..., None]
    start, end = np.asarray(low, np.float32), np.asarray(high, np.float32)
    return np.asarray(start + share * (end - start), np.float32)


def _sea(
    site: Site, ground: Ground, patches: FloatArray, grain: FloatArray, rng: Generator
) -> FloatArray:
    """Waves, glint and foam on the water's colour."""
    basin = np.clip(1 - (ground.t - site.edge) / (0.36 * site.side), 0, 1)
    for start, end in site.stretches("beach"):
        basin *= np.clip(np.maximum(start - ground.s, ground.s - end) / 40 + 0.5, 0, 1)
    colour = _water_colour(site, ground, basin, rng)
    slope = waves(rng, site.size, np.radians(site.plan.wind), 13.0)
    slope *= 0.8 + 0.2 * np.clip(patches, -2, 2)
    slope *= resize(1 - 0.68 * basin, site.size)
    bright = 1 + 0.085 * slope + 0.035 * grain + 0.04 * patches
    # Only the steepest facets mirror the sun.
    glint = np.clip(slope + 0.25 * grain - 2.3, 0, 2) * 0.09
    picture = np.empty((site.size, site.size, 3), np.float32)
    for band in range(3):
        picture[..., band] = resize(colour[..., band], site.size) * bright + glint
    rgb: FloatArray = picture.reshape(-1, 3)
    wet, foam = _foam(site, ground, patches, grain)
    rgb[wet] += foam[:, None] * (np.float32(0.85) - rgb[wet])
    return rgb


def _water_colour(site: Site, ground: Ground, basin: FloatArray, rng: Generator) -> FloatArray:
    """Depth, weed and sediment, (n_cells, n_cells, 3); basins are murky."""
    n_cells = ground.s.shape[0]
    deep, middle, shallow = site.plan.sea
    broad = fractal(rng, n_cells, 96, 4, gain=0.6)
    offshore = distance_transform_edt(ground.land > 0).astype(np.float32) * (CELL * GSD)
    # Depth is taken to grow with the distance from land.
    depth = np.clip((offshore + 5 * broad) / (0.42 * site.side), 0, 1)
    colour = _mix(np.clip(depth * 1.6, 0, 1), middle, deep)
    colour += np.exp(-depth * 13)[..., None] * (np.asarray(shallow, np.float32) - colour)
    colour *= 1 + 0.06 * broad[..., None]
    # Weed shows as dark patches where the light reaches the ground.
    weed = np.clip(fractal(rng, n_cells, 24, 2, gain=0.8) - 0.35, 0, 1) * np.exp(-depth * 5)
    colour *= 1 - 0.45 * weed[..., None]
    murky = np.asarray((0.155, 0.235, 0.215), np.float32) * (1 + 0.08 * broad[..., None])
    colour += basin[..., None] * 0.9 * (murky - colour)
    return colour


def _foam(
    site: Site, ground: Ground, patches: FloatArray, grain: FloatArray
) -> tuple[AnyArray, FloatArray]:
    """Swash at the waterline, a broken line of surf before it: pixels and their foam, 0..1."""
    beach = ground.hard > 6
    for start, end in site.stretches("quay", "fishing", "marina"):
        beach &= (ground.s < start) | (ground.s > end)
    away = resize(np.where(beach, ground.land, 99), site.size).ravel()
    index = np.flatnonzero(np.abs(away) < 24)
    away, patches, grain = away[index], patches.ravel()[index], grain.ravel()[index]
    swash = np.exp(-(((away - 1.0 - 0.8 * patches) / 0.8) ** 2)) * 0.75
    surf = np.exp(-(((away - 9 - 3.0 * patches) / 1.1) ** 2)) * np.clip(patches, 0, 1) * 0.8
    rough = np.clip(0.75 + 0.4 * grain, 0, 1)
    return index, np.asarray((swash + surf) * rough, np.float32)


def _land(canvas: Canvas, site: Site, ground: Ground, rng: Generator) -> None:
    """Sand by the water, then grass and bare soil, yards and roads."""
    away = resize(ground.land, canvas.size).ravel()
    index = np.flatnonzero(away < GSD)
    away, grain, patches = away[index], canvas.grain[index], canvas.patches[index]
    s, t = site.axes(*np.divmod(index, canvas.size), canvas.size)
    # Sand is darker where the waves have been.
    wet = np.clip(1 + (away + 1.2 * patches) / 5, 0, 1)
    colour = _mix(wet, (0.72, 0.64, 0.51), (0.47, 0.41, 0.33))
    colour *= (1 + 0.035 * grain + 0.02 * patches)[:, None]
    lushness, hedge = _plots(s, site.edge - t, rng)
    grown = np.clip(0.5 + 0.4 * patches + lushness, 0, 1)
    green = _mix(grown, (0.53, 0.47, 0.37), (0.29, 0.33, 0.21))
    green *= (1 + 0.09 * grain - hedge * np.clip(0.35 + 0.2 * grain, 0, 0.6))[:, None]
    inland = np.clip((-away - 26 + 4 * patches + 1.5 * grain) / 5, 0, 1)[:, None]
    colour += inland * (green - colour)
    yard = np.clip((site.edge - t - YARD) / 3, 0, 1) * np.clip(
        0.3 - 0.3 * patches - lushness, 0, 0.85
    )
    paved = np.asarray((0.53, 0.51, 0.47), np.float32) * (1 + 0.05 * grain)[:, None]
    colour += yard[:, None] * (paved - colour)
    _roads(colour, s, site.edge - t, grain, patches)
    canvas.cover(index, np.clip(0.5 - away / GSD, 0, 1), colour)
    canvas.height[index] = np.clip(-away * 0.05, 0, 1.2)


def _plots(s: FloatArray, inland: FloatArray, rng: Generator) -> tuple[FloatArray, FloatArray]:
    """How green each garden is, and where the hedges between gardens stand."""
    wide, deep = BLOCK_S / 4, BLOCK_T / 2
    column = np.floor(s / wide).astype(int)
    row = np.floor((inland - ROAD) / deep).astype(int)
    town = inland > ROAD
    lushness = rng.normal(0, 0.45, (64, 64)).astype(np.float32)[row % 64, column % 64]
    hedged = rng.random((64, 64))[row % 64, column % 64] < 0.7
    near = np.minimum(np.abs(s % wide - wide / 2), np.abs((inland - ROAD) % deep - deep / 2) + 4)
    hedge = hedged & town & (wide / 2 - near < 0.6)
    return np.where(town, lushness, 0).astype(np.float32), hedge.astype(np.float32)


def _roads(
    colour: FloatArray, s: FloatArray, inland: FloatArray, grain: FloatArray, patches: FloatArray
) -> None:
    """The shore road with its markings, and a grid of streets behind it."""
    main = np.abs(inland - ROAD)
    rows = BLOCK_T / 2 - np.abs((inland - ROAD) % BLOCK_T - BLOCK_T / 2)
    columns = BLOCK_S / 2 - np.abs(s % BLOCK_S - BLOCK_S / 2)
    streets = np.where(inland > ROAD, np.minimum(rows, columns) - 3.1, 99)
    distance = np.minimum(main - 4.6, streets)
    near = np.flatnonzero(distance < 1.6 + GSD)
    distance, main, s = distance[near], main[near], s[near]
    grain, patches, painted = grain[near], patches[near], colour[near]
    verge = np.clip(0.5 - (distance - 1.6) / GSD, 0, 1)[:, None]
    pavement = np.asarray((0.60, 0.58, 0.54), np.float32) * (1 + 0.04 * grain)[:, None]
    painted += verge * (pavement - painted)
    tone = 0.36 * (1 + 0.05 * grain + 0.06 * patches)[:, None]
    painted += np.clip(0.5 - distance / GSD, 0, 1)[:, None] * (tone - painted)
    edge_line = np.abs(main - 4.2)
    line = np.where(s % 7 < 3.2, np.minimum(main, edge_line), edge_line)
    painted += np.clip(0.5 - (line - 0.08) / GSD, 0, 0.6)[:, None] * (0.8 - painted)
    colour[near] = painted


def _rocks(canvas: Canvas, ground: Ground, rng: Generator) -> None:
    """Breakwaters of heaped stone."""
    away = resize(ground.rock, canvas.size).ravel()
    index = np.flatnonzero(away < 1.5)
    away, (row, column) = away[index], np.divmod(index, canvas.size)
    cell, border = stones(
        rng, (column * GSD).astype(np.float32), (row * GSD).astype(np.float32), 1.7
    )
    tone = rng.normal(0.52, 0.085, int(cell.max(initial=0)) + 1).astype(np.float32)[cell]
    lift = rng.normal(0, 1.1, int(cell.max(initial=0)) + 1).astype(np.float32)[cell]
    edge = np.clip(0.5 - (away + lift * 0.9) / GSD, 0, 1).astype(np.float32)
    colour = (tone * np.clip(0.5 + 1.6 * border, 0.45, 1.0))[:, None] * np.asarray(
        (1.0, 0.96, 0.89), np.float32
    )
    colour *= np.clip(1.02 - 0.45 * np.exp(away / 2.2), 0.5, 1)[:, None]
    canvas.cover(index, edge, colour)
    # Each stone has its own height, so that it throws its own shadow.
    crest = np.clip(-away * 0.7, 0, 3.0) + 0.45 * lift + 0.6 * np.clip(border, 0, 0.7)
    canvas.height[index] = np.where(edge > 0.5, np.clip(crest, 0.1, 5), 0)


def _hard(canvas: Canvas, site: Site, ground: Ground) -> None:
    """Concrete with joints, stains, an edge beam and its fenders."""
    away = resize(ground.hard, canvas.size).ravel()
    index = np.flatnonzero(away < 1.2)
    away, grain, patches = away[index], canvas.grain[index], canvas.patches[index]
    s, t = site.axes(*np.divmod(index, canvas.size), canvas.size)
    seaward = t > site.edge + WATERLINE - 14
    tone = 0.57 + 0.03 * patches + 0.018 * grain
    joint = (s % 7.5 < GSD) | (t % 7.5 < GSD)
    tone = np.where(joint, tone * 0.9, tone)
    asphalt = 0.40 + 0.05 * np.round(np.clip(patches, -1, 1)) + 0.022 * grain
    tone = np.where(t < site.edge - APRON, asphalt, tone)
    tone *= 1 - 0.12 * np.clip(np.sin(s / 3.1 + patches) + patches - 0.9, 0, 1)
    tone = np.where((away > -0.9) & seaward, 0.66, tone)
    tone = np.where((np.abs(away + 2.6) < 0.14) & seaward, 0.72, tone)
    colour = tone[:, None] * np.asarray((1.0, 0.975, 0.92), np.float32)
    fender = (away > -0.15) & (s % 6 < 1.0) & seaward
    colour[fender | ((t % 6 < 1.0) & (away > -0.15) & seaward)] = 0.1
    canvas.cover(index, np.clip(0.5 - (away - 0.3 * fender) / GSD, 0, 1), colour)
    canvas.height[index] = np.where(away < 0, 2.2, canvas.height[index])
