"""The ground plan of a scene, and the painting of sea, land, breakwaters and quays."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.ndimage import distance_transform_edt

from core.demo.harbour.canvas import GSD, Canvas, Colour, blend_colour
from core.demo.harbour.scene_plans import APRON, ROAD, WATERLINE, YARD, Site
from core.demo.harbour.shapes import box_distance, segment_distance
from core.demo.random_fields import fractal_noise, resize_field, stone_cells, wave_slopes
from core.types import AnyArray, BoolArray, FloatArray

CELL = 4
"""Pixels along one side of a cell of the ground plan."""
BLOCK_S, BLOCK_T = 84.0, 58.0
"""Metres between streets along the shore and inland."""


@dataclass(frozen=True)
class GroundPlan:
    """The ground plan of a site in cells of CELL pixels, as float32 arrays (n_cells, n_cells).

    Attributes
    ----------
    s, t
        Metres along the shore and seaward, from the centre of the scene.
    land, quays, breakwaters
        Signed distances in metres, negative inside: to natural land, to quays and piers, and to
        breakwaters.
    """

    s: FloatArray
    t: FloatArray
    land: FloatArray
    quays: FloatArray
    breakwaters: FloatArray

    @property
    def dry(self) -> BoolArray:
        """True where there is no water."""
        return np.asarray(np.minimum.reduce([self.land, self.quays, self.breakwaters]) < 0)


def survey_site(site: Site, rng: Generator) -> GroundPlan:
    """Return the ground plan of a site, with n_cells = size // CELL.

    Distances are linear across straight edges, so that edges stay sharp when the plan is resampled
    to pixels.
    """
    n_cells = site.size // CELL
    row, column = np.divmod(np.arange(n_cells**2), n_cells)
    s, t = (axis.reshape(n_cells, n_cells) for axis in site.axes(row, column, n_cells))
    knots = np.arange(-site.side, site.side, 2.0)
    waterline = np.interp(s, knots, [site.waterline(float(knot)) for knot in knots])
    land = t - waterline + fractal_noise(rng, n_cells, 16, 2) * 0.7
    breakwaters, quays = np.full_like(s, 1e3), np.full_like(s, 1e3)
    for start, end in itertools.pairwise(site.breakwater()):
        breakwaters = np.minimum(breakwaters, segment_distance(s, t, start, end) - 5.5)
    breakwaters += fractal_noise(rng, n_cells, 8, 2) * 0.6
    for rect in site.quays() + site.wide_piers() + site.narrow_piers():
        quays = np.minimum(quays, box_distance(s, t, (rect.s0, rect.t0), (rect.s1, rect.t1)))
    # A breakwater ends where the quay begins.
    return GroundPlan(s, t, land.astype(np.float32), quays, np.maximum(breakwaters, -quays + 1))


def street_distance(s: FloatArray, inland: FloatArray) -> FloatArray:
    """Return metres to the nearest street; `inland` is the distance from the quay's edge."""
    rows = BLOCK_T / 2 - np.abs((inland - ROAD) % BLOCK_T - BLOCK_T / 2)
    columns = BLOCK_S / 2 - np.abs(s % BLOCK_S - BLOCK_S / 2)
    return np.asarray(np.minimum(rows, columns), np.float32)


def paint_ground(site: Site, ground: GroundPlan, rng: Generator) -> Canvas:
    """Return a canvas on which sea, land, breakwaters and quays are painted, but no objects."""
    size = site.size
    grain = fractal_noise(rng, size, 4, 1, gain=1.1)
    patches = fractal_noise(rng, size, 256, 4, gain=0.72)
    canvas = Canvas(
        size=size,
        rgb=_sea_colours(site, ground, patches, grain, rng),
        height=np.zeros(size * size, np.float32),
        grain=grain.ravel(),
        patches=patches.ravel(),
        lean=site.plan.lean,
        sun=site.plan.sun,
    )
    _paint_land(canvas, site, ground, rng)
    _paint_breakwaters(canvas, ground, rng)
    _paint_quays(canvas, site, ground)
    return canvas


