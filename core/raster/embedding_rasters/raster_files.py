"""The files of a raster of embeddings, and how their stored values become embeddings.

Formats, as documented in 2026:

- **AlphaEarth** (Google Satellite Embedding, annual): a folder per year and UTM zone, with GeoTIFFs
  of 8192 x 8192 pixels of 10 m and 64 bands A00 to A63 in int8. An embedding is (v / 127.5)^2 with
  the sign of v, and has length 1. -128 in every band is nodata. Some copies store the rows from
  south to north. Source: developers.google.com/earth-engine/guides/aef_on_gcs_readme and
  source.coop/tge-labs/aef. Earth Engine exports the same bands as floating-point embeddings.
- **TESSERA**: tiles of 0.1 degrees in UTM, 10 m, 128 channels. The repository holds int8 arrays
  (.npy) with a scale per pixel and a land mask as GeoTIFF, which `geotessera` exports as float32
  GeoTIFFs with the tag TESSERA_YEAR, in newer versions with NaN as nodata. Source:
  geotessera.readthedocs.io, and the code of geotessera (ucam-eo/geotessera).
- **Others**, for example Presto: GeoTIFFs whose values are used as stored, or with the scale and
  offset that each band declares. Clay and Major TOM publish tables, not rasters (Fang et al. 2026,
  arXiv:2601.13134).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from core.errors import SceneError
from core.raster.scene import VIRTUAL, Scene, open_scene, read_scene
from core.raster.sidecars import MAX_XML_BYTES, RASTER_SUFFIXES
from core.types import AnyArray, DoubleArray, FloatArray

ALPHA_EARTH = tuple(f"a{axis:02d}" for axis in range(64))
ALPHA_EARTH_NODATA = -128
_TESSERA_CHANNELS = 128
# Two files of one grid that share more than this part of the smaller one show the same area.
_MOST_OVERLAP = 0.5
_YEAR_TAG = "TESSERA_YEAR"
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True)
class EmbeddingTile:
    """One file of a raster of embeddings.

    `scale` and `offset`, (bands,), apply to stored values; both are empty if these are dequantised
    as AlphaEarth's. `year` is empty if the file does not state it.
    """

    scene: Scene
    scale: DoubleArray
    offset: DoubleArray
    year: str

    @property
    def is_alpha_earth(self) -> bool:
        """True if values are quantised as AlphaEarth's."""
        return not len(self.scale)

    def dequantise(self, values: AnyArray) -> FloatArray:
        """Return stored values, (bands, m), as embeddings, without regard to nodata."""
        if self.is_alpha_earth:
            share = values.astype(np.float32) / np.float32(127.5)
            return np.asarray(share * np.abs(share))
        scaled = values * self.scale[:, None] + self.offset[:, None]
        return np.asarray(scaled, dtype=np.float32)


def find_embedding_files(path: Path) -> list[Path]:
    """Return the GeoTIFFs of a folder and its subfolders, sorted, or the file or VRT itself.

    Raises SceneError if there is none. In a folder, VRTs are left out: those next to AlphaEarth's
    files refer to the same pixels.
    """
    if path.is_file():
        if path.suffix.lower() in (*RASTER_SUFFIXES, VIRTUAL):
            return [path]
        raise SceneError(
            "the file is not a GeoTIFF or a VRT",
            where=str(path),
            remedy="Choose a .tif, .tiff or .vrt file, or a folder of GeoTIFFs.",
        )
    if not path.is_dir():
        raise SceneError(
            "there is no such file or folder",
            where=str(path),
            remedy="Enter the path of a GeoTIFF, a VRT or a folder of GeoTIFFs on this machine.",
        )
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in RASTER_SUFFIXES)
    if not files:
        raise SceneError("the folder contains no GeoTIFF", where=str(path), remedy=_npy_hint(path))
    return files


def list_source_files(files: Sequence[Path]) -> Iterator[Path]:
    """Yield the files, and for a VRT also the local files that it refers to."""
    for file in files:
        yield file
        if file.suffix.lower() == VIRTUAL:
            _refuse_network(file)
            with open_scene(file) as source:
                yield from sorted({Path(name) for name in source.files} - {file})


