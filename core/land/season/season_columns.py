"""The columns that a time series contributes to the features of a pixel: their choice and names."""

from typing import Literal

from core.raster.spectral.spectral_indices import INDEX_FORMULAS, IndexFormula, find_band

Season = Literal["mean", "months", "indices"]
"""What is used of a year: its mean, its monthly composites, or its mean with seasonal indices."""
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
RED_EDGE = IndexFormula("NDRE", "nir", "red edge", "chlorophyll", "Gitelson and Merzlyak, 1994")
"""Reacts to chlorophyll where dense vegetation saturates the NDVI."""
_SEASONAL = ("NDVI", "NDWI", "NDMI", "NBR")
SEASON_FORMULAS = (*(index for index in INDEX_FORMULAS if index.name in _SEASONAL), RED_EDGE)
"""The spectral indices whose course over the year is described."""
STATISTICS = (
    "minimum",
    "maximum",
    "mean",
    "amplitude",
    "deviation",
    "peak sine",
    "peak cosine",
    "harmonic sine",
    "harmonic cosine",
)
"""The statistics of each spectral index over the twelve monthly composites.

The month of the maximum is a position on the circle of the year, so that December and January are
neighbours. The harmonic is the least-squares fit of one oscillation per year to the twelve months.
"""


def season_formulas(bands: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """Return the seasonal indices that bands allow, with the positions of the two bands of each.

    A band is recognised by its name, such as "red" or "B04", or by its wavelength, such as
    "665 nm"; Sentinel-2's names may lack the zero if they include B8A or B11.
    """
    names = tuple(name.strip().lower() for name in bands)
    if {"b8a", "b11"} & set(names):
        names = tuple(f"b0{name[1:]}" if len(name) == 2 else name for name in names)
    positions = {}
    for formula in SEASON_FORMULAS:
        pair = [find_band(names, kind) for kind in (formula.first, formula.second)]
        if None not in pair:
            first, second = (names.index(name) for name in pair if name is not None)
            positions[formula.name] = (first, second)
    return positions


def season_column_names(bands: tuple[str, ...], season: Season) -> tuple[str, ...]:
    """Return the names of the columns that a time series with these bands contributes."""
    if season == "months":
        return tuple(f"{band} {month}" for month in MONTH_NAMES for band in bands)
    if season == "indices":
        formulas = season_formulas(bands)
        return (*bands, *(f"{name} {text}" for name in formulas for text in STATISTICS))
    return bands