def _gradient(weight: AnyArray, start: Colour, end: Colour) -> FloatArray:
    """Return colours (..., 3) between two colours, for weights (...,) of 0..1."""
    first, last = np.asarray(start, np.float32), np.asarray(end, np.float32)
    return np.asarray(first + np.asarray(weight, np.float32)[..., None] * (last - first))


def _pixels_within(field: FloatArray, size: int, limit: float) -> tuple[AnyArray, FloatArray]:
    """Return the pixels where a signed distance is below a limit (metres), and the distance."""
    distance = resize_field(field, size).ravel()
    index = np.flatnonzero(distance < limit)
    return index, distance[index]


def _sea_colours(
    site: Site, ground: GroundPlan, patches: FloatArray, grain: FloatArray, rng: Generator
) -> FloatArray:
    """Return the colours of the water with waves, glint and foam, (size * size, 3)."""
    # Degree, 0..1, to which each cell belongs to the port's basin, where water is calm and murky.
    basin = np.clip(1 - (ground.t - site.quay_edge) / (0.36 * site.side), 0, 1)
    for start, end in site.stretches("beach"):
        basin *= np.clip(np.maximum(start - ground.s, ground.s - end) / 40 + 0.5, 0, 1)
    water = _water_colours(site, ground, basin, rng)
    slope = wave_slopes(rng, site.size, np.radians(site.plan.wind), 13.0)
    slope *= 0.8 + 0.2 * np.clip(patches, -2, 2)
    slope *= resize_field(1 - 0.68 * basin, site.size)
    brightness = 1 + 0.085 * slope + 0.035 * grain + 0.04 * patches
    # Only the steepest facets reflect the sun.
    glint = np.clip(slope + 0.25 * grain - 2.3, 0, 2) * 0.09
    picture = np.empty((site.size, site.size, 3), np.float32)
    for band in range(3):
        picture[..., band] = resize_field(water[..., band], site.size) * brightness + glint
    rgb: FloatArray = picture.reshape(-1, 3)
    index, foam = _foam(site, ground, patches.ravel(), grain.ravel())
    foam_pixels = rgb[index]
    blend_colour(foam_pixels, foam, 0.85)
    rgb[index] = foam_pixels
    return rgb


def _water_colours(site: Site, ground: GroundPlan, basin: FloatArray, rng: Generator) -> FloatArray:
    """Return the colours of calm water by depth, weed and sediment, (n_cells, n_cells, 3)."""
    n_cells = ground.s.shape[0]
    deep, medium, shallow = site.plan.sea_colours
    variation = fractal_noise(rng, n_cells, 96, 4, gain=0.6)
    land_distance = distance_transform_edt(ground.land > 0).astype(np.float32) * (CELL * GSD)
    # Depth is assumed to grow with the distance from land.
    depth = np.clip((land_distance + 5 * variation) / (0.42 * site.side), 0, 1)
    colour = _gradient(np.clip(depth * 1.6, 0, 1), medium, deep)
    blend_colour(colour, np.exp(-depth * 13), shallow)
    colour *= 1 + 0.06 * variation[..., None]
    # Weed appears as dark patches where light reaches the sea floor.
    weed = np.clip(fractal_noise(rng, n_cells, 24, 2, gain=0.8) - 0.35, 0, 1) * np.exp(-depth * 5)
    colour *= 1 - 0.45 * weed[..., None]
    murky_water = np.asarray((0.155, 0.235, 0.215), np.float32) * (1 + 0.08 * variation[..., None])
    blend_colour(colour, basin * 0.9, murky_water)
    return colour


