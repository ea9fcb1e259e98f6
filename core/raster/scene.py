"""A scene: what a raster's header says, and nothing of its pixels."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from core.errors import SceneError
from core.raster import sidecars
from core.raster.geodesy import pixel_size
from core.raster.georeference import georeference
from core.raster.remote_scenes import find_remote, gdal_name, is_remote
from core.raster.sidecars import refuse_foreign, refuse_huge_blocks

log = logging.getLogger(__name__)
leads_out = sidecars.leads_out

# Explicit: a VRT, or anything else, under a .tif name could make GDAL read any file.
DRIVER = "GTiff"
SUFFIXES = (".tif", ".tiff")
# A header can promise more than any file holds: 64 bands of 500,000 x 500,000 are refused.
MOST_PIXELS = 10**12
NAMED = {
    ColorInterp.red: "red",
    ColorInterp.green: "green",
    ColorInterp.blue: "blue",
}
NUMBERED = re.compile(r"(?:band|channel|layer)?[ _-]*(\d+)")


@dataclass(frozen=True)
class Scene:
    """One georeferenced image file.

    Attributes
    ----------
    path : Path
    name : str
        The file's stem.
    width, height : int
        Pixels.
    bands : tuple of str
        A name for each band that holds image data (alpha left out), unique in the scene.
    indexes : tuple of int
        The bands' numbers in the file, from 1.
    dtype : str
    nodata : float or None
    crs : str
        Well-known text; empty where the scene has none, or one that does not lead to longitude
        and latitude on the Earth (a local grid, another planet).
    transform : Affine
        Pixel (column, row) to CRS coordinates.
    gsd : float or None
        Metres on the ground a pixel at the scene's centre, measured on the ellipsoid.
    overviews : bool
    block : tuple of int
        Rows and columns of the blocks that the file is stored in.
    notes : tuple of str
        What was assumed, or changed, on reading.
    palette : tuple
        Red, green, blue, alpha of each value that is stored; empty where values are values.
    """

    path: Path
    name: str
    width: int
    height: int
    bands: tuple[str, ...]
    indexes: tuple[int, ...]
    dtype: str
    nodata: float | None
    crs: str
    transform: Affine
    gsd: float | None
    overviews: bool
    block: tuple[int, int]
    notes: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.width * self.height * len(self.bands) > MOST_PIXELS:
            raise SceneError(
                f"its header promises {self.width} x {self.height} pixels in "
                f"{len(self.bands)} bands, more than Chipscape opens",
                where=self.path.name,
            )

    @property
    def crs_label(self) -> str:
        """The CRS in short: an authority's code where it has one, else its name."""
        if not self.crs:
            return ""
        crs = CRS.from_wkt(self.crs)
        code = crs.to_authority()
        return ":".join(code) if code else str(crs.to_dict().get("proj", "custom CRS"))


def open_scene(path: Path) -> Any:
    """Open a raster for reading, by the one driver that is allowed.

    Raises
    ------
    SceneError
        If it is no GeoTIFF or cannot be opened.
    """
    name = gdal_name(path) if is_remote(path) else path
    try:
        return rasterio.open(name, driver=DRIVER)
    except (rasterio.errors.RasterioError, OSError) as error:
        if is_remote(path):
            raise SceneError(
                "cannot be opened over the network",
                where=path.name,
                remedy=f"Check the address in {path.parent.name}, and that the server gives "
                "ranges of a file.",
            ) from error
        raise SceneError(
            "cannot be opened as a GeoTIFF",
            where=path.name,
            remedy=f"Check that the copy is complete ({_reason(error, path)}).",
        ) from error


