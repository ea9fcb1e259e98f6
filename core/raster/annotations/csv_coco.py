"""Annotations that come without a vector format: CSV tables and COCO JSON."""

import csv
import warnings
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from core.errors import AnnotationError
from core.raster.annotations.feature_table import PIXELS, SCENE, Annotations, filled, flat
from core.types import DoubleArray, Geometries

DEGREES = "EPSG:4326"
WKT_NAMES = ("wkt", "geometry", "geom", "the_geom")
LON_NAMES, LAT_NAMES = ("longitude", "lon", "lng", "long"), ("latitude", "lat")
BOX_NAMES = (("xmin", "ymin", "xmax", "ymax"), ("left", "top", "right", "bottom"))
SCENE_NAMES = ("image_path", "image", "filename", "file_name", "scene")
MOST_ROWS = 5_000_000


def read_csv(path: Path) -> Annotations:
    """Read a CSV with WKT, longitude and latitude, or boxes in pixels.

    Raises
    ------
    AnnotationError
        If it is no table of text, or has none of these columns.
    """
    table = _table(path)
    columns = {str(name).strip().lower(): str(name) for name in table}
    scenes = _scenes(table, columns)
    for names in BOX_NAMES:
        if all(name in columns for name in names):
            used = [columns[name] for name in names]
            at = _numbers(table[used])
            rest = table.drop(columns=used)
            return Annotations(_boxes(at), rest, PIXELS, ("boxes in the scene's pixels",), scenes)
    if wkt := next((columns[name] for name in WKT_NAMES if name in columns), None):
        geometries, notes = _from_wkt(table[wkt])
        crs, note = _guessed(geometries)
        return Annotations(geometries, table.drop(columns=wkt), crs, (*notes, note), scenes)
    lon = next((columns[name] for name in LON_NAMES if name in columns), None)
    lat = next((columns[name] for name in LAT_NAMES if name in columns), None)
    if lon and lat:
        at = _numbers(table[[lon, lat]])
        points = filled([shapely.Point(p) if np.isfinite(p).all() else None for p in at])
        note = f"{lon} and {lat} taken as degrees (EPSG:4326)"
        return Annotations(points, table, CRS.from_user_input(DEGREES).to_wkt(), (note,), scenes)
    raise AnnotationError(
        "has no column of places",
        where=path.name,
        remedy="Expected wkt, or longitude and latitude, or xmin, ymin, xmax and ymax in pixels.",
    )


def is_coco(document: Any) -> bool:
    """True if a JSON document is laid out as COCO's object detection files are."""
    return isinstance(document, dict) and all(
        isinstance(document.get(name), list) for name in ("images", "annotations")
    )


def read_coco(document: dict[str, Any], path: Path) -> Annotations:
    """Boxes, or polygons where there are any, of a COCO document, in pixels of their images.

    Raises
    ------
    AnnotationError
        If an annotation is no object.
    """
    images, kinds = _by_id(document["images"]), _by_id(document.get("categories"))
    rows, geometries, scenes = [], [], []
    for one in document["annotations"]:
        if not isinstance(one, dict):
            raise AnnotationError("holds an annotation that is no object", where=path.name)
        number, kind = one.get("image_id"), one.get("category_id")
        scenes.append(_stem(images.get(_id(number), {}).get("file_name")))
        geometries.append(_coco_shape(one))
        left_out = ("segmentation", "bbox", "image_id", "category_id", "id")
        row = {str(k): flat(v) for k, v in one.items() if k not in left_out}
        name = kinds.get(_id(kind), {}).get("name")
        rows.append({"feature_id": flat(one.get("id")), "category": flat(name)} | row)
    properties = pd.DataFrame(rows).reindex(range(len(rows)))
    return Annotations(filled(geometries), properties, PIXELS, ("COCO: pixels",), tuple(scenes))


def _by_id(listed: Any) -> dict[Any, dict[str, Any]]:
    """The objects of a list by their ids, of those that have one."""
    objects = [o for o in listed if isinstance(o, dict)] if isinstance(listed, list) else []
    return {o["id"]: o for o in objects if _id(o.get("id")) is not None}


def _id(value: Any) -> Any:
    return value if isinstance(value, int | str) else None


def _coco_shape(one: dict[str, Any]) -> Any:
    """A polygon, the union of several, or the box; None where neither can be read."""
    rings, found = one.get("segmentation"), []
    try:
        if isinstance(rings, list) and rings:
            found = [shapely.Polygon(np.reshape(np.asarray(r, float), (-1, 2))) for r in rings]
            return found[0] if len(found) == 1 else shapely.MultiPolygon(found)
        left, top, width, height = (float(v) for v in one.get("bbox") or ())
    except (ValueError, TypeError, OverflowError, shapely.errors.GEOSException):
        return None
    return shapely.box(left, top, left + width, top + height)


def _table(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            head = opened.read(64 * 1024)
        if "\x00" in head:
            raise AnnotationError("is not a table of text", where=path.name)
        separator = max(",;\t", key=head.splitlines()[0].count) if head.strip() else ","
        with warnings.catch_warnings():
            # A row with more fields than the head: which of them belong where is anyone's guess.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, sep=separator, nrows=MOST_ROWS, encoding="utf-8-sig", index_col=False
            )
    except (ValueError, OSError, csv.Error, pd.errors.ParserWarning) as error:
        raise AnnotationError(
            "cannot be read as CSV", where=path.name, remedy=f"{error}."
        ) from error
    table.columns = [str(name) for name in table.columns]
    return table.reset_index(drop=True)


def _numbers(table: pd.DataFrame) -> DoubleArray:
    numbers = table.apply(pd.to_numeric, errors="coerce")
    values: DoubleArray = numbers.to_numpy(np.float64)
    return values


def _boxes(at: DoubleArray) -> Geometries:
    return filled([shapely.box(*row) if np.isfinite(row).all() else None for row in at])


def _from_wkt(column: "pd.Series[Any]") -> tuple[Geometries, tuple[str, ...]]:
    texts = [v if isinstance(v, str) else None for v in column]
    with np.errstate(over="ignore", invalid="ignore"):
        found = shapely.from_wkt(filled(texts), on_invalid="ignore")
    bad = sum(t is not None and g is None for t, g in zip(texts, found, strict=True))
    return found, ((f"{bad} geometries cannot be parsed: taken as null",) if bad else ())


def _guessed(geometries: Geometries) -> tuple[str, str]:
    """Degrees where all coordinates can be degrees, else the scene's own CRS; said either way."""
    at = np.abs(shapely.get_coordinates(geometries))
    if len(at) and (at > (180, 90)).any():
        return SCENE, "the table names no CRS, and these are no degrees: taken as the scene's own"
    wkt = CRS.from_user_input(DEGREES).to_wkt()
    return wkt, "the table names no CRS: taken as degrees (EPSG:4326)"


def _scenes(table: pd.DataFrame, columns: dict[str, str]) -> tuple[str, ...]:
    name = next((columns[n] for n in SCENE_NAMES if n in columns), None)
    return tuple(_stem(value) for value in table[name]) if name else ()


def _stem(value: Any) -> str:
    """A file's stem, whichever slashes its path is written with."""
    return PurePosixPath(str(value).replace("\\", "/")).stem if isinstance(value, str) else ""
