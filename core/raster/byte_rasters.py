"""Small uint8 rasters that are read and written as a whole: masks, patches and class maps."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window

from core.errors import SceneError
from core.raster.scene import DRIVER, READ_ERRORS, open_scene
from core.types import AnyArray, ByteArray

_TILE = 256


def read_byte_raster(
    path: Path, n_bands: int, side: int | None = None
) -> tuple[ByteArray, float | None]:
    """Return all bands of a uint8 raster, (n_bands, h, w), and its declared nodata value.

    Raises SceneError if the file cannot be read, has a different number of bands or another dtype,
    or has a height or width other than `side` (any by default).
    """
    return read_small_raster(path, n_bands, side)


def read_small_raster(
    path: Path, n_bands: int | None, side: int | None = None, dtypes: tuple[str, ...] = ("uint8",)
) -> tuple[AnyArray, float | None]:
    """Return all bands of a raster of one of the given dtypes, (n_bands, h, w), and its nodata.

    Raises SceneError as `read_byte_raster`; with None, any number of bands is accepted.
    """
    with open_scene(path) as source:
        count, height, width = source.count, source.height, source.width
        expected = (n_bands or count, side or height, side or width)
        has_dtype = len(set(source.dtypes)) == 1 and source.dtypes[0] in dtypes
        if (count, height, width) != expected or not has_dtype:
            raise SceneError(
                f"the file has {count} bands of {width} x {height} pixels ({source.dtypes[0]}), "
                f"not {expected[0]} of {expected[2]} x {expected[1]} ({' or '.join(dtypes)})",
                where=path.name,
            )
        try:
            return source.read(), source.nodata
        except READ_ERRORS as error:
            raise damaged_pixels_error(path) from error


def damaged_pixels_error(path: Path) -> SceneError:
    """Return the error for a raster whose header can be read, but not its pixels."""
    return SceneError(
        "the file opens, but its pixels cannot be read",
        where=path.name,
        remedy="It is damaged or incomplete: copy it again.",
    )


def write_palette_raster(
    path: Path,
    values: ByteArray,
    palette: ByteArray,
    like: Path,
    about: str,
    corner: tuple[int, int] = (0, 0),
) -> None:
    """Write values, uint8 (h, w), as a GeoTIFF with a palette of their colours; 0 is nodata.

    The palette contains the red, green and blue of each value, (n, 3). CRS and transform are those
    of the raster `like`, in which the values begin at the column and row `corner`; `about` is the
    credit in the copyright tags.
    """
    with open_scene(like) as source:
        crs, transform = source.crs, source.transform @ Affine.translation(*corner)
    profile = _palette_profile(values.shape) | {"crs": crs, "transform": transform}
    with rasterio.open(path, "w", **profile) as target:
        target.write(values, 1)
        _describe_palette(target, palette, about)


def write_palette_strips(
    path: Path, strips: Iterable[ByteArray], palette: ByteArray, like: Path, about: str
) -> None:
    """Write a raster of the size of `like` like `write_palette_raster`, from strips of rows.

    The strips, uint8 (rows, width), follow each other from the top, so that only one is in memory.
    The file is tiled and has overviews.
    """
    with open_scene(like) as source:
        shape = source.height, source.width
        profile = _palette_profile(shape) | {"crs": source.crs, "transform": source.transform}
    tiles = {"tiled": True, "blockxsize": _TILE, "blockysize": _TILE, "bigtiff": "if_safer"}
    with rasterio.open(path, "w", **profile, **tiles) as target:
        row = 0
        for strip in strips:
            target.write(strip, 1, window=Window(0, row, shape[1], len(strip)))
            row += len(strip)
        _describe_palette(target, palette, about)
        factors = [2**i for i in range(1, 12) if max(shape) >> i >= _TILE]
        if factors:
            target.build_overviews(factors, Resampling.nearest)


def _palette_profile(shape: tuple[int, ...]) -> dict[str, Any]:
    height, width = shape
    profile = {"driver": DRIVER, "width": width, "height": height, "count": 1, "dtype": "uint8"}
    return profile | {"compress": "deflate", "nodata": 0}


def _describe_palette(target: Any, palette: ByteArray, about: str) -> None:
    target.write_colormap(1, {i: (*map(int, rgb), 255) for i, rgb in enumerate(palette)})
    if about:
        target.update_tags(TIFFTAG_COPYRIGHT=about, COPYRIGHT=about)
