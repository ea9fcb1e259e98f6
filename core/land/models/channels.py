"""Single channels of pixels: bands, and the NDVI of aerial and of Sentinel bands."""

import numpy as np

from core.errors import SettingsError
from core.land.data.bands import SENTINEL
from core.land.data.dataset import SIDE
from core.land.data.pixel_table import PixelTable
from core.land.data.sentinel import SuperPatch
from core.types import AnyArray, FloatArray

_RED, _NIR = SENTINEL.index("B4"), SENTINEL.index("B8")


def aerial_ndvi(table: PixelTable) -> FloatArray:
    """Return the NDVI of the image, (n,); SettingsError if red or near infrared is not known."""
    red, nir = table.bands.red, table.bands.nir
    if red is None or nir is None:
        raise SettingsError(
            f"the NDVI needs red and near infrared; the bands are {', '.join(table.bands.names)}",
            where="extras",
            remedy="Name the bands when you import the images (--bands), or leave the NDVI out.",
        )
    return ndvi(table.aerial[:, nir], table.aerial[:, red])


def ndvi(nir: AnyArray, red: AnyArray) -> FloatArray:
    """Compute the normalised difference vegetation index, -1..1; 0 where both bands are 0.

    Source: Rouse et al., NASA SP-351 (1974).
    """
    near_infrared, visible_red = np.asarray(nir, np.float32), np.asarray(red, np.float32)
    total = near_infrared + visible_red
    difference = near_infrared - visible_red
    return np.asarray(difference / np.where(total == 0, np.float32(1), total), np.float32)


def channel_values(table: PixelTable, name: str) -> FloatArray:
    """Return one band, or the NDVI: "ndvi" from the aerial bands, "ndvi10" from the series."""
    if name == "ndvi":
        return aerial_ndvi(table)
    bands = table.series_bands
    if name == "ndvi10" and bands.nir is not None and bands.red is not None:
        names = table.sentinel_names
        return ndvi(table.band(names[bands.nir]), table.band(names[bands.red]))
    return table.band(name)


def patch_ndvi(super_patch: SuperPatch) -> list[float]:
    """Compute the mean NDVI of the Sentinel pixels of a patch on each date of its time series."""
    row, column = super_patch.centre
    half = int(SIDE / super_patch.series.block) // 2
    rows, columns = slice(row - half, row + half), slice(column - half, column + half)
    dates = np.asarray(super_patch.series.data)[:, :, rows, columns]
    return [float(ndvi(bands[_NIR], bands[_RED]).mean()) for bands in dates]
