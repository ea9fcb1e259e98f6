"""Patches, masks and Sentinel as images; arrays in, arrays out, no streamlit here."""

import numpy as np

from app.widgets.palette import SEQUENTIAL
from core.flair.data.nomenclature import Nomenclature, palette, reduce
from core.flair.data.pixel_table import SIDE
from core.flair.data.sentinel import BLOCK, REFLECTANCE, SuperPatch
from core.types import AnyArray, BoolArray, ByteArray

RED = (230, 30, 30)
YELLOW = (255, 216, 77)
VIEWS = {
    "rgb": "Colour",
    "infrared": "Infrared",
    "elevation": "Elevation",
    "mask": "Classes",
    "overlay": "Overlay",
}
# Reflectance that is drawn white: bright soil; clouds saturate.
WHITE = 0.3


def rgb(aerial: ByteArray) -> ByteArray:
    """Red, green, blue as they are: (5, h, w) -> (h, w, 3)."""
    return np.ascontiguousarray(aerial[:3].transpose(1, 2, 0))


def infrared(aerial: ByteArray) -> ByteArray:
    """Near infrared, red and green shown as red, green and blue: vegetation is red."""
    return np.ascontiguousarray(aerial[[3, 0, 1]].transpose(1, 2, 0))


def elevation(aerial: ByteArray) -> ByteArray:
    """Height above ground from dark (lowest) to light (the 99th percentile of the patch)."""
    values = aerial[4].astype(np.float32)
    high = max(float(np.percentile(values, 99)), 1.0)
    stops = np.array([stop for stop, _ in SEQUENTIAL])
    colours = np.array([list(bytes.fromhex(colour[1:])) for _, colour in SEQUENTIAL])
    at = np.clip(values / high, 0, 1)
    parts = [np.interp(at, stops, colours[:, band]) for band in range(3)]
    return np.stack(parts, axis=-1).astype(np.uint8)


def coloured(labels: ByteArray, nomenclature: Nomenclature = "reduced") -> ByteArray:
    """Labels in FLAIR's colours: (h, w) -> (h, w, 3); 0, no class, is grey."""
    shown = reduce(labels) if nomenclature == "reduced" else labels
    return palette(nomenclature)[shown]


def overlaid(below: ByteArray, above: ByteArray, opacity: float) -> ByteArray:
    """One image over another; opacity 0 shows the lower one alone, 1 the upper one."""
    mixed = below.astype(np.float32) * (1 - opacity) + above.astype(np.float32) * opacity
    return np.rint(mixed).astype(np.uint8)


def highlighted(below: ByteArray, chosen: BoolArray, colour: tuple[int, int, int]) -> ByteArray:
    """The chosen pixels in a colour, all others grey and pale."""
    grey = below.mean(axis=-1, keepdims=True).repeat(3, axis=-1) * 0.45 + 120
    bright = below.astype(np.float32) * 0.35 + np.array(colour, np.float32) * 0.65
    return np.where(chosen[..., None], bright, grey).clip(0, 255).astype(np.uint8)


def errors(truth: ByteArray, said: ByteArray) -> BoolArray:
    """Labelled pixels that were predicted wrong."""
    wrong: BoolArray = (truth != 0) & (said != 0) & (reduce(truth) != said)
    return wrong


def view(aerial: ByteArray | None, labels: ByteArray, name: str, opacity: float = 0.5) -> ByteArray:
    """A patch as one of VIEWS; "mask" needs no bands."""
    if name == "mask" or aerial is None:
        return coloured(labels)
    if name == "infrared":
        return infrared(aerial)
    if name == "elevation":
        return elevation(aerial)
    if name == "overlay":
        return overlaid(rgb(aerial), coloured(labels), opacity)
    return rgb(aerial)


def possible(name: str, *, image: bool, mask: bool) -> str | None:
    """One of VIEWS as far as image and mask can be read; None where nothing of it can be."""
    if name == "mask":
        return "mask" if mask else None
    if not image:
        return None
    return "rgb" if name == "overlay" and not mask else name


def nothing() -> ByteArray:
    """A pale patch, for one that cannot be shown."""
    return np.full((SIDE, SIDE, 3), 232, np.uint8)


def sentinel_rgb(frame: AnyArray) -> ByteArray:
    """Red, green and blue (B4, B3, B2) of one date, all dates stretched alike."""
    bands = np.asarray(frame[[2, 1, 0]], np.float32) / REFLECTANCE
    shown = np.clip(bands / WHITE, 0, 1) ** 0.7
    return (shown * 255).astype(np.uint8).transpose(1, 2, 0)


def smaller(image: ByteArray, factor: int) -> ByteArray:
    """Mean over blocks of factor x factor pixels."""
    height, width = (side // factor * factor for side in image.shape[:2])
    blocks = image[:height, :width].reshape(height // factor, factor, width // factor, factor, -1)
    return np.asarray(blocks.mean(axis=(1, 3)), np.uint8)


def framed(
    image: ByteArray,
    top: float,
    left: float,
    height: float,
    width: float,
    side: int = 480,
    colour: tuple[int, int, int] = RED,
) -> ByteArray:
    """An image enlarged by whole pixels, with a rectangle given in its own pixels."""
    factor = max(1, side // max(image.shape[:2]))
    large = image.repeat(factor, axis=0).repeat(factor, axis=1)
    rows = np.clip(np.rint(np.array([top, top + height]) * factor).astype(int), 0, len(large) - 1)
    columns = np.rint(np.array([left, left + width]) * factor).astype(int)
    columns = np.clip(columns, 0, large.shape[1] - 1)
    thick = max(2, side // 160)
    inside = np.zeros(large.shape[:2], bool)
    inside[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    inner = inside.copy()
    inner[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = False
    inner[rows[0] + thick : rows[1] + 1 - thick, columns[0] + thick : columns[1] + 1 - thick] = True
    large[inside & ~inner] = colour
    return large


def patch_in_super_patch(around: SuperPatch) -> tuple[float, float, float, float]:
    """Top, left, height and width of the aerial patch in its super patch, Sentinel pixels."""
    extent = SIDE / BLOCK
    row, column = around.centre
    return row - extent / 2, column - extent / 2, extent, extent
