"""Tiles of a scene for a map: web mercator where it has a CRS, its own pixels where it has none.

A scene without overviews of its own is read in full for every small-scale tile; `write_overviews`
makes a copy at half size with overviews inside, once, that such tiles are read from.
"""

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from PIL import Image
from rasterio.enums import Resampling
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader as TileReader

from core.errors import SceneError
from core.progress import Progress, silent, step
from core.raster.geodesy import WGS84, transformed, transformer
from core.raster.reading import Reader, expand
from core.raster.render import stretch_ends, to_rgba
from core.raster.scene import Scene, open_scene, read_scene
from core.types import AnyArray, BoolArray, DoubleArray

SIDE = 256
# Width of the world at zoom 0, in metres a pixel at the equator: 2 * pi * 6378137 / 256.
EQUATOR = 2 * math.pi * 6378137 / SIDE
STRIP = 2048
# Pixels along the longer side that the stretch is fitted on.
GLANCE = 1024


@dataclass(frozen=True)
class TileSource:
    """A scene ready to be drawn.

    Attributes
    ----------
    scene : Scene
    bands : tuple of str
        Three that show as red, green and blue, or one that shows as grey.
    ends : float64 array, (bands, 2)
        Native values shown as black and white.
    overviews : Path or None
        What `write_overviews` made of the same bands.
    """

    scene: Scene
    bands: tuple[str, ...]
    ends: DoubleArray
    overviews: Path | None = None

    def __post_init__(self) -> None:
        missing = [name for name in self.bands if name not in self.scene.bands]
        if missing or len(self.bands) not in (1, 3):
            raise SceneError(
                f"cannot show {', '.join(self.bands) or 'no band'}",
                where=self.scene.name,
                remedy=f"Choose one band or three of {', '.join(self.scene.bands)}.",
            )


def needs_overviews(scene: Scene) -> bool:
    """True if small-scale tiles are slow to draw from the file alone."""
    return not scene.overviews and max(scene.width, scene.height) > STRIP


def zooms(scene: Scene) -> tuple[int, int]:
    """The zoom at which one tile shows the scene, and that at which each pixel shows."""
    levels = max(0, math.ceil(math.log2(max(scene.width, scene.height) / SIDE)))
    if not scene.crs or scene.gsd is None:
        return 0, levels
    latitude = math.radians((lonlat_bounds(scene) or (0, 0, 0, 0))[1])
    most = math.ceil(math.log2(EQUATOR * math.cos(latitude) / scene.gsd))
    return max(0, most - levels), max(0, most)


