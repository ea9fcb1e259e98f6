"""Statistics of the course of spectral indices over the year."""

import numpy as np

from core.errors import SettingsError
from core.land.season.monthly_composites import MONTHS
from core.land.season.season_columns import SEASON_FORMULAS, season_formulas
from core.raster.spectral.spectral_indices import normalised_difference
from core.types import AnyArray, FloatArray

_ANGLES = 2 * np.pi * np.arange(MONTHS) / MONTHS


def seasonal_indices(composites: FloatArray, bands: tuple[str, ...]) -> FloatArray:
    """Compute the statistics of each seasonal index, (12, b, h, w) -> float32 (c, h, w).

    An index is 0 where both of its bands are. Raises SettingsError if the bands allow no index.
    """
    formulas = season_formulas(bands)
    if not formulas:
        needs = "; ".join(f"{f.name}: {f.first} and {f.second}" for f in SEASON_FORMULAS)
        raise SettingsError(
            f"no seasonal index can be computed from the bands {', '.join(bands)} ({needs})",
            where="season",
            remedy="Name the bands of the series when you import it (--series-bands red,nir,...), "
            "or use --season months or mean.",
        )
    planes = []
    for first, second in formulas.values():
        course = normalised_difference(composites[:, first], composites[:, second])
        planes.append(summarise_course(np.nan_to_num(course)))
    return np.concatenate(planes)


def summarise_course(course: AnyArray) -> FloatArray:
    """Compute the statistics of an index over the year, (12, h, w) -> float32 (9, h, w).

    The order is that of `STATISTICS`. Of several equal maxima, the first month counts.
    """
    minimum, maximum = course.min(axis=0), course.max(axis=0)
    peak = _ANGLES[course.argmax(axis=0)]
    # For equally spaced months, least squares is a projection on sine and cosine.
    sine, cosine = (
        np.tensordot(wave(_ANGLES), course, 1) * 2 / MONTHS for wave in (np.sin, np.cos)
    )
    statistics = (
        minimum,
        maximum,
        course.mean(axis=0),
        maximum - minimum,
        course.std(axis=0),
        np.sin(peak),
        np.cos(peak),
        sine,
        cosine,
    )
    return np.stack(statistics).astype(np.float32)
