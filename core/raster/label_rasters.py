"""Rasters of labels: their values, their colours, and windows of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from core.errors import SceneError
from core.raster.byte_rasters import damaged_pixels_error
from core.raster.pixel_reader import Box
from core.raster.scene import READ_ERRORS, Scene, open_scene
from core.types import AnyArray, BoolArray

_MOST_VALUES = 254
"""The highest number of classes, because a class map stores them in bytes."""
# Largest difference between the corners of image and labels, in pixels.
_TOLERANCE = 0.05


@dataclass(frozen=True)
class LabelValues:
    """The values of a raster of labels.

    Attributes
    ----------
    counts : dict
        Number of pixels by value, without nodata, ascending.
    colours : dict
        Colour of each value of the raster's colour table, #rrggbb.
    """

    counts: dict[int, int]
    colours: dict[int, str]


def read_label_values(path: Path) -> LabelValues:
    """Count the values of a raster of labels block by block, and read its colour table.

    Raises SceneError if the file cannot be read, has several bands, or contains fractions or more
    than 254 values.
    """
    counts: dict[int, int] = {}
    with open_scene(path) as source:
        _check_bands(path, source)
        colours = _colour_table(source)
        for _, window in source.block_windows(1):
            values, valid = _read(path, source, window)
            stored, numbers = np.unique(values[valid], return_counts=True)
            fractions = stored[stored != np.rint(stored)]
            if fractions.size:
                raise SceneError(
                    f"the labels contain {fractions[0]:g}, which is no class",
                    where=path.name,
                    remedy="Labels are whole numbers, one for each class.",
                )
            for value, number in zip(stored, numbers, strict=True):
                counts[int(value)] = counts.get(int(value), 0) + int(number)
            if len(counts) > _MOST_VALUES:
                raise SceneError(
                    f"the labels contain more than {_MOST_VALUES} values",
                    where=path.name,
                    remedy="Choose a raster with one whole number for each class.",
                )
    return LabelValues(dict(sorted(counts.items())), colours)


def read_label_window(
    path: Path, box: Box, scene: Scene, content: str = "labels"
) -> tuple[AnyArray, BoolArray]:
    """Read the labels of a part of a scene, (h, w), and which pixels have one.

    `content` names what the raster contains in errors, such as "predictions". Raises
    SceneError if the raster does not have the scene's grid.
    """
    left, top, right, bottom = box
    with open_scene(path) as source:
        _check_bands(path, source, content)
        _check_grid(path, source, scene, content)
        return _read(path, source, Window(left, top, right - left, bottom - top))


def _read(
    path: Path, source: "rasterio.DatasetReader", window: Window
) -> tuple[AnyArray, BoolArray]:
    try:
        values = source.read(1, window=window)
        valid = source.read_masks(1, window=window) != 0
    except READ_ERRORS as error:
        raise damaged_pixels_error(path) from error
    if values.dtype.kind == "f":
        valid &= np.isfinite(values)
    return values, valid


def _check_bands(path: Path, source: "rasterio.DatasetReader", content: str = "labels") -> None:
    if source.count != 1 or source.dtypes[0].startswith("complex"):
        raise SceneError(
            f"the {content} have {source.count} bands ({source.dtypes[0]}), not one",
            where=path.name,
            remedy="Choose a raster with one whole number for each class.",
        )


def _check_grid(path: Path, source: "rasterio.DatasetReader", scene: Scene, content: str) -> None:
    size = (source.width, source.height)
    if size != (scene.width, scene.height):
        raise SceneError(
            f"the {content} have {size[0]} x {size[1]} pixels, but {scene.path.name} has "
            f"{scene.width} x {scene.height}",
            where=path.name,
            remedy=f"Resample the {content} to the image's grid, for example with gdalwarp.",
        )
    # A raster of labels without georeference is taken for one on the image's grid.
    if not source.crs or not scene.crs:
        return
    corners = np.array([(0, 0), (scene.width, 0), (0, scene.height), (scene.width, scene.height)])
    label_points = np.array([source.transform @ tuple(corner) for corner in corners])
    scene_points = np.array([scene.transform @ tuple(corner) for corner in corners])
    pixel = max(abs(scene.transform.a), abs(scene.transform.b), 1e-12)
    shift = float(np.abs(label_points - scene_points).max() / pixel)
    if shift > _TOLERANCE:
        raise SceneError(
            f"the {content} are shifted by up to {shift:.3g} pixels against {scene.path.name}",
            where=path.name,
            remedy=f"Resample the {content} to the image's grid, for example with gdalwarp.",
        )


def _colour_table(source: "rasterio.DatasetReader") -> dict[int, str]:
    try:
        table = source.colormap(1)
    except ValueError:
        return {}
    return {v: f"#{r:02x}{g:02x}{b:02x}" for v, (r, g, b, alpha) in table.items() if alpha}
