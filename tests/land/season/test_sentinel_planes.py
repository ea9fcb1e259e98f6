from typing import Any

import numpy as np
import pytest

from core.errors import SceneError
from core.land.data.bands import SENTINEL
from core.land.data.sentinel import SentinelSettings, Series, cut_super_patch
from core.land.season.season_columns import Season, season_column_names
from core.land.season.sentinel_planes import block_means, block_position, sentinel_planes

DEFAULT = SentinelSettings()


def series(
    t: int = 3, size: int = 60, dates: tuple[str, ...] = (), data: Any = 1000, masks: Any = 0
) -> Series:
    values = np.empty((t, 10, size, size), np.uint16)
    values[:] = data
    probabilities = np.empty((t, 2, size, size), np.uint8)
    probabilities[:] = masks
    return Series(values, probabilities, dates or tuple(f"2021-0{i + 1}-10" for i in range(t)))


def test_block_means__mean_of_months_not_of_dates() -> None:
    data = np.zeros((3, 10, 60, 60))
    data[0], data[1], data[2] = 1000, 3000, 8000
    dates = ("2021-01-05", "2021-01-20", "2021-03-01")
    means = block_means(cut_super_patch(series(t=3, dates=dates, data=data), (30, 30), DEFAULT))
    # January 0.2, March 0.8; the mean of the dates would be 0.4.
    assert means.shape == (10, 12, 12)
    assert means.dtype == np.float32
    np.testing.assert_allclose(means, 0.5, rtol=1e-6)


def test_block_means__centroid_between_sixth_and_seventh() -> None:
    row, column = np.mgrid[:60, :60]
    super_patch = cut_super_patch(series(data=row * 100 + column), (31, 27), DEFAULT)
    means = block_means(super_patch) * 10_000
    assert means[0, 0, 0] == pytest.approx(25 * 100 + 21, abs=0.01)
    assert means[3, 6, 6] == pytest.approx(31 * 100 + 27, abs=0.01)
    assert means[9, 11, 11] == pytest.approx(36 * 100 + 32, abs=0.01)


@pytest.mark.parametrize(
    ("centroid", "is_inside"), [((6, 54), True), ((5, 30), False), ((30, 55), 0)]
)
def test_block_means__edge_of_the_super_area(centroid: tuple[int, int], is_inside: bool) -> None:
    super_patch = cut_super_patch(series(), centroid, DEFAULT)
    if is_inside:
        assert block_means(super_patch).shape == (10, 12, 12)
        return
    with pytest.raises(SceneError, match="IMG_7: the patch crosses the edge"):
        block_means(super_patch, "IMG_7")


def test_block_position__worked_example() -> None:
    offsets = [0, 5, 6, 55, 56, 255, 256, 305, 306, 505, 506, 511]
    blocks = np.floor(block_position(np.array(offsets)))
    assert blocks.tolist() == [0, 0, 1, 1, 2, 5, 6, 6, 7, 10, 11, 11]


def test_block_position__equals_the_notebooks_repeat_and_crop() -> None:
    # Ten Sentinel pixels around the centroid, each repeated 50 times over the central 500 pixels.
    repeated = np.repeat(np.arange(10), 50)
    assert (np.floor(block_position(np.arange(6, 506))) - 1).tolist() == repeated.tolist()


def months_of(data: Any, masks: Any, t: int = 2) -> tuple[Any, Any]:
    """Return the planes of a patch in the centre of its super area, and its monthly composites."""
    dates = tuple(f"2021-{month:02d}-10" for month in range(1, t + 1))
    super_patch = cut_super_patch(
        series(t=t, dates=dates, data=data, masks=masks), (30, 30), DEFAULT
    )
    planes = sentinel_planes(super_patch, "months", DEFAULT, "IMG_7")
    return planes, planes.planes.reshape(12, 10, 12, 12)


def test_months__a_cloud_hides_only_its_own_pixels() -> None:
    data, masks = np.full((2, 10, 60, 60), 1000), np.zeros((2, 2, 60, 60))
    data[1] = 3000
    masks[1, 1, 24, 24] = 60  # cloud on the first pixel of the patch, in February
    masks[1, 0, 24, 25] = 60  # snow on the second
    masks[1, 1, 24, 26] = 59  # below the threshold
    masks[0, 1, :20] = 100  # clouds around the patch do not matter
    planes, months = months_of(data, masks)
    np.testing.assert_allclose(months[0], 0.1, rtol=1e-6)
    np.testing.assert_allclose(months[1, :, 0, :4], [[0.1, 0.1, 0.3, 0.3]] * 10, rtol=1e-6)
    # Ten months without dates, and February of two pixels.
    assert planes.filled_months == (10 * 144 + 2, 12 * 144)
    assert "at most 2 of 12 months" in planes.notes[0]


def test_months__pixels_without_values_are_not_clear() -> None:
    data = np.full((4, 10, 60, 60), 2000)
    data[1:, :, 24:30] = 0
    planes, months = months_of(data, 0, t=4)
    np.testing.assert_allclose(months, 0.2, rtol=1e-6)
    assert planes.filled_months[0] == 8 * 144 + 3 * 72


def test_months__the_clearest_date_if_all_is_cloudy() -> None:
    data, masks = np.full((2, 10, 60, 60), 1000), np.full((2, 2, 60, 60), 100)
    data[1], masks[1, :, :15] = 3000, 0  # clear only outside the patch
    _, months = months_of(data, masks)
    np.testing.assert_allclose(months, 0.3, rtol=1e-6)


def test_months__twelve_months_without_notes() -> None:
    planes, months = months_of(1000 * np.arange(1, 13)[:, None, None, None], 0, t=12)
    assert (planes.filled_months, planes.notes) == ((0, 12 * 144), ())
    np.testing.assert_allclose(months[:, 0, 0, 0], np.arange(1, 13) / 10, rtol=1e-6)


def test_indices__one_plane_for_each_name() -> None:
    super_patch = cut_super_patch(series(), (30, 30), DEFAULT)
    planes = sentinel_planes(super_patch, "indices", DEFAULT).planes
    assert planes.shape == (len(season_column_names(SENTINEL, "indices")), 12, 12)
    # Without clouds, the mean over the months is that of FLAIR.
    np.testing.assert_allclose(planes[:10], block_means(super_patch), rtol=1e-6)


@pytest.mark.parametrize("season", ["mean", "months", "indices"])
def test_planes__edge_of_the_super_area(season: Season) -> None:
    with pytest.raises(SceneError, match="IMG_7: the patch crosses the edge"):
        sentinel_planes(cut_super_patch(series(), (5, 30), DEFAULT), season, DEFAULT, "IMG_7")
