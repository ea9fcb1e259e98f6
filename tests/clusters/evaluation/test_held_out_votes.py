"""Votes with groups held out, compared with scikit-learn, and sets that are too small for them."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from core.clusters.evaluation import held_out_votes
from core.clusters.evaluation.held_out_votes import vote_with_groups_held_out


def int32(values) -> np.ndarray:
    return np.asarray(values, np.int32)


def blobs(n=120, seed=0):
    """Two overlapping classes: five votes have no ties, which scikit-learn breaks differently."""
    rng = np.random.default_rng(seed)
    codes = int32(np.arange(n) % 2)
    vectors = rng.normal(0, 8, (n, 4)) + 10 * codes[:, None]
    return vectors.astype(np.float32), codes


@pytest.mark.parametrize("n_groups", [2, 7, 30, 120])
def test_votes__equal_scikit_learn_with_one_fold_per_group(n_groups, monkeypatch):
    monkeypatch.setattr(held_out_votes, "_BLOCK", 50)
    vectors, codes = blobs()
    groups = int32(np.random.default_rng(1).permutation(120) % n_groups)
    (votes,) = vote_with_groups_held_out(vectors, codes, [groups])
    predicted = cross_val_predict(
        KNeighborsClassifier(5), vectors, codes, groups=groups, cv=GroupKFold(n_groups)
    )
    assert np.array_equal(votes.correct, predicted == codes)
    assert votes.accuracy == pytest.approx(balanced_accuracy_score(codes, predicted))
    assert 0.6 < votes.accuracy < 0.99
    assert votes.n_left_out == 0


def test_votes__several_groupings_at_once():
    vectors, codes = blobs()
    groupings = [int32(np.arange(120)), int32(np.arange(120) // 30), int32(np.arange(120) // 7)]
    together = vote_with_groups_held_out(vectors, codes, groupings)
    for votes, groups in zip(together, groupings, strict=True):
        (alone,) = vote_with_groups_held_out(vectors, codes, [groups])
        assert np.array_equal(votes.correct, alone.correct)


def test_accuracy__leaves_out_chips_whose_class_is_in_one_group():
    vectors, codes = blobs(60)
    codes[:10] = 2
    groups = int32(np.arange(60) // 10)
    (votes,) = vote_with_groups_held_out(vectors, codes, [groups])
    assert votes.n_left_out == 10
    assert not votes.counted[:10].any()
    assert votes.accuracy == pytest.approx(
        np.mean([votes.correct[codes == code].mean() for code in (0, 1)])
    )
    n_chips, n_correct = votes.count_by_group()
    assert n_chips.shape == n_correct.shape == (6, 3)
    assert n_chips.sum() == 50
    assert n_correct.sum() == votes.correct[10:].sum()
    assert not n_chips[0].any()


def test_accuracy__none_if_all_chips_are_in_one_group():
    vectors, codes = blobs(20)
    (votes,) = vote_with_groups_held_out(vectors, codes, [int32(np.zeros(20))])
    assert votes.accuracy is None
    assert votes.n_left_out == 20
    # Without voters, the first class is right by chance, which does not count.
    assert votes.count_by_group()[1].sum() == 0


def test_accuracy__three_chips():
    vectors = np.array([[0.0], [1.0], [9.0]], np.float32)
    (votes,) = vote_with_groups_held_out(vectors, int32([0, 0, 1]), [int32([0, 1, 2])])
    # The only chip of its class is not counted; of two votes, the nearest decides.
    assert votes.counted.tolist() == [True, True, False]
    assert votes.accuracy == 1


def test_votes__a_sample_of_many_chips(monkeypatch):
    vectors, codes = blobs(600)
    codes[:4] = 2
    groups = int32(np.arange(600) // 30)
    (full,) = vote_with_groups_held_out(vectors, codes, [groups])
    monkeypatch.setattr(held_out_votes, "MAX_EXACT", 599)
    monkeypatch.setattr(held_out_votes, "SAMPLE", 200)
    monkeypatch.setattr(held_out_votes, "_MOST_DISTANCES", 600 * 7)
    (votes,) = vote_with_groups_held_out(vectors, codes, [groups])
    (again,) = vote_with_groups_held_out(vectors, codes, [groups])
    assert full.in_sample is None
    assert (full.n_sampled, votes.n_sampled) == (0, 200)
    assert np.array_equal(votes.in_sample, again.in_sample)
    # All chips vote, so the votes on the sample are those of the exact scores.
    assert np.array_equal(votes.correct[votes.in_sample], full.correct[votes.in_sample])
    assert votes.count_by_group()[0].sum() == (full.counted & votes.in_sample).sum()
    assert votes.accuracy == pytest.approx(full.accuracy, abs=0.1)
    # The class in one group is counted among all chips.
    assert votes.n_left_out == full.n_left_out == 4
