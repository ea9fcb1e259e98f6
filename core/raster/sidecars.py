"""Files that GDAL opens because of another one's name: none may lead out of the folder."""

import warnings
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from core.errors import SceneError

RASTERS = (".tif", ".tiff")
# GDAL opens overviews and masks beside a file with any driver: they too must be TIFF.
TIFFS = (".ovr", ".msk")
TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
AUX = ".aux.xml"
WORLD = (".tfw", ".tifw", ".tiffw", ".wld")
# After the whole name, and after the stem: GDAL's GTiff driver, PAM and metadata readers.
AFTER_NAME = (*TIFFS, AUX, ".aux", ".xml", ".vat.dbf")
AFTER_STEM = (*WORLD, ".prj", ".tab", ".aux", AUX, ".rpb", ".imd", ".pvl", "_rpc.txt", "_rpc")
# GDAL's Shapefile driver with its indexes and memo files, and the journals of SQLite.
VECTOR = (".shx", ".dbf", ".dbt", ".prj", ".qpj", ".cpg", ".sbn", ".sbx", ".qix", ".idm", ".ind")
JOURNALS = ("-wal", "-shm", "-journal", AUX)
MOST_XML = 16 * 2**20
# A block is decoded whole, however few of its pixels are asked for.
MOST_BLOCK = 512 * 2**20
# Dtypes of rasterio that NumPy has not.
ITEMS = {"complex_int16": "int32"}


# Masks and overviews, opened by directory, have no place of their own; scenes without are told so.
warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)


def leads_out(path: Path) -> bool:
    """True for a link out of the folder that it lies in."""
    return path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve())


def beside(path: Path) -> list[Path]:
    """Files in its folder that GDAL may open on opening a scene or a vector file, by name.

    They need not be wanted, nor be what their names say. Links are among them, also broken ones.
    """
    name, stem = path.name.lower(), path.stem.lower()
    raster = path.suffix.lower() in RASTERS
    whole, part = (AFTER_NAME, AFTER_STEM) if raster else (JOURNALS, VECTOR)
    exact = {f"{name}{end}" for end in whole} | {f"{stem}{end}" for end in part}
    # Overviews of a mask, and a mask of overviews: scene.tif.msk.ovr.
    chained = tuple(f"{name}{end}." for end in TIFFS) if raster else (f"{stem}.shp.",)
    return sorted(
        file
        for file in path.parent.iterdir()
        if file.name.lower() in exact or file.name.lower().startswith(chained)
    )


def foreign_part(path: Path) -> str:
    """The name of a link that leads out of the folder, among the files `beside`; else empty."""
    return next((file.name for file in beside(path) if leads_out(file)), "")


def refuse_foreign(path: Path) -> None:
    """Refuse a scene that would make GDAL open another file, before GDAL opens it.

    Raises
    ------
    SceneError
        If a file beside it is a link out of the folder, has overviews or a mask that are no TIFF,
        or names overviews elsewhere.
    """
    if link := foreign_part(path):
        raise SceneError(
            f"the file beside it, {link}, is a link that leads out of its folder, and not followed",
            where=path.name,
            remedy="Copy that file there, or take the link away.",
        )
    for file in beside(path):
        if file.is_file() and (words := not_what_it_says(file)):
            raise SceneError(
                f"the file beside it, {file.name}, {words}",
                where=path.name,
                remedy="Delete it, or write it again.",
            )


def not_what_it_says(file: Path) -> str:
    """Why a file beside a scene is not what its name says, by a look at it; empty if it is."""
    name = file.name.lower()
    with file.open("rb") as opened:
        if name.endswith(TIFFS):
            return "" if opened.read(4) in TIFF_MAGIC else "is no TIFF"
        if name.endswith(AUX):
            content = opened.read(MOST_XML + 1)
            if len(content) > MOST_XML:
                return f"is larger than {MOST_XML / 2**20:.0f} MiB"
            if b"<PAMDataset" not in content:
                return "is no metadata of GDAL"
            return "takes its overviews from another file" if b"OVERVIEW_FILE" in content else ""
        return "" if not name.endswith(WORLD) or _six_numbers(opened) else "is no world file"


def _six_numbers(opened: Any) -> bool:
    """A world file is six numbers, a line each; some programs write words after them."""
    try:
        return len([float(v.replace(b",", b".")) for v in opened.read(1024).split()[:6]]) == 6
    except ValueError:
        return False


def refuse_huge_blocks(path: Path, source: Any, local: bool) -> None:
    """Refuse a file with a block that takes more memory than a scene should, by its headers.

    A strip of many rows is decoded by the row, and counts so: GDAL states it as rows.

    Parameters
    ----------
    path : Path
    source : open raster
    local : bool
        Also look at overviews and masks, in the file and beside it.

    Raises
    ------
    SceneError
    """
    _refuse_block(path.name, source)
    if not local:
        return
    # By directory: no dataset shows the blocks of its mask.
    for file in (path, *(f for f in beside(path) if f.name.lower().endswith(TIFFS))):
        for directory in count(1):
            try:
                with rasterio.open(f"GTIFF_DIR:{directory}:{file}", driver="GTiff") as opened:
                    _refuse_block(path.name, opened)
            except rasterio.errors.RasterioError:
                break


def _refuse_block(name: str, source: Any) -> None:
    pixel = source.interleaving is not None and source.interleaving.value.lower() == "pixel"
    for (rows, columns), dtype in zip(source.block_shapes, source.dtypes, strict=True):
        item = np.dtype(ITEMS.get(dtype, dtype)).itemsize
        size = rows * columns * item * (source.count if pixel else 1)
        if size > MOST_BLOCK:
            raise SceneError(
                f"is stored in blocks of {columns} x {rows} pixels: one takes "
                f"{size / 2**20:,.0f} MiB to read, more than {MOST_BLOCK / 2**20:.0f}",
                where=name,
                remedy="Write it tiled: gdal_translate -co TILED=YES IN.tif OUT.tif.",
            )
