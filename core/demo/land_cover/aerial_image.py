"""The aerial image of the ground: red, green, blue, near infrared, and elevation."""

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter

from core.demo.harbour.canvas import GSD as HARBOUR_GSD
from core.demo.harbour.sensor import cast_shadows
from core.demo.land_cover.ground_cover import GroundWindow
from core.demo.land_cover.land_objects import Cover, cover_table
from core.demo.land_cover.land_plan import ROAD, TRACK, LandPlan
from core.demo.random_fields import fractal_noise
from core.types import ByteArray, FloatArray

COUNTS_PER_METRE = 5.0
"""Digital numbers per metre of elevation: a resolution of 0.2 m and a maximum of 51 m."""

# Digital numbers of an aerial camera in red, green, blue and near infrared for lush and for dry
# ground; then the amplitudes of fine grain, of clumps of a few metres and of broad patches, and how
# much parcels differ from each other.
_APPEARANCE = {
    Cover.BUILDING: ((176, 124, 100, 138), (176, 124, 100, 138), (0.06, 0.05, 0.03, 0)),
    Cover.PERVIOUS: ((158, 148, 128, 150), (178, 164, 140, 166), (0.07, 0.08, 0.08, 0.7)),
    Cover.IMPERVIOUS: ((124, 124, 122, 112), (136, 133, 127, 122), (0.035, 0.04, 0.05, 0.5)),
    Cover.BARE: ((168, 146, 118, 160), (192, 166, 130, 178), (0.07, 0.09, 0.11, 0.7)),
    Cover.WATER: ((52, 70, 66, 34), (66, 80, 68, 42), (0.03, 0.03, 0.08, 0.5)),
    Cover.CONIFEROUS: ((58, 74, 58, 112), (68, 80, 60, 116), (0.12, 0.12, 0.06, 0.5)),
    Cover.DECIDUOUS: ((66, 92, 58, 162), (88, 98, 62, 148), (0.12, 0.13, 0.08, 0.5)),
    Cover.BRUSHWOOD: ((84, 98, 68, 140), (116, 112, 78, 136), (0.12, 0.15, 0.10, 0.7)),
    Cover.VINEYARD: ((86, 106, 66, 156), (102, 108, 70, 146), (0.11, 0.08, 0.07, 0.7)),
    Cover.HERBACEOUS: ((96, 120, 74, 168), (150, 142, 98, 160), (0.06, 0.08, 0.10, 0.7)),
    Cover.AGRICULTURAL: ((84, 116, 68, 178), (192, 170, 118, 178), (0.045, 0.05, 0.06, 1.5)),
    Cover.PLOWED_LAND: ((132, 112, 92, 124), (164, 138, 110, 150), (0.06, 0.07, 0.10, 0.7)),
    Cover.POOL: ((104, 182, 196, 66), (104, 182, 196, 66), (0.05, 0.02, 0.02, 0)),
    Cover.CLEAR_CUT: ((128, 116, 92, 138), (150, 130, 102, 146), (0.13, 0.16, 0.10, 0.7)),
    Cover.GREENHOUSE: ((202, 206, 204, 190), (202, 206, 204, 190), (0.04, 0.02, 0.03, 0)),
}
_LUSH, _DRY, _VARIATION = (
    cover_table({cover: columns[part] for cover, columns in _APPEARANCE.items()})
    for part in range(3)
)
_SLATE = np.array((112, 116, 124, 108), np.float32)
SKYLIGHT = np.array((0.40, 0.45, 0.53, 0.36), np.float32)
"""Share of the light that reaches a shadow; skylight is blue and poor in infrared."""


def paint_aerial_image(plan: LandPlan, ground: GroundWindow, rng: Generator) -> ByteArray:
    """Return the aerial image of a window on which objects have been placed.

    The bands, uint8 (5, size, size), are red, green, blue, near infrared and elevation.
    """
    size = ground.size
    grain = fractal_noise(rng, size, 4, 1, gain=1.0).ravel()
    clumps = fractal_noise(rng, size, 24, 4, gain=0.8).ravel()
    patches = fractal_noise(rng, size, 160, 16, gain=0.6).ravel()
    colour = _colours(plan, ground, clumps, patches)
    variation = _VARIATION[ground.cover]
    brightness = 1 + variation[:, 0] * grain + variation[:, 1] * clumps + variation[:, 2] * patches
    brightness *= ground.roof_light
    colour *= brightness[:, None]
    slope_light, shadow = _light(plan, ground)
    image = np.empty((5, size, size), np.uint8)
    for band in range(4):
        counts = (colour[:, band] * plan.domain.gain[band]).reshape(size, size)
        counts = counts * (slope_light * (1 - shadow * (1 - SKYLIGHT[band])))
        counts = gaussian_filter(counts + 7.0, 0.55, truncate=2.5)
        counts += (1.6 + 0.012 * counts) * rng.standard_normal(counts.shape, np.float32)
        image[band] = np.clip(counts + 0.5, 0, 255)
    height = gaussian_filter(ground.height.reshape(size, size), 1.6, truncate=2.5)
    height += 0.22 * fractal_noise(rng, size, 40, 3, gain=0.8)
    image[4] = np.clip(height * COUNTS_PER_METRE + 0.5, 0, 255)
    return image


