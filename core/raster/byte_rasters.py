"""Small uint8 rasters that are read and written as a whole: masks, patches and class maps."""

from pathlib import Path

import rasterio
from affine import Affine

from core.errors import SceneError
from core.raster.scene import DRIVER, READ_ERRORS, open_scene
from core.types import AnyArray, ByteArray


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
            raise SceneError(
                "the file opens, but its pixels cannot be read",
                where=path.name,
                remedy="It is damaged or incomplete: copy it again.",
            ) from error


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
    height, width = values.shape
    profile = {"driver": DRIVER, "width": width, "height": height, "count": 1, "dtype": "uint8"}
    profile |= {"crs": crs, "transform": transform, "compress": "deflate", "nodata": 0}
    colours = {value: (*map(int, rgb), 255) for value, rgb in enumerate(palette)}
    with rasterio.open(path, "w", **profile) as target:
        target.write(values, 1)
        target.write_colormap(1, colours)
        target.update_tags(TIFFTAG_COPYRIGHT=about, COPYRIGHT=about)
