"""Annotations in JSON: GeoJSON, parsed without GDAL, and COCO."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from core.errors import AnnotationError
from core.raster.annotations.csv_coco import is_coco, read_coco
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
from core.types import Geometries

# A surrogate in JSON, which may be half of a character: escaped, or as bytes that Python accepts.
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def read_geojson(path: Path) -> Annotations:
    """Read the features of a GeoJSON file, or the annotations of a COCO file.

    Raises AnnotationError if the file is not JSON, or is neither GeoJSON nor COCO.
    """
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
