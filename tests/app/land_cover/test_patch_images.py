"""Pictures of patches: colours, overlays, rectangles."""

import numpy as np
import pytest

from app.land_cover import patch_images
from core.flair.data.nomenclature import REDUCED

RNG = np.random.default_rng(0)


@pytest.fixture
def aerial():
    return RNG.integers(0, 256, (5, 16, 20), dtype=np.uint8)


def test_rgb_and_infrared__take_the_right_bands(aerial):
    assert (patch_images.rgb(aerial)[3, 4] == aerial[:3, 3, 4]).all()
    assert (patch_images.infrared(aerial)[3, 4] == aerial[[3, 0, 1], 3, 4]).all()


def test_elevation__is_dark_low_and_light_high():
    aerial = np.zeros((5, 4, 4), np.uint8)
    aerial[4, 0] = 200
    image = patch_images.elevation(aerial).astype(int)
    assert image[0].sum() > image[3].sum()


def test_elevation__of_flat_ground_is_one_colour():
    assert len(np.unique(patch_images.elevation(np.zeros((5, 4, 4), np.uint8)), axis=None)) <= 3


def test_coloured__are_flairs_colours_and_high_values_become_other():
    labels = np.array([[1, 12], [13, 19]], np.uint8)
    image = patch_images.coloured(labels)
    assert tuple(image[0, 0]) == REDUCED[0].rgb
    assert tuple(image[1, 1]) == tuple(image[1, 0]) == REDUCED[12].rgb
    assert tuple(patch_images.coloured(labels, "full")[1, 0]) != REDUCED[12].rgb


@pytest.mark.parametrize(("opacity", "expected"), [(0.0, 10), (1.0, 210), (0.5, 110)])
def test_overlaid__mixes(opacity, expected):
    low, high = np.full((2, 2, 3), 10, np.uint8), np.full((2, 2, 3), 210, np.uint8)
    assert (patch_images.overlaid(low, high, opacity) == expected).all()


def test_highlighted__paints_the_chosen_alone():
    below = np.full((2, 2, 3), 90, np.uint8)
    chosen = np.array([[True, False], [False, False]])
    image = patch_images.highlighted(below, chosen, (255, 0, 0)).astype(int)
    assert image[0, 0, 0] - image[0, 0, 1] > 100
    assert image[1, 1, 0] == image[1, 1, 1]


def test_errors__leave_out_what_has_no_label_or_no_prediction():
    truth = np.array([0, 1, 2, 15, 3], np.uint8)
    said = np.array([1, 1, 3, 13, 0], np.uint8)
    assert patch_images.errors(truth, said).tolist() == [False, False, True, False, False]


def test_framed__draws_the_rectangle_where_it_belongs():
    image = np.zeros((40, 40, 3), np.uint8)
    large = patch_images.framed(image, 10, 5, 10.24, 10.24, 400)
    red = (large == patch_images.RED).all(axis=-1)
    rows, columns = np.nonzero(red)
    assert (rows.min(), columns.min()) == (100, 50)
    assert abs(int(rows.max()) - 202) <= 1
    assert not red[150, 100]


def test_smaller__is_the_mean_of_blocks():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:4, :4] = 100
    assert patch_images.smaller(image, 4)[:, :, 0].tolist() == [[100, 0], [0, 0]]
