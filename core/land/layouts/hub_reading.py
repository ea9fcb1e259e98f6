"""Reading of FLAIR-HUB's rasters: aerial bands with heights, and Sentinel-2 series of patches."""

import numpy as np

from core.errors import SceneError
from core.land.data.bands import SENTINEL
from core.land.data.dataset import SIDE, Patch, SuperArea
from core.raster.byte_rasters import read_byte_raster, read_small_raster
from core.types import AnyArray, ByteArray

STEPS_PER_METRE = 5.0
"""Digital numbers per metre of height: steps of 0.2 m and a maximum of 51 m.

The coding of the synthetic data set's elevation, which imitates that of FLAIR #2.
"""
SERIES_SIDE = 10
"""Sentinel pixels along one side of a patch; each has 10.24 m."""
HUB_MATCHING_NOTE = (
    "The Sentinel-2 series of a patch has 10 x 10 pixels of 10.24 m that cover exactly the patch, "
    "so each Sentinel pixel belongs to 51.2 x 51.2 aerial pixels."
)


def read_hub_bands(patch: Patch) -> ByteArray:
    """Read red, green, blue and near infrared, and the height above ground, uint8 (5, 512, 512).

    Without heights, (4, 512, 512). Raises SceneError if a file cannot be read or has another form.
    """
    spectral = read_byte_raster(patch.image, 4, SIDE)[0]
    if patch.height is None:
        return spectral
    models, nodata = read_small_raster(patch.height, 2, SIDE, ("float32",))
    return np.concatenate([spectral, code_height(models, nodata)[None]])


def code_height(models: AnyArray, nodata: float | None) -> ByteArray:
    """Code the height above ground, surface minus terrain, in a byte, (2, h, w) -> uint8 (h, w).

    Heights are rounded to 0.2 m and limited to 0..51 m; pixels without a value are 0.
    """
    surface, terrain = np.asarray(models, np.float64)
    valid = np.isfinite(surface) & np.isfinite(terrain)
    if nodata is not None:
        valid &= (surface != nodata) & (terrain != nodata)
    height = np.where(valid, surface, 0) - np.where(valid, terrain, 0)
    return np.clip(np.round(height * STEPS_PER_METRE), 0, 255).astype(np.uint8)


def read_hub_series(area: SuperArea) -> tuple[AnyArray, AnyArray]:
    """Read the series of one patch: uint16 (t, 10, 10, 10), and masks, uint8 (t, 2, 10, 10).

    Raises SceneError if a file cannot be read or has another form, or if the number of dates is
    not that of the table.
    """
    n_bands, shape = len(SENTINEL), (SERIES_SIDE, SERIES_SIDE)
    data, _ = read_small_raster(area.data, None, SERIES_SIDE, ("uint16", "int16"))
    masks, _ = read_small_raster(area.masks, None, SERIES_SIDE, ("uint8", "uint16", "int16"))
    for path, values, per_date in ((area.data, data, n_bands), (area.masks, masks, 2)):
        if len(values) % per_date or len(values) // per_date != len(area.dates):
            raise SceneError(
                f"the file has {len(values)} bands, not {per_date} for each of the "
                f"{len(area.dates)} dates in {area.products.name}",
                where=path.name,
            )
    if not area.dates:
        raise SceneError("the table lists no dates", where=area.products.name)
    probabilities = np.clip(masks, 0, 100).astype(np.uint8).reshape(-1, 2, *shape)
    reflectance = np.clip(data, 0, None).astype(np.uint16).reshape(-1, n_bands, *shape)
    return reflectance, probabilities
