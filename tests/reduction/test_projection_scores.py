"""Trustworthiness equals scikit-learn's; neighbour recall equals a count of common neighbours."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from core.errors import ArtifactError, Cancelled
from core.reduction import projection_scores
from core.reduction.projection_scores import score_projection


def cloud(n, d=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def recall(points, coordinates, k):
    near = [
        NearestNeighbors(n_neighbors=k).fit(x).kneighbors(return_distance=False)
        for x in (points, coordinates)
    ]
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(*near, strict=True)])


@pytest.mark.parametrize("n", [40, 333])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores__as_scikit_learn(n, seed):
    points = cloud(n, seed=seed) + np.float32(50)
    coordinates = points[:, :2] + cloud(n, 2, seed + 9)
    scores = score_projection(points, coordinates)
    expected = trustworthiness(points, coordinates, n_neighbors=15)
    assert scores.trustworthiness == pytest.approx(expected, abs=1e-9)
    assert scores.neighbour_recall == pytest.approx(recall(points, coordinates, 15), abs=1e-9)
    assert (scores.n_neighbours, scores.n_scored, scores.n_chips) == (15, n, n)


def test_scores__perfect_projection():
    points = np.hstack([cloud(50, 2), np.zeros((50, 3), np.float32)])
    scores = score_projection(points, points[:, :2])
    assert scores.trustworthiness == scores.neighbour_recall == 1


@pytest.mark.parametrize(("n", "k"), [(3, 1), (7, 3), (31, 15), (32, 15)])
def test_scores__few_chips_compare_fewer_neighbours(n, k):
    scores = score_projection(cloud(n), cloud(n, 2))
    assert scores.n_neighbours == k
    expected = trustworthiness(cloud(n), cloud(n, 2), n_neighbors=k)
    assert scores.trustworthiness == pytest.approx(expected)


def test_scores__sample_estimates_the_score_of_all(monkeypatch):
    points = cloud(600)
    coordinates = points[:, :2].copy()
    complete = score_projection(points, coordinates)
    monkeypatch.setattr(projection_scores, "EXACT_CHIPS", 100)
    monkeypatch.setattr(projection_scores, "SAMPLE", 300)
    sample = score_projection(points, coordinates)
    assert (sample.n_scored, sample.n_chips) == (300, 600)
    assert sample.trustworthiness == pytest.approx(complete.trustworthiness, abs=0.02)
    assert sample.neighbour_recall == pytest.approx(complete.neighbour_recall, abs=0.03)
    assert score_projection(points, coordinates) == sample


def test_scores__identical_chips_are_all_neighbours():
    points = np.repeat(cloud(4) + np.float32(1000), 20, axis=0)
    coordinates = np.repeat(cloud(4, 2), 20, axis=0) + cloud(80, 2) * np.float32(1e-3)
    scores = score_projection(points, coordinates)
    assert scores.trustworthiness == scores.neighbour_recall == 1


def test_scores__arrays_of_different_chips():
    with pytest.raises(ArtifactError, match="do not match"):
        score_projection(cloud(20), cloud(19, 2))


def test_scores__blocks_do_not_matter_and_each_can_stop(monkeypatch):
    points, coordinates = cloud(200), cloud(200, 2)
    complete = score_projection(points, coordinates)
    monkeypatch.setattr(projection_scores, "_DISTANCES", 200 * 60)
    steps = []
    assert score_projection(points, coordinates, lambda *step: steps.append(step[0])) == complete
    assert steps == [0, 60, 120, 180]
    with pytest.raises(Cancelled):
        score_projection(points, coordinates, lambda completed, *_: completed >= 120)
