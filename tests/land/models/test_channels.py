import numpy as np
import pytest

from core.land.data.pixel_table import PixelTable
from core.land.data.sentinel import Series, SuperPatch
from core.land.models.channels import channel_values, ndvi, patch_ndvi


def test_ndvi__range_and_zero() -> None:
    index = ndvi(np.array([200, 0, 0], np.uint8), np.array([100, 50, 0], np.uint8))
    np.testing.assert_allclose(index, [1 / 3, -1, 0], rtol=1e-6)


def test_patch_ndvi__mean_of_the_patch_on_each_date() -> None:
    data = np.zeros((2, 10, 40, 40), np.uint16)
    data[:, 2], data[0, 6], data[1, 6] = 1000, 3000, 1000
    data[:, :, :15], data[:, :, 25:] = 9999, 9999
    masks, nothing = np.zeros((2, 2, 40, 40), np.uint8), np.zeros(2)
    series = Series(data, masks, ("2021-05-01", "2021-06-01"))
    super_patch = SuperPatch(series, (20, 20), nothing, nothing == 0, all_covered=False)
    assert patch_ndvi(super_patch) == pytest.approx([0.5, 0])


def test_channel_values__bands_and_ndvi() -> None:
    aerial = np.array([[50, 60, 70, 150, 9]], np.float32)
    sentinel = np.arange(1, 11, dtype=np.float32)[None] / 10
    zero, position = np.zeros(1, np.int32), np.zeros(1, np.int16)
    table = PixelTable(aerial, sentinel, np.ones(1, np.uint8), zero, position, position)
    names = ("elevation", "ndvi", "B11", "ndvi10")
    values = [channel_values(table, name).tolist() for name in names]
    assert values == [[9], [0.5], [pytest.approx(0.9)], [pytest.approx(0.4)]]