def read_embedding_tiles(path: Path) -> tuple[EmbeddingTile, ...]:
    """Read the headers of a raster of embeddings.

    Raises SceneError if a file cannot be used, or if the files do not form one raster: different
    bands or years, or two files of one grid that show the same area.
    """
    tiles = [_read_tile(file, path) for file in find_embedding_files(path)]
    first = tiles[0]
    for tile in tiles[1:]:
        names = f"{first.scene.path.name} and {tile.scene.path.name}"
        if (tile.scene.bands, tile.scene.dtype) != (first.scene.bands, first.scene.dtype):
            raise SceneError(
                f"{names} do not have the same bands and data type",
                where=str(path),
                remedy="Put the files of each product into a folder of its own.",
            )
        if tile.year and first.year and tile.year != first.year:
            raise SceneError(
                f"{names} are of different years, {first.year} and {tile.year}",
                where=str(path),
                remedy="Choose the folder or the file of one year.",
            )
    _refuse_same_area(tiles, path)
    return tuple(tiles)


def _read_tile(file: Path, root: Path) -> EmbeddingTile:
    if file.suffix.lower() == VIRTUAL:
        _refuse_network(file)
    scene = read_scene(file)
    if not scene.crs:
        raise SceneError(
            "the raster of embeddings has no CRS, so footprints cannot be placed on it",
            where=file.name,
            remedy="Write it again with its CRS.",
        )
    if len(scene.bands) < 2:
        raise SceneError(
            "the raster has a single band, so it holds no embeddings",
            where=file.name,
            remedy=_npy_hint(root) or "Choose a raster with one band per axis of the embedding.",
        )
    with open_scene(file) as source:
        bands = [index - 1 for index in scene.indexes]
        scale, offset = (np.array(values)[bands] for values in (source.scales, source.offsets))
        tags = source.tags()
    if scene.dtype == "int8":
        if scene.bands == ALPHA_EARTH:
            scale = offset = np.zeros(0)
        elif len(scene.bands) == _TESSERA_CHANNELS and (scale == 1).all():
            raise SceneError(
                "the raster holds 128 quantised channels without the scale of each pixel",
                where=file.name,
                remedy="Export TESSERA's embeddings as float32: geotessera download --format tiff.",
            )
    folders = file.relative_to(root).parts[:-1] if root.is_dir() else ()
    year = tags.get(_YEAR_TAG) or next((name for name in folders if _YEAR.fullmatch(name)), "")
    return EmbeddingTile(scene, scale, offset, year)


def _refuse_same_area(tiles: Sequence[EmbeddingTile], path: Path) -> None:
    """Raise SceneError if two tiles with the same CRS overlap too much to be neighbours.

    Tiles of neighbouring UTM zones do overlap, with nodata in all but one of them.
    """
    outlines = []
    for tile in tiles:
        scene = tile.scene
        corners = [(0, 0), (scene.width, 0), (scene.width, scene.height), (0, scene.height)]
        outlines.append(shapely.Polygon([scene.transform @ corner for corner in corners]))
    tree = shapely.STRtree(outlines)
    for first, second in zip(*tree.query(outlines, predicate="intersects"), strict=True):
        if first >= second or tiles[first].scene.crs != tiles[second].scene.crs:
            continue
        shared = shapely.intersection(outlines[first], outlines[second]).area
        if shared > _MOST_OVERLAP * min(outlines[first].area, outlines[second].area):
            names = f"{tiles[first].scene.path.name} and {tiles[second].scene.path.name}"
            raise SceneError(
                f"{names} show the same area, perhaps in different years",
                where=str(path),
                remedy="Choose the folder or the file of one year.",
            )


def _refuse_network(file: Path) -> None:
    """Raise SceneError if a VRT is too large to check, or refers to anything but local files."""
    text = file.read_bytes()[: MAX_XML_BYTES + 1]
    if len(text) > MAX_XML_BYTES or b"/vsi" in text or b"://" in text:
        raise SceneError(
            "the VRT refers to files that are not on this machine, or is too large to check",
            where=file.name,
            remedy="Download the files and build the VRT from them: gdalbuildvrt OUT.vrt *.tif.",
        )


def _npy_hint(folder: Path) -> str:
    """Return how to convert a folder in the form of TESSERA's repository; empty for others."""
    if folder.is_dir() and next(folder.rglob("*_scales.npy"), None):
        return "Export TESSERA's arrays as GeoTIFFs first: geotessera download --format tiff."
    return ""
