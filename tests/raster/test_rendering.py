import numpy as np
import pytest

from core.errors import SettingsError
from core.input_settings import DisplaySettings
from core.raster.rendering import (
    band_percentiles,
    displayed_band_positions,
    guess_display_bands,
    sample_percentiles,
    stretch_limits,
    stretch_percentiles,
    to_rgba,
)
from core.raster.scene import read_scene

UNMASKED = np.zeros((1, 2), bool)


@pytest.mark.parametrize(
    ("bands", "positions"),
    [
        (("blue", "green", "red"), (2, 1, 0)),
        (("nir", "red", "green", "blue"), (1, 2, 3)),
        (("a", "b", "c", "d"), (0, 1, 2)),
        (("a", "b"), (0,)),
        (("a",), (0,)),
        (("coastal", "blue (b2)", "green (b3)", "red (b4)", "red edge 1"), (3, 2, 1)),
        (("near infrared", "band 3 - red", "green band", "blue band"), (1, 2, 3)),
        (("green", "red edge", "blue", "nir"), (0, 1, 2)),
        (("infrared", "x", "y"), (0, 1, 2)),
        (("b02", "b03", "b04", "b08"), (2, 1, 0)),
    ],
)
def test_guess_display_bands__by_colour_name_else_the_first(bands, positions):
    assert guess_display_bands(bands) == positions


@pytest.mark.parametrize(
    ("chosen", "positions"),
    [
        ((), (2, 1, 0)),
        (("nir", "red", "green"), (3, 2, 1)),
        (("nir",), (3,)),
        (("nir", "swir", "red"), (2, 1, 0)),
    ],
)
def test_displayed_band_positions__chosen_bands_if_the_scene_has_them(chosen, positions):
    bands = ("blue", "green", "red", "nir")
    assert displayed_band_positions(bands, DisplaySettings(bands=chosen)) == positions


def test_stretch_percentiles__none_for_the_default_stretch():
    assert stretch_percentiles(DisplaySettings(low=5)) is None
    assert stretch_percentiles(DisplaySettings(stretch="percentiles", low=5, high=95)) == (5, 95)


@pytest.mark.parametrize("bands", [("a", "b"), ("a", "b", "c", "d")])
def test_display_settings__require_one_or_three_bands(bands):
    with pytest.raises(SettingsError, match="one band or three"):
        DisplaySettings(bands=bands)


def test_stretch_limits__percentiles_of_valid_pixels():
    values = np.arange(101, dtype=np.int16).reshape(1, 1, 101)
    mask = np.zeros((1, 101), bool)
    assert stretch_limits([band_percentiles(values, mask)], "int16")[0] == pytest.approx((2, 98))
    limits = stretch_limits([band_percentiles(values, mask)], "int16", (10, 90))
    assert limits[0] == pytest.approx((10, 90))
    mask[0, 51:] = True
    assert stretch_limits([band_percentiles(values, mask)], "int16")[0] == pytest.approx((1, 49))


@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("float32", 1)])
def test_stretch_limits__without_valid_pixels(dtype, top):
    sample = band_percentiles(np.ones((2, 3, 3), dtype), np.ones((3, 3), bool))
    assert np.isnan(sample).all()
    assert stretch_limits([sample, sample], dtype).tolist() == [[0, top]] * 2


def test_stretch_limits__scenes_of_any_size_have_the_same_weight():
    rng = np.random.default_rng(0)
    dark, bright = rng.uniform(0, 1, (1, 300, 300)), rng.uniform(9, 10, (1, 20, 20))
    samples = [band_percentiles(v, np.zeros(v.shape[1:], bool)) for v in (dark, bright)]
    empty = np.full((1, 1), np.nan)
    limits = stretch_limits([*samples, empty], "float32", (25, 75))
    assert limits[0] == pytest.approx((0.5, 9.5), abs=0.05)


@pytest.mark.parametrize(
    ("tops", "stretched"),
    [
        ((230, 220, 200), False),
        ((120, 100, 70), False),
        ((38, 36, 30), True),
        ((115, 38, 36), True),
    ],
)
def test_stretch_limits__uint8_is_stretched_only_if_a_band_is_dark(tops, stretched):
    values = np.linspace(0, np.array(tops) * 1.02, 500).T[:, None].astype(np.uint8)
    limits = stretch_limits([band_percentiles(values, np.zeros((1, 500), bool))], "uint8")
    assert (limits[:, 1] < 255).all() == stretched
    assert stretched or limits.tolist() == [[0, 255]] * 3


def test_sample_percentiles__nodata_beyond_every_square_of_a_large_scene(make_scene):
    content = np.zeros((2300, 2300))
    content[100:130, 100:130] = 77
    scene = read_scene(make_scene(content=content, nodata=0))
    assert (sample_percentiles(scene, scene.bands) == 77).all()


def test_to_rgba__grey_has_three_equal_channels_and_masked_is_transparent():
    picture = to_rgba(np.array([[[10, 20]]]), np.array([[False, True]]), np.array([[0.0, 20.0]]))
    assert picture.tolist() == [[[127, 127, 127, 255], [255, 255, 255, 0]]]
    assert picture.dtype == np.uint8


def test_to_rgba__constant_bands_and_nan_are_black():
    values = np.array([[[5.0, np.nan]]] * 3)
    assert to_rgba(values, UNMASKED, np.array([[5.0, 5.0]] * 3))[..., :3].tolist() == [
        [[0] * 3] * 2
    ]


def test_to_rgba__clipped_at_both_ends():
    picture = to_rgba(np.array([[[-5.0, 50.0]]]), UNMASKED, np.array([[0.0, 20.0]]))
    assert picture[0, :, 0].tolist() == [0, 255]
