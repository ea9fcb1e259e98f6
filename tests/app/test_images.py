import base64
import io

import numpy as np
from PIL import Image

from app import images


def opened(uri: str) -> Image.Image:
    kind, _, data = uri.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f"data:image/{image.format.lower()}"
    return image


def test_data_uri__png_keeps_every_value():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    assert np.array_equal(np.asarray(opened(images.data_uri(pixels))), pixels)


def test_data_uri__lossy_lays_transparent_pixels_on_paper():
    pixels = np.zeros((16, 16, 4), np.uint8)
    image = opened(images.data_uri(pixels, lossy=True))
    assert image.size == (16, 16)
    assert np.abs(np.asarray(image).astype(int) - images.PAPER).max() < 4


def test_enlarged__repeats_whole_pixels():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    large = images.enlarged(pixels, 7)
    assert large.shape == (4, 6, 1)
    assert set(np.unique(large)) == set(range(6))
    assert images.enlarged(large, 3).shape == large.shape
