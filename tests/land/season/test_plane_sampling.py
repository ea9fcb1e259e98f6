import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from core.land.season.plane_sampling import sample_planes


def test_blocks__the_pixel_around_the_position() -> None:
    planes = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    rows, columns = np.array([0, 0.99, 1, 2]), np.array([0.5, 1, 2.99, 3])
    values = sample_planes(planes, rows, columns, "blocks")
    assert values.tolist() == [[0, 6], [1, 7], [5, 11], [5, 11]]


@pytest.mark.parametrize("shape", [(12, 12), (10, 10), (1, 4), (1, 1)])
def test_smooth__equals_scipy(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    planes = random.random((3, *shape), np.float32)
    rows, columns = (random.uniform(-1, side + 1, 500) for side in shape)
    # SciPy counts from the centre of the first pixel.
    centred = (rows - 0.5, columns - 0.5)
    expected = [map_coordinates(plane, centred, order=1, mode="nearest") for plane in planes]
    values = sample_planes(planes, rows, columns, "smooth")
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.transpose(expected), atol=1e-6)


def test_smooth__exact_at_centres_and_never_beyond_the_values() -> None:
    planes = np.random.default_rng(1).random((2, 5, 6), np.float32)
    row, column = np.divmod(np.arange(30), 6)
    centres = sample_planes(planes, row + 0.5, column + 0.5, "smooth")
    np.testing.assert_array_equal(centres, planes.reshape(2, -1).T)
    between = sample_planes(planes, row + 0.9, column + 0.1, "smooth")
    assert (between.min(axis=0) >= planes.min(axis=(1, 2))).all()
    assert (between.max(axis=0) <= planes.max(axis=(1, 2))).all()
