"""What a chip looks like in numbers: brightness, blur, mean of each band, indices."""

import numpy as np
import pandas as pd

from core.types import BoolArray, FloatArray

# Normalised differences of two bands, by the names that bands may carry.
INDICES: dict[str, tuple[str, str]] = {
    "ndvi": ("nir", "red"),  # vegetation; Rouse et al., 1974
    "ndwi": ("green", "nir"),  # open water; McFeeters, 1996
    "ndre": ("nir", "rededge"),  # leaf chlorophyll; Gitelson and Merzlyak, 1994
}
_ALIASES = {"nir": ("nir", "nir1", "near infrared", "infrared"), "rededge": ("rededge", "red edge")}
_FAINT = 1e-6


def appearance(pixels: FloatArray, mask: BoolArray, bands: tuple[str, ...]) -> pd.DataFrame:
    """Facts of how chips look, one row a chip, NaN where all of a chip is masked.

    Parameters
    ----------
    pixels : float32 array, (n, bands, size, size)
        Scaled to 0..1, as `ChipSet.unit` gives them.
    mask : bool array, (n, size, size), True where masked
    bands : tuple of str
        The bands' names; indices are computed where names say what they need.

    Returns
    -------
    DataFrame
        brightness (mean of all bands), contrast (standard deviation of brightness), sharpness
        (variance of the Laplacian of brightness, Pech-Pacheco et al., 2000: low for blurred or
        empty chips), mean_<band> for each band, and ndvi, ndwi, ndre where the bands allow.
    """
    n = len(pixels)
    open_ = ~mask
    count = open_.sum(axis=(1, 2)).astype(np.float64)
    count[count == 0] = np.nan
    weights = open_[:, None, :, :]
    means = (pixels * weights).sum(axis=(2, 3), dtype=np.float64) / count[:, None]
    grey = pixels.mean(axis=1)
    brightness = means.mean(axis=1) if len(bands) else np.full(n, np.nan)
    away = (grey - brightness[:, None, None]) ** 2 * open_
    columns = {
        "brightness": brightness,
        "contrast": np.sqrt(away.sum(axis=(1, 2), dtype=np.float64) / count),
        "sharpness": _sharpness(grey, open_),
    }
    columns |= {f"mean_{band}": means[:, at] for at, band in enumerate(bands)}
    for name, (plus, minus) in INDICES.items():
        one, other = _find(bands, plus), _find(bands, minus)
        if one is not None and other is not None:
            total = means[:, one] + means[:, other]
            faint = ~(np.abs(total) > _FAINT)
            difference = means[:, one] - means[:, other]
            columns[name] = np.where(faint, np.nan, difference / np.where(faint, 1, total))
    return pd.DataFrame(columns)


def _sharpness(grey: FloatArray, open_: BoolArray) -> FloatArray:
    """Variance of the Laplacian over pixels whose four neighbours are valid, (n,)."""
    inner = grey[:, 1:-1, 1:-1]
    sides = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    valid = open_[:, 1:-1, 1:-1] & open_[:, :-2, 1:-1] & open_[:, 2:, 1:-1]
    valid &= open_[:, 1:-1, :-2] & open_[:, 1:-1, 2:]
    laplacian = np.where(valid, sides - 4 * inner, 0.0)
    count = valid.sum(axis=(1, 2)).astype(np.float64)
    count[count == 0] = np.nan
    mean = laplacian.sum(axis=(1, 2)) / count
    variance: FloatArray = (laplacian**2).sum(axis=(1, 2)) / count - mean**2
    return variance


def _find(bands: tuple[str, ...], wanted: str) -> int | None:
    """Where a band of this name lies, None where there is none."""
    names = [band.strip().lower() for band in bands]
    return next(
        (names.index(name) for name in _ALIASES.get(wanted, (wanted,)) if name in names), None
    )
