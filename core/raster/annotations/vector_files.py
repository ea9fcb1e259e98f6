"""Vector files: any of the usual formats to geometries, properties and a CRS."""

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
    as_text,
    filled,
    flat,
    mended,
    mended_note,
)
from core.raster.remote_scenes import home
from core.raster.sidecars import beside, foreign_part
from core.types import Geometries

log = logging.getLogger(__name__)

# The first bytes of each binary format: GDAL chooses its driver by content, so the content is
# looked at before GDAL is let near the file. GeoJSON is parsed without GDAL.
MAGIC = {
    ".gpkg": b"SQLite format 3\x00",
    ".shp": b"\x00\x00\x27\x0a",
    ".fgb": b"fgb",
    ".parquet": b"PAR1",
    ".geoparquet": b"PAR1",
}
# Which kind of SQLite file it is stands in its header (SQLite's application_id; GeoPackage 1.0 to
# 1.4): another kind would be opened by another of GDAL's drivers.
HEADER = 100
APPLICATION = slice(68, 72)
GEOPACKAGES = (b"GPKG", b"GP10", b"GP11")
JSON_SUFFIXES = (".geojson", ".json")
SUFFIXES = (*JSON_SUFFIXES, *MAGIC, ".csv")
WITH_PARTS = (".shp", ".gpkg")
# Half of a character in JSON: escaped, or in the bytes that Python lets pass for one.
HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
RFC_7946 = "EPSG:4326"
MOST_BYTES = 2 * 1024**3


def find_annotations(raster: Path) -> Path | None:
    """The vector file with the raster's stem, the first by the order of `SUFFIXES`.

    A link that leads out of the folder is left out.
    """
    folder = home(raster).resolve()
    there = home(raster) / raster.name
    for suffix in SUFFIXES:
        for name in (there.with_suffix(suffix), there.with_suffix(suffix.upper())):
            if name.is_file() and name.resolve().is_relative_to(folder):
                return name
    return None


def passed_over(raster: Path) -> list[str]:
    """Words on each vector file of the raster's stem that is not read."""
    chosen, folder = find_annotations(raster), home(raster)
    names = {
        (folder / raster.name).with_suffix(end)
        for suffix in SUFFIXES
        for end in (suffix, suffix.upper())
    }
    # By the file, not the name: some file systems take .csv and .CSV for one.
    others = sorted(p for p in names if p.is_file() and not (chosen and p.samefile(chosen)))
    inside = folder.resolve()
    return [
        f"{path.name} is not read: {chosen.name} comes first"
        if chosen and path.resolve().is_relative_to(inside)
        else f"{path.name} is not read: it is a link that leads out of the folder"
        for path in others
    ]


def find_shared(folder: Path, stems: Collection[str]) -> list[Path]:
    """Vector files that belong to no one raster, sorted by name; links out of it are left out."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.stem not in stems]
    inside = [p for p in found if p.resolve().is_relative_to(folder.resolve())]
    return sorted(p for p in inside if p.is_file())


def parts(path: Path) -> list[Path]:
    """The files that a vector file consists of, sorted: a Shapefile's, a GeoPackage's journal."""
    if path.suffix.lower() not in WITH_PARTS:
        return [path]
    # Shared memory of SQLite changes with each reader, and holds nothing.
    others = (p for p in beside(path) if p.is_file() and not p.name.endswith("-shm"))
    return sorted({path, *others})


def read_annotations(path: Path) -> Annotations:
    """Read a vector file; of a GeoPackage, its first layer with geometries.

    Raises
    ------
    AnnotationError
        If it is too large, is not what its suffix says, cannot be parsed, names a CRS that does
        not exist, or has a part that is a link out of its folder.
    """
    if path.stat().st_size > MOST_BYTES:
        raise AnnotationError("is larger than 2 GiB", where=path.name)
    if path.suffix.lower() in JSON_SUFFIXES:
        return _read_geojson(path)
    if path.suffix.lower() == ".csv":
        return read_csv(path)
    magic = MAGIC[path.suffix.lower()]
    with path.open("rb") as file:
        head = file.read(HEADER)
        geopackage = path.suffix.lower() != ".gpkg" or head[APPLICATION] in GEOPACKAGES
        if not head.startswith(magic) or not geopackage:
            raise AnnotationError(
                f"is not a {path.suffix} file, whatever its name says", where=path.name
            )
    if link := foreign_part(path) if path.suffix.lower() in WITH_PARTS else "":
        # Only the file itself was looked at; GDAL would follow the others.
        raise AnnotationError(f"{link} is a link that leads out of the folder", where=path.name)
    return _read_table(path)


def _read_table(path: Path) -> Annotations:
    layers: list[str] = []
    try:
        if path.suffix.lower() in (".parquet", ".geoparquet"):
            frame = gpd.read_parquet(path)
        else:
            frame, layers = _read_layer(path)
    except (ValueError, OSError, RuntimeError) as error:
        raise AnnotationError("cannot be read", where=path.name, remedy=f"{error}.") from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise AnnotationError("holds a table without geometries", where=path.name)
    notes = () if frame.crs else ("the file names no CRS: taken as EPSG:4326",)
    if len(layers) > 1:
        others = " and ".join(f"{name!r}" for name in layers[1:])
        verb = "is" if len(layers) == 2 else "are"
        words = f"{path.name} has {len(layers)} layers: {layers[0]!r} is read, {others} {verb} not"
        notes = (*notes, words)
    properties = pd.DataFrame(frame.drop(columns=frame.geometry.name)).reset_index(drop=True)
    nested = properties.select_dtypes("object").columns
    broken: list[str] = []
    properties[nested] = properties[nested].map(flat).map(lambda one: mended(one, broken))
    notes = (*notes, *mended_note(broken))
    return Annotations(
        geometries=np.asarray(frame.geometry.array, dtype=object),
        properties=properties,
        crs=CRS.from_user_input(frame.crs or RFC_7946).to_wkt(),
        notes=notes,
    )


def _read_layer(path: Path) -> tuple[Any, list[str]]:
    """The first layer with geometries, and the names of all that have some."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        # Tables of another kind are no annotations: QGIS keeps its styles in one.
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind]
        frame = gpd.read_file(path, engine="pyogrio", layer=layers[0] if layers else 0)
    for one in said:
        log.info("%s: %s", path.name, one.message)
    return frame, layers


