import numpy as np
import pytest

from core.errors import SettingsError
from core.land.season.season_columns import STATISTICS
from core.land.season.seasonal_indices import seasonal_indices, summarise_course


def statistics(course: list[float]) -> dict[str, float]:
    summary = summarise_course(np.array(course).reshape(12, 1, 1))
    return dict(zip(STATISTICS, summary[:, 0, 0].tolist(), strict=True))


def test_summarise_course__worked_example() -> None:
    course = [0.1, 0.1, 0.2, 0.5, 0.7, 0.9, 0.8, 0.6, 0.4, 0.2, 0.1, 0.1]
    result = statistics(course)
    assert result["minimum"] == pytest.approx(0.1)
    assert result["maximum"] == pytest.approx(0.9)
    assert result["mean"] == pytest.approx(4.7 / 12)
    assert result["amplitude"] == pytest.approx(0.8)
    assert result["deviation"] == pytest.approx(np.std(course))
    # June is five twelfths of the circle after January.
    assert result["peak sine"] == pytest.approx(np.sin(2 * np.pi * 5 / 12))
    assert result["peak cosine"] == pytest.approx(np.cos(2 * np.pi * 5 / 12))


def test_summarise_course__harmonic_equals_least_squares() -> None:
    course = np.random.default_rng(1).random((12, 2, 3))
    angles = 2 * np.pi * np.arange(12) / 12
    design = np.column_stack([np.ones(12), np.sin(angles), np.cos(angles)])
    coefficients = np.linalg.lstsq(design, course.reshape(12, -1), rcond=None)[0]
    result = summarise_course(course).reshape(len(STATISTICS), -1)
    np.testing.assert_allclose(result[-2:], coefficients[1:], atol=1e-6)


def test_summarise_course__december_and_january_are_neighbours() -> None:
    winter = np.zeros((2, 12))
    winter[0, 0], winter[1, 11] = 1, 1
    january, december = (statistics(course.tolist()) for course in winter)
    peaks = ("peak sine", "peak cosine")
    assert np.hypot(*(january[name] - december[name] for name in peaks)) < 0.53
    assert january["minimum"] == december["minimum"] == 0


def test_seasonal_indices__by_bands_and_without_light() -> None:
    composites = np.zeros((12, 2, 1, 2), np.float32)
    composites[:, :, 0, 0] = np.column_stack([np.full(12, 0.1), np.linspace(0.1, 0.3, 12)])
    planes = seasonal_indices(composites, ("red", "nir"))
    assert planes.dtype == np.float32
    assert planes.shape == (len(STATISTICS), 1, 2)
    np.testing.assert_allclose(planes[:2, 0, 0], [0, 0.5], atol=1e-6)
    # Where both bands are 0, the index is 0 and its maximum is in the first month, January.
    np.testing.assert_allclose(planes[:, 0, 1], [0, 0, 0, 0, 0, 0, 1, 0, 0], atol=1e-6)


def test_seasonal_indices__missing_bands_are_named() -> None:
    with pytest.raises(SettingsError, match=r"from the bands band 1, band 2 .*NDVI: nir and red"):
        seasonal_indices(np.zeros((12, 2, 1, 1), np.float32), ("band 1", "band 2"))
