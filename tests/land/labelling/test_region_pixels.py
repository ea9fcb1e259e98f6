"""Pixels of regions: outlines that keep every pixel, overlaps, samples, and superpixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.errors import SettingsError
from core.land.labelling.label_regions import Region
from core.land.labelling.region_pixels import (
    PIXELS_PER_REGION,
    check_label_features,
    draw_polygon,
    fill_regions,
    image_name,
    patch_pixels,
    patch_superpixels,
    sample_regions,
    superpixel_at,
    trace_outline,
)
from core.land.models.features import FeatureSpec
from tests.land.images.conftest import HEIGHT, WIDTH
from tests.land.labelling.conftest import add_rectangles, two_classes


@settings(max_examples=60, deadline=None)
@given(arrays(bool, (9, 7)), st.integers(0, 50), st.integers(0, 50))
def test_trace_outline__contains_exactly_these_pixels(pixels, left, top):
    if not pixels.any():
        with pytest.raises(SettingsError, match="contains no pixel"):
            trace_outline(pixels, (left, top))
        return
    region = Region(4, "a.tif", 2, trace_outline(pixels, (left, top)))
    values, numbers = fill_regions([region], (left, top, left + 7, top + 9))
    assert (values == np.where(pixels, 2, 0)).all()
    assert (numbers == np.where(pixels, 4, 0)).all()
    # A part of the image shows the same pixels.
    part, _ = fill_regions([region], (left + 2, top + 3, left + 6, top + 8))
    assert (part == values[3:8, 2:6]).all()


def test_fill_regions__the_later_region_counts():
    history = add_rectangles(two_classes(), "a.tif", [(1, 0, 0, 4, 4), (2, 2, 2, 6, 6)])
    values, numbers = fill_regions(history.regions(), (0, 0, 8, 8))
    assert (values[2:6, 2:6] == 2).all()
    assert (numbers == 1).sum() == 12
    assert not values[6:].any()
    assert not fill_regions((), (0, 0, 3, 2))[0].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 7), st.integers(0, 2**32 - 1))
def test_draw_polygon__contains_the_centres_inside(n, seed):
    from matplotlib.path import Path

    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, n))
    points = 10 + 8 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 1e-3
    rows, columns = np.mgrid[:20, :20]
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
    expected = Path([*points, points[0]]).contains_points(centres).reshape(20, 20)
    assert (draw_polygon(points.tolist(), (20, 20)) == expected).all()


@pytest.mark.parametrize("points", [[], [[1, 1]], [[1, 1], [5, 5]], [[1, 1], [np.nan, 5], [3, 3]]])
def test_draw_polygon__without_an_area_is_empty(points):
    assert not draw_polygon(points, (8, 8)).any()


def test_sample_regions__valid_pixels_and_a_limit(unlabelled):
    patch = unlabelled.unlabelled[0]
    name = image_name(unlabelled, patch)
    assert name == "field0.tif"
    rows = [(1, 0, 0, 10, 10), (2, 90, 10, 140, 60), (1, 100, 20, 104, 24)]
    history = add_rectangles(two_classes(), name, rows)
    pixels = sample_regions(patch, history.regions(), FeatureSpec())
    counts = np.bincount(pixels.numbers)
    # 64 of the 100 pixels of the first region have no data.
    assert counts.tolist() == [0, 36, PIXELS_PER_REGION, 16]
    assert set(pixels.values[pixels.numbers == 3]) == {1}
    bright = pixels.matrix.mean(axis=1) > 0.47
    assert (bright == (pixels.numbers != 1)).all()
    again = sample_regions(patch, history.regions(), FeatureSpec())
    assert again is pixels


def test_patch_pixels__features_of_all_pixels(unlabelled):
    patch = unlabelled.unlabelled[1]
    pixels = patch_pixels(patch, FeatureSpec(extras=("means",)))
    assert pixels.matrix.shape == (WIDTH * HEIGHT, 3 + 2 * 3)
    assert pixels.bands.shape == (3, HEIGHT, WIDTH)
    assert (~pixels.valid).sum() == 64


def test_superpixels__follow_the_edge_between_dark_and_bright(unlabelled):
    patch = unlabelled.unlabelled[0]
    numbers = patch_superpixels(patch, 200)
    region = superpixel_at(numbers, 20, 60)
    assert region[60, 20]
    assert 20 <= region.sum() <= 2000
    assert not region[:, WIDTH // 2 + 2 :].any()
    assert not superpixel_at(numbers, -1, 5).any()
    assert not superpixel_at(numbers, WIDTH, 5).any()


@pytest.mark.parametrize(
    "spec",
    [FeatureSpec(fusion=True), FeatureSpec(robust=True), FeatureSpec(extras=("tokens:resnet50",))],
)
def test_check_label_features__refuses_what_images_do_not_have(spec):
    with pytest.raises(SettingsError, match="cannot be used with labelled regions"):
        check_label_features(spec)
