"""Functions that compute images of patches, masks and Sentinel dates from arrays."""

from collections.abc import Sequence

import numpy as np

from app.widgets.colouring import interpolate_colours
from app.widgets.palette import SEQUENTIAL
from core.land.data.bands import Bands
from core.land.data.nomenclature import LandCover, Legend, Nomenclature
from core.land.data.patch_reading import ReadablePatch
from core.land.data.pixel_table import UNLABELLED
from core.land.data.sentinel import REFLECTANCE
from core.types import AnyArray, BoolArray, ByteArray

Colour = tuple[int, int, int]
RED = (230, 30, 30)
YELLOW = (255, 216, 77)
NO_CLASS = LandCover(UNLABELLED, "no class", "#808080")
VIEWS = {"rgb": "Colour", "infrared": "Infrared", "elevation": "Elevation"}
VIEWS |= {"mask": "Classes", "overlay": "Overlay"}
# Reflectance that is displayed as white: about that of bright soil, so clouds are saturated.
WHITE = 0.3


def available_views(bands: Bands) -> dict[str, str]:
    """Return the VIEWS that the bands of a data set allow."""
    missing = {"infrared": bands.nir is None or not bands.has_colour}
    missing |= {"elevation": bands.elevation is None}
    return {view: title for view, title in VIEWS.items() if not missing.get(view)}


def true_colour(aerial: AnyArray, bands: Bands) -> ByteArray:
    """Return the red, green and blue bands, (b, h, w) -> (h, w, 3), without a stretch if uint8.

    If these bands are not known, the first three spectral bands are displayed, or one as grey.
    """
    spectral = bands.spectral if len(bands.spectral) >= 3 else bands.spectral[:1] * 3
    return _rgb(aerial, bands.visible if bands.has_colour else spectral[:3])


def false_colour(aerial: AnyArray, bands: Bands) -> ByteArray:
    """Return near infrared, red and green as red, green and blue: vegetation is red."""
    assert bands.nir is not None
    return _rgb(aerial, (bands.nir, *bands.visible[:2]))


def _rgb(aerial: AnyArray, positions: Sequence[int]) -> ByteArray:
    """Return three bands as an image; other values than bytes are stretched to the patch."""
    image: AnyArray = np.ascontiguousarray(aerial[list(positions)].transpose(1, 2, 0))
    if image.dtype != np.uint8:
        values = image.astype(np.float32)
        low, high = np.percentile(values, (2, 98), axis=(0, 1))
        image = np.clip((values - low) / np.maximum(high - low, 1e-6), 0, 1) * 255
    return image.astype(np.uint8)


def elevation_image(aerial: AnyArray, bands: Bands) -> ByteArray:
    """Return the height above ground, from dark (0) to light (99th percentile of the patch)."""
    assert bands.elevation is not None
    heights = aerial[bands.elevation].astype(np.float32)
    highest = max(float(np.percentile(heights, 99)), 1.0)
    fractions = np.clip(heights / highest, 0, 1)
    return interpolate_colours(SEQUENTIAL, fractions).astype(np.uint8)


def class_image(
    labels: ByteArray, legend: Legend, nomenclature: Nomenclature = "reduced"
) -> ByteArray:
    """Return labels as an image in their colours, (h, w) -> (h, w, 3); 0 (no class) is grey."""
    values = legend.reduce_labels(labels) if nomenclature == "reduced" else labels
    image: ByteArray = legend.palette(nomenclature)[values]
    return image


def overlay_images(lower: ByteArray, upper: ByteArray, opacity: float) -> ByteArray:
    """Blend two images; opacity 0 gives the lower image, 1 the upper one."""
    mixed = lower.astype(np.float32) * (1 - opacity) + upper.astype(np.float32) * opacity
    return np.rint(mixed).astype(np.uint8)


def overlay_classes(
    image: ByteArray, labels: ByteArray, legend: Legend, opacity: float
) -> ByteArray:
    """Blend the colours of classes into an image; pixels without a class stay as they are."""
    overlay = overlay_images(image, class_image(labels, legend), opacity)
    return np.where((labels == UNLABELLED)[..., None], image, overlay)


def highlight_pixels(image: ByteArray, chosen: BoolArray, colour: Colour) -> ByteArray:
    """Tint the chosen pixels of an image, and turn all others pale grey."""
    grey = image.mean(axis=-1, keepdims=True).repeat(3, axis=-1) * 0.45 + 120
    tinted = image.astype(np.float32) * 0.35 + np.array(colour, np.float32) * 0.65
    return np.where(chosen[..., None], tinted, grey).clip(0, 255).astype(np.uint8)


def patch_view(readable: ReadablePatch, view: str) -> ByteArray | None:
    """Return the image of a patch in one of VIEWS; None if its bands or labels are missing."""
    aerial, labels, layout = readable.aerial, readable.labels, readable.patch.layout
    if view == "mask":
        return None if labels is None else class_image(labels, layout.legend)
    if aerial is None:
        return None
    if view == "overlay" and labels is not None:
        return overlay_classes(true_colour(aerial, layout.bands), labels, layout.legend, 0.5)
    drawings = {"infrared": false_colour, "elevation": elevation_image}
    return drawings.get(view, true_colour)(aerial, layout.bands)


def sentinel_true_colour(bands: AnyArray) -> ByteArray:
    """Return red, green and blue (B4, B3, B2) of one date, with the same stretch for all dates."""
    reflectance = np.asarray(bands[[2, 1, 0]], np.float32) / REFLECTANCE
    stretched = np.clip(reflectance / WHITE, 0, 1) ** 0.7
    return (stretched * 255).astype(np.uint8).transpose(1, 2, 0)


def shrink_image(image: ByteArray, factor: int) -> ByteArray:
    """Shrink an image by averaging blocks of factor x factor pixels."""
    height, width = (side // factor * factor for side in image.shape[:2])
    blocks = image[:height, :width].reshape(height // factor, factor, width // factor, factor, -1)
    return np.asarray(blocks.mean(axis=(1, 3)), np.uint8)


def draw_frame(
    image: ByteArray, rectangle: Sequence[float], side: int, colour: Colour = RED
) -> ByteArray:
    """Enlarge an image to about `side` pixels; add a rectangle: top, left, height and width."""
    factor = max(1, side // max(image.shape[:2]))
    large = image.repeat(factor, axis=0).repeat(factor, axis=1)
    top, left, height, width = rectangle
    edges = np.rint(np.array([top, left, top + height, left + width]) * factor).astype(int)
    y0, x0, y1, x1 = np.clip(edges, 0, np.tile(large.shape[:2], 2) - 1)
    thickness = max(2, side // 160)
    frame = np.zeros(large.shape[:2], bool)
    frame[y0 : y1 + 1, x0 : x1 + 1] = True
    frame[y0 + thickness : y1 + 1 - thickness, x0 + thickness : x1 + 1 - thickness] = False
    large[frame] = colour
    return large
