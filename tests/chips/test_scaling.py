import numpy as np
import pytest

from core.chips.scaling import Scaling, fit_scaling


def no_mask(pixels):
    return np.zeros((len(pixels), *pixels.shape[2:]), bool)


def test_fit_scaling__uint8_is_divided_by_255():
    scaling = fit_scaling(np.full((2, 3, 4, 4), 9, np.uint8), np.zeros((2, 4, 4), bool))
    assert (scaling.low, scaling.high) == ((0,) * 3, (255,) * 3)
    assert "255" in scaling.rule


def test_fit_scaling__percentiles_of_the_valid_pixels_of_each_band():
    pixels = np.zeros((1, 2, 1, 1001), np.uint16)
    pixels[0, 0, 0] = np.arange(1001)
    pixels[0, 1, 0] = np.arange(1001) * 10
    mask = no_mask(pixels)
    scaling = fit_scaling(pixels, mask)
    assert scaling.low == pytest.approx((1, 10))
    assert scaling.high == pytest.approx((999, 9990))
    mask[..., 101:] = True
    assert fit_scaling(pixels, mask).high == pytest.approx((99.9, 999))
    assert "uint16" in scaling.rule


def test_fit_scaling__values_not_finite_or_all_masked():
    pixels = np.array([[[[np.nan, 1, np.inf, 3]]]], np.float32)
    scaling = fit_scaling(pixels, no_mask(pixels))
    assert 1 <= scaling.low[0] < scaling.high[0] <= 3
    assert fit_scaling(pixels, ~no_mask(pixels)).high == (1,)


def test_apply__linear_and_clipped_with_nan_as_0():
    pixels = np.array([[[[-5, 0, 5, 10, 15, np.nan]]]], np.float32)
    scaled = Scaling((0.0,), (10.0,), "").apply(pixels)
    assert scaled.dtype == np.float32
    assert scaled.ravel().tolist() == [0, 0, 0.5, 1, 1, 0]
    assert pixels[0, 0, 0, 0] == -5


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_apply__values_at_the_limits_of_the_dtype(dtype):
    limits = np.iinfo(dtype)
    pixels = np.array([[[[limits.min, limits.max]]]], dtype)
    scaled = Scaling((float(limits.min),), (float(limits.max),), "").apply(pixels)
    assert scaled.ravel().tolist() == [0, 1]


def test_apply__a_constant_band_is_finite():
    with np.errstate(all="raise"):
        scaled = Scaling((7.0,), (7.0,), "").apply(np.full((1, 1, 2, 2), 7, np.int16))
    assert not scaled.any()
