import base64
import io

import numpy as np
import pytest
from PIL import Image

from app.widgets import images

EVIL = "<img src=x onerror=alert(1)>"


def open_image(uri: str) -> Image.Image:
    kind, _, data = uri.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f"data:image/{image.format.lower()}"
    return image


def test_data_uri__png_keeps_every_value():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    assert np.array_equal(np.asarray(open_image(images.data_uri(pixels))), pixels)


def test_data_uri__lossy_is_jpeg_if_opaque():
    pixels = np.full((16, 16, 4), 255, np.uint8)
    for image in (pixels, pixels[..., :3]):
        assert open_image(images.data_uri(image, lossy=True)).format == "JPEG"


def test_data_uri__lossy_keeps_transparent_pixels_transparent():
    pixels = np.full((16, 16, 4), 255, np.uint8)
    pixels[:, :8] = 0
    image = open_image(images.data_uri(pixels, lossy=True))
    assert image.size == (16, 16)
    assert np.array_equal(np.asarray(image)[..., 3], pixels[..., 3])


def test_frame_image__small_image_repeats_whole_pixels():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    large, width, text = images.frame_image(pixels, 7)
    assert large.shape == (4, 6, 1)
    assert np.array_equal(large[::2, ::2], pixels)
    assert np.array_equal(large[1::2, 1::2], pixels)
    assert width == 6
    assert text == "3 × 2 scene px, enlarged 2 times"


def test_frame_image__image_that_fits_is_unchanged():
    image, width, text = images.frame_image(np.zeros((100, 60, 4), np.uint8), 184)
    assert (image.shape, width) == ((100, 60, 4), 60)
    assert text.endswith("at 1:1")


def test_frame_image__large_image_is_reduced_by_an_integer_factor():
    image, width, text = images.frame_image(np.zeros((500, 200, 4), np.uint8), 184)
    assert image.shape == (500, 200, 4)
    assert width == 67
    assert text == "200 × 500 scene px, displayed at 1:3"


def test_frame_image__states_the_scale_of_decimated_reads():
    _, width, text = images.frame_image(np.zeros((1000, 500, 4), np.uint8), 184, step=2)
    assert width <= 184
    assert text == "about 1000 × 2000 scene px, read at 1:2, displayed at 1:12"


def test_add_outlines__rings_are_closed_and_separate():
    figure = images.image_figure("data:,", 100, 50)
    ring = np.array([[0, 0], [4, 0], [4, 4]])
    images.add_outlines(figure, [ring, ring + 10], "#FFFFFF", EVIL)
    trace = figure.data[-1]
    assert list(trace.x) == [0, 4, 4, 0, None, 10, 14, 14, 10, None]
    assert "&lt;img" in trace.name


def test_image_figure__first_row_is_on_top():
    figure = images.image_figure("data:,", 100, 50)
    assert list(figure.layout.yaxis.range) == [50, 0]


@pytest.mark.parametrize(
    ("width", "gsd", "text"),
    [
        (1000, 0.3, "50\u00a0m"),
        (2000, 30.0, "10\u00a0km"),
        (1000, None, "200\u00a0px"),
        (50, 0.05, "0.5\u00a0m"),
    ],
)
def test_add_scale_bar__round_length_on_the_ground(width, gsd, text):
    figure = images.image_figure("data:,", width, width)
    images.add_scale_bar(figure, width, width, gsd)
    assert figure.layout.annotations[0].text == text
    bar = figure.layout.shapes[0]
    metres = float(text.split("\u00a0")[0]) * (1000 if text.endswith("km") else 1)
    assert bar.x1 - bar.x0 == pytest.approx(metres / (gsd or 1))


def test_add_north_arrow__turns_clockwise():
    figure = images.image_figure("data:,", 100, 50)
    (arrow,) = images.add_north_arrow(figure, 30.0).layout.annotations
    assert arrow.textangle == 30
    assert "N" in arrow.text
