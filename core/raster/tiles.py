"""Tiles of a scene for a map: web mercator where it has a CRS, its own pixels where it has none.

`core.raster.map_placement` says where that is. A scene without overviews of its own is read in full
for every small-scale tile; `write_overviews` makes a copy at half size with overviews inside, once,
that such tiles are read from.
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
from core.progress import Progress, silent, step
from core.raster.map_placement import PIXEL_ZOOM, SIDE, on_mercator, zooms
from core.raster.pixel_reader import Reader, expand, holes, no_number, nodata_bands
from core.raster.rendering import stretch_ends, to_rgba
from core.raster.scene import Scene, open_scene, read_scene
from core.types import AnyArray, BoolArray, DoubleArray

STRIP = 2048
# Pixels along the longer side that the stretch is fitted on.
GLANCE = 1024
# Without overviews a glance would read the whole file: this many squares a side instead.
SAMPLES, SAMPLE_SIDE = 12, 64


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

    @cached_property
    def mercator(self) -> bool:
        """Whether it is drawn where it lies, or in its own pixels."""
        return on_mercator(self.scene)

    @cached_property
    def zooms(self) -> tuple[int, int]:
        """`zooms` of the scene."""
        return zooms(self.scene)

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
        if needs_overviews(seen):
            return stretch_ends(*_sampled(reader), percentiles)
        part = reader.read((0, 0, seen.width, seen.height), coarse)
    return stretch_ends(part.values, part.mask, percentiles)


def _sampled(reader: Reader) -> tuple[AnyArray, BoolArray]:
    """Values and mask of squares spread over a scene, one above the other."""
    scene = reader.scene
    lefts = np.linspace(0, max(0, scene.width - SAMPLE_SIDE), SAMPLES).astype(int).tolist()
    tops = np.linspace(0, max(0, scene.height - SAMPLE_SIDE), SAMPLES).astype(int).tolist()
    parts = [
        reader.read((left, top, left + SAMPLE_SIDE, top + SAMPLE_SIDE))
        for top in tops
        for left in lefts
    ]
    values = np.concatenate([part.values.reshape(len(part.values), -1) for part in parts], axis=1)
    return values[..., None], np.concatenate([part.mask.ravel() for part in parts])[:, None]


def draw_map_tile(source: TileSource, z: int, x: int, y: int) -> bytes:
    """As `draw_tile`, with z, x, y of the web mercator scheme for every scene.

    Raises
    ------
    SceneError
        If there is no such tile, or the scene cannot be read there.
    """
    if source.mercator:
        return draw_tile(source, z, x, y)
    level, corner = z - PIXEL_ZOOM, 2 ** max(0, z - 1)
    return draw_tile(source, level, x - corner, y - corner)


def draw_tile(source: TileSource, z: int, x: int, y: int) -> bytes:
    """One tile, 256 x 256, as lossless WebP; transparent where the scene is not.

    Parameters
    ----------
    source : TileSource
    z, x, y : int
        Of the web mercator scheme; of a scene that is not `on_mercator`, of a scheme in which the
        last of `zooms` shows each pixel once, from the upper-left corner.

    Raises
    ------
    SceneError
        If there is no such tile, or the scene cannot be read there.
    """
    if not (0 <= z <= 30 and 0 <= x < 2**z and 0 <= y < 2**z):
        raise SceneError(f"there is no tile {z}/{x}/{y}", where=source.scene.name)
    draw = _mercator if source.mercator else _pixels
    values, mask = draw(source, z, x, y)
    picture = to_rgba(values, mask, source.ends)
    written = io.BytesIO()
    # Lossless like PNG, at a fifth of its time and fewer bytes; every browser reads it.
    shown = picture if mask.any() else np.ascontiguousarray(picture[..., :3])
    Image.fromarray(shown).save(written, "webp", lossless=True, quality=0, method=0)
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
    if source.overviews and z < source.zooms[1]:
        path, indexes = source.overviews, list(range(1, len(source.bands) + 1))
        palette = ()
    try:
        with _placed(path, scene) as (opened, nodata), TileReader(None, dataset=opened) as reader:
            asked = nodata_bands(nodata, scene, indexes) if nodata else indexes
            image = reader.tile(x, y, z, tilesize=SIDE, indexes=asked)
    except TileOutsideBounds:
        return _nothing(source)
    except (rasterio.errors.RasterioError, OSError) as error:
        raise SceneError(f"tile {z}/{x}/{y} cannot be drawn", where=scene.name) from error
    values = np.asarray(image.array.data)
    mask: BoolArray = np.asarray(np.ma.getmaskarray(image.array).all(axis=0))
    if image.alpha_mask is not None:
        # rio-tiler masks what is not fully opaque; chips hide what alpha hides altogether.
        mask = np.asarray(image.alpha_mask == 0)
    if nodata:
        stated = [np.nan if nodata[i - 1] is None else nodata[i - 1] for i in asked]
        # As GDAL does: a nodata of -3.4e38 is the float32 next to it.
        kind = values.dtype if values.dtype.kind == "f" else np.float64
        each = values == np.array(stated, kind)[:, None, None]
        mask = mask | holes(each, nodata, scene)
        values = values[: len(indexes)]
    if palette:
        values, hidden = expand(values[0], palette, [scene.bands.index(n) for n in source.bands])
        mask = mask | hidden
    return values, np.asarray(mask | no_number(values))


@contextmanager
def _placed(path: Path, scene: Scene) -> Iterator[tuple[Any, tuple[float | None, ...]]]:
    """An open raster that lies where the scene does, and what each band states as nodata.

    rio-tiler reads turned rasters as they lie, but knows nothing of RPC models, and would bend
    control points where footprints follow the scene's straight map. It also takes the first
    band's nodata for that of all, and no alpha beside it: where that is not so, the raster is
    given to it without its nodata, with alpha where it lies.
    """
    with open_scene(path) as opened:
        nodata = opened.nodatavals if any(v is not None for v in opened.nodatavals) else ()
        alpha = ColorInterp.alpha in opened.colorinterp
        if opened.crs and (not nodata or (len(set(nodata)) == 1 and not alpha)):
            yield opened, nodata
            return
        grid = {"crs": opened.crs or scene.crs, "transform": scene.transform}
        if opened.crs:
            grid["transform"] = opened.transform
        size = {"width": scene.width, "height": scene.height}
        own = {f"src_{name}": value for name, value in grid.items()}
        if nodata:
            own |= {"nodata": None, "src_nodata": None, "add_alpha": not alpha}
        with WarpedVRT(opened, **own, **grid, **size) as view:
            yield view, nodata


def _pixels(source: TileSource, z: int, x: int, y: int) -> tuple[AnyArray, BoolArray]:
    scene = source.scene
    values, mask = _nothing(source)
    coarse = 2 ** (source.zooms[1] - z)
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
