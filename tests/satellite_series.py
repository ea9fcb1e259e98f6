"""Writers of time series: GeoTIFFs of single dates, with 10 m pixels in another CRS than images."""

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

# The images of `make_scene` lie about 100 m to the right of and below this corner.
SERIES_ORIGIN = (892_063.0, 6_246_674.0)


def write_date(
    path: Path,
    values: Any,
    *,
    crs: str | None = "EPSG:2154",
    origin: tuple[float, float] = SERIES_ORIGIN,
    pixel: float = 10.0,
    size: tuple[int, int] = (30, 30),
    count: int = 2,
    dtype: str = "uint16",
    nodata: float | None = 0,
    descriptions: tuple[str, ...] = ("red", "nir"),
) -> None:
    """Write the image of one date; `values` is an array (bands, h, w) or a number."""
    content = np.zeros((count, *size), dtype)
    content[:] = values
    profile = {"driver": "GTiff", "count": count, "dtype": dtype, "nodata": nodata, "crs": crs}
    profile |= {"height": size[0], "width": size[1]}
    profile |= {"transform": Affine(pixel, 0, origin[0], 0, -pixel, origin[1])}
    with rasterio.open(path, "w", **profile) as target:
        target.write(content)
        for number, name in enumerate(descriptions, start=1):
            target.set_band_description(number, name)


def write_series(
    folder: Path, dates: dict[str, Any], masks: dict[str, Any] | None = None, **options: Any
) -> Path:
    """Write the values of dates, by the stems of their files, and masks of some of them."""
    folder.mkdir(exist_ok=True)
    for date, values in dates.items():
        write_date(folder / f"{date}.tif", values, **options)
    mask = {**options, "count": 1, "dtype": "uint8", "nodata": None, "descriptions": ()}
    for date, values in (masks or {}).items():
        write_date(folder / f"{date}_mask.tif", values, **mask)
    return folder
