"""A year of Sentinel-2 over an area: seasons, clouds, their shadows, snow."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array

from core.demo.land_cover.ground_cover import Ground
from core.demo.land_cover.land_objects import Cover
from core.demo.land_cover.land_plan import AREA, Plan
from core.demo.random_fields import fractal
from core.types import AnyArray, ByteArray, FloatArray

PIXEL = 10.0
"""Metres."""
SIDE = round(AREA / PIXEL)
COARSE = 2.5
"""Metres a pixel of the ground that Sentinel's pixels are averaged from."""
N_DATES = 24
# Two dates in winter lie under snow, some under cloud for the most part.
SNOWY = (0, 23)
_OVERCAST = 0.25

# Reflectance in B2 B3 B4 B5 B6 B7 B8 B8A B11 B12 at the season's height and out of it; the day of
# the height and how many days it lasts.
_YEAR: dict[int, tuple[tuple[float, ...], tuple[float, ...], int, int]] = {
    Cover.BUILDING: (
        (.11, .13, .18, .20, .21, .22, .23, .24, .27, .25),
        (.11, .13, .17, .19, .20, .21, .22, .23, .27, .25),
        180, 120,
    ),
    Cover.PERVIOUS: (
        (.13, .16, .19, .21, .23, .24, .25, .26, .30, .27),
        (.12, .15, .18, .20, .21, .22, .23, .24, .28, .26),
        180, 120,
    ),
    Cover.IMPERVIOUS: (
        (.10, .11, .12, .13, .14, .15, .16, .16, .18, .17),
        (.10, .11, .12, .13, .13, .14, .15, .15, .17, .16),
        180, 120,
    ),
    Cover.BARE: (
        (.10, .13, .17, .20, .22, .23, .25, .27, .33, .29),
        (.09, .12, .15, .18, .20, .21, .23, .25, .30, .27),
        180, 120,
    ),
    Cover.WATER: (
        (.05, .05, .035, .03, .025, .02, .018, .016, .01, .007),
        (.06, .06, .045, .035, .03, .025, .02, .018, .012, .01),
        180, 90,
    ),
    Cover.CONIFEROUS: (
        (.022, .035, .024, .045, .14, .18, .20, .21, .10, .045),
        (.025, .033, .026, .045, .12, .15, .17, .18, .09, .042),
        180, 130,
    ),
    Cover.DECIDUOUS: (
        (.025, .05, .028, .075, .26, .35, .38, .41, .18, .08),
        (.045, .055, .065, .095, .14, .16, .17, .20, .21, .14),
        190, 75,
    ),
    Cover.BRUSHWOOD: (
        (.035, .06, .05, .09, .18, .22, .24, .26, .20, .12),
        (.045, .06, .07, .10, .15, .17, .19, .21, .22, .15),
        150, 90,
    ),
    Cover.VINEYARD: (
        (.05, .08, .08, .12, .20, .24, .26, .28, .26, .18),
        (.08, .10, .13, .15, .17, .18, .20, .22, .28, .24),
        205, 55,
    ),
    Cover.HERBACEOUS: (
        (.035, .07, .04, .10, .25, .31, .33, .36, .21, .11),
        (.06, .09, .10, .14, .20, .23, .25, .27, .28, .19),
        125, 80,
    ),
    Cover.AGRICULTURAL: (
        (.03, .06, .035, .09, .27, .36, .39, .42, .19, .09),
        (.08, .11, .14, .17, .20, .22, .24, .26, .31, .25),
        135, 45,
    ),
    Cover.PLOWED_LAND: (
        (.05, .08, .07, .11, .18, .21, .23, .25, .24, .17),
        (.07, .09, .115, .14, .15, .16, .17, .19, .25, .22),
        120, 35,
    ),
    Cover.POOL: (
        (.15, .18, .09, .07, .06, .06, .06, .06, .05, .04),
        (.13, .16, .08, .07, .06, .06, .06, .06, .05, .04),
        190, 80,
    ),
    Cover.CLEAR_CUT: (
        (.05, .08, .08, .11, .18, .20, .22, .24, .27, .19),
        (.06, .08, .10, .12, .15, .16, .18, .20, .26, .20),
        170, 80,
    ),
    Cover.GREENHOUSE: (
        (.19, .21, .22, .24, .26, .27, .28, .29, .26, .22),
        (.19, .21, .22, .24, .25, .26, .27, .28, .26, .22),
        180, 90,
    ),
}  # fmt: skip
_CLOUD = np.array((.55, .54, .55, .56, .57, .57, .58, .58, .42, .33), np.float32)  # fmt: skip
_SNOW = np.array((.72, .71, .70, .69, .68, .67, .66, .64, .10, .09), np.float32)  # fmt: skip


@dataclass(frozen=True)
class Year:
    """What a super area's files hold.

    Attributes
    ----------
    data : uint16 array, (t, 10, h, w)
    masks : uint8 array, (t, 2, h, w)
        Probability of snow and of cloud, 0..100.
    products : list of str
    """

    data: AnyArray
    masks: ByteArray
    products: list[str]


