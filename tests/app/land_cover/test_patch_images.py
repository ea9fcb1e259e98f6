"""Images of patches: colours, overlays, rectangles."""

from pathlib import Path

import numpy as np
import pytest

from app.land_cover import patch_images
from core.land.data.bands import FLAIR_BANDS, Bands
from core.land.data.dataset import Patch
from core.land.data.nomenclature import FLAIR
from core.land.data.patch_reading import ReadablePatch

PATCH = Patch("000001", "train", "D1", "Z1", Path("IMG_000001.tif"), None, None, None, None)
RNG = np.random.default_rng(0)


@pytest.fixture
def aerial():
    return RNG.integers(0, 256, (5, 16, 20), dtype=np.uint8)


def test_true_and_false_colour__take_the_right_bands(aerial):
    assert (patch_images.true_colour(aerial, FLAIR_BANDS)[3, 4] == aerial[:3, 3, 4]).all()
    assert (patch_images.false_colour(aerial, FLAIR_BANDS)[3, 4] == aerial[[3, 0, 1], 3, 4]).all()


def test_elevation_image__low_is_dark_and_high_is_bright():
    aerial = np.zeros((5, 4, 4), np.uint8)
    aerial[4, 0] = 200
    image = patch_images.elevation_image(aerial, FLAIR_BANDS).astype(int)
    assert image[0].sum() > image[3].sum()


def test_elevation_image__flat_ground_has_one_colour():
    image = patch_images.elevation_image(np.zeros((5, 4, 4), np.uint8), FLAIR_BANDS)
    assert len(np.unique(image, axis=None)) <= 3


def test_class_image__flairs_colours_and_high_values_become_other():
    labels = np.array([[1, 12], [13, 19]], np.uint8)
    image = patch_images.class_image(labels, FLAIR)
    assert tuple(image[0, 0]) == FLAIR.reduced[0].rgb
    assert tuple(image[1, 1]) == tuple(image[1, 0]) == FLAIR.reduced[12].rgb
    assert tuple(patch_images.class_image(labels, FLAIR, "full")[1, 0]) != FLAIR.reduced[12].rgb


@pytest.mark.parametrize(("opacity", "expected"), [(0.0, 10), (1.0, 210), (0.5, 110)])
def test_overlay_images__blends_both(opacity, expected):
    lower, upper = np.full((2, 2, 3), 10, np.uint8), np.full((2, 2, 3), 210, np.uint8)
    assert (patch_images.overlay_images(lower, upper, opacity) == expected).all()


def test_highlight_pixels__tints_the_chosen_pixels_only():
    image = np.full((2, 2, 3), 90, np.uint8)
    chosen = np.array([[True, False], [False, False]])
    highlighted = patch_images.highlight_pixels(image, chosen, (255, 0, 0)).astype(int)
    assert highlighted[0, 0, 0] - highlighted[0, 0, 1] > 100
    assert highlighted[1, 1, 0] == highlighted[1, 1, 1]


def test_patch_view__uses_the_readable_parts_of_the_patch(aerial):
    labels = np.full((16, 20), 3, np.uint8)
    colour, classes = (
        patch_images.true_colour(aerial, FLAIR_BANDS),
        patch_images.class_image(labels, FLAIR),
    )

    def view_of(bands, classes, view):
        return patch_images.patch_view(ReadablePatch(PATCH, bands, classes, ()), view)

    for view in patch_images.available_views(FLAIR_BANDS):
        assert view_of(aerial, labels, view).shape == (16, 20, 3)
    assert (view_of(None, labels, "mask") == classes).all()
    assert view_of(aerial, None, "mask") is None
    assert view_of(None, labels, "overlay") is None
    assert (view_of(aerial, None, "overlay") == colour).all()


def test_views__of_bands_without_colours():
    bands = Bands(("band 1", "band 2"), (0, 1), divisor=4000)
    assert set(patch_images.available_views(bands)) == {"rgb", "mask", "overlay"}
    ramp = np.arange(200, dtype=np.int16).reshape(2, 10, 10) * 20
    image = patch_images.true_colour(ramp, bands)
    assert image.dtype == np.uint8
    assert (image[0, 0] == 0).all()
    assert (image[9, 9] == 255).all()
    assert (image[..., 0] == image[..., 2]).all()


def test_draw_frame__rectangle_in_image_pixels():
    image = np.zeros((40, 40, 3), np.uint8)
    large = patch_images.draw_frame(image, (10, 5, 10.24, 10.24), 400)
    red = (large == patch_images.RED).all(axis=-1)
    rows, columns = np.nonzero(red)
    assert (rows.min(), columns.min()) == (100, 50)
    assert abs(int(rows.max()) - 202) <= 1
    assert not red[150, 100]


def test_shrink_image__mean_of_blocks():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:4, :4] = 100
    assert patch_images.shrink_image(image, 4)[:, :, 0].tolist() == [[100, 0], [0, 0]]
