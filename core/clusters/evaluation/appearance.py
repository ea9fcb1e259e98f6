"""Measures of the appearance of chips: brightness, contrast, sharpness, band means and indices."""

import numpy as np
import pandas as pd

from core.types import BoolArray, FloatArray

# Normalised differences (a - b) / (a + b) of two bands, by band name.
INDICES: dict[str, tuple[str, str]] = {
    "ndvi": ("nir", "red"),  # vegetation; Rouse et al., 1974
    "ndwi": ("green", "nir"),  # open water; McFeeters, 1996
    "ndre": ("nir", "rededge"),  # leaf chlorophyll; Gitelson and Merzlyak, 1994
}
_ALIASES = {"nir": ("nir", "nir1", "near infrared", "infrared"), "rededge": ("rededge", "red edge")}
# If the sum of the two bands is smaller, the index is meaningless.
_MIN_SUM = 1e-6


def measure_appearance(pixels: FloatArray, mask: BoolArray, bands: tuple[str, ...]) -> pd.DataFrame:
    """Measure the appearance of chips, one row per chip; NaN if a chip is fully masked.

    Parameters
    ----------
    pixels : float32 array, (n, bands, size, size)
        Scaled to 0..1, as `ChipSet.unit` returns them.
    mask : bool array, (n, size, size), True where masked
    bands : tuple of str
        Names of the bands; an index is computed if both of its bands are named.

    Returns
    -------
    DataFrame
        brightness (mean of all bands), contrast (standard deviation of the brightness), sharpness
        (variance of the Laplacian of the brightness, Pech-Pacheco et al., 2000: low for blurred or
        empty chips), mean_<band> for each band, and ndvi, ndwi, ndre where the bands allow it.
    """
    n = len(pixels)
    valid = ~mask
    n_valid = valid.sum(axis=(1, 2)).astype(np.float64)
    n_valid[n_valid == 0] = np.nan
    means = (pixels * valid[:, None]).sum(axis=(2, 3), dtype=np.float64) / n_valid[:, None]
    grey = pixels.mean(axis=1)
    brightness = means.mean(axis=1) if len(bands) else np.full(n, np.nan)
    deviations = (grey - brightness[:, None, None]) ** 2 * valid
    columns = {
        "brightness": brightness,
        "contrast": np.sqrt(deviations.sum(axis=(1, 2), dtype=np.float64) / n_valid),
        "sharpness": _sharpness(grey, valid),
    }
    columns |= {f"mean_{band}": means[:, i] for i, band in enumerate(bands)}
    for name, pair in INDICES.items():
        positions = [_band_position(bands, band) for band in pair]
        if None not in positions:
            first, second = means[:, positions].T
            total = first + second
            undefined = ~(np.abs(total) > _MIN_SUM)
            index = (first - second) / np.where(undefined, 1, total)
            columns[name] = np.where(undefined, np.nan, index)
    return pd.DataFrame(columns)


def _sharpness(grey: FloatArray, valid: BoolArray) -> FloatArray:
    """Return the variance of the Laplacian over pixels whose four neighbours are valid, (n,)."""
    inner = grey[:, 1:-1, 1:-1]
    sides = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    usable = valid[:, 1:-1, 1:-1] & valid[:, :-2, 1:-1] & valid[:, 2:, 1:-1]
    usable &= valid[:, 1:-1, :-2] & valid[:, 1:-1, 2:]
    laplacian = np.where(usable, sides - 4 * inner, 0.0)
    n_usable = usable.sum(axis=(1, 2)).astype(np.float64)
    n_usable[n_usable == 0] = np.nan
    mean = laplacian.sum(axis=(1, 2)) / n_usable
    variance: FloatArray = (laplacian**2).sum(axis=(1, 2)) / n_usable - mean**2
    return variance


def _band_position(bands: tuple[str, ...], name: str) -> int | None:
    """Return the position of the band with this name or an alias of it; None if missing."""
    names = [band.strip().lower() for band in bands]
    aliases = _ALIASES.get(name, (name,))
    return next((names.index(alias) for alias in aliases if alias in names), None)
