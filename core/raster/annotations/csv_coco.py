"""Annotations in files that are not vector formats: CSV tables and COCO JSON."""

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from core.errors import AnnotationError
from core.raster.annotations.feature_table import (
    PIXELS,
    SCENE,
    Annotations,
    flatten_value,
    object_array,
    parsing_note,
)
from core.raster.geodesy import WGS84
from core.types import DoubleArray, Geometries

WKT_NAMES = ("wkt", "geometry", "geom", "the_geom")
LON_NAMES, LAT_NAMES = ("longitude", "lon", "lng", "long"), ("latitude", "lat")
BOX_NAMES = (("xmin", "ymin", "xmax", "ymax"), ("left", "top", "right", "bottom"))
SCENE_NAMES = ("image_path", "image", "filename", "file_name", "scene")
MAX_ROWS = 5_000_000
# Fields of a COCO annotation that become its geometry, scene and class, not attributes.
COCO_FIELDS = ("segmentation", "bbox", "image_id", "category_id", "id")


def read_csv(path: Path) -> Annotations:
    """Read a CSV table whose columns hold WKT, longitude and latitude, or boxes in pixels.

    Raises AnnotationError if the file cannot be read as CSV, or has none of these columns.
    """
    table = _read_table(path)
    columns = {str(name).strip().lower(): str(name) for name in table}

    def find(names: Sequence[str]) -> str | None:
        return next((columns[name] for name in names if name in columns), None)

    scene_column = find(SCENE_NAMES)
    scenes = tuple(_stem(value) for value in table[scene_column]) if scene_column else ()
    for names in BOX_NAMES:
        if all(name in columns for name in names):
            sides = [columns[name] for name in names]
            boxes = _numeric_shapes(table[sides], shapely.box)
            note = "The boxes are read as pixel coordinates of the scene."
            return Annotations(boxes, table.drop(columns=sides), PIXELS, (note,), scenes)
    if wkt := find(WKT_NAMES):
        geometries, notes = _parse_wkt(table[wkt])
        crs, note = _guess_crs(geometries)
        return Annotations(geometries, table.drop(columns=wkt), crs, (*notes, note), scenes)
    lon, lat = find(LON_NAMES), find(LAT_NAMES)
    if lon and lat:
        points = _numeric_shapes(table[[lon, lat]], shapely.Point)
        note = f"The columns {lon} and {lat} are read as degrees (EPSG:4326)."
        return Annotations(points, table, CRS.from_user_input(WGS84).to_wkt(), (note,), scenes)
    raise AnnotationError(
        "the table has no columns with coordinates",
        where=path.name,
        remedy="Expected wkt, or longitude and latitude, or xmin, ymin, xmax and ymax in pixels.",
    )


def is_coco(document: Any) -> bool:
    """Return True if a JSON document has the layout of COCO's object detection files."""
    return isinstance(document, dict) and all(
        isinstance(document.get(name), list) for name in ("images", "annotations")
    )


def read_coco(document: dict[str, Any], path: Path) -> Annotations:
    """Return the polygons or boxes of a COCO document, in pixels of their images.

    Raises AnnotationError if an annotation is not a JSON object.
    """
    images, categories = _by_id(document["images"]), _by_id(document.get("categories"))
    rows, geometries, scenes = [], [], []
    for annotation in document["annotations"]:
        if not isinstance(annotation, dict):
            raise AnnotationError("an entry of 'annotations' is not a JSON object", where=path.name)
        image = images.get(_valid_id(annotation.get("image_id")), {})
        category = categories.get(_valid_id(annotation.get("category_id")), {})
        scenes.append(_stem(image.get("file_name")))
        geometries.append(_coco_geometry(annotation))
        row = {"feature_id": annotation.get("id"), "category": category.get("name")}
        row |= {str(k): v for k, v in annotation.items() if k not in COCO_FIELDS}
        rows.append({name: flatten_value(value) for name, value in row.items()})
    properties = pd.DataFrame(rows).reindex(range(len(rows)))
    note = "COCO coordinates are read as pixel coordinates of the scene."
    return Annotations(object_array(geometries), properties, PIXELS, (note,), tuple(scenes))


def _by_id(entries: Any) -> dict[Any, dict[str, Any]]:
    """Return the objects of a list by their ids; those without a valid id are left out."""
    objects = [o for o in entries if isinstance(o, dict)] if isinstance(entries, list) else []
    return {o["id"]: o for o in objects if _valid_id(o.get("id")) is not None}


def _valid_id(value: Any) -> Any:
    return value if isinstance(value, int | str) else None


def _coco_geometry(annotation: dict[str, Any]) -> Any:
    """Return the polygons of an annotation, or its box if it has none; None if unreadable."""
    rings = annotation.get("segmentation")
    try:
        if isinstance(rings, list) and rings:
            parts = [shapely.Polygon(np.reshape(np.asarray(r, float), (-1, 2))) for r in rings]
            return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
        left, top, width, height = (float(v) for v in annotation.get("bbox") or ())
    except (ValueError, TypeError, OverflowError, shapely.errors.GEOSException):
        return None
    return shapely.box(left, top, left + width, top + height)


def _read_table(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.read(64 * 1024)
        if "\x00" in head:
            raise AnnotationError(
                "the file is not a text file (it contains null bytes)", where=path.name
            )
        separator = max(",;\t", key=head.splitlines()[0].count) if head.strip() else ","
        with warnings.catch_warnings():
            # In a row with more fields than the header, no field can be assigned to a column.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, sep=separator, nrows=MAX_ROWS, encoding="utf-8-sig", index_col=False
            )
    except (ValueError, OSError, csv.Error, pd.errors.ParserWarning) as error:
        raise AnnotationError(
            "the file cannot be read as CSV", where=path.name, remedy=f"{error}."
        ) from error
    table.columns = [str(name) for name in table.columns]
    return table.reset_index(drop=True)


def _numeric_shapes(table: pd.DataFrame, shape: Any) -> Geometries:
    """Return a shape for each row of numbers; None where a value is missing or not a number."""
    rows: DoubleArray = table.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    return object_array([shape(*row) if np.isfinite(row).all() else None for row in rows])


def _parse_wkt(column: "pd.Series[Any]") -> tuple[Geometries, tuple[str, ...]]:
    texts = [v if isinstance(v, str) else None for v in column]
    with np.errstate(over="ignore", invalid="ignore"):
        geometries = shapely.from_wkt(object_array(texts), on_invalid="ignore")
    n_failed = sum(t is not None and g is None for t, g in zip(texts, geometries, strict=True))
    return geometries, parsing_note(n_failed)


def _guess_crs(geometries: Geometries) -> tuple[str, str]:
    """Return EPSG:4326 if all coordinates can be degrees, else `SCENE`, and a note on the CRS."""
    coordinates = np.abs(shapely.get_coordinates(geometries))
    if len(coordinates) and (coordinates > (180, 90)).any():
        note = "The table has no CRS and the coordinates cannot be degrees: they are read in the "
        return SCENE, f"{note}scene's own CRS."
    wkt = CRS.from_user_input(WGS84).to_wkt()
    return wkt, "The table has no CRS: coordinates are read as degrees (EPSG:4326)."


def _stem(value: Any) -> str:
    """Return the stem of a file's path, written with either kind of slash."""
    return PurePosixPath(str(value).replace("\\", "/")).stem if isinstance(value, str) else ""
