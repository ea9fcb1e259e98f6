"""Reading of windows of your own images, and of their labels from rasters or polygons."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from rasterio.features import rasterize

from core.errors import SceneError
from core.land.data.dataset import LabelRule, Patch
from core.raster.annotations.feature_table import PIXELS, SCENE
from core.raster.annotations.footprints import place_annotations
from core.raster.annotations.vector_files import read_annotations
from core.raster.label_rasters import read_label_window
from core.raster.pixel_reader import Box, Pixels, Reader
from core.raster.scene import Scene, read_scene
from core.raster.sidecars import RASTER_SUFFIXES
from core.types import ByteArray, Geometries

# Enough for the images of a data set that several threads read at the same time, and for the dates
# of a time series.
_FILES_IN_MEMORY = 256
_POLYGON_FILES_IN_MEMORY = 16
# The bands and the labels of a window both need its pixels, one after the other.
_WINDOWS_IN_MEMORY = 4


def read_window(patch: Patch, margin: int = 0) -> Pixels:
    """Read all bands of a window with a margin around it, and the mask of its invalid pixels.

    The margin, in pixels, is cut off at the edges of the image. The result is shared, so it must
    not be changed.

    Raises SceneError if the image cannot be read, or no longer has the bands of the data set.
    """
    scene = image_scene(patch.image)
    n_bands = len(patch.layout.bands)
    if len(scene.bands) != n_bands:
        raise SceneError(
            f"the image has {len(scene.bands)} bands, not {n_bands} like the data set",
            where=patch.image.name,
            remedy="Import the folder again.",
        )
    assert patch.window is not None
    left, top, right, bottom = patch.window
    if right > scene.width or bottom > scene.height:
        raise SceneError(
            f"the image has {scene.width} x {scene.height} pixels, fewer than when it was imported",
            where=patch.image.name,
            remedy="Import the folder again.",
        )
    outer = (max(0, left - margin), max(0, top - margin), right + margin, bottom + margin)
    return _read_box(scene, outer, image_version(patch.image))


def read_window_labels(
    image: Path, labels: Path, window: Box, rule: LabelRule
) -> tuple[ByteArray, dict[str, int]]:
    """Return the class of each pixel of a window, uint8 (h, w); 0 where it has none.

    Also returns the values that are no classes, with their numbers of pixels; those of polygons
    are left out. Raises SceneError if the labels cannot be read or do not cover the image.
    """
    left, top, right, bottom = window
    scene = image_scene(image)
    if labels.suffix.lower() in RASTER_SUFFIXES:
        stored, valid = read_label_window(labels, window, scene)
        values, positions, counts = np.unique(
            stored[valid], return_inverse=True, return_counts=True
        )
        classes = {float(value): number for number, value in enumerate(rule.values, start=1)}
        numbers = np.array([classes.get(float(value), 0) for value in values], np.uint8)
        result = np.zeros(stored.shape, np.uint8)
        result[valid] = numbers[positions] if len(values) else 0
        unknown = {
            f"{value:g}": int(n)
            for value, number, n in zip(values, numbers, counts, strict=True)
            if not number
        }
    else:
        shapes, tree, numbers = _polygons(image, labels, image_version(labels), rule)
        result, unknown = np.zeros((bottom - top, right - left), np.uint8), {}
        # The query returns positions in any order; of two polygons that overlap, the later counts.
        inside = np.sort(tree.query(shapely.box(left, top, right, bottom)))
        moved = shapely.transform(shapes[inside], lambda xy: xy - (left, top))
        pairs = [pair for pair in zip(moved, numbers[inside], strict=True) if pair[1]]
        if pairs:
            result = rasterize(pairs, out_shape=result.shape, fill=0, dtype="uint8")
    if rule.background:
        result[result == 0] = rule.background
    return result, unknown


def describe_misplaced_polygons(image: Path, labels: Path) -> str:
    """State why no polygon of a vector file lies on an image; empty if at least one does.

    Raises SceneError if the image or the vector file cannot be read.
    """
    scene, annotations = image_scene(image), read_annotations(labels)
    if not len(annotations.geometries) or len(place_annotations(scene, annotations)):
        return ""
    count = f"none of the {len(annotations.geometries)} polygons in {labels.name} lies on it"
    if not scene.crs and annotations.crs not in (PIXELS, SCENE):
        return (
            f"{count}: the image has no georeference, so their coordinates are read as columns "
            "and rows of its pixels; give the image the CRS and the position of its ground, for "
            "example with gdal_translate -a_srs and -a_ullr"
        )
    crs = scene.crs_label if scene.crs else "pixels"
    return f"{count}: they are elsewhere on the ground; check the CRS of both (image: {crs})"


def image_version(path: Path) -> tuple[int, int]:
    """Return time and size of an imported file, which change with it; SceneError if missing."""
    try:
        state = path.stat()
    except OSError as error:
        raise SceneError(
            "the file is missing",
            where=str(path),
            remedy="Restore it, or import the folder again with `chipscape land import`.",
        ) from error
    return state.st_mtime_ns, state.st_size


def attribute_texts(column: Any) -> list[str]:
    """Return the values of an attribute as texts; "" for missing values, "3" for 3.0."""
    return [_text(value) for value in column]


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def image_scene(path: Path) -> Scene:
    """Read the header of an imported image; it is kept until the file changes.

    Raises SceneError if the file is missing or cannot be used.
    """
    return _scene(path, image_version(path))


@lru_cache(_WINDOWS_IN_MEMORY)
def _read_box(scene: Scene, box: Box, _: tuple[int, int]) -> Pixels:
    with Reader(scene) as reader:
        return reader.read(box)


@lru_cache(_FILES_IN_MEMORY)
def _scene(path: Path, _: tuple[int, int]) -> Scene:
    return read_scene(path)


@lru_cache(_POLYGON_FILES_IN_MEMORY)
def _polygons(
    image: Path, labels: Path, _: tuple[int, int], rule: LabelRule
) -> tuple[Geometries, Any, ByteArray]:
    """Return the polygons in pixels of the image, their spatial index, and their classes."""
    scene = image_scene(image)
    footprints = place_annotations(scene, read_annotations(labels))
    if rule.attribute not in footprints.properties and len(footprints):
        raise SceneError(
            f"there is no attribute {rule.attribute!r}",
            where=labels.name,
            remedy="Import the folder again.",
        )
    classes = {value: number for number, value in enumerate(rule.values, start=1)}
    texts = attribute_texts(footprints.properties[rule.attribute]) if len(footprints) else []
    numbers = np.array([classes.get(text, 0) for text in texts], np.uint8)
    return footprints.pixels, shapely.STRtree(footprints.pixels), numbers