def _colours(
    plan: LandPlan, ground: GroundWindow, clumps: FloatArray, patches: FloatArray
) -> FloatArray:
    """Return the colours in full sunlight without fine grain, float32 (n, 4)."""
    cover, domain = ground.cover, plan.domain
    traits, parcel_contrast = plan.traits_at(ground.parcel), _VARIATION[cover, 3]
    dryness = domain.dryness + parcel_contrast * (traits[:, 1] - 0.5)
    dryness = dryness + 0.10 * patches + 0.05 * clumps
    trees = np.isin(cover, (Cover.CONIFEROUS, Cover.DECIDUOUS, Cover.BRUSHWOOD))
    trees &= ground.height > 0.8
    dryness = np.where(trees, domain.dryness + 0.7 * (ground.tone - 0.5), dryness)
    dryness = np.clip(dryness, 0, 1)[:, None]
    colour: FloatArray = _LUSH[cover] * (1 - dryness) + _DRY[cover] * dryness
    brightness = 1 + 0.16 * parcel_contrast * (traits[:, 0] - 0.5)
    objects = np.isin(cover, (Cover.BUILDING, Cover.GREENHOUSE, Cover.POOL)) | trees
    brightness = np.where(objects, 1 + 0.30 * (ground.tone - 0.5), brightness)
    colour *= brightness[:, None]
    slate = (cover == Cover.BUILDING) & (ground.tone > domain.tiled_fraction)
    colour[slate] = _SLATE * brightness[slate, None]
    _paint_rows(ground, colour, traits, clumps)
    _paint_roads(ground, colour)
    return colour


def _paint_rows(
    ground: GroundWindow, colour: FloatArray, traits: FloatArray, clumps: FloatArray
) -> None:
    """Paint the ground between rows of vines, furrows of ploughed land and tracks in crops."""
    cover, row_phase = ground.cover, ground.row_phase
    vines = np.flatnonzero(cover == Cover.VINEYARD)
    between_vines = vines[np.abs(row_phase[vines] - 0.5) > 0.20 + 0.05 * clumps[vines]]
    has_grass = traits[between_vines, 1] < 0.5
    grass, soil = _DRY[Cover.HERBACEOUS], _LUSH[Cover.BARE]
    colour[between_vines] = np.where(has_grass[:, None], grass, soil) * 0.92
    plowed_land = cover == Cover.PLOWED_LAND
    colour[plowed_land] *= (1 + 0.09 * np.sin(2 * np.pi * row_phase[plowed_land]))[:, None]
    wheel_tracks = (np.abs(row_phase - 0.44) < 0.025) | (np.abs(row_phase - 0.56) < 0.025)
    wheel_tracks &= cover == Cover.AGRICULTURAL
    colour[wheel_tracks] = 0.55 * colour[wheel_tracks] + 0.45 * _DRY[Cover.PLOWED_LAND]


def _paint_roads(ground: GroundWindow, colour: FloatArray) -> None:
    """Paint dashes along the centre of roads and grass along the centre of tracks."""
    dashes = (ground.parcel == ROAD) & (ground.distance < 0.13) & ((ground.s + ground.t) % 6 < 3)
    colour[dashes & (ground.cover == Cover.IMPERVIOUS)] = 205
    grass = (ground.parcel == TRACK) & (ground.distance < 0.35) & (ground.cover == Cover.PERVIOUS)
    colour[grass] = 0.5 * colour[grass] + 0.5 * _DRY[Cover.HERBACEOUS]


def _light(plan: LandPlan, ground: GroundWindow) -> tuple[FloatArray, FloatArray]:
    """Return the brightness of slopes and the shadows, 0..1, both float32 (size, size)."""
    height = ground.height.reshape(ground.size, ground.size).astype(np.float32)
    dx, dy, sun_slope = plan.domain.sun
    # `cast_shadows` assumes the pixel size of the harbour.
    shadow = cast_shadows(height, (dx, dy), sun_slope * ground.gsd / HARBOUR_GSD)
    shadow = gaussian_filter(shadow, 0.6, truncate=2.5)
    smooth_height = gaussian_filter(height, 1.0, truncate=2.5)
    rise_down, rise_right = np.gradient(smooth_height, ground.gsd)
    # Shadows fall along (dx, dy), away from the sun: a surface that rises that way is lit.
    facing = rise_right * dx + rise_down * dy
    slope_light = 1 + 0.28 * np.tanh(0.9 * facing)
    return np.asarray(slope_light, np.float32), np.asarray(shadow, np.float32)
