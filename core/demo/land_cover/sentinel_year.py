"""A year of Sentinel-2 images of an area: seasons, clouds with their shadows, and snow."""

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array

from core.demo.land_cover.ground_cover import GroundWindow
from core.demo.land_cover.land_objects import Cover, cover_table
from core.demo.land_cover.land_plan import AREA, LandPlan
from core.demo.random_fields import fractal_noise
from core.types import AnyArray, ByteArray, FloatArray

PIXEL = 10.0
"""Metres per pixel of the images."""
SIDE = round(AREA / PIXEL)
"""Pixels along one side of the images."""
COARSE = 2.5
"""Metres per pixel of the ground from which the images are averaged."""
N_DATES = 24
# Ground lies under snow on two dates in winter; some dates are mostly cloudy.
SNOW_DATES = (0, 23)
_OVERCAST_PROBABILITY = 0.25

# Reflectance in B2, B3, B4, B5, B6, B7, B8, B8A, B11 and B12 at the peak of each class's
# growing season; then the day of the year of the peak, and the season's standard deviation in days.
_PEAK = cover_table(
    {
        Cover.BUILDING: (0.11, 0.13, 0.18, 0.20, 0.21, 0.22, 0.23, 0.24, 0.27, 0.25, 180, 120),
        Cover.PERVIOUS: (0.13, 0.16, 0.19, 0.21, 0.23, 0.24, 0.25, 0.26, 0.30, 0.27, 180, 120),
        Cover.IMPERVIOUS: (0.10, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.16, 0.18, 0.17, 180, 120),
        Cover.BARE: (0.10, 0.13, 0.17, 0.20, 0.22, 0.23, 0.25, 0.27, 0.33, 0.29, 180, 120),
        Cover.WATER: (0.05, 0.05, 0.035, 0.03, 0.025, 0.02, 0.018, 0.016, 0.01, 0.007, 180, 90),
        Cover.CONIFEROUS: (0.022, 0.035, 0.024, 0.045, 0.14, 0.18, 0.2, 0.21, 0.1, 0.045, 180, 130),
        Cover.DECIDUOUS: (0.025, 0.05, 0.028, 0.075, 0.26, 0.35, 0.38, 0.41, 0.18, 0.08, 190, 75),
        Cover.BRUSHWOOD: (0.035, 0.06, 0.05, 0.09, 0.18, 0.22, 0.24, 0.26, 0.20, 0.12, 150, 90),
        Cover.VINEYARD: (0.05, 0.08, 0.08, 0.12, 0.20, 0.24, 0.26, 0.28, 0.26, 0.18, 205, 55),
        Cover.HERBACEOUS: (0.035, 0.07, 0.04, 0.10, 0.25, 0.31, 0.33, 0.36, 0.21, 0.11, 125, 80),
        Cover.AGRICULTURAL: (0.03, 0.06, 0.035, 0.09, 0.27, 0.36, 0.39, 0.42, 0.19, 0.09, 135, 45),
        Cover.PLOWED_LAND: (0.05, 0.08, 0.07, 0.11, 0.18, 0.21, 0.23, 0.25, 0.24, 0.17, 120, 35),
        Cover.POOL: (0.15, 0.18, 0.09, 0.07, 0.06, 0.06, 0.06, 0.06, 0.05, 0.04, 190, 80),
        Cover.CLEAR_CUT: (0.05, 0.08, 0.08, 0.11, 0.18, 0.20, 0.22, 0.24, 0.27, 0.19, 170, 80),
        Cover.GREENHOUSE: (0.19, 0.21, 0.22, 0.24, 0.26, 0.27, 0.28, 0.29, 0.26, 0.22, 180, 90),
    }
)
# Reflectance in the same bands outside the growing season.
_BASE_REFLECTANCE = cover_table(
    {
        Cover.BUILDING: (0.11, 0.13, 0.17, 0.19, 0.20, 0.21, 0.22, 0.23, 0.27, 0.25),
        Cover.PERVIOUS: (0.12, 0.15, 0.18, 0.20, 0.21, 0.22, 0.23, 0.24, 0.28, 0.26),
        Cover.IMPERVIOUS: (0.10, 0.11, 0.12, 0.13, 0.13, 0.14, 0.15, 0.15, 0.17, 0.16),
        Cover.BARE: (0.09, 0.12, 0.15, 0.18, 0.20, 0.21, 0.23, 0.25, 0.30, 0.27),
        Cover.WATER: (0.06, 0.06, 0.045, 0.035, 0.03, 0.025, 0.02, 0.018, 0.012, 0.01),
        Cover.CONIFEROUS: (0.025, 0.033, 0.026, 0.045, 0.12, 0.15, 0.17, 0.18, 0.09, 0.042),
        Cover.DECIDUOUS: (0.045, 0.055, 0.065, 0.095, 0.14, 0.16, 0.17, 0.20, 0.21, 0.14),
        Cover.BRUSHWOOD: (0.045, 0.06, 0.07, 0.10, 0.15, 0.17, 0.19, 0.21, 0.22, 0.15),
        Cover.VINEYARD: (0.08, 0.10, 0.13, 0.15, 0.17, 0.18, 0.20, 0.22, 0.28, 0.24),
        Cover.HERBACEOUS: (0.06, 0.09, 0.10, 0.14, 0.20, 0.23, 0.25, 0.27, 0.28, 0.19),
        Cover.AGRICULTURAL: (0.08, 0.11, 0.14, 0.17, 0.20, 0.22, 0.24, 0.26, 0.31, 0.25),
        Cover.PLOWED_LAND: (0.07, 0.09, 0.115, 0.14, 0.15, 0.16, 0.17, 0.19, 0.25, 0.22),
        Cover.POOL: (0.13, 0.16, 0.08, 0.07, 0.06, 0.06, 0.06, 0.06, 0.05, 0.04),
        Cover.CLEAR_CUT: (0.06, 0.08, 0.10, 0.12, 0.15, 0.16, 0.18, 0.20, 0.26, 0.20),
        Cover.GREENHOUSE: (0.19, 0.21, 0.22, 0.24, 0.25, 0.26, 0.27, 0.28, 0.26, 0.22),
    }
)
_CLOUD = np.array((0.55, 0.54, 0.55, 0.56, 0.57, 0.57, 0.58, 0.58, 0.42, 0.33), np.float32)
_SNOW = np.array((0.72, 0.71, 0.70, 0.69, 0.68, 0.67, 0.66, 0.64, 0.10, 0.09), np.float32)