def watch(plan: Plan, ground: Ground, rng: Generator) -> Year:
    """A year of images of an area.

    Parameters
    ----------
    plan : Plan
    ground : Ground
        The whole area at COARSE metres a pixel.
    rng : numpy Generator
    """
    year = int(plan.country.name[-4:])
    days = np.sort(7 + np.arange(N_DATES) * 15 + rng.integers(-4, 5, N_DATES))
    clear = _clear_sky(plan, ground, days)
    data = np.empty((N_DATES, 10, SIDE, SIDE), np.uint16)
    masks = np.empty((N_DATES, 2, SIDE, SIDE), np.uint8)
    water = clear[0, 6] < 0.06
    for at in range(N_DATES):
        image = gaussian_filter(clear[at], (0, 0.5, 0.5), truncate=2.0)
        # Haze and the sun's height change from date to date, by band a little.
        image *= rng.normal(1, 0.05) * rng.normal(1, 0.02, 10).astype(np.float32)[:, None, None]
        image += 0.004 * rng.standard_normal(image.shape, np.float32)
        snow = np.zeros((SIDE, SIDE), np.float32)
        if at in SNOWY:
            snow = np.clip(0.9 + 0.25 * fractal(rng, SIDE, 24, 2), 0, 1) * ~water
            image += snow * 0.85 * (_SNOW[:, None, None] - image)
        cloud = _clouds(rng)
        thrown = np.zeros_like(cloud)
        thrown[9:, :-4] = cloud[:-9, 4:]
        thrown *= 1 - cloud
        image *= 1 - 0.45 * thrown
        image += cloud * (_CLOUD[:, None, None] * rng.uniform(0.8, 1.3) - image)
        data[at] = np.clip(image * 10_000 + 0.5, 1, 65_535)
        seen = (snow * (1 - cloud), cloud)
        for channel, layer in enumerate(seen):
            noisy = 100 * layer + 4 * rng.standard_normal(layer.shape, np.float32)
            masks[at, channel] = np.clip(noisy, 0, 100)
    return Year(data, masks, [_product(year, int(day), at) for at, day in enumerate(days)])


def _clear_sky(plan: Plan, ground: Ground, days: AnyArray) -> FloatArray:
    """Reflectance without a cloud, float32 (t, 10, SIDE, SIDE)."""
    n_parcels = len(plan.bounds) + 2
    key = ground.cover.astype(np.int64) * n_parcels + ground.parcel % n_parcels
    materials, number = np.unique(key, return_inverse=True)
    cover, parcel = np.divmod(materials, n_parcels)
    table = _table(plan, cover, parcel, days)
    row, column = np.divmod(np.arange(ground.size**2), ground.size)
    scale = round(PIXEL / COARSE)
    pixel = row // scale * SIDE + column // scale
    share = coo_array(
        (np.full(pixel.size, 1 / scale**2, np.float32), (pixel, number)),
        shape=(SIDE * SIDE, len(materials)),
    ).tocsr()
    seen = share @ table.reshape(len(materials), -1)
    stacked = seen.reshape(SIDE, SIDE, N_DATES, 10).transpose(2, 3, 0, 1)
    return np.ascontiguousarray(stacked, np.float32)


def _table(plan: Plan, cover: AnyArray, parcel: AnyArray, days: AnyArray) -> FloatArray:
    """Reflectance of each material at each date, float32 (m, t, 10)."""
    height = np.array([_YEAR[int(c)][0] for c in cover], np.float32)
    rest = np.array([_YEAR[int(c)][1] for c in cover], np.float32)
    peak = np.array([_YEAR[int(c)][2] for c in cover], np.float32)
    lasting = np.array([_YEAR[int(c)][3] for c in cover], np.float32)
    tones = np.vstack([plan.tones, np.full((2, 4), 0.5)]).astype(np.float32)[parcel]
    # A dry country is earlier; every field has a time of its own.
    peak += 20 * (tones[:, 2] - 0.5) - 20 * (plan.country.dry - 0.4)
    vigour = np.exp(-0.5 * ((days[None, :] - peak[:, None]) / lasting[:, None]) ** 2)
    vigour *= (1.1 - 0.35 * plan.country.dry + 0.35 * (tones[:, 1] - 0.5))[:, None]
    vigour = np.clip(vigour, 0, 1)[..., None].astype(np.float32)
    bright = (1 + 0.14 * (tones[:, 0] - 0.5))[:, None, None]
    return np.asarray((rest[:, None] + vigour * (height - rest)[:, None]) * bright, np.float32)


def _clouds(rng: Generator) -> FloatArray:
    """Opacity of the clouds of one date, float32 (SIDE, SIDE), 0..1."""
    field = fractal(rng, SIDE, 48, 1.5, gain=0.6)
    overcast = rng.random() < _OVERCAST
    share = rng.uniform(0.6, 1.0) if overcast else rng.beta(0.4, 6.0)
    if share < 0.02:
        return np.zeros((SIDE, SIDE), np.float32)
    edge = np.quantile(field, 1 - share)
    return np.asarray(np.clip((field - edge) / 0.35, 0, 1), np.float32)


def _product(year: int, day: int, number: int) -> str:
    date = np.datetime64(f"{year}-01-01") + np.timedelta64(day - 1, "D")
    plain = str(date).replace("-", "")
    unit = "AB"[number % 2]
    return f"S2{unit}_MSIL2A_{plain}T105021_N0500_R051_T31TDJ_{plain}T140812"
