"""Vector files of the usual formats, found next to scenes and read into `Annotations`."""

import json
import logging
import re
import warnings
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from core.errors import AnnotationError
from core.raster.annotations.csv_coco import is_coco, read_coco, read_csv
from core.raster.annotations.feature_table import (
    Annotations,
    flatten_value,
    json_text,
    object_array,
    parsing_note,
    repair_surrogates,
    surrogate_note,
)
from core.raster.geodesy import WGS84
from core.raster.remote_scenes import annotation_folder
from core.raster.sidecars import outside_link_name, sidecar_files
from core.types import Geometries

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
# A surrogate in JSON, which may be half of a character: escaped, or as bytes that Python accepts.
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
MAX_BYTES = 2 * 1024**3


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
    suffix = path.suffix.lower()
    if path.stat().st_size > MAX_BYTES:
        raise AnnotationError(
            "the file is larger than 2 GiB", where=path.name, remedy="Split it by scene."
        )
    if suffix in JSON_SUFFIXES:
        return _read_json(path)
    if suffix == ".csv":
        return read_csv(path)
    refuse_wrong_content(path)
    if link := outside_link_name(path) if suffix in MULTI_FILE_SUFFIXES else "":
        raise AnnotationError(
            f"its part {link} is a link that leads out of the folder, and links are not followed",
            where=path.name,
            remedy="Copy the linked file into the folder.",
        )
    return _read_table(path)


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
    layers: list[str] = []
    try:
        if path.suffix.lower() in PARQUET_SUFFIXES:
            frame = gpd.read_parquet(path)
        else:
            frame, layers = _read_layer(path)
    except (ValueError, OSError, RuntimeError) as error:
        raise AnnotationError(
            "the file cannot be read", where=path.name, remedy=f"{error}."
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise AnnotationError("the table has no geometries", where=path.name)
    notes = [] if frame.crs else [f"{path.name} has no CRS: EPSG:4326 is assumed."]
    if len(layers) > 1:
        note = f"{path.name} has {len(layers)} layers. Only {layers[0]!r} is read; left out: "
        notes.append(f"{note}{', '.join(map(repr, layers[1:]))}.")
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


def _read_layer(path: Path) -> tuple[Any, list[str]]:
    """Return the first layer with geometries, and the names of all such layers."""
    with warnings.catch_warnings(record=True) as caught_warnings:
        warnings.simplefilter("always")
        # Tables without geometries are not annotations; QGIS, for one, stores styles in them.
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind]
        frame = gpd.read_file(path, engine="pyogrio", layer=layers[0] if layers else 0)
    for warning in caught_warnings:
        log.info("%s: %s", path.name, warning.message)
    return frame, layers


def _read_json(path: Path) -> Annotations:
    broken_texts: list[str] = []
    try:
        content = path.read_bytes()
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        document = json.loads(text)
        if ("\\u" in text or not text.isascii()) and SURROGATE.search(text):
            document = repair_surrogates(document, broken_texts)
    except (ValueError, RecursionError) as error:
        raise AnnotationError(
            "the file is not valid JSON", where=path.name, remedy=f"The parser reports: {error}."
        ) from error
    if not isinstance(document, dict):
        raise AnnotationError("the file is JSON, but not a GeoJSON object", where=path.name)
    if is_coco(document):
        annotations = read_coco(document, path)
        return replace(annotations, notes=(*annotations.notes, *surrogate_note(broken_texts)))
    features = _features(document, path)
    crs, notes = _geojson_crs(document, path)
    rows = [feature.get("properties") for feature in features]
    properties = pd.DataFrame([row if isinstance(row, dict) else {} for row in rows])
    properties = properties.reindex(range(len(features))).map(flatten_value)
    ids = [feature.get("id") for feature in features]
    if any(i is not None for i in ids) and "feature_id" not in properties:
        properties["feature_id"] = [None if i is None else str(i) for i in ids]
    members = [feature.get("geometry") for feature in features]
    is_collection = document.get("type") == "FeatureCollection"
    geometries = _parse_geometries(content if is_collection else b"", members)
    n_members = sum(member is not None for member in members)
    n_failed = n_members - int((~shapely.is_missing(geometries)).sum())
    notes = (*notes, *surrogate_note(broken_texts), *parsing_note(n_failed))
    return Annotations(geometries, properties, crs, notes)


def _parse_geometries(content: bytes, members: list[Any]) -> Geometries:
    """Return the geometries of a GeoJSON file, None where one is missing or cannot be parsed."""
    try:
        # All geometries are parsed in one call, which fails if any of them is null or invalid.
        geometries: Geometries = shapely.get_parts(shapely.from_geojson(content))
    except (shapely.errors.GEOSException, ValueError):
        geometries = object_array([])
    if len(geometries) == len(members):
        return geometries
    texts = object_array([None if member is None else json_text(member) for member in members])
    return np.asarray(shapely.from_geojson(texts, on_invalid="ignore"), dtype=object)


def _features(document: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the features of a collection, a single feature, or a bare geometry as a feature."""
    kind = document.get("type")
    if kind == "FeatureCollection":
        features = document.get("features")
        if not isinstance(features, list):
            raise AnnotationError("the FeatureCollection has no list of features", where=path.name)
        return [feature if isinstance(feature, dict) else {} for feature in features]
    if kind == "Feature":
        return [document]
    if "coordinates" in document or "geometries" in document:
        return [{"type": "Feature", "properties": {}, "geometry": document}]
    raise AnnotationError(
        f"the file is JSON, but not GeoJSON: its type is {kind!r}",
        where=path.name,
        remedy="Expected a FeatureCollection, a Feature or a geometry.",
    )


def _geojson_crs(document: dict[str, Any], path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the CRS named by the old `crs` member, else the default of RFC 7946, and a note."""
    member = document.get("crs")
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not name:
        note = f"{path.name} has no CRS: EPSG:4326 is assumed, as RFC 7946 requires."
        return CRS.from_user_input(WGS84).to_wkt(), (note,)
    try:
        return CRS.from_user_input(name).to_wkt(), ()
    except CRSError as error:
        raise AnnotationError(
            f"the file names an unknown CRS: {name!r}",
            where=path.name,
            remedy="Write it again with an EPSG code.",
        ) from error
