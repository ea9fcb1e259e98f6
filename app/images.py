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


def enlarged(pixels: AnyArray, side: int) -> AnyArray:
    """Repeat whole pixels so that the longer side comes near `side`; never interpolated."""
    factor = max(1, side // max(pixels.shape[:2]))
    return np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)
