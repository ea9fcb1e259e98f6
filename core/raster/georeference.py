"""The georeference of a raster: its transform, else one fitted to control points or an RPC model.

Chips need one affine transform from pixels to the ground. For ground control points and RPC models
the affine transform that fits best is used, and its largest error is reported.
"""

from typing import Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.transform import RPCTransformer

from core.raster.geodesy import WGS84
from core.types import DoubleArray

# An affine transform is good enough for chips up to this error at any point, in pixels.
MAX_ERROR = 5.0
# An RPC model is sampled at this many positions along each side.
RPC_SAMPLES = 9
NO_TRANSFORM = (
    "The file names a CRS but has no transform, so the scene is used in pixel coordinates. Write "
    "it again with a transform, for example with gdal_translate -a_ullr."
)

Georeference = tuple[str, Affine, tuple[str, ...]]


def read_georeference(source: Any) -> Georeference:
    """Return the CRS and transform of an open raster, and notes on how they were obtained.

    The CRS is well-known text, empty if the raster has no georeference. The transform converts
    pixel (column, row) to CRS coordinates. The notes are sentences for the user.
    """
    crs_tag = source.crs.to_wkt() if source.crs else ""
    # GDAL reports the identity if there is no transform, also next to a CRS.
    if not source.transform.is_identity:
        return crs_tag, source.transform, ()
    points, crs = source.gcps
    if points and crs:
        pixels = np.array([(p.col, p.row) for p in points], float)
        ground = np.array([(p.x, p.y) for p in points], float)
        return _fit_affine(pixels, ground, crs.to_wkt(), f"{len(points)} ground control points")
    if source.rpcs:
        sides = (np.linspace(0, side, RPC_SAMPLES) for side in (source.width, source.height))
        columns, rows = (grid.ravel() for grid in np.meshgrid(*sides))
        height = float(source.rpcs.height_off or 0)
        try:
            with RPCTransformer(source.rpcs) as model:
                lonlat = model.xy(rows, columns, np.full(rows.size, height), offset="ul")
        except (RasterioError, ValueError) as error:
            return "", source.transform, (f"The RPC model cannot be used ({error}).",)
        method = f"its RPC model at a constant height of {height:g} m"
        pixels, ground = np.column_stack([columns, rows]), np.column_stack(lonlat)
        return _fit_affine(pixels, ground, CRS.from_user_input(WGS84).to_wkt(), method)
    return "", source.transform, ((NO_TRANSFORM,) if crs_tag else ())


def _fit_affine(pixels: DoubleArray, ground: DoubleArray, crs: str, method: str) -> Georeference:
    """Fit an affine transform by least squares; the CRS is empty if it is not good enough."""
    undetermined_note = (
        f"The scene cannot be georeferenced by {method}: an affine transform needs at least three "
        "valid positions that do not lie on one line. The scene is used in pixel coordinates."
    )
    origin, scale = ground.mean(axis=0), np.ptp(ground, axis=0).max() or 1.0
    design = np.column_stack([pixels, np.ones(len(pixels))])
    is_finite = np.isfinite(ground).all()
    if len(pixels) < 3 or not is_finite or np.linalg.matrix_rank(design) < 3:
        return "", Affine.identity(), (undetermined_note,)
    solution = np.linalg.lstsq(design, (ground - origin) / scale, rcond=None)[0] * scale
    solution[2] += origin
    transform = Affine(*solution[:, 0], *solution[:, 1])
    if transform.is_degenerate:
        return "", Affine.identity(), (undetermined_note,)
    x, y = ~transform @ (ground[:, 0], ground[:, 1])
    error = float(np.hypot(x - pixels[:, 0], y - pixels[:, 1]).max())
    if error > MAX_ERROR:
        inaccurate_note = (
            f"No affine transform fits {method} to better than {error:.1f} px, so the scene is "
            "used in pixel coordinates. Warp it to a CRS first, for example with gdalwarp."
        )
        return "", Affine.identity(), (inaccurate_note,)
    return crs, transform, (f"The scene is georeferenced by {method}, to within {error:.2f} px.",)
