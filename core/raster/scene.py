"""A scene: the header of a raster file, without its pixels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from core.errors import SceneError, convert_errors
from core.raster import sidecars
from core.raster.geodesy import ground_pixel_size
from core.raster.georeference import read_georeference
from core.raster.remote_scenes import find_remote_scenes, gdal_path, is_remote

# The only driver used, because a VRT named .tif, for example, could make GDAL read any file.
DRIVER = "GTiff"
# A VRT is opened as such only under its own ending, which no scene has: the user chose it as a
# raster of embeddings.
VIRTUAL = ".vrt"
# A header can declare more values than any file contains. 64 bands of 500,000 x 500,000 pixels, for
# example, are refused.
MAX_VALUES = 10**12
# Hyperspectral rasters have hundreds of bands, and embeddings up to 2,048. The time of a read grows
# with the square of the number of bands, because rasterio looks up each band in a list.
MAX_BANDS = 2048
# What reading a damaged file raises; the last one if GDAL's message quotes bytes that are not text.
READ_ERRORS = (rasterio.errors.RasterioError, OSError, UnicodeDecodeError)
COLOUR_NAMES = {ColorInterp.red: "red", ColorInterp.green: "green", ColorInterp.blue: "blue"}
BAND_NUMBER = re.compile(r"(?:band|channel|layer)?[ _-]*(\d+)")


@dataclass(frozen=True)
class Scene:
    """One georeferenced image file.

    Attributes
    ----------
    bands : tuple of str
        A unique name for each band with image data; alpha is left out.
    indexes : tuple of int
        The numbers of these bands in the file, counted from 1.
    crs : str
        Well-known text; empty if the scene has no CRS, or one that cannot be converted to longitude
        and latitude on the Earth (a local grid, another planet).
    transform : Affine
        Pixel (column, row) to CRS coordinates.
    gsd : float or None
        Metres on the ground per pixel at the scene's centre, measured on the ellipsoid.
    block_shape : tuple of int
        Rows and columns of the blocks in which the file is stored.
    notes : tuple of str
        Sentences on assumptions and changes made on reading.
    palette : tuple
        Red, green, blue and alpha of each stored value; empty for an image without a palette.
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
    has_overviews: bool
    block_shape: tuple[int, int]
    notes: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.width * self.height * len(self.bands) > MAX_VALUES:
            raise SceneError(
                f"the header declares {self.width} x {self.height} pixels in {len(self.bands)} "
                f"bands, more than the limit of {MAX_VALUES:,} values",
                where=self.path.name,
                remedy="Check that the file is intact, or split it.",
            )

    @property
    def crs_label(self) -> str:
        """The code of the CRS if it has one (EPSG:32631), else the name of its projection."""
        if not self.crs:
            return ""
        crs = CRS.from_wkt(self.crs)
        code = crs.to_authority()
        return ":".join(code) if code else str(crs.to_dict().get("proj", "custom CRS"))


def open_scene(path: Path) -> Any:
    """Open a raster for reading, as GeoTIFF or, if its name says so, as VRT; else SceneError."""
    name = gdal_path(path) if is_remote(path) else path
    is_virtual = path.suffix.lower() == VIRTUAL and not is_remote(path)
    try:
        return rasterio.open(name, driver="VRT" if is_virtual else DRIVER)
    except READ_ERRORS as error:
        if is_remote(path):
            raise SceneError(
                "the file cannot be opened over the network",
                where=path.name,
                remedy=f"Check its address in {path.parent.name}, and that the server supports "
                "range requests.",
            ) from error
        # GDAL's own message without the path, which `where` already names.
        reason = str(error).replace(str(path), path.name).strip().rstrip(".")
        raise SceneError(
            "the file cannot be opened as a GeoTIFF",
            where=path.name,
            remedy=f"Check that the file is complete ({reason or type(error).__name__}).",
        ) from error


def read_scene(path: Path) -> Scene:
    """Read the header of a raster.

    Raises SceneError if the file is not a GeoTIFF, has complex or mixed dtypes, or takes its
    overviews or its mask from a file that is not a TIFF; if it, or a file that GDAL reads next to
    it, is a link that leads out of its folder; if a block is too large to read; or if a library
    cannot interpret the header.
    """
    with convert_errors(SceneError, path.name, "the header of the file cannot be read"):
        return _read_header(path)


