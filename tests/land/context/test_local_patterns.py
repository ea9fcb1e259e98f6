import numpy as np
import pytest

from core.land.context import local_patterns
from core.land.context.image_bands import ImageBands, Surroundings
from core.land.data.bands import Bands

# The neighbours of a pixel as right and down, clockwise from the top.
CIRCLE = ((0, -2), (2, -2), (2, 0), (2, 2), (0, 2), (-2, 2), (-2, 0), (-2, -2))


def plain_pattern(values: np.ndarray, row: int, column: int) -> tuple[int, int]:
    height, width = values.shape
    bits = []
    for right, down in CIRCLE:
        y, x = min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1)
        bits.append(int(values[y, x] - values[row, column] > 1 / 255))
    return sum(bits), sum(a != b for a, b in zip(bits, bits[1:] + bits[:1], strict=True))


def test_count_brighter_neighbours__plain_loop() -> None:
    values = np.random.default_rng(0).random((12, 9))
    count, changes = local_patterns.count_brighter_neighbours(values)
    for row in range(12):
        for column in range(9):
            expected = plain_pattern(values, row, column)
            assert (count[row, column], changes[row, column]) == expected


@pytest.mark.filterwarnings("ignore:Applying `local_binary_pattern` to floating-point")
def test_count_brighter_neighbours__uniform_patterns_as_in_scikit_image() -> None:
    from skimage.feature import local_binary_pattern

    # Neighbours on the axes only would be equal; scikit-image interpolates those on the diagonals,
    # which makes no difference for an image that is constant along one diagonal.
    values = np.add.outer(np.arange(20.0), np.zeros(20)) % 7
    count, changes = local_patterns.count_brighter_neighbours(values)
    inverted = local_binary_pattern(-values, 8, 2, method="uniform")
    inner = np.s_[3:-3, 3:-3]
    # Not brighter in -values means darker or equal; uniform patterns are numbered by their count.
    uniform = (changes[inner] <= 2) & (inverted[inner] < 9)
    assert uniform.mean() > 0.5
    np.testing.assert_array_equal((8 - count[inner])[uniform], inverted[inner][uniform])


def test_pattern_planes__shares_of_kinds() -> None:
    rng = np.random.default_rng(1)
    image = ImageBands(rng.integers(0, 256, (1, 60, 70), dtype=np.uint8), Bands(("grey",), ()))
    planes = dict(local_patterns.pattern_planes(Surroundings(image)))
    assert len(planes) == 4
    total = sum(planes.values())
    assert all((plane >= -1e-9).all() for plane in planes.values())
    assert (total <= 1 + 1e-9).all()
    assert planes["patterns: irregular, 31 px"].mean() > 0.3


def test_pattern_planes__even_and_noisy_surfaces_have_no_brighter_neighbour() -> None:
    noise = np.random.default_rng(2).uniform(100, 100.4, (1, 40, 40))
    planes = dict(
        local_patterns.pattern_planes(Surroundings(ImageBands(noise, Bands(("grey",), ()))))
    )
    assert planes["patterns: no brighter neighbour, 31 px"] == pytest.approx(1)