def observe_year(
    plan: LandPlan, ground: GroundWindow, rng: Generator
) -> tuple[AnyArray, ByteArray, list[str]]:
    """Return a year of images of an area, their masks, and the name of each date's product.

    `ground` is the whole area at COARSE metres per pixel. The images, uint16 (t, 10, SIDE, SIDE),
    hold reflectance times 10 000; the masks, uint8 (t, 2, SIDE, SIDE), the probabilities of snow
    and of cloud, 0..100.
    """
    year = int(plan.domain.name[-4:])
    days = np.sort(7 + np.arange(N_DATES) * 15 + rng.integers(-4, 5, N_DATES))
    clear_images = _clear_images(plan, ground, days)
    data = np.empty((N_DATES, 10, SIDE, SIDE), np.uint16)
    masks = np.empty((N_DATES, 2, SIDE, SIDE), np.uint8)
    water = clear_images[0, 6] < 0.06
    for date in range(N_DATES):
        image = gaussian_filter(clear_images[date], (0, 0.5, 0.5), truncate=2.0)
        # Haze and the height of the sun change from date to date, and slightly between bands.
        image *= rng.normal(1, 0.05) * rng.normal(1, 0.02, 10).astype(np.float32)[:, None, None]
        image += 0.004 * rng.standard_normal(image.shape, np.float32)
        snow = np.zeros((SIDE, SIDE), np.float32)
        if date in SNOW_DATES:
            snow = np.clip(0.9 + 0.25 * fractal_noise(rng, SIDE, 24, 2), 0, 1) * ~water
            image += snow * 0.85 * (_SNOW[:, None, None] - image)
        cloud = _clouds(rng)
        cloud_shadow = np.zeros_like(cloud)
        cloud_shadow[9:, :-4] = cloud[:-9, 4:]
        cloud_shadow *= 1 - cloud
        image *= 1 - 0.45 * cloud_shadow
        image += cloud * (_CLOUD[:, None, None] * rng.uniform(0.8, 1.3) - image)
        data[date] = np.clip(image * 10_000 + 0.5, 1, 65_535)
        for channel, share in enumerate((snow * (1 - cloud), cloud)):
            probability = 100 * share + 4 * rng.standard_normal(share.shape, np.float32)
            masks[date, channel] = np.clip(probability, 0, 100)
    return data, masks, [_product(year, int(day), date) for date, day in enumerate(days)]