def _foam(
    site: Site, ground: GroundPlan, patches: FloatArray, grain: FloatArray
) -> tuple[AnyArray, FloatArray]:
    """Return the pixels near a beach, and the fraction of each that foam covers, 0..1."""
    beach = ground.quays > 6
    for start, end in site.stretches("quay", "fishing", "marina"):
        beach &= (ground.s < start) | (ground.s > end)
    land_distance = resize_field(np.where(beach, ground.land, 99), site.size).ravel()
    index = np.flatnonzero(np.abs(land_distance) < 24)
    land_distance, patches, grain = land_distance[index], patches[index], grain[index]
    swash = np.exp(-(((land_distance - 1.0 - 0.8 * patches) / 0.8) ** 2)) * 0.75
    surf = (
        np.exp(-(((land_distance - 9 - 3.0 * patches) / 1.1) ** 2)) * np.clip(patches, 0, 1) * 0.8
    )
    flecks = np.clip(0.75 + 0.4 * grain, 0, 1)
    return index, np.asarray((swash + surf) * flecks, np.float32)


def _paint_land(canvas: Canvas, site: Site, ground: GroundPlan, rng: Generator) -> None:
    """Paint sand along the water and grass, bare soil, yards and roads behind it."""
    index, land_distance = _pixels_within(ground.land, canvas.size, GSD)
    grain, patches = canvas.grain[index], canvas.patches[index]
    s, t = site.axes(*np.divmod(index, canvas.size), canvas.size)
    inland = site.quay_edge - t
    # Sand is darker where the waves have wetted it.
    wetness = np.clip(1 + (land_distance + 1.2 * patches) / 5, 0, 1)
    colour = _gradient(wetness, (0.72, 0.64, 0.51), (0.47, 0.41, 0.33))
    colour *= (1 + 0.035 * grain + 0.02 * patches)[:, None]
    lushness, hedge = _gardens(s, inland, rng)
    greenness = np.clip(0.5 + 0.4 * patches + lushness, 0, 1)
    grass = _gradient(greenness, (0.53, 0.47, 0.37), (0.29, 0.33, 0.21))
    grass *= (1 + 0.09 * grain - hedge * np.clip(0.35 + 0.2 * grain, 0, 0.6))[:, None]
    blend_colour(
        colour, np.clip((-land_distance - 26 + 4 * patches + 1.5 * grain) / 5, 0, 1), grass
    )
    yard = np.clip((inland - YARD) / 3, 0, 1) * np.clip(0.3 - 0.3 * patches - lushness, 0, 0.85)
    paving = np.asarray((0.53, 0.51, 0.47), np.float32) * (1 + 0.05 * grain)[:, None]
    blend_colour(colour, yard, paving)
    _paint_roads(colour, s, inland, grain, patches)
    canvas.blend(index, np.clip(0.5 - land_distance / GSD, 0, 1), colour)
    canvas.height[index] = np.clip(-land_distance * 0.05, 0, 1.2)


def _gardens(s: FloatArray, inland: FloatArray, rng: Generator) -> tuple[FloatArray, FloatArray]:
    """Return the lushness of each pixel's garden, and a field that is 1 on hedges, otherwise 0."""
    width, depth = BLOCK_S / 4, BLOCK_T / 2
    column = np.floor(s / width).astype(int)
    row = np.floor((inland - ROAD) / depth).astype(int)
    town = inland > ROAD
    lushness = rng.normal(0, 0.45, (64, 64)).astype(np.float32)[row % 64, column % 64]
    has_hedge = rng.random((64, 64))[row % 64, column % 64] < 0.7
    centre_distance = np.minimum(
        np.abs(s % width - width / 2), np.abs((inland - ROAD) % depth - depth / 2) + 4
    )
    hedge = has_hedge & town & (width / 2 - centre_distance < 0.6)
    return np.where(town, lushness, 0).astype(np.float32), hedge.astype(np.float32)


