"""Class maps of patches as GeoTIFFs with a colour table."""

from functools import partial
from pathlib import Path

import numpy as np

from core.artifacts.formats import write_atomically
from core.land.data.dataset import Patch
from core.land.data.nomenclature import ATTRIBUTION, Legend
from core.land.data.window_reading import read_window
from core.raster.byte_rasters import write_palette_raster
from core.types import ByteArray


def valid_classes(classes: ByteArray, patch: Patch) -> ByteArray:
    """Return classes, (n,), with 0 where the pixels of a window are masked."""
    if patch.window is None:
        return classes
    return np.where(read_window(patch).mask.ravel(), np.uint8(0), classes)


def write_class_map(
    path: Path,
    classes: ByteArray,
    patch: Patch,
    about: str = ATTRIBUTION,
    legend: Legend | None = None,
) -> None:
    """Write the classes of a patch, 0 for no class, as a GeoTIFF in the colours of the classes.

    The classes, of the reduced nomenclature, are uint8 (h, w) or flat; `legend` contains them, by
    default that of the patch. CRS and transform are those of the patch's image; `about` is the
    credit in the copyright tags.
    """
    # A data set has thousands of patches, and their maps can be written again.
    draw = partial(draw_class_map, classes, patch, about, legend or patch.layout.legend)
    write_atomically(path, draw, durable=False)


def draw_class_map(
    classes: ByteArray, patch: Patch, about: str, legend: Legend, path: Path
) -> None:
    """Write a class map like `write_class_map`, but directly under its final name."""
    corner = patch.window[:2] if patch.window else (0, 0)
    values = classes.reshape(patch.shape)
    write_palette_raster(path, values, legend.palette(), patch.image, about, corner)
