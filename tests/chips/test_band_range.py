import numpy as np
import pytest

from core.chips.band_range import BandRange


def pixels_of(*bands, dtype=np.uint8):
    """Two chips of 4 x 4 pixels with the same values, or one value, in each band."""
    chips = [np.broadcast_to(np.asarray(band, dtype), (2, 4, 4)) for band in bands]
    return np.stack(chips, axis=1)


RAMP = np.arange(16).reshape(4, 4)
NO_MASK = np.zeros((2, 4, 4), bool)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_constant__bands_with_a_single_value(dtype):
    band_range = BandRange(3)
    band_range.update(pixels_of(RAMP, 255 if dtype == np.uint8 else 300, 0, dtype=dtype), NO_MASK)
    assert band_range.constant == [1, 2]


def test_constant__a_later_chip_may_differ():
    band_range = BandRange(3)
    band_range.update(pixels_of(7, 7, RAMP), NO_MASK)
    band_range.update(pixels_of(7, 8, 9), NO_MASK)
    band_range.update(pixels_of(7, 7, 9), NO_MASK)
    assert band_range.constant == [0]


def test_constant__masked_pixels_do_not_count():
    band_range = BandRange(2)
    mask = np.broadcast_to(RAMP < 8, (2, 4, 4))
    band_range.update(pixels_of(np.where(RAMP < 8, 0, 255), RAMP), mask)
    assert band_range.constant == [0]
    blank = BandRange(1)
    blank.update(pixels_of(3), ~NO_MASK)
    assert blank.constant == [0]


def test_merge__equals_one_record_of_all_chips():
    rng = np.random.default_rng(0)
    for _ in range(50):
        # Few values, so that bands of all kinds occur.
        pixels = rng.choice([3, 4], (2, 2, 3, 4, 4), p=[0.98, 0.02])
        masks = rng.random((2, 2, 4, 4)) < rng.choice([0.2, 1.0])
        whole, merged = BandRange(3), BandRange(3)
        for chips, mask in zip(pixels, masks, strict=True):
            whole.update(chips, mask)
            part = BandRange(3)
            part.update(chips, mask)
            merged.merge(part)
        assert merged.constant == whole.constant
