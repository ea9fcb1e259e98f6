"""Peaks of a score over a grid, and the suppression of those that are near better ones."""

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from core.search.peaks import find_peaks, subtract_surroundings, suppress_neighbours


def test_find_peaks__agrees_with_a_maximum_filter():
    scores = np.random.default_rng(0).normal(size=(30, 40))
    peaks = find_peaks(scores.ravel(), scores.shape)
    expected = scores == maximum_filter(scores, 3, mode="constant", cval=-np.inf)
    assert peaks.tolist() == np.flatnonzero(expected).tolist()


def test_find_peaks__windows_without_a_score_are_no_peaks_and_hide_none():
    scores = np.array([[np.nan, 1, np.nan], [np.nan, np.nan, np.nan], [2, np.nan, np.nan]])
    assert find_peaks(scores.ravel(), scores.shape).tolist() == [1, 6]
    assert len(find_peaks(np.full(9, np.nan), (3, 3))) == 0
    assert len(find_peaks(np.zeros(0), (0, 0))) == 0


def test_subtract_surroundings__agrees_with_means_of_slices():
    scores = np.random.default_rng(2).normal(size=(9, 11))
    scores[2, 3] = scores[8, 0] = np.nan
    result = subtract_surroundings(scores.ravel(), scores.shape, 2, 0.75).reshape(scores.shape)
    assert np.array_equal(np.isnan(result), np.isnan(scores))
    for row, column in ((4, 5), (2, 4), (6, 2)):
        part = scores[row - 2 : row + 3, column - 2 : column + 3]
        expected = scores[row, column] - 0.75 * np.nanmean(part)
        assert result[row, column] == pytest.approx(expected)


def test_subtract_surroundings__plain_ground_and_nothing_at_all():
    plain = subtract_surroundings(np.full(12, 0.8), (3, 4), 1, 0.75)
    assert np.allclose(plain, 0.2)
    peak = np.zeros(49)
    peak[24] = 1
    result = subtract_surroundings(peak, (7, 7), 3, 0.75)
    assert result[24] == pytest.approx(1 - 0.75 / 49)
    assert np.isnan(subtract_surroundings(np.full(6, np.nan), (2, 3), 1, 0.5)).all()
    assert len(subtract_surroundings(np.zeros(0), (0, 0), 1, 0.5)) == 0


def test_suppress_neighbours__keeps_the_best_of_near_points_from_the_best_down():
    points = np.array([(0, 0), (1, 0), (5, 0), (5.4, 0), (1.9, 0)], float)
    scores = np.array([1, 3, 2, 4, 0], float)
    assert suppress_neighbours(points, scores, 1.0).tolist() == [3, 1]
    assert suppress_neighbours(points, scores, 0.3).tolist() == [3, 1, 2, 0, 4]
    assert len(suppress_neighbours(points[:0], scores[:0], 1.0)) == 0


def test_suppress_neighbours__no_two_points_remain_within_the_distance():
    rng = np.random.default_rng(1)
    points, scores = rng.uniform(0, 20, (500, 2)), rng.normal(size=500)
    rows = suppress_neighbours(points, scores, 1.5)
    distances = np.linalg.norm(points[rows][:, None] - points[rows][None], axis=2)
    assert distances[~np.eye(len(rows), dtype=bool)].min() > 1.5
    # Each other point is near a better one that remains.
    others = np.setdiff1d(np.arange(500), rows)
    near = np.linalg.norm(points[others][:, None] - points[rows][None], axis=2) <= 1.5
    assert np.all([scores[rows[n]].max() >= scores[o] for o, n in zip(others, near, strict=True)])