def read_scene(path: Path) -> Scene:
    """Read a raster's header.

    Raises
    ------
    SceneError
        If it is no GeoTIFF, holds complex numbers or mixed dtypes, or takes its overviews or its
        mask from a file that is no TIFF; if it, or a file that GDAL reads beside it, is a link
        that leads out of its folder; or if a block of it is too large to read.
    """
    local = not is_remote(path)
    if local and leads_out(path):
        raise SceneError(
            "is a link that leads out of its folder, and not followed",
            where=path.name,
            remedy="Copy the file there, or name the folder that holds it with --workspace.",
        )
    if local and path.is_file():
        refuse_foreign(path)
    with open_scene(path) as source:
        if "OVERVIEW_FILE" in source.tags(ns="OVERVIEWS"):
            raise SceneError(
                "takes its overviews from another file",
                where=path.name,
                remedy="Write it again with overviews of its own.",
            )
        kept = [i for i in source.indexes if source.colorinterp[i - 1] is not ColorInterp.alpha]
        _refuse_unreadable(path, source, kept)
        crs, transform, notes = georeference(source)
        gsd = pixel_size(crs, transform, source.width, source.height)
        palette = _palette(source, kept)
        if palette:
            notes = (*notes, "its palette is expanded to red, green and blue")
        scene = Scene(
            path=path,
            name=path.stem,
            width=source.width,
            height=source.height,
            bands=tuple(NAMED.values()) if palette else _band_names(source, kept),
            indexes=(1, 1, 1) if palette else tuple(kept),
            dtype="uint8" if palette else source.dtypes[kept[0] - 1],
            nodata=next((float(v) for v in source.nodatavals if v is not None), None),
            crs=crs if gsd is not None else "",
            transform=transform,
            gsd=gsd,
            overviews=bool(source.overviews(kept[0])),
            block=source.block_shapes[kept[0] - 1],
            notes=(*notes, *_scales(source, kept)),
            palette=palette,
        )
        refuse_huge_blocks(path, source, local)
        return scene


def find_rasters(folder: Path) -> list[Path]:
    """Every GeoTIFF of a folder, sorted by name, then those that its list of addresses names.

    A link that leads out of the folder is among them, and refused when it is read.
    """
    if not folder.is_dir():
        return []
    found = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
    return [*sorted(found), *find_remote(folder)]


def _refuse_unreadable(path: Path, source: Any, kept: list[int]) -> None:
    if not kept:
        raise SceneError("has an alpha band and nothing else", where=path.name)
    dtypes = {source.dtypes[i - 1] for i in kept}
    if any(dtype.startswith("complex") for dtype in dtypes):
        raise SceneError(
            "holds complex numbers",
            where=path.name,
            remedy="Write amplitude or intensity bands instead.",
        )
    if len(dtypes) > 1:
        raise SceneError(f"mixes dtypes {', '.join(sorted(dtypes))}", where=path.name)
    if len(kept) > 1 and any(source.colorinterp[i - 1] is ColorInterp.palette for i in kept):
        raise SceneError(
            "has a palette in one of several bands",
            where=path.name,
            remedy="Keep that band alone, or expand it with gdal_translate -expand rgb.",
        )


def _palette(source: Any, kept: list[int]) -> tuple[tuple[int, int, int, int], ...]:
    """Red, green, blue and alpha of each value of a palette image; empty for any other."""
    if source.colorinterp[kept[0] - 1] is not ColorInterp.palette:
        return ()
    try:
        colours = source.colormap(kept[0])
    except ValueError:
        return ()
    # A value beyond the palette is no colour: hidden.
    return tuple(tuple(colours.get(v, (0, 0, 0, 0))) for v in range(max(colours) + 2))


def _scales(source: Any, kept: list[int]) -> list[str]:
    """A scale or an offset is said, not applied: chips stay in the values of the file."""
    stated = [
        f"band {i}: value x {source.scales[i - 1]:g} + {source.offsets[i - 1]:g}"
        for i in kept
        if (source.scales[i - 1], source.offsets[i - 1]) != (1, 0)
    ]
    if not stated:
        return []
    more = f" and {len(stated) - 1} more bands" if len(stated) > 1 else ""
    return [f"states a scale that is not applied, values stay as stored ({stated[0]}{more})"]


def _band_names(source: Any, kept: list[int]) -> tuple[str, ...]:
    """Names by description, else by colour interpretation, else by number; made unique."""
    names: list[str] = []
    for index in kept:
        described = (source.descriptions[index - 1] or "").strip().lower()
        number = f"band {index}"
        # "Band 1" of the first band describes nothing: the colour interpretation knows more.
        count = NUMBERED.fullmatch(described)
        described = "" if count and int(count[1]) == index else described
        name = described or NAMED.get(source.colorinterp[index - 1], number)
        while name in names:
            name = f"{name} ({index})"
        names.append(name)
    return tuple(names)


def _reason(error: Exception, path: Path) -> str:
    """GDAL's own words without the path, which the message already names."""
    return str(error).replace(str(path), path.name).strip().rstrip(".") or type(error).__name__