def lonlat_bounds(scene: Scene) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees; None without a CRS."""
    if not scene.crs:
        return None
    edge = np.linspace(0, 1, 21)
    columns = np.concatenate([edge, edge, 0 * edge, 0 * edge + 1]) * scene.width
    rows = np.concatenate([0 * edge, 0 * edge + 1, edge, edge]) * scene.height
    x, y = transformed(scene.transform, columns, rows)
    lon, lat = transformer(scene.crs, WGS84).transform(x, y)
    lon, lat = lon[np.isfinite(lon)], lat[np.isfinite(lat)]
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def display_ends(
    scene: Scene,
    bands: tuple[str, ...],
    percentiles: tuple[float, float] | None = None,
    overviews: Path | None = None,
) -> DoubleArray:
    """Native values shown as black and white, (bands, 2), from the scene at a glance.

    Without `percentiles` a uint8 scene is shown as it is and not read at all.
    """
    if scene.dtype == "uint8" and percentiles is None:
        return np.tile((0.0, 255.0), (len(bands), 1))
    seen = read_scene(overviews) if overviews else scene
    coarse = max(1, -(-max(seen.width, seen.height) // GLANCE))
    with Reader(seen, seen.bands if overviews else bands) as reader:
        part = reader.read((0, 0, seen.width, seen.height), coarse)
    return stretch_ends(part.values, part.mask, percentiles)


def draw_tile(source: TileSource, z: int, x: int, y: int) -> bytes:
    """One tile, 256 x 256, as PNG; transparent where the scene is not.

    Parameters
    ----------
    source : TileSource
    z, x, y : int
        Of the web mercator scheme; without a CRS of a scheme in which the last of `zooms` shows
        each pixel once, from the upper-left corner.

    Raises
    ------
    SceneError
        If there is no such tile, or the scene cannot be read there.
    """
    if not (0 <= z <= 30 and 0 <= x < 2**z and 0 <= y < 2**z):
        raise SceneError(f"there is no tile {z}/{x}/{y}", where=source.scene.name)
    draw = _mercator if source.scene.crs else _pixels
    values, mask = draw(source, z, x, y)
    picture = to_rgba(values, mask, source.ends)
    written = io.BytesIO()
    # Level 1: five times as fast as Pillow's own choice, for a fifth more bytes.
    Image.fromarray(picture).save(written, "png", compress_level=1)
    return written.getvalue()


def write_overviews(
    scene: Scene, bands: tuple[str, ...], target: Path, report: Progress = silent
) -> None:
    """Write some bands at half size, with overviews of that inside, strip by strip.

    Raises
    ------
    SceneError
        If the scene cannot be read somewhere.
    Cancelled
        If the listener asked to stop.
    """
    width, height = -(-scene.width // 2), -(-scene.height // 2)
    scale = Affine.scale(scene.width / width, scene.height / height)
    profile = {
        "driver": "GTiff", "width": width, "height": height, "count": len(bands),
        "dtype": scene.dtype, "crs": scene.crs or None, "transform": scene.transform @ scale,
        "tiled": True, "blockxsize": SIDE, "blockysize": SIDE, "compress": "zstd",
        "zstd_level": 1, "bigtiff": "if_safer",
    }  # fmt: skip
    factors = [2**k for k in range(1, 12) if max(width, height) / 2**k > SIDE / 2]
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        Reader(scene, bands) as reader,
        rasterio.open(target, "w", **profile) as written,
    ):
        for top in range(0, scene.height, STRIP):
            bottom = min(top + STRIP, scene.height)
            part = reader.read((0, top, scene.width, bottom), 2)
            place = rasterio.windows.Window(0, top // 2, width, part.mask.shape[0])
            written.write(part.values, window=place)
            if not reader.all_valid:
                written.write_mask(~part.mask, window=place)
            step(report, bottom, scene.height, scene.name)
        written.build_overviews(factors, Resampling.average)


def _mercator(source: TileSource, z: int, x: int, y: int) -> tuple[AnyArray, BoolArray]:
    scene = source.scene
    where = dict(zip(scene.bands, scene.indexes, strict=True))
    path, indexes = scene.path, [where[name] for name in source.bands]
    palette = scene.palette
    if palette:
        indexes = [1]
    if source.overviews and z < zooms(scene)[1]:
        path, indexes = source.overviews, list(range(1, len(source.bands) + 1))
        palette = ()
    try:
        with open_scene(path) as opened, TileReader(None, dataset=opened) as reader:
            image = reader.tile(x, y, z, tilesize=SIDE, indexes=indexes)
    except TileOutsideBounds:
        return _nothing(source)
    except (rasterio.errors.RasterioError, OSError) as error:
        raise SceneError(f"tile {z}/{x}/{y} cannot be drawn", where=scene.name) from error
    values = np.asarray(image.array.data)
    mask: BoolArray = np.asarray(np.ma.getmaskarray(image.array).all(axis=0))
    if palette:
        values, hidden = expand(values[0], palette, [scene.bands.index(n) for n in source.bands])
        mask = mask | hidden
    if values.dtype.kind == "f":
        mask = np.asarray(mask | ~np.isfinite(values).all(axis=0))
    return values, mask


def _pixels(source: TileSource, z: int, x: int, y: int) -> tuple[AnyArray, BoolArray]:
    scene = source.scene
    values, mask = _nothing(source)
    coarse = 2 ** (zooms(scene)[1] - z)
    if coarse < 1:
        raise SceneError(f"there is no tile {z}/{x}/{y}", where=scene.name)
    side = int(SIDE * coarse)
    left, top = x * side, y * side
    with Reader(scene, source.bands) as reader:
        part = reader.read((left, top, left + side, top + side), int(coarse))
    rows, columns = part.mask.shape
    values[:, :rows, :columns] = part.values
    mask[:rows, :columns] = part.mask
    return values, mask


def _nothing(source: TileSource) -> tuple[AnyArray, BoolArray]:
    values = np.zeros((len(source.bands), SIDE, SIDE), source.scene.dtype)
    return values, np.ones((SIDE, SIDE), bool)
