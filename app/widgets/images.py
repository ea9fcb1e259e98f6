"""Pixels to images that a browser shows: data URIs, no files."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from core.types import AnyArray

# Under transparent pixels in a lossy format; the paper colour of the theme.
PAPER = (238, 240, 243)


def data_uri(pixels: AnyArray, *, lossy: bool = False) -> str:
    """Encode one image.

    Parameters
    ----------
    pixels : uint8 array, (height, width, 3 or 4)
    lossy : bool
        JPEG over paper colour instead of PNG; for large pictures.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    stream = io.BytesIO()
    if lossy:
        flat = Image.new("RGB", image.size, PAPER)
        flat.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
        flat.save(stream, "JPEG", quality=90, subsampling=0)
    else:
        image.save(stream, "PNG", compress_level=1)
    kind = "jpeg" if lossy else "png"
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def data_uris(stack: AnyArray) -> Sequence[str]:
    """Encode a stack of small images, (n, height, width, 4)."""
    return [data_uri(pixels) for pixels in stack]


def framed(pixels: AnyArray, side: int, step: int = 1) -> tuple[AnyArray, int, str]:
    """Fit an image into a square frame by a whole-number factor, its shape kept.

    Parameters
    ----------
    pixels : uint8 array, (height, width, channels)
    side : int
        Of the frame, in CSS pixels.
    step : int
        Scene pixels to one pixel of the image along each side.

    Returns
    -------
    uint8 array
        Whole pixels repeated, never interpolated; as it came where it is larger than the frame.
    int
        The width to show it at, in CSS pixels.
    str
        What was done, in words.
    """
    height, width = pixels.shape[:2]
    size = f"{width} × {height} scene px"
    if step > 1:
        size = f"about {width * step} × {height * step} scene px, read as one of {step} each way"
    factor = side // max(height, width)
    if factor >= 1:
        image = np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)
        how = f"{factor} times enlarged" if factor > 1 else "at 1:1"
        return image, width * factor, f"{size}, {how}"
    down = -(-max(height, width) // side)
    return pixels, max(1, round(width / down)), f"{size}, shown at 1:{down * step}"
