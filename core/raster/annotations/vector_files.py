"""Vector files of the usual formats, found next to scenes and read into `Annotations`."""

import logging
import sqlite3
import time
import warnings
from collections.abc import Collection
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS

from core.errors import AnnotationError, convert_errors
from core.raster.annotations.csv_coco import read_csv
from core.raster.annotations.feature_table import (
    Annotations,
    distinct_names,
    flatten_value,
    parsing_note,
    repair_surrogates,
    surrogate_note,
)
from core.raster.annotations.geojson import read_geojson
from core.raster.geodesy import WGS84
from core.raster.remote_scenes import annotation_folder
from core.raster.sidecars import outside_link_name, sidecar_files

log = logging.getLogger(__name__)

# The first bytes of each binary format. GDAL chooses its driver by content, so the content is
# checked before GDAL opens the file. GeoJSON is parsed without GDAL.
MAGIC = {
    ".gpkg": b"SQLite format 3\x00",
    ".shp": b"\x00\x00\x27\x0a",
    ".fgb": b"fgb",
    ".parquet": b"PAR1",
    ".geoparquet": b"PAR1",
}
# The header of an SQLite file states its kind (SQLite's application_id; GeoPackage 1.0 to 1.4).
# GDAL would open another kind with another of its drivers.
HEADER_BYTES = 100
APPLICATION_ID = slice(68, 72)
GEOPACKAGE_IDS = (b"GPKG", b"GP10", b"GP11")
JSON_SUFFIXES = (".geojson", ".json")
PARQUET_SUFFIXES = (".parquet", ".geoparquet")
SUFFIXES = (*JSON_SUFFIXES, *MAGIC, ".csv")
MULTI_FILE_SUFFIXES = (".shp", ".gpkg")
MAX_BYTES = 2 * 1024**3
# Time in which the rows of a GeoPackage's views must have been counted.
VIEW_SECONDS = 10
# How shapely's warning of a geometry that it cannot parse begins.
INVALID_GEOMETRY = "Invalid WKB"


def find_annotations(raster: Path) -> Path | None:
    """Return the vector file with the raster's stem, the first in the order of `SUFFIXES`.

    Links that lead out of the folder are ignored.
    """
    folder = annotation_folder(raster).resolve()
    files = (path for path in _candidates(raster) if path.is_file())
    return next((path for path in files if path.resolve().is_relative_to(folder)), None)


def unread_vector_files(raster: Path) -> list[str]:
    """Return a sentence for each vector file with the raster's stem that is not read."""
    vector, folder = find_annotations(raster), annotation_folder(raster).resolve()
    notes = []
    for path in sorted(path for path in _candidates(raster) if path.is_file()):
        # Files are compared, not names, since to some file systems .csv and .CSV are the same.
        if vector and path.samefile(vector):
            continue
        reason = "it is a link that leads out of the folder"
        if vector and path.resolve().is_relative_to(folder):
            reason = f"{vector.name} takes precedence"
        notes.append(f"{path.name} is not read, because {reason}.")
    return notes


def _candidates(raster: Path) -> list[Path]:
    """Return the paths at which a raster may have its vector file, in order of precedence."""
    path = annotation_folder(raster) / raster.name
    return [path.with_suffix(s) for suffix in SUFFIXES for s in (suffix, suffix.upper())]