def _read_header(path: Path) -> Scene:
    if any("\ud800" <= character <= "\udfff" for character in path.name):
        raise SceneError(
            "the name of the file is not valid UTF-8", where=path.name, remedy="Rename the file."
        )
    is_local = not is_remote(path)
    if is_local and sidecars.is_outside_link(path):
        raise SceneError(
            "the file is a link that leads out of its folder, and links are not followed",
            where=path.name,
            remedy="Copy the file there, or set --workspace to the folder that holds it.",
        )
    if is_local and path.is_file():
        sidecars.refuse_outside_files(path)
    with open_scene(path) as source:
        if "OVERVIEW_FILE" in source.tags(ns="OVERVIEWS"):
            raise SceneError(
                "the file takes its overviews from another file",
                where=path.name,
                remedy="Write it again with its own overviews.",
            )
        if source.count > MAX_BANDS:
            raise SceneError(
                f"the file has {source.count:,} bands, more than the limit of {MAX_BANDS:,}",
                where=path.name,
                remedy="Write the bands that you need to a new file: gdal_translate -b 1 -b 2 ....",
            )
        # Each of these properties of rasterio reads all bands, so none is used once per band.
        colours, dtypes = source.colorinterp, source.dtypes
        indexes = [i for i in source.indexes if colours[i - 1] is not ColorInterp.alpha]
        if obstacle := _reading_obstacle(colours, dtypes, indexes):
            raise SceneError(obstacle[0], where=path.name, remedy=obstacle[1])
        crs, transform, notes = read_georeference(source)
        gsd = ground_pixel_size(crs, transform, source.width, source.height)
        palette = _palette(source, indexes)
        if palette:
            notes = (*notes, "The palette is expanded to red, green and blue.")
        scene = Scene(
            path=path,
            name=path.stem,
            width=source.width,
            height=source.height,
            bands=tuple(COLOUR_NAMES.values()) if palette else _band_names(source, indexes),
            indexes=(1, 1, 1) if palette else tuple(indexes),
            dtype="uint8" if palette else dtypes[indexes[0] - 1],
            nodata=next((float(v) for v in source.nodatavals if v is not None), None),
            crs=crs if gsd is not None else "",
            transform=transform,
            gsd=gsd,
            has_overviews=bool(source.overviews(indexes[0])),
            block_shape=source.block_shapes[indexes[0] - 1],
            notes=(*notes, *_scale_notes(source, indexes)),
            palette=palette,
        )
        sidecars.refuse_huge_blocks(path, source, is_local)
        return scene


def find_rasters(folder: Path) -> list[Path]:
    """Return every GeoTIFF of a folder, sorted by name, then the remote scenes that it lists.

    A link that leads out of the folder is included; `read_scene` refuses it.
    """
    if not folder.is_dir():
        return []
    files = [
        p for p in folder.iterdir() if p.suffix.lower() in sidecars.RASTER_SUFFIXES and p.is_file()
    ]
    return [*sorted(files), *find_remote_scenes(folder)]


def _reading_obstacle(
    colours: Sequence[ColorInterp], all_dtypes: Sequence[str], indexes: list[int]
) -> tuple[str, str] | None:
    """Return the reason why the bands cannot be read, and the remedy; None if they can."""
    dtypes = sorted({all_dtypes[i - 1] for i in indexes})
    if not dtypes:
        return "the file has an alpha band but no image bands", ""
    if any(dtype.startswith("complex") for dtype in dtypes):
        return "the file holds complex numbers", "Write amplitude or intensity bands instead."
    if len(dtypes) > 1:
        remedy = "Convert them to one dtype, for example with gdal_translate -ot."
        return f"the bands have different dtypes ({', '.join(dtypes)})", remedy
    if len(indexes) > 1 and any(colours[i - 1] is ColorInterp.palette for i in indexes):
        remedy = "Keep only that band, or expand it with gdal_translate -expand rgb."
        return "one of several bands has a palette", remedy
    return None


def _palette(source: Any, indexes: list[int]) -> tuple[tuple[int, int, int, int], ...]:
    """Return red, green, blue and alpha of each value of a palette image; empty for any other."""
    if source.colorinterp[indexes[0] - 1] is not ColorInterp.palette:
        return ()
    try:
        colours = source.colormap(indexes[0])
    except ValueError:
        return ()
    # A transparent entry at the end is used for all values beyond the palette.
    return tuple(tuple(colours.get(v, (0, 0, 0, 0))) for v in range(max(colours) + 2))


def _scale_notes(source: Any, indexes: list[int]) -> list[str]:
    """Return a note on scales and offsets, which are not applied: chips hold stored values."""
    scales, offsets = source.scales, source.offsets
    scalings = [(i, scales[i - 1], offsets[i - 1]) for i in indexes]
    texts = [f"band {i}: value x {a:g} + {b:g}" for i, a, b in scalings if (a, b) != (1, 0)]
    if not texts:
        return []
    more = f", and {len(texts) - 1} more" if len(texts) > 1 else ""
    statement = f"The file declares a scale or offset ({texts[0]}{more})."
    return [f"{statement} It is not applied: values stay as stored."]


def _band_names(source: Any, indexes: list[int]) -> tuple[str, ...]:
    """Return unique names: the description, else the colour interpretation, else the number."""
    names: dict[str, None] = {}
    descriptions, colours = source.descriptions, source.colorinterp
    for index in indexes:
        name = (descriptions[index - 1] or "").strip().lower()
        number = BAND_NUMBER.fullmatch(name)
        # For the first band, the name "Band 1" adds nothing, so its colour is preferred.
        if not name or (number and int(number[1]) == index):
            name = COLOUR_NAMES.get(colours[index - 1], f"band {index}")
        while name in names:
            name = f"{name} ({index})"
        names[name] = None
    return tuple(names)
