"""An aerial picture of the ground: red, green, blue, near infrared, and elevation."""

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter

from core.demo.harbour.sensor import shadows
from core.demo.land_cover.ground_cover import Ground
from core.demo.land_cover.land_objects import Cover
from core.demo.land_cover.land_plan import ROAD, TRACK, Plan
from core.demo.random_fields import fractal
from core.types import ByteArray, FloatArray

COUNTS_PER_METRE = 5.0
"""Elevation is coded at 0.2 m a count, so that it ends at 51 m."""

# Red, green, blue, near infrared as an aerial camera would count them, lush and dry; then how
# strongly fine grain, clumps of metres, and broad patches show.
_LOOK: dict[int, tuple[tuple[float, ...], tuple[float, ...], tuple[float, float, float]]] = {
    Cover.BUILDING: ((176, 124, 100, 138), (176, 124, 100, 138), (0.06, 0.05, 0.03)),
    Cover.PERVIOUS: ((158, 148, 128, 150), (178, 164, 140, 166), (0.07, 0.08, 0.08)),
    Cover.IMPERVIOUS: ((124, 124, 122, 112), (136, 133, 127, 122), (0.035, 0.04, 0.05)),
    Cover.BARE: ((168, 146, 118, 160), (192, 166, 130, 178), (0.07, 0.09, 0.11)),
    Cover.WATER: ((52, 70, 66, 34), (66, 80, 68, 42), (0.03, 0.03, 0.08)),
    Cover.CONIFEROUS: ((58, 74, 58, 112), (68, 80, 60, 116), (0.12, 0.12, 0.06)),
    Cover.DECIDUOUS: ((66, 92, 58, 162), (88, 98, 62, 148), (0.12, 0.13, 0.08)),
    Cover.BRUSHWOOD: ((84, 98, 68, 140), (116, 112, 78, 136), (0.12, 0.15, 0.10)),
    Cover.VINEYARD: ((86, 106, 66, 156), (102, 108, 70, 146), (0.11, 0.08, 0.07)),
    Cover.HERBACEOUS: ((96, 120, 74, 168), (150, 142, 98, 160), (0.06, 0.08, 0.10)),
    Cover.AGRICULTURAL: ((84, 116, 68, 178), (192, 170, 118, 178), (0.045, 0.05, 0.06)),
    Cover.PLOWED_LAND: ((132, 112, 92, 124), (164, 138, 110, 150), (0.06, 0.07, 0.10)),
    Cover.POOL: ((104, 182, 196, 66), (104, 182, 196, 66), (0.05, 0.02, 0.02)),
    Cover.CLEAR_CUT: ((128, 116, 92, 138), (150, 130, 102, 146), (0.13, 0.16, 0.10)),
    Cover.GREENHOUSE: ((202, 206, 204, 190), (202, 206, 204, 190), (0.04, 0.02, 0.03)),
}  # fmt: skip
_SLATE = np.array((112, 116, 124, 108), np.float32)
_TABLE = np.zeros((20, 2, 4), np.float32)
_ROUGH = np.zeros((20, 3), np.float32)
for _cover, (_lush, _dry, _rough) in _LOOK.items():
    _TABLE[_cover] = (_lush, _dry)
    _ROUGH[_cover] = _rough
SKYLIGHT = np.array((0.40, 0.45, 0.53, 0.36), np.float32)
"""Share of light that reaches a shadow; bluer than the sun's, and poor in infrared."""
# Those of one parcel look alike, and each parcel looks a little different.
_SHARED = np.zeros(20, np.float32)
_SHARED[[Cover.AGRICULTURAL]] = 1.5
_SHARED[
    [
        Cover.HERBACEOUS,
        Cover.BRUSHWOOD,
        Cover.VINEYARD,
        Cover.PLOWED_LAND,
        Cover.BARE,
        Cover.PERVIOUS,
        Cover.CLEAR_CUT,
    ]
] = 0.7
_SHARED[[Cover.DECIDUOUS, Cover.CONIFEROUS, Cover.WATER, Cover.IMPERVIOUS]] = 0.5


def paint(plan: Plan, ground: Ground, rng: Generator) -> ByteArray:
    """The five bands that the camera and the elevation model give of a window.

    Parameters
    ----------
    plan : Plan
    ground : Ground
        With everything that stands on it.
    rng : numpy Generator

    Returns
    -------
    uint8 array, (5, size, size)
    """
    size = ground.size
    grain = fractal(rng, size, 4, 1, gain=1.0).ravel()
    clump = fractal(rng, size, 24, 4, gain=0.8).ravel()
    broad = fractal(rng, size, 160, 16, gain=0.6).ravel()
    colour = _colour(plan, ground, clump, broad)
    rough = _ROUGH[ground.cover]
    bright = 1 + rough[:, 0] * grain + rough[:, 1] * clump + rough[:, 2] * broad
    bright *= ground.lit
    colour *= bright[:, None]
    light = _light(plan, ground)
    country = plan.country
    picture = np.empty((5, size, size), np.uint8)
    for band in range(4):
        plane = (colour[:, band] * country.gain[band]).reshape(size, size)
        plane = plane * (light[0] * (1 - light[1] * (1 - SKYLIGHT[band])))
        plane = gaussian_filter(plane + 7.0, 0.55, truncate=2.5)
        plane += (1.6 + 0.012 * plane) * rng.standard_normal(plane.shape, np.float32)
        picture[band] = np.clip(plane + 0.5, 0, 255)
    height = gaussian_filter(ground.height.reshape(size, size), 1.6, truncate=2.5)
    height += 0.22 * fractal(rng, size, 40, 3, gain=0.8)
    picture[4] = np.clip(height * COUNTS_PER_METRE + 0.5, 0, 255)
    return picture


