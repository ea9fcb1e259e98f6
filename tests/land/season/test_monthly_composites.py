import numpy as np
import pytest

from core.land.season.monthly_composites import Composites, composite_months


def composites(
    values: list[float], dates: tuple[str, ...], clear: list[bool] | None = None
) -> Composites:
    """Return the composites of one pixel with one band."""
    t = len(values)
    mask = np.ones(t, bool) if clear is None else np.array(clear)
    pixels, masks = np.array(values).reshape(t, 1, 1, 1), mask.reshape(t, 1, 1)
    return composite_months(zip(dates, pixels, masks, strict=True))


def test_composites__only_clear_observations_of_a_month_count() -> None:
    dates = tuple(f"2021-{month:02d}-15" for month in range(1, 13))
    values = [*range(1, 13), 99.0, 5.0]
    clear = [*[True] * 12, False, True]
    result = composites(values, (*dates, "2021-03-02", "2020-03-20"), clear)
    assert result.values.dtype == np.float32
    assert result.values[:, 0, 0, 0].tolist() == [1, 2, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert result.n_filled == 0


def test_composites__the_year_is_a_circle() -> None:
    result = composites([2.0, 8.0], ("2021-11-15", "2021-02-15"))
    course = result.values[:, 0, 0, 0].tolist()
    # From November to February in three steps, and back to November in nine.
    np.testing.assert_allclose([course[11], course[0], course[1]], [4, 6, 8])
    np.testing.assert_allclose(course[1:11], 8 - 6 * np.arange(10) / 9, rtol=1e-6)
    assert (result.n_filled, result.typical_months) == (10, 2)


def test_composites__one_month_is_the_whole_year() -> None:
    result = composites([3.0, 7.0, 9.0], ("2021-06-01", "2021-06-20", "2021-09-01"), [1, 1, 0])
    assert set(result.values.ravel().tolist()) == {5.0}
    assert float(result.observed_mean()[0, 0, 0]) == 5.0


def test_composites__equal_numpys_periodic_interpolation() -> None:
    random = np.random.default_rng(3)
    values = random.random((30, 2, 3, 4))
    clear = random.random((30, 3, 4)) < 0.3
    clear[0] = True
    months = random.integers(1, 13, 30)
    dates = tuple(f"2021-{month:02d}-11" for month in months)
    result = composite_months(zip(dates, values, clear, strict=True))
    for row, column, band in np.ndindex(3, 4, 2):
        seen = clear[:, row, column]
        present = np.unique(months[seen])
        means = [values[seen & (months == m), band, row, column].mean() for m in present]
        expected = np.interp(np.arange(1, 13), present, means, period=12)
        np.testing.assert_allclose(result.values[:, band, row, column], expected, rtol=1e-5)
        assert (np.flatnonzero(result.observed[:, row, column]) + 1).tolist() == present.tolist()
        mean = result.observed_mean()[band, row, column]
        assert mean == pytest.approx(np.mean(means), rel=1e-5)


def test_composites__a_pixel_that_is_never_clear_takes_the_nearest() -> None:
    values = np.arange(4.0).reshape(1, 1, 1, 4)
    clear = np.array([[[True, False, False, True]]])
    result = composite_months([("2021-01-01", values[0], clear[0])])
    assert result.values[0, 0, 0].tolist() == [0, 0, 3, 3]
    assert result.n_unobserved_pixels == 2
    assert result.observed_mean()[0, 0].tolist() == [0, 0, 3, 3]
