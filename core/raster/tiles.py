"""Map tiles of a scene: in web mercator if it has a usable CRS, else in its own pixels.

`core.raster.map_placement` decides which. A scene without overviews would be read in full for every
small-scale tile. To avoid that, `write_overviews` writes a copy at half size with overviews.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from PIL import Image
from rasterio.enums import ColorInterp, Resampling
from rasterio.vrt import WarpedVRT
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader as TileReader

from core.errors import SceneError
from core.progress import Progress, report_step, silent
from core.raster import pixel_reader
from core.raster.map_placement import PIXEL_ZOOM, TILE_SIDE, is_drawn_in_mercator, scene_zooms
from core.raster.pixel_reader import Reader
from core.raster.rendering import to_rgba
from core.raster.scene import READ_ERRORS, Scene, open_scene
from core.types import AnyArray, BoolArray, DoubleArray

# Rows that are read at a time to write overviews; a scene with a longer side needs overviews.
STRIP_ROWS = 2048
# Values that are decoded for one tile at most: about 20 s at 100 MB/s.
MAX_TILE_VALUES = 2 * 10**9


@dataclass(frozen=True)
class TileSource:
    """A scene and the settings for drawing its tiles.

    Three bands are shown as red, green and blue, or one as grey, between the limits, (bands, 2):
    the native values shown as black and white. `overviews` is the file that `write_overviews` wrote
    for these bands, if there is one.
    """

    scene: Scene
    bands: tuple[str, ...]
    limits: DoubleArray
    overviews: Path | None = None

    @cached_property
    def mercator(self) -> bool:
        """True if the scene is drawn at its location, False if in its own pixels."""
        return is_drawn_in_mercator(self.scene)

    @cached_property
    def zooms(self) -> tuple[int, int]:
        """The lowest and highest zoom, see `scene_zooms`."""
        return scene_zooms(self.scene)

    @property
    def requires_overviews(self) -> bool:
        """True if tiles of the lowest zoom are not drawn until there are overviews."""
        return self.n_tile_values(self.zooms[0]) > MAX_TILE_VALUES

    def n_tile_values(self, zoom: int) -> int:
        """Return about how many values are decoded for one tile of a zoom of `zooms`."""
        scene, has_overviews = self.scene, self.scene.has_overviews or self.overviews is not None
        step = 1 if has_overviews else 1 << max(0, self.zooms[1] - zoom)
        width, height = (min(TILE_SIDE * step, side) for side in (scene.width, scene.height))
        return width * height * len(scene.bands)

    def __post_init__(self) -> None:
        unknown = [name for name in self.bands if name not in self.scene.bands]
        if unknown or len(self.bands) not in (1, 3):
            raise SceneError(
                f"the scene cannot be displayed with {', '.join(self.bands) or 'no bands'}",
                where=self.scene.name,
                remedy=f"Choose one or three of the bands {', '.join(self.scene.bands)}.",
            )


def needs_overviews(scene: Scene) -> bool:
    """Return True if small-scale tiles are slow to draw from the file alone."""
    return not scene.has_overviews and max(scene.width, scene.height) > STRIP_ROWS


def draw_map_tile(source: TileSource, z: int, x: int, y: int) -> bytes:
    """Draw a tile like `draw_tile`, with z, x, y in the web mercator scheme for every scene.

    Raises SceneError as well if the zoom is not one of `map_zooms`, or if the tile needs more than
    `MAX_TILE_VALUES` values, since only overviews make such a tile affordable.
    """
    shift = 0 if source.mercator else PIXEL_ZOOM
    lowest, highest = (zoom + shift for zoom in source.zooms)
    if not lowest <= z <= highest:
        raise SceneError(f"there is no tile {z}/{x}/{y}", where=source.scene.name)
    if source.n_tile_values(z - shift) > MAX_TILE_VALUES:
        raise SceneError(
            f"tile {z}/{x}/{y} would take too long to draw without overviews",
            where=source.scene.name,
            remedy="Build overviews on the Map page.",
        )
    if source.mercator:
        return draw_tile(source, z, x, y)
    corner = 2 ** max(0, z - 1)
    return draw_tile(source, z - PIXEL_ZOOM, x - corner, y - corner)


def draw_tile(source: TileSource, z: int, x: int, y: int) -> bytes:
    """Draw a tile, 256 x 256, as lossless WebP; it is transparent where there is no scene.

    Zoom z, column x and row y are in the web mercator scheme. If the scene is not drawn in web
    mercator, they are in a scheme that starts at its upper-left corner and whose highest zoom shows
    each pixel. Raises SceneError if there is no such tile, or the scene cannot be read there.
    """
    if not (0 <= z <= 30 and 0 <= x < 2**z and 0 <= y < 2**z):
        raise SceneError(f"there is no tile {z}/{x}/{y}", where=source.scene.name)
    read_tile = _read_mercator_tile if source.mercator else _read_pixel_tile
    values, mask = read_tile(source, z, x, y)
    image = to_rgba(values, mask, source.limits)
    if not mask.any():
        image = np.ascontiguousarray(image[..., :3])
    stream = io.BytesIO()
    # Lossless like PNG, in a fifth of the time and in fewer bytes; every browser reads it.
    Image.fromarray(image).save(stream, "webp", lossless=True, quality=0, method=0)
    return stream.getvalue()


def write_overviews(
    scene: Scene, bands: tuple[str, ...], target: Path, report: Progress = silent
) -> None:
    """Write a copy of some bands at half size, strip by strip, and add overviews to it.

    Raises SceneError if a part of the scene cannot be read.
    """
    width, height = -(-scene.width // 2), -(-scene.height // 2)
    scale = Affine.scale(scene.width / width, scene.height / height)
    profile = {"driver": "GTiff", "width": width, "height": height, "count": len(bands)}
    profile |= {"dtype": scene.dtype, "crs": scene.crs or None, "bigtiff": "if_safer"}
    profile |= {"transform": scene.transform @ scale, "compress": "zstd", "zstd_level": 1}
    profile |= {"tiled": True, "blockxsize": TILE_SIDE, "blockysize": TILE_SIDE}
    factors = [2**k for k in range(1, 12) if max(width, height) / 2**k > TILE_SIDE / 2]
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        Reader(scene, bands) as reader,
        rasterio.open(target, "w", **profile) as copy,
    ):
        for top in range(0, scene.height, STRIP_ROWS):
            bottom = min(top + STRIP_ROWS, scene.height)
            part = reader.read((0, top, scene.width, bottom), 2)
            window = rasterio.windows.Window(0, top // 2, width, part.mask.shape[0])
            copy.write(part.values, window=window)
            if not reader.all_valid:
                copy.write_mask(~part.mask, window=window)
            report_step(report, bottom, scene.height, scene.name)
        copy.build_overviews(factors, Resampling.average)


def _read_mercator_tile(source: TileSource, z: int, x: int, y: int) -> tuple[AnyArray, BoolArray]:
    """Return the values and mask of a web mercator tile, masked like chips."""
    scene, palette = source.scene, source.scene.palette
    positions = [scene.bands.index(name) for name in source.bands]
    path, indexes = scene.path, [1] if palette else [scene.indexes[i] for i in positions]
    if source.overviews and z < source.zooms[1]:
        path, indexes, palette = source.overviews, list(range(1, len(source.bands) + 1)), ()
    try:
        with (
            _open_georeferenced(path, scene) as (raster, nodata),
            TileReader(None, dataset=raster) as reader,
        ):
            bands = pixel_reader.nodata_bands(nodata, scene, indexes) if nodata else indexes
            image = reader.tile(x, y, z, tilesize=TILE_SIDE, indexes=bands)
    except TileOutsideBounds:
        return _empty_tile(source)
    except READ_ERRORS as error:
        raise SceneError(f"tile {z}/{x}/{y} cannot be drawn", where=scene.name) from error
    values = np.asarray(image.array.data)
    mask: BoolArray = np.asarray(np.ma.getmaskarray(image.array).all(axis=0))
    if image.alpha_mask is not None:
        # rio-tiler masks pixels that are not fully opaque; chips mask only fully transparent ones.
        mask = np.asarray(image.alpha_mask == 0)
    if nodata:
        # Compared in the precision of the values, as in GDAL: -3.4e38 means the nearest float32. A
        # band without nodata has None, which becomes NaN.
        dtype = values.dtype if values.dtype.kind == "f" else np.float64
        band_masks = values == np.array([nodata[i - 1] for i in bands], dtype)[:, None, None]
        mask = mask | pixel_reader.nodata_mask(band_masks, nodata, scene)
        values = values[: len(indexes)]
    if palette:
        values, transparent = pixel_reader.expand_palette(values[0], palette, positions)
        mask = mask | transparent
    return values, mask | pixel_reader.invalid_values(values)


@contextmanager
def _open_georeferenced(path: Path, scene: Scene) -> Iterator[tuple[Any, tuple[float | None, ...]]]:
    """Open a raster with the scene's georeference; yields it and the nodata value of each band.

    rio-tiler reads rotated rasters correctly. It cannot use RPC models, though, and would warp
    control points, whereas footprints follow the scene's affine transform. It also applies the
    nodata value of the first band to all bands, and ignores alpha if there is nodata. In these
    cases it gets a virtual raster with the scene's georeference, without nodata and with an alpha
    band.
    """
    with open_scene(path) as raster:
        nodata = raster.nodatavals if any(v is not None for v in raster.nodatavals) else ()
        has_alpha = ColorInterp.alpha in raster.colorinterp
        is_placed = raster.crs and not raster.transform.is_identity
        if is_placed and (not nodata or (len(set(nodata)) == 1 and not has_alpha)):
            yield raster, nodata
            return
        grid = {"crs": scene.crs, "transform": scene.transform}
        if is_placed:
            grid = {"crs": raster.crs, "transform": raster.transform}
        options = grid | {f"src_{name}": value for name, value in grid.items()}
        if nodata:
            options |= {"nodata": None, "src_nodata": None, "add_alpha": not has_alpha}
        with WarpedVRT(raster, width=scene.width, height=scene.height, **options) as view:
            yield view, nodata


def _read_pixel_tile(source: TileSource, z: int, x: int, y: int) -> tuple[AnyArray, BoolArray]:
    """Return the values and mask of a tile in the scene's own pixels."""
    scene = source.scene
    values, mask = _empty_tile(source)
    if z > source.zooms[1]:
        raise SceneError(f"there is no tile {z}/{x}/{y}", where=scene.name)
    step = 2 ** (source.zooms[1] - z)
    side = TILE_SIDE * step
    left, top = x * side, y * side
    with Reader(scene, source.bands) as reader:
        part = reader.read((left, top, left + side, top + side), step)
    rows, columns = part.mask.shape
    values[:, :rows, :columns] = part.values
    mask[:rows, :columns] = part.mask
    return values, mask


def _empty_tile(source: TileSource) -> tuple[AnyArray, BoolArray]:
    values = np.zeros((len(source.bands), TILE_SIDE, TILE_SIDE), source.scene.dtype)
    return values, np.ones((TILE_SIDE, TILE_SIDE), bool)