def _paint_roads(
    colour: FloatArray, s: FloatArray, inland: FloatArray, grain: FloatArray, patches: FloatArray
) -> None:
    """Paint the shore road with its markings and the grid of streets behind it."""
    shore_road = np.abs(inland - ROAD)
    streets = np.where(inland > ROAD, street_distance(s, inland) - 3.1, 99)
    distance = np.minimum(shore_road - 4.6, streets)
    index = np.flatnonzero(distance < 1.6 + GSD)
    distance, shore_road, s = distance[index], shore_road[index], s[index]
    grain, patches, road_colour = grain[index], patches[index], colour[index]
    pavement = np.asarray((0.60, 0.58, 0.54), np.float32) * (1 + 0.04 * grain)[:, None]
    blend_colour(road_colour, np.clip(0.5 - (distance - 1.6) / GSD, 0, 1), pavement)
    asphalt = 0.36 * (1 + 0.05 * grain + 0.06 * patches)[:, None]
    blend_colour(road_colour, np.clip(0.5 - distance / GSD, 0, 1), asphalt)
    edge_line = np.abs(shore_road - 4.2)
    # The line along the centre is dashed.
    line = np.where(s % 7 < 3.2, np.minimum(shore_road, edge_line), edge_line)
    blend_colour(road_colour, np.clip(0.5 - (line - 0.08) / GSD, 0, 0.6), 0.8)
    colour[index] = road_colour


def _paint_breakwaters(canvas: Canvas, ground: GroundPlan, rng: Generator) -> None:
    """Paint breakwaters of heaped stones."""
    index, distance = _pixels_within(ground.breakwaters, canvas.size, 1.5)
    y, x = (axis * GSD for axis in np.divmod(index, canvas.size))
    stone, border = stone_cells(rng, x.astype(np.float32), y.astype(np.float32), 1.7)
    n_stones = int(stone.max(initial=0)) + 1
    brightness = rng.normal(0.52, 0.085, n_stones).astype(np.float32)[stone]
    lift = rng.normal(0, 1.1, n_stones).astype(np.float32)[stone]
    edge = np.clip(0.5 - (distance + lift * 0.9) / GSD, 0, 1).astype(np.float32)
    shading = brightness * np.clip(0.5 + 1.6 * border, 0.45, 1.0)
    colour = shading[:, None] * np.asarray((1.0, 0.96, 0.89), np.float32)
    colour *= np.clip(1.02 - 0.45 * np.exp(distance / 2.2), 0.5, 1)[:, None]
    canvas.blend(index, edge, colour)
    # Each stone has a height of its own, so that it casts a shadow of its own.
    crest = np.clip(-distance * 0.7, 0, 3.0) + 0.45 * lift + 0.6 * np.clip(border, 0, 0.7)
    canvas.height[index] = np.where(edge > 0.5, np.clip(crest, 0.1, 5), 0)


def _paint_quays(canvas: Canvas, site: Site, ground: GroundPlan) -> None:
    """Paint concrete with joints and stains, asphalt yards, and an edge beam with fenders."""
    index, distance = _pixels_within(ground.quays, canvas.size, 1.2)
    grain, patches = canvas.grain[index], canvas.patches[index]
    s, t = site.axes(*np.divmod(index, canvas.size), canvas.size)
    seaward_side = t > site.quay_edge + WATERLINE - 14
    brightness = 0.57 + 0.03 * patches + 0.018 * grain
    joint = (s % 7.5 < GSD) | (t % 7.5 < GSD)
    brightness = np.where(joint, brightness * 0.9, brightness)
    asphalt = 0.40 + 0.05 * np.round(np.clip(patches, -1, 1)) + 0.022 * grain
    brightness = np.where(t < site.quay_edge - APRON, asphalt, brightness)
    brightness *= 1 - 0.12 * np.clip(np.sin(s / 3.1 + patches) + patches - 0.9, 0, 1)
    # The edge beam, and a painted line behind it.
    brightness = np.where((distance > -0.9) & seaward_side, 0.66, brightness)
    brightness = np.where((np.abs(distance + 2.6) < 0.14) & seaward_side, 0.72, brightness)
    colour = brightness[:, None] * np.asarray((1.0, 0.975, 0.92), np.float32)
    fender_line = (distance > -0.15) & seaward_side
    fender = fender_line & (s % 6 < 1.0)
    colour[fender | (fender_line & (t % 6 < 1.0))] = 0.1
    canvas.blend(index, np.clip(0.5 - (distance - 0.3 * fender) / GSD, 0, 1), colour)
    canvas.height[index] = np.where(distance < 0, 2.2, canvas.height[index])
