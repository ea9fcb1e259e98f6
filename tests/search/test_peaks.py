"""Peaks of a score over a grid, and the suppression of those that are near better ones."""

import numpy as np
from scipy.ndimage import maximum_filter

from core.search.peaks import find_peaks, suppress_neighbours


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
