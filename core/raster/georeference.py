"""Where a raster lies: by its transform, else through ground control points or an RPC model.

Chips need one affine map from pixels to the ground, so points and models are brought to the affine
map that fits them best, and how far it is off is said.
"""

from typing import Any

import numpy as np
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.transform import RPCTransformer

from core.raster.geodesy import WGS84
from core.types import DoubleArray

# Pixels that the affine map may be off at a point before it is no use for cutting chips.
MOST_OFF = 5.0
# An RPC model is sampled at this many places along each side.
SAMPLES = 9
WARP = "Warp it to a CRS first, for example with gdalwarp"


def georeference(source: Any) -> tuple[str, Affine, tuple[str, ...]]:
    """CRS, transform and what was assumed, of an open raster.

    Returns
    -------
    crs : str
        Well-known text; empty where the raster lies nowhere.
    transform : Affine
    notes : tuple of str
    """
    if source.crs or not source.transform.is_identity:
        return (source.crs.to_wkt() if source.crs else ""), source.transform, ()
    points, crs = source.gcps
    if points and crs:
        pixels = np.array([(p.col, p.row) for p in points], float)
        ground = np.array([(p.x, p.y) for p in points], float)
        return _fitted(pixels, ground, crs.to_wkt(), f"{len(points)} ground control points")
    if source.rpcs:
        column, row = np.meshgrid(
            np.linspace(0, source.width, SAMPLES), np.linspace(0, source.height, SAMPLES)
        )
        try:
            with RPCTransformer(source.rpcs) as model:
                height = float(source.rpcs.height_off or 0)
                at = model.xy(row.ravel(), column.ravel(), np.full(row.size, height), offset="ul")
        except (RasterioError, ValueError) as error:
            return "", source.transform, (f"its RPC model cannot be used ({error})",)
        ground = np.column_stack(at)
        pixels = np.column_stack([column.ravel(), row.ravel()])
        how = f"its RPC model at a height of {height:g} m, relief left out"
        return _fitted(pixels, ground, WGS84, how)
    return "", source.transform, ()


def _fitted(
    pixels: DoubleArray, ground: DoubleArray, crs: str, how: str
) -> tuple[str, Affine, tuple[str, ...]]:
    """The affine map from pixels to the ground by least squares, if it is near enough."""
    middle, scale = ground.mean(axis=0), np.ptp(ground, axis=0).max() or 1.0
    known = np.column_stack([pixels, np.ones(len(pixels))])
    finite = np.isfinite(ground).all()
    if len(pixels) < 3 or not finite or np.linalg.matrix_rank(known) < 3:
        return "", Affine.identity(), (f"{how}: not enough to georeference it",)
    solution = np.linalg.lstsq(known, (ground - middle) / scale, rcond=None)[0] * scale
    solution[2] += middle
    transform = Affine(*solution[:, 0], *solution[:, 1])
    if transform.is_degenerate:
        return "", Affine.identity(), (f"{how}: they lie on a line, not enough to georeference it",)
    x, y = ~transform @ (ground[:, 0], ground[:, 1])
    off = float(np.hypot(x - pixels[:, 0], y - pixels[:, 1]).max())
    if off > MOST_OFF:
        words = (
            f"{how}: no straight map comes nearer than {off:.1f} px. {WARP}; in pixels till then"
        )
        return "", Affine.identity(), (words,)
    return crs, transform, (f"georeferenced by {how}, up to {off:.2f} px off",)