def _read_geojson(path: Path) -> Annotations:
    broken: list[str] = []
    try:
        content = path.read_bytes()
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        document = json.loads(text)
        if ("\\u" in text or not text.isascii()) and HALF.search(text):
            document = mended(document, broken)
    except (ValueError, RecursionError) as error:
        raise AnnotationError(
            "is not JSON", where=path.name, remedy=f"The parser says: {error}."
        ) from error
    if not isinstance(document, dict):
        raise AnnotationError("is JSON but no GeoJSON object", where=path.name)
    if is_coco(document):
        found = read_coco(document, path)
        return replace(found, notes=(*found.notes, *mended_note(broken)))
    features = _features(document, path)
    crs, notes = _geojson_crs(document, path)
    notes = (*notes, *mended_note(broken))
    rows = [f.get("properties") for f in features]
    properties = pd.DataFrame([r if isinstance(r, dict) else {} for r in rows])
    properties = properties.reindex(range(len(features))).map(flat)
    _keep_ids(properties, features)
    given = [feature.get("geometry") for feature in features]
    whole = document.get("type") == "FeatureCollection"
    geometries = _geometries(content if whole else b"", given)
    bad = sum(one is not None for one in given) - int((~shapely.is_missing(geometries)).sum())
    if bad:
        notes = (*notes, f"{bad} geometries cannot be parsed: taken as null")
    return Annotations(geometries, properties, crs, notes)


def _geometries(content: bytes, given: list[Any]) -> Geometries:
    """The geometries of a GeoJSON file, None where there is none or it cannot be parsed."""
    try:
        # All in one call, which a null or a wrong one among them stops.
        parts: Geometries = shapely.get_parts(shapely.from_geojson(content))
    except (shapely.errors.GEOSException, ValueError):
        parts = filled([])
    if len(parts) == len(given):
        return parts
    texts = filled([None if one is None else as_text(one) for one in given])
    return np.asarray(shapely.from_geojson(texts, on_invalid="ignore"), dtype=object)


def _features(document: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """The features of a collection, one feature, or a bare geometry as a feature."""
    kind = document.get("type")
    if kind == "FeatureCollection":
        found = document.get("features")
        if not isinstance(found, list):
            raise AnnotationError("is a FeatureCollection without features", where=path.name)
        return [f if isinstance(f, dict) else {} for f in found]
    if kind == "Feature":
        return [document]
    if "coordinates" in document or "geometries" in document:
        return [{"type": "Feature", "properties": {}, "geometry": document}]
    raise AnnotationError(
        f"is JSON but no GeoJSON (its type is {kind!r})",
        where=path.name,
        remedy="Expected a FeatureCollection, a Feature or a geometry.",
    )


def _geojson_crs(document: dict[str, Any], path: Path) -> tuple[str, tuple[str, ...]]:
    """The CRS that the old `crs` member names, else that of RFC 7946."""
    member = document.get("crs")
    named = member.get("properties") if isinstance(member, dict) else None
    name = named.get("name") if isinstance(named, dict) else None
    if not name:
        return CRS.from_user_input(RFC_7946).to_wkt(), (
            "the file names no CRS: longitude and latitude (EPSG:4326), as RFC 7946 says",
        )
    try:
        return CRS.from_user_input(name).to_wkt(), ()
    except CRSError as error:
        raise AnnotationError(
            f"names a CRS that is not known: {name!r}",
            where=path.name,
            remedy="Write the file again with an EPSG code.",
        ) from error


def _keep_ids(properties: pd.DataFrame, features: list[dict[str, Any]]) -> None:
    """A feature's own id becomes the column `feature_id` where any feature has one."""
    ids = [f.get("id") for f in features]
    if any(i is not None for i in ids) and "feature_id" not in properties:
        properties["feature_id"] = [None if i is None else str(i) for i in ids]