def _clear_images(plan: LandPlan, ground: GroundWindow, days: AnyArray) -> FloatArray:
    """Return the cloudless reflectance on each date, float32 (t, 10, SIDE, SIDE)."""
    # A material is a combination of a class with a parcel, or with roads or tracks.
    n_parcels = len(plan.bounds) + 2
    key = ground.cover.astype(np.int64) * n_parcels + ground.parcel % n_parcels
    materials, material = np.unique(key, return_inverse=True)
    cover, parcel = np.divmod(materials, n_parcels)
    reflectance = _material_reflectance(plan, cover, parcel, days)
    row, column = np.divmod(np.arange(ground.size**2), ground.size)
    scale = round(PIXEL / COARSE)
    pixel = row // scale * SIDE + column // scale
    shares = coo_array(
        (np.full(pixel.size, 1 / scale**2, np.float32), (pixel, material)),
        shape=(SIDE * SIDE, len(materials)),
    ).tocsr()
    images = shares @ reflectance.reshape(len(materials), -1)
    images = images.reshape(SIDE, SIDE, N_DATES, 10).transpose(2, 3, 0, 1)
    return np.ascontiguousarray(images, np.float32)


def _material_reflectance(
    plan: LandPlan, cover: AnyArray, parcel: AnyArray, days: AnyArray
) -> FloatArray:
    """Return the reflectance of each material on each date, float32 (m, t, 10)."""
    peak, base = _PEAK[cover, None, :10], _BASE_REFLECTANCE[cover][:, None]
    traits, dryness = plan.traits_at(parcel), plan.domain.dryness
    peak_day, duration = _PEAK[cover, 10:].T
    # The season comes earlier in a dry domain, and in each field at a slightly different time.
    peak_day = peak_day + (20 * (traits[:, 2] - 0.5) - 20 * (dryness - 0.4))
    vigour = np.exp(-0.5 * ((days[None, :] - peak_day[:, None]) / duration[:, None]) ** 2)
    vigour *= (1.1 - 0.35 * dryness + 0.35 * (traits[:, 1] - 0.5))[:, None]
    vigour = np.clip(vigour, 0, 1)[..., None].astype(np.float32)
    brightness = (1 + 0.14 * (traits[:, 0] - 0.5))[:, None, None]
    return np.asarray((base + vigour * (peak - base)) * brightness, np.float32)


def _clouds(rng: Generator) -> FloatArray:
    """Return the opacity of the clouds on one date, float32 (SIDE, SIDE), 0..1."""
    noise = fractal_noise(rng, SIDE, 48, 1.5, gain=0.6)
    is_overcast = rng.random() < _OVERCAST_PROBABILITY
    share = rng.uniform(0.6, 1.0) if is_overcast else rng.beta(0.4, 6.0)
    if share < 0.02:
        return np.zeros((SIDE, SIDE), np.float32)
    edge = np.quantile(noise, 1 - share)
    return np.asarray(np.clip((noise - edge) / 0.35, 0, 1), np.float32)


def _product(year: int, day: int, number: int) -> str:
    """Return the name of the Sentinel-2 product for a day of the year, counted from 1."""
    date = str(np.datetime64(f"{year}-01-01") + np.timedelta64(day - 1, "D")).replace("-", "")
    return f"S2{'AB'[number % 2]}_MSIL2A_{date}T105021_N0500_R051_T31TDJ_{date}T140812"
