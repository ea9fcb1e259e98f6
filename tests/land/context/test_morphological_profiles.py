import numpy as np
import pytest
from scipy.ndimage import grey_closing, grey_opening
from skimage.morphology import footprint_rectangle, opening

from core.land.context.image_bands import ImageBands, Surroundings
from core.land.context.morphological_profiles import open_surface, relief_planes
from core.land.data.bands import Bands


@pytest.mark.parametrize("radius", [1, 4])
def test_open_surface__as_in_scipy_and_scikit_image(radius: int) -> None:
    values = np.random.default_rng(0).random((40, 30))
    side = 2 * radius + 1
    opened = open_surface(values, radius)
    np.testing.assert_array_equal(opened, grey_opening(values, side))
    inner = np.s_[2 * side : -2 * side, 2 * side : -2 * side] if radius == 1 else np.s_[20:22]
    expected = opening(values, footprint_rectangle((side, side)))
    np.testing.assert_array_equal(opened[inner], expected[inner])


def test_open_surface__nodata_makes_neither_peaks_nor_holes() -> None:
    values = np.full((30, 30), 5.0)
    usable = np.ones((30, 30), bool)
    usable[10:20, 12] = False
    values[10:20, 12] = -99
    assert (open_surface(values, 3, usable)[usable] == 5).all()
    assert (-open_surface(-values, 3, usable)[usable] == 5).all()
    assert np.isfinite(open_surface(values, 3, np.zeros((30, 30), bool))).all()


def test_relief_planes__height_of_a_building_and_depth_of_a_pit() -> None:
    elevation = np.full((140, 120), 100.0)
    elevation[30:40, 40:50] = 150
    elevation[90:95, 50:60] = 90
    image = ImageBands(elevation[None], Bands(("dsm",), (), elevation=0, divisor=1.0))
    planes = dict(relief_planes(Surroundings(image)))
    above = planes["relief: elevation above opening, 10 px"]
    below = planes["relief: elevation below closing, 10 px"]
    assert (above == np.where(elevation == 150, np.sqrt(50), 0)).all()
    assert (below == np.where(elevation == 90, np.sqrt(10), 0)).all()
    assert len(planes) == 4


def test_relief_planes__brightness_without_an_elevation() -> None:
    grey = np.random.default_rng(1).random((2, 50, 50))
    planes = dict(relief_planes(Surroundings(ImageBands(grey, Bands(("a", "b"), (), divisor=1.0)))))
    brightness = grey.mean(axis=0)
    expected = np.sqrt(grey_closing(brightness, 21) - brightness)
    np.testing.assert_allclose(planes["relief: brightness below closing, 10 px"], expected)
