"""The pixels of regions: from what the user draws to outlines, labels, and features of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from rasterio.features import rasterize, shapes
from rasterio.transform import Affine

from core.errors import SettingsError
from core.land.context.token_grids import token_encoder_names
from core.land.data.dataset import Dataset, Patch
from core.land.data.patch_reading import RequiredData, read_pixels
from core.land.data.window_reading import image_version, read_window
from core.land.labelling.label_regions import Region
from core.land.models.features import FeatureSpec, build_features
from core.land.models.prediction import required_data
from core.land.models.regularisation import segment_superpixels
from core.raster.pixel_reader import Box
from core.types import AnyArray, BoolArray, ByteArray, FloatArray, IntArray

PIXELS_PER_REGION = 400
"""The most pixels of a region, drawn at random, that are used for fitting and evaluation."""
COMPACTNESS = 0.1
"""Compactness of the superpixels that a click labels; the default of the smoothing."""
# The features of a patch with all surroundings take up about 50 MB.
_PATCHES_IN_MEMORY = 2
_SAMPLES_IN_MEMORY = 256
_NO_REGION = 0


@dataclass(frozen=True)
class PatchPixels:
    """All pixels of a patch, row by row.

    Attributes
    ----------
    matrix : float32 array, (n, f)
        The features of each pixel.
    bands : float32 array, (b, h, w)
        The bands of the image as stored.
    valid : bool array, (n,)
        False for pixels without data.
    """

    matrix: FloatArray
    bands: FloatArray
    valid: BoolArray


@dataclass(frozen=True)
class RegionPixels:
    """Sampled pixels of regions: features (n, f), class values (n,) and region numbers (n,)."""

    matrix: FloatArray
    values: ByteArray
    numbers: IntArray


def image_name(dataset: Dataset, patch: Patch) -> str:
    """Return the name of a patch's image in regions: its path in the data set's folder."""
    inside = patch.image.is_relative_to(dataset.root)
    return (patch.image.relative_to(dataset.root) if inside else patch.image).as_posix()


def patch_box(patch: Patch) -> Box:
    """Return the position of a patch in its image: left, top, right and bottom in pixels."""
    height, width = patch.shape
    return patch.window or (0, 0, width, height)


def draw_polygon(points: Sequence[Sequence[float]], shape: tuple[int, int]) -> BoolArray:
    """Return the pixels, (h, w), whose centres lie in a polygon with vertices (column, row)."""
    ring = [*map(tuple, points), tuple(points[0])] if len(points) >= 3 else []
    if not ring or not np.isfinite(ring).all():
        return np.zeros(shape, bool)
    polygon = {"type": "Polygon", "coordinates": [ring]}
    return np.asarray(rasterize([polygon], out_shape=shape, dtype="uint8"), bool)


def superpixel_at(regions: IntArray, column: int, row: int) -> BoolArray:
    """Return the pixels, (h, w), of the superpixel at a position."""
    height, width = regions.shape
    if not (0 <= column < width and 0 <= row < height):
        return np.zeros(regions.shape, bool)
    return np.asarray(regions == regions[row, column])


@lru_cache(_PATCHES_IN_MEMORY * 2)
def _superpixels(patch: Patch, area: int, _: tuple[int, int]) -> IntArray:
    return segment_superpixels(patch_pixels(patch, FeatureSpec()).bands, area, COMPACTNESS)


def patch_superpixels(patch: Patch, area: int) -> IntArray:
    """Return the superpixel of each pixel of a patch, (h, w); their mean area is `area` pixels."""
    return _superpixels(_without_labels(patch), area, image_version(patch.image))


def trace_outline(pixels: BoolArray, corner: tuple[int, int]) -> str:
    """Return the outline of pixels, (h, w), whose first has the column and row `corner`, as text.

    The outline follows the edges of the pixels, so that it contains exactly these pixels when it is
    drawn again, in any program. Raises SettingsError if there are none.
    """
    if not pixels.any():
        raise SettingsError(
            "the region contains no pixel", where="region", remedy="Draw a larger region."
        )
    values = pixels.astype(np.uint8)
    pairs = shapes(values, mask=pixels, connectivity=4, transform=Affine.translation(*corner))
    polygons = [shapely.geometry.shape(geometry) for geometry, _ in pairs]
    outline = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    return str(shapely.to_wkt(outline, rounding_precision=0))


def regions_inside(regions: Sequence[Region], box: Box) -> tuple[Region, ...]:
    """Return the regions that have pixels in a box of an image."""
    left, top, right, bottom = box

    def has_pixels(region: Region) -> bool:
        west, north, east, south = region.shape.bounds
        return bool(west < right and east > left and north < bottom and south > top)

    # The bounds are quick to compare; a region in the corner of its bounds is rare and harmless.
    return tuple(region for region in regions if has_pixels(region))


def fill_regions(regions: Sequence[Region], box: Box) -> tuple[ByteArray, IntArray]:
    """Return the class values and the region numbers of the pixels of a box of an image, (h, w).

    Both are 0 outside all regions. Where regions overlap, the later one counts.
    """
    left, top, right, bottom = box
    shape, inside = (bottom - top, right - left), regions_inside(regions, box)
    numbers = np.full(shape, _NO_REGION, np.int32)
    if not inside:
        return np.zeros(shape, np.uint8), numbers
    moved = shapely.transform([region.shape for region in inside], lambda xy: xy - (left, top))
    pairs = [(outline, region.number) for outline, region in zip(moved, inside, strict=True)]
    numbers = rasterize(pairs, out_shape=shape, fill=_NO_REGION, dtype="int32")
    values = np.zeros(max(region.number for region in inside) + 1, np.uint8)
    values[[region.number for region in inside]] = [region.value for region in inside]
    return values[numbers], numbers


def check_label_features(spec: FeatureSpec) -> None:
    """Raise SettingsError for features that cannot be computed from an image alone."""
    tokens = token_encoder_names(spec.extras)
    has_series = spec.fusion or spec.season != "mean" or spec.interpolation != "blocks"
    if has_series or spec.robust or tokens:
        name = "a time series" if has_series else "robust scaling" if spec.robust else "tokens"
        raise SettingsError(
            f"{name} cannot be used with labelled regions",
            where="features",
            remedy="Use bands, the NDVI and features of the surroundings. The classifier scales "
            "all features itself.",
        )


def patch_pixels(patch: Patch, spec: FeatureSpec) -> PatchPixels:
    """Return the features of all pixels of a patch; the patches used last stay in memory."""
    check_label_features(spec)
    return _patch_pixels(_without_labels(patch), spec, image_version(patch.image))


def sample_regions(patch: Patch, regions: tuple[Region, ...], spec: FeatureSpec) -> RegionPixels:
    """Return pixels of regions that lie in a patch, at most PIXELS_PER_REGION of each.

    The result stays in memory, so that only patches with new regions are read again.
    """
    inside = regions_inside(regions, patch_box(patch))
    return _sample_regions(_without_labels(patch), inside, spec, image_version(patch.image))


@lru_cache(_PATCHES_IN_MEMORY)
def _patch_pixels(patch: Patch, spec: FeatureSpec, _: tuple[int, int]) -> PatchPixels:
    height, width = patch.shape
    n = height * width
    table = read_pixels(patch, 0, np.arange(n), required_data(spec, RequiredData()))
    valid = ~read_window(patch).mask.ravel() if patch.window else np.ones(n, bool)
    bands = np.ascontiguousarray(table.aerial.T).reshape(-1, height, width)
    return PatchPixels(build_features(table, spec).matrix, bands, valid)


@lru_cache(_SAMPLES_IN_MEMORY)
def _sample_regions(
    patch: Patch, regions: tuple[Region, ...], spec: FeatureSpec, _: tuple[int, int]
) -> RegionPixels:
    value_plane, number_plane = fill_regions(regions, patch_box(patch))
    values, numbers = value_plane.ravel(), number_plane.ravel()
    pixels = patch_pixels(patch, spec)
    rows = [
        _draw_rows(np.flatnonzero((numbers == region.number) & pixels.valid), region.number)
        for region in regions
    ]
    chosen = np.concatenate([*rows, np.zeros(0, np.int64)]).astype(np.int64)
    return RegionPixels(pixels.matrix[chosen], values[chosen], numbers[chosen])


def _draw_rows(rows: AnyArray, seed: int) -> AnyArray:
    if len(rows) <= PIXELS_PER_REGION:
        return rows
    chosen = np.random.default_rng(seed).choice(rows, PIXELS_PER_REGION, replace=False)
    return np.sort(chosen)


def stack_samples(samples: Sequence[RegionPixels]) -> RegionPixels:
    """Return the pixels of several samples, one after the other; at least one is required."""
    parts: list[Any] = [
        np.concatenate([getattr(sample, name) for sample in samples])
        for name in ("matrix", "values", "numbers")
    ]
    return RegionPixels(*parts)


def _without_labels(patch: Patch) -> Patch:
    """Return a patch whose labels are not read."""
    return replace(patch, mask=None)