def _colour(plan: Plan, ground: Ground, clump: FloatArray, broad: FloatArray) -> FloatArray:
    """Colours in full sun before grain, float32 (n, 4)."""
    cover, parcel = ground.cover, ground.parcel
    # Ways stand at -2 and -1: two more rows at the end.
    tones = np.vstack([plan.tones, np.full((2, 4), 0.5)]).astype(np.float32)
    shared = _SHARED[cover]
    dry = plan.country.dry + shared * (tones[parcel, 1] - 0.5) + 0.10 * broad + 0.05 * clump
    trees = np.isin(cover, (Cover.CONIFEROUS, Cover.DECIDUOUS, Cover.BRUSHWOOD)) & (
        ground.height > 0.8
    )
    dry = np.where(trees, plan.country.dry + 0.7 * (ground.tone - 0.5), dry)
    dry = np.clip(dry, 0, 1)[:, None]
    colour: FloatArray = _TABLE[cover, 0] * (1 - dry) + _TABLE[cover, 1] * dry
    brightness = 1 + 0.16 * shared * (tones[parcel, 0] - 0.5)
    things = np.isin(cover, (Cover.BUILDING, Cover.GREENHOUSE, Cover.POOL)) | trees
    brightness = np.where(things, 1 + 0.30 * (ground.tone - 0.5), brightness)
    colour *= brightness[:, None]
    slate = (cover == Cover.BUILDING) & (ground.tone > plan.country.roof)
    colour[slate] = _SLATE * brightness[slate, None]
    _rows(ground, colour, tones, clump)
    _roads(ground, colour)
    return colour


def _rows(ground: Ground, colour: FloatArray, tones: FloatArray, clump: FloatArray) -> None:
    """Vines and the ground between them, furrows, tramlines."""
    cover, rows = ground.cover, ground.rows
    vines = np.flatnonzero(cover == Cover.VINEYARD)
    bare = np.abs(rows[vines] - 0.5) > 0.20 + 0.05 * clump[vines]
    between = vines[bare]
    grassed = tones[ground.parcel[between], 1] < 0.5
    colour[between] = (
        np.where(grassed[:, None], _TABLE[Cover.HERBACEOUS, 1], _TABLE[Cover.BARE, 0]) * 0.92
    )
    plowed = cover == Cover.PLOWED_LAND
    colour[plowed] *= (1 + 0.09 * np.sin(2 * np.pi * rows[plowed]))[:, None]
    crop = cover == Cover.AGRICULTURAL
    wheels = crop & ((np.abs(rows - 0.44) < 0.025) | (np.abs(rows - 0.56) < 0.025))
    colour[wheels] = 0.55 * colour[wheels] + 0.45 * _TABLE[Cover.PLOWED_LAND, 1]


def _roads(ground: Ground, colour: FloatArray) -> None:
    """Dashes in the middle of roads, and grass in the middle of tracks."""
    dashes = (ground.parcel == ROAD) & (ground.distance < 0.13) & ((ground.s + ground.t) % 6 < 3)
    colour[dashes & (ground.cover == Cover.IMPERVIOUS)] = 205
    track = (ground.parcel == TRACK) & (ground.distance < 0.35) & (ground.cover == Cover.PERVIOUS)
    colour[track] = 0.5 * colour[track] + 0.5 * _TABLE[Cover.HERBACEOUS, 1]


def _light(plan: Plan, ground: Ground) -> tuple[FloatArray, FloatArray]:
    """Brightness of slopes, and where shadows fall, 0..1; (size, size) each."""
    size = ground.size
    height = ground.height.reshape(size, size).astype(np.float32)
    dx, dy, slope = plan.country.sun
    # `shadows` counts in the harbour's pixels of 0.3 m.
    shade = shadows(height, (dx, dy), slope * ground.step / 0.3)
    shade = gaussian_filter(shade, 0.6, truncate=2.5)
    smooth = gaussian_filter(height, 1.0, truncate=2.5)
    down, right = np.gradient(smooth, ground.step)
    # Shadows fall along (dx, dy), so the sun stands the other way: rising along it is lit.
    facing = right * dx + down * dy
    slopes = 1 + 0.28 * np.tanh(0.9 * facing)
    return np.asarray(slopes, np.float32), np.asarray(shade, np.float32)