def find_shared_annotations(folder: Path, stems: Collection[str]) -> list[Path]:
    """Return vector files without the stem of any raster, sorted; outside links are ignored."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES
        and path.stem not in stems
        and path.resolve().is_relative_to(folder.resolve())
        and path.is_file()
    )


def vector_file_parts(path: Path) -> list[Path]:
    """Return a vector file and its parts, sorted: a Shapefile's, or a GeoPackage's journal."""
    if path.suffix.lower() not in MULTI_FILE_SUFFIXES:
        return [path]
    # SQLite's shared memory (-shm) changes with each reader and holds no data.
    parts = (p for p in sidecar_files(path) if p.is_file() and not p.name.endswith("-shm"))
    return sorted({path, *parts})


def read_annotations(path: Path) -> Annotations:
    """Read a vector file, or the first layer with geometries of a GeoPackage.

    Raises AnnotationError if the file is too large, contradicts its suffix, cannot be parsed, names
    an unknown CRS, or has a part that is a link out of its folder.
    """
    with convert_errors(AnnotationError, path.name, "the annotations cannot be read"):
        return _read_by_suffix(path)


def _read_by_suffix(path: Path) -> Annotations:
    suffix = path.suffix.lower()
    if path.stat().st_size > MAX_BYTES:
        raise AnnotationError(
            "the file is larger than 2 GiB", where=path.name, remedy="Split it by scene."
        )
    if suffix in JSON_SUFFIXES:
        return read_geojson(path)
    if suffix == ".csv":
        return read_csv(path)
    refuse_wrong_content(path)
    if link := outside_link_name(path) if suffix in MULTI_FILE_SUFFIXES else "":
        raise AnnotationError(
            f"its part {link} is a link that leads out of the folder, and links are not followed",
            where=path.name,
            remedy="Copy the linked file into the folder.",
        )
    if suffix == ".gpkg":
        _refuse_endless_views(path)
    return _read_table(path)


def _refuse_endless_views(path: Path) -> None:
    """Raise AnnotationError if a layer is a query that does not end, which GDAL would wait for."""
    end = time.monotonic() + VIEW_SECONDS
    views = (
        "SELECT name FROM sqlite_master JOIN gpkg_geometry_columns ON lower(name) ="
        " lower(table_name) WHERE type = 'view'"
    )
    uri = f"{path.absolute().as_uri()}?mode=ro"
    # What else is wrong with the file is left to GDAL, which also knows more functions.
    with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True)) as database:
        names = [str(name) for (name,) in database.execute(views)]
        database.set_progress_handler(lambda: time.monotonic() > end, 10_000)
        for name in names:
            quoted = name.replace('"', '""')
            with suppress(sqlite3.Error):
                database.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()  # noqa: S608
            if time.monotonic() > end:
                raise AnnotationError(
                    f"the layer {name!r} is a query (a view) whose rows could not be counted in"
                    f" {VIEW_SECONDS} s",
                    where=path.name,
                    remedy="Export the layer as a table of its own.",
                )


def refuse_wrong_content(path: Path) -> None:
    """Raise AnnotationError for a binary file, or .shx, whose first bytes contradict its suffix."""
    # Both main files of a Shapefile begin with the same bytes.
    suffix = path.suffix.lower().replace(".shx", ".shp")
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
    is_geopackage = header[APPLICATION_ID] in GEOPACKAGE_IDS
    if not header.startswith(MAGIC[suffix]) or (suffix == ".gpkg" and not is_geopackage):
        raise AnnotationError(
            f"the file is not a valid {path.suffix} file",
            where=path.name,
            remedy="Export it again, or rename it with the suffix of its format.",
        )


def _read_table(path: Path) -> Annotations:
    notes: list[str] = []
    try:
        if path.suffix.lower() in PARQUET_SUFFIXES:
            frame = gpd.read_parquet(path)
        else:
            frame = _read_layer(path, notes)
    except (ValueError, OSError, RuntimeError, shapely.errors.GEOSException) as error:
        raise AnnotationError(
            "the file cannot be read", where=path.name, remedy=f"{error}."
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise AnnotationError("the table has no geometries", where=path.name)
    if not frame.crs:
        notes.insert(0, f"{path.name} has no CRS: EPSG:4326 is assumed.")
    properties = pd.DataFrame(frame.drop(columns=frame.geometry.name)).reset_index(drop=True)
    object_columns = properties.select_dtypes("object").columns
    broken_texts: list[str] = []
    properties[object_columns] = properties[object_columns].map(
        lambda value: repair_surrogates(flatten_value(value), broken_texts)
    )
    return Annotations(
        geometries=np.asarray(frame.geometry.array, dtype=object),
        properties=properties,
        crs=CRS.from_user_input(frame.crs or WGS84).to_wkt(),
        notes=(*notes, *surrogate_note(broken_texts)),
    )


def _read_layer(path: Path, notes: list[str]) -> Any:
    """Return the first layer with geometries; what is left out or changed is added to the notes."""
    with warnings.catch_warnings(record=True) as caught_warnings:
        warnings.simplefilter("always")
        # Tables without geometries are not annotations; QGIS, for one, stores styles in them.
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind]
        layer = layers[0] if layers else 0
        frame = gpd.read_file(path, engine="pyogrio", layer=layer, on_invalid="warn")
        if isinstance(frame, gpd.GeoDataFrame):
            frame = _keep_equal_fields(path, layer, frame, notes)
            if any(INVALID_GEOMETRY in str(warning.message) for warning in caught_warnings):
                stored = pyogrio.raw.read(path, layer=layer, columns=[])[2]
                is_stored = np.array([content is not None for content in stored])
                notes += parsing_note(int((is_stored & frame.geometry.isna().to_numpy()).sum()))
    for warning in caught_warnings:
        log.info("%s: %s", path.name, warning.message)
    if len(layers) > 1:
        note = f"{path.name} has {len(layers)} layers. Only {layers[0]!r} is read; left out: "
        notes.append(f"{note}{', '.join(map(repr, layers[1:]))}.")
    return frame


def _keep_equal_fields(path: Path, layer: str | int, frame: Any, notes: list[str]) -> Any:
    """Return a layer's table with all fields, even if several of them have the same name.

    A table of columns by name keeps only one of them; the geometry has a name too.
    """
    fields = [str(name) for name in pyogrio.read_info(path, layer=layer)["fields"]]
    names = distinct_names([frame.geometry.name, *fields])[1:]
    if names == fields:
        return frame
    values = pyogrio.raw.read(path, layer=layer, read_geometry=False, datetime_as_string=True)[3]
    new_names = [name for name in names if name not in fields]
    verb = "was" if len(new_names) == 1 else "were"
    notes.append(
        f"{path.name} has several fields of the same name: {', '.join(new_names)} {verb} renamed."
    )
    columns = dict(zip(names, values, strict=True))
    return gpd.GeoDataFrame(columns, geometry=frame.geometry.array, crs=frame.crs)
