import base64
import io

import numpy as np
from PIL import Image

from app.widgets import images


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


def test_framed__small_image_repeats_whole_pixels():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    large, width, words = images.framed(pixels, 7)
    assert large.shape == (4, 6, 1)
    assert np.array_equal(large[::2, ::2], pixels)
    assert np.array_equal(large[1::2, 1::2], pixels)
    assert width == 6
    assert words == "3 × 2 scene px, 2 times enlarged"


def test_framed__fits_as_it_is():
    image, width, words = images.framed(np.zeros((100, 60, 4), np.uint8), 184)
    assert (image.shape, width) == ((100, 60, 4), 60)
    assert words.endswith("at 1:1")


def test_framed__large_image_is_shown_by_a_whole_factor():
    image, width, words = images.framed(np.zeros((500, 200, 4), np.uint8), 184)
    assert image.shape == (500, 200, 4)
    assert width == 67
    assert words == "200 × 500 scene px, shown at 1:3"


def test_framed__says_what_was_left_out_while_reading():
    _, width, words = images.framed(np.zeros((1000, 500, 4), np.uint8), 184, step=2)
    assert width <= 184
    assert words == "about 1000 × 2000 scene px, read as one of 2 each way, shown at 1:12"
