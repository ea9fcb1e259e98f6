"""New chips get the cluster of their neighbours, or are unknown."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from core.clusters.assignment import (
    UNKNOWN,
    AssignmentSettings,
    RelativeDistances,
    assign_by_vote,
    describe_drift,
    describe_threshold,
    share_by_scene,
    vote_for_clusters,
)
from core.clusters.labelling import NOISE
from core.errors import ArtifactError, DegenerateError, SettingsError, TooFewError

SETTINGS = AssignmentSettings()


def groups(n, seed=0, d=12):
    """Chips of two clusters, ids 4 and 7."""
    rng = np.random.default_rng(seed)
    ids = np.where(np.arange(n) % 2, 4, 7).astype(np.int32)
    return rng.normal(size=(n, d)) + 8 * (ids == 4)[:, None], ids


def assign(points, ids, new, settings=SETTINGS, scenes=None):
    scenes = np.arange(len(points)) % 4 if scenes is None else scenes
    return assign_by_vote(points, points, ids, scenes, new, new, settings)


@pytest.mark.parametrize("k", [1, 5, 10])
def test_vote__as_scikit_learn(k):
    rng = np.random.default_rng(k)
    points, new = rng.normal(size=(200, 6)), rng.normal(size=(80, 6))
    new[:3] = points[:3]
    ids = rng.integers(-1, 5, 200).astype(np.int32)
    votes, confidence = vote_for_clusters(points, ids, new, k)
    reference = KNeighborsClassifier(k, weights="distance", algorithm="brute").fit(points, ids)
    assert np.array_equal(votes, reference.predict(new))
    assert np.allclose(confidence, reference.predict_proba(new).max(axis=1))


def test_assign__like_chips_get_their_cluster():
    points, ids = groups(200)
    new, expected = groups(60, seed=1)
    result = assign(points, ids, new)
    known = ~result.unknown
    assert np.array_equal(result.ids[known], expected[known])
    assert result.unknown_fraction < 0.1
    assert ((result.confidence[known] > 0.5) & (result.confidence[known] <= 1)).all()


def test_assign__unlike_chips_are_unknown():
    points, ids = groups(200)
    new = groups(40, seed=1)[0]
    new[:, 0] += 40
    result = assign(points, ids, new)
    assert (result.ids == UNKNOWN).all()
    assert (result.confidence == 0).all()
    assert (result.distances > result.threshold).all()


def test_assign__what_is_new_in_no_clustered_dimension_is_unknown():
    points, ids = groups(200)
    columns = np.hstack([points, np.random.default_rng(2).normal(size=(200, 3))])
    new = np.hstack([points[:30], np.full((30, 3), 25.0)])
    scenes = np.arange(200) % 4
    result = assign_by_vote(points, columns, ids, scenes, points[:30], new, SETTINGS)
    assert result.unknown.all()


def test_assign__noise_votes_for_noise():
    points, ids = groups(200)
    ids[ids == 4] = NOISE
    result = assign(points, ids, points[1::2])
    assert (result.ids[~result.unknown] == NOISE).all()
    assert (result.confidence[~result.unknown] > 0).all()


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99, 1])
def test_assign__the_stated_share_of_existing_chips_is_beyond_the_threshold(quantile):
    points, ids = groups(300)
    result = assign(points, ids, points, AssignmentSettings(quantile=quantile))
    assert result.left_out_fraction <= 1 - quantile
    assert result.left_out_fraction == pytest.approx(1 - quantile, abs=1 / 300 + 1e-9)


def test_assign__held_out_scenes_are_the_baseline():
    points, ids = groups(240)
    same, other = np.arange(240) % 3, np.where(points[:, 0] > 4, "a", "b")
    assert assign(points, ids, points[:1], scenes=same).held_out_fraction < 0.2
    # Each scene is one cluster, so without it nothing is like its chips.
    assert assign(points, ids, points[:1], scenes=other).held_out_fraction > 0.9
    assert assign(points, ids, points[:1], scenes=np.zeros(240)).held_out_fraction is None


def test_relative_distances__about_one_in_dense_and_sparse_regions():
    rng = np.random.default_rng(0)
    sizes = np.where(np.arange(400) % 2, 1.0, 10.0)[:, None]
    points = rng.normal(size=(400, 5)) * sizes + np.where(sizes > 1, 200, 0)
    relative = RelativeDistances(points, 10).left_out
    assert np.median(relative[::2]) == pytest.approx(np.median(relative[1::2]), abs=0.1)


def test_relative_distances__identical_chips():
    points = np.ones((20, 3))
    reach = RelativeDistances(points, 5)
    assert (reach.left_out == 0).all()
    assert reach.of(np.array([[1.0, 1, 1], [2.0, 1, 1]])).tolist() == [0, np.inf]
    result = assign(points, np.zeros(20, np.int32), np.array([[1.0, 1, 1], [2.0, 1, 1]]))
    assert result.ids.tolist() == [0, UNKNOWN]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_assign__fewer_chips_than_neighbours(n):
    points, ids = groups(n)
    result = assign(points, ids, points, scenes=np.zeros(n))
    assert set(result.ids.tolist()) <= {4, 7, UNKNOWN}


def test_assign__no_new_chips():
    points, ids = groups(30)
    result = assign(points, ids, np.empty((0, 12)))
    assert len(result.ids) == result.unknown_fraction == 0


def test_assign__invalid_input():
    points, ids = groups(30)
    with pytest.raises(ArtifactError):
        assign(points, ids[:-1], points)
    with pytest.raises(DegenerateError):
        assign(points, ids, np.full((1, 12), np.inf))
    with pytest.raises(TooFewError):
        assign(points[:1], ids[:1], points)
    with pytest.raises(SettingsError):
        AssignmentSettings(quantile=0.2)


def test_share_by_scene():
    ids = np.array([4, UNKNOWN, NOISE, 7, UNKNOWN], np.int32)
    first, second = share_by_scene(ids, np.array(["b", "a", "b", "b", "a"], object))
    assert (first.scene, first.n_chips, first.n_unknown, first.unknown_fraction) == ("a", 2, 2, 1)
    assert (second.n_assigned, second.n_noise, second.n_unknown) == (2, 1, 0)


def test_sentences__state_threshold_and_drift():
    points, ids = groups(200)
    near, far = assign(points, ids, points), assign(points, ids, points + 50)
    assert f"{near.threshold:.2f} times" in describe_threshold(near, SETTINGS)
    assert "differ no more" in describe_drift(near)
    assert "200 of 200 new chips (100%)" in describe_drift(far)
    assert "differ more from the result" in describe_drift(far)
    single = assign(points, ids, points, scenes=np.zeros(200))
    assert "has one scene" in describe_drift(single)
