"""Sidecar files, which GDAL opens together with another file; none may lead out of the folder."""

import warnings
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from core.errors import SceneError

RASTER_SUFFIXES = (".tif", ".tiff")
# GDAL opens overviews and masks next to a file with any driver, so these must be TIFF files too.
TIFFS = (".ovr", ".msk")
TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
AUX = ".aux.xml"
WORLD = (".tfw", ".tifw", ".tiffw", ".wld")
# Endings that GDAL's GTiff driver, PAM and metadata readers append to a file's name or its stem.
NAME_ENDINGS = (*TIFFS, AUX, ".aux", ".xml", ".vat.dbf")
STEM_ENDINGS = (*WORLD, ".prj", ".tab", ".aux", AUX, ".rpb", ".imd", ".pvl", "_rpc.txt", "_rpc")
# Endings of files that GDAL's Shapefile driver reads, and of SQLite's journals.
SHAPEFILE_PARTS = (".shx", ".dbf", ".dbt", ".prj", ".qpj", ".cpg")
SHAPEFILE_ENDINGS = (*SHAPEFILE_PARTS, ".sbn", ".sbx", ".qix", ".idm", ".ind")
JOURNAL_ENDINGS = ("-wal", "-shm", "-journal", AUX)
MAX_XML_BYTES = 16 * 2**20
# A block is always decoded in full, however few of its pixels are needed.
MAX_BLOCK_BYTES = 512 * 2**20
# Dtypes of rasterio that NumPy lacks, with a NumPy dtype of the same size.
NUMPY_DTYPES = {"complex_int16": "int32"}

# Masks and overviews opened by TIFF directory have no georeference. For scenes,
# `read_georeference` handles a missing one.
warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)


def is_outside_link(path: Path) -> bool:
    """Return True for a link that leads out of the folder that it lies in."""
    return path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve())


def sidecar_files(path: Path) -> list[Path]:
    """Return the files that GDAL may open together with a scene or vector file, sorted by name.

    Sidecar files are recognised by name alone. Links are included, even broken ones.
    """
    name, stem = path.name.lower(), path.stem.lower()
    if path.suffix.lower() in RASTER_SUFFIXES:
        names = {name + end for end in NAME_ENDINGS} | {stem + end for end in STEM_ENDINGS}
        # Overviews of a mask, and a mask of overviews: scene.tif.msk.ovr.
        prefixes = tuple(f"{name}{end}." for end in TIFFS)
    else:
        names = {name + end for end in JOURNAL_ENDINGS} | {stem + end for end in SHAPEFILE_ENDINGS}
        prefixes = (f"{stem}.shp.",)
    files = ((file, file.name.lower()) for file in path.parent.iterdir())
    return sorted(file for file, n in files if n in names or n.startswith(prefixes))


def outside_link_name(path: Path) -> str:
    """Return the name of a sidecar file that is a link out of the folder; empty if none is."""
    return next((file.name for file in sidecar_files(path) if is_outside_link(file)), "")


def refuse_outside_files(path: Path) -> None:
    """Refuse a scene that would make GDAL open a file elsewhere, before GDAL opens the scene.

    Raises SceneError if a sidecar file is a link out of the folder, contradicts its name (overviews
    or a mask that are not TIFF, for instance), or refers to overviews in another file.
    """
    if link := outside_link_name(path):
        raise SceneError(
            f"the file next to it, {link}, is a link that leads out of its folder, and links "
            "are not followed",
            where=path.name,
            remedy="Copy the linked file into the folder, or remove the link.",
        )
    for file in sidecar_files(path):
        if file.is_file() and (mismatch := sidecar_mismatch(file)):
            raise SceneError(
                f"the file next to it, {file.name}, {mismatch}",
                where=path.name,
                remedy="Delete that file, or write it again.",
            )


def sidecar_mismatch(file: Path) -> str:
    """Return how the content of a sidecar file contradicts its name; empty if it does not."""
    name = file.name.lower()
    with file.open("rb") as stream:
        if name.endswith(TIFFS):
            return "" if stream.read(4) in TIFF_MAGIC else "is not a TIFF"
        if name.endswith(AUX):
            content = stream.read(MAX_XML_BYTES + 1)
            if len(content) > MAX_XML_BYTES:
                return f"is larger than {MAX_XML_BYTES / 2**20:.0f} MiB"
            if b"<PAMDataset" not in content:
                return "is not GDAL metadata"
            return "takes its overviews from another file" if b"OVERVIEW_FILE" in content else ""
        is_valid = not name.endswith(WORLD) or _has_six_numbers(stream)
        return "" if is_valid else "is not a world file"


def _has_six_numbers(stream: Any) -> bool:
    """Return True for a world file: six numbers, after which some programs add text."""
    try:
        return len([float(v.replace(b",", b".")) for v in stream.read(1024).split()[:6]]) == 6
    except ValueError:
        return False


def refuse_huge_blocks(path: Path, source: Any, is_local: bool) -> None:
    """Refuse a file with a block that takes too much memory to read, according to its headers.

    A strip of many rows is decoded row by row, so it counts as blocks of one row, as GDAL reports
    it. For a local file, the overviews and masks inside it and next to it are checked as well.
    Raises SceneError if a block takes more than `MAX_BLOCK_BYTES`.
    """
    _refuse_huge_block(path.name, source)
    if not is_local:
        return
    # By TIFF directory, since a dataset does not reveal the blocks of its mask.
    for file in (path, *(f for f in sidecar_files(path) if f.name.lower().endswith(TIFFS))):
        for directory in count(1):
            try:
                with rasterio.open(f"GTIFF_DIR:{directory}:{file}", driver="GTiff") as dataset:
                    _refuse_huge_block(path.name, dataset)
            except rasterio.errors.RasterioError:
                break


def _refuse_huge_block(name: str, source: Any) -> None:
    interleaving = source.interleaving.value.lower() if source.interleaving else ""
    n_bands = source.count if interleaving == "pixel" else 1
    for (rows, columns), dtype in zip(source.block_shapes, source.dtypes, strict=True):
        n_bytes = rows * columns * n_bands * np.dtype(NUMPY_DTYPES.get(dtype, dtype)).itemsize
        if n_bytes > MAX_BLOCK_BYTES:
            raise SceneError(
                f"the file is stored in blocks of {columns} x {rows} pixels; reading one takes "
                f"{n_bytes / 2**20:,.0f} MiB, more than the limit of "
                f"{MAX_BLOCK_BYTES / 2**20:.0f} MiB",
                where=name,
                remedy="Write it tiled: gdal_translate -co TILED=YES IN.tif OUT.tif.",
            )
