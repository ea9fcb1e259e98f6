"""Peaks of a score over a scene: the best window of each object, and the score as a map."""

import numpy as np

from core.types import AnyArray, BoolArray, DoubleArray


def find_peaks(scores: DoubleArray, shape: tuple[int, int]) -> AnyArray:
    """Return the windows of a grid whose score no neighbouring window exceeds, in no order.

    `scores`, (n,), belong to the windows of a grid of `shape` rows and columns, row by row; NaN
    where a window has no score. Of equal neighbours, all are peaks; `suppress_neighbours` keeps the
    first.
    """
    grid = np.full((shape[0] + 2, shape[1] + 2), -np.inf)
    grid[1:-1, 1:-1] = np.where(np.isnan(scores), -np.inf, scores).reshape(shape)
    centre = grid[1:-1, 1:-1]
    is_peak: BoolArray = centre > -np.inf
    for down in range(3):
        for across in range(3):
            is_peak &= centre >= grid[down : down + shape[0], across : across + shape[1]]
    return np.flatnonzero(is_peak)


def subtract_surroundings(
    scores: DoubleArray, shape: tuple[int, int], reach: int, share: float
) -> DoubleArray:
    """Return scores less a share of the mean score of the windows around each, (n,).

    `scores` are those of `find_peaks`. The surroundings are the square of windows up to `reach`
    windows away, with the window itself; NaN does not count, and stays NaN.
    """
    from scipy.ndimage import uniform_filter

    grid = scores.reshape(shape)
    has_score = np.isfinite(grid)
    if not has_score.any():
        return scores
    total, count = (
        uniform_filter(values, 2 * reach + 1, mode="nearest")
        for values in (np.where(has_score, grid, 0.0), has_score.astype(np.float64))
    )
    means = total / np.maximum(count, 1e-9)
    return np.asarray(np.where(has_score, grid - share * means, np.nan).ravel())


def suppress_neighbours(points: DoubleArray, scores: DoubleArray, distance: float) -> AnyArray:
    """Return the points that have no better point within a distance, from the highest score down.

    This is greedy non-maximum suppression with a distance between centres in place of the overlap
    of boxes: for squares of one size, each overlap along an axis is one distance. Points, (n, 2),
    with the same score are taken in their order.
    """
    from scipy.spatial import cKDTree

    order = np.argsort(-scores, kind="stable")
    neighbours = cKDTree(points)
    is_open, remaining = np.ones(len(points), bool), []
    for row in order:
        if is_open[row]:
            remaining.append(int(row))
            is_open[neighbours.query_ball_point(points[row], distance)] = False
    return np.asarray(remaining, np.int64)
