"""Bootstrap intervals: their coverage on generated votes, and votes that have no interval."""

import numpy as np
import pytest

from core.clusters.evaluation import bootstrap
from core.clusters.evaluation.bootstrap import (
    MIN_GROUPS,
    accuracy_interval,
    count_groups,
    difference_interval,
    resample_accuracies,
)
from core.clusters.evaluation.held_out_votes import HeldOutVotes
from core.errors import ArtifactError


def generate_votes(rng, n_groups, gain=0.0, share=1.0):
    """Two votes on the same chips of three classes; groups differ in difficulty.

    `gain` is what the second vote has over the first in log odds, `share` the share of the groups
    that the third class occurs in.
    """
    n_chips = rng.poisson(4, (n_groups, 3))
    n_chips[:, 2] *= rng.random(n_groups) < share
    # The class occurs in at least one group, so that it is known.
    n_chips[0, 2] += not n_chips[:, 2].any()
    groups, codes = np.repeat(np.argwhere(n_chips >= 0), n_chips.ravel(), axis=0).T
    odds = np.array([2.0, 1.0, -0.5])[codes] + rng.normal(0, 0.7, n_groups)[groups]
    chance = rng.random(len(codes))
    return [
        HeldOutVotes(codes.astype(np.int32), groups.astype(np.int32), chance < p)
        for p in (1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-odds - gain)))
    ]


def true_accuracies(gain=0.0):
    """Accuracies of so many groups that chance does not matter."""
    return [votes.accuracy for votes in generate_votes(np.random.default_rng(9), 50_000, gain)]


@pytest.mark.parametrize(
    ("n_groups", "share", "least"),
    [(10, 1.0, 0.88), (20, 1.0, 0.91), (28, 0.3, 0.87), (50, 1, 0.9)],
)
def test_intervals__cover_the_truth_in_about_95_of_100_cases(n_groups, share, least, monkeypatch):
    """Coverage is 92 to 95 % in 1200 cases; in 300, chance varies it by 1.5 percentage points.

    It is lowest with ten groups, and with a class that occurs in a third of the groups only.
    """
    monkeypatch.setattr(bootstrap, "N_DRAWS", 500)
    first, second = true_accuracies(0.5)
    rng = np.random.default_rng(0)
    covered = []
    while len(covered) < 300:
        votes, other = generate_votes(rng, n_groups, 0.5, share)
        if not votes.count_by_group()[0].any(axis=0).all():
            # The third class is in one group only, so the mean is that of the other two classes.
            continue
        low, high = accuracy_interval(votes)
        lower, upper = difference_interval(other, votes)
        covered.append((low <= first <= high, lower <= second - first <= upper))
    accuracy, difference = np.mean(covered, axis=0)
    assert least <= accuracy <= 0.985
    assert least <= difference <= 0.985


def test_resample_accuracies__equals_drawing_groups_one_by_one():
    votes, other = generate_votes(np.random.default_rng(3), 15, 0.5)
    rng = np.random.default_rng(0)
    chips = [np.flatnonzero(votes.groups == group) for group in range(15)]
    drawn = []
    for _ in range(2000):
        rows = np.concatenate([chips[group] for group in rng.integers(0, 15, 15)])
        recalls = [
            [vote.correct[rows[vote.codes[rows] == code]].mean() for code in range(3)]
            for vote in (votes, other)
        ]
        drawn.append(np.mean(recalls, axis=1))
    ours = resample_accuracies([votes, other])
    assert ours.shape == (bootstrap.N_DRAWS, 2)
    np.testing.assert_allclose(ours.mean(axis=0), np.mean(drawn, axis=0), atol=0.005)
    np.testing.assert_allclose(np.cov(ours.T), np.cov(np.transpose(drawn)), rtol=0.15)


def test_resample_accuracies__a_class_that_is_not_drawn_is_left_out():
    # The second class occurs in the last group only, always wrong; every draw is 1 or 1/2.
    codes = np.array([0] * 11 + [1, 1], np.int32)
    groups = np.array([*range(11), 10, 9], np.int32)
    votes = HeldOutVotes(codes, groups, codes == 0)
    assert set(resample_accuracies([votes]).ravel().round(6)) == {0.5, 1.0}


def test_intervals__the_same_every_time_and_for_any_order_of_chips():
    votes, other = generate_votes(np.random.default_rng(0), 20, 0.5)
    order = np.random.default_rng(1).permutation(len(votes.codes))
    shuffled = [
        HeldOutVotes(vote.codes[order], vote.groups[order], vote.correct[order])
        for vote in (votes, other)
    ]
    assert accuracy_interval(votes) == accuracy_interval(shuffled[0])
    assert difference_interval(votes, other) == difference_interval(*shuffled)
    assert accuracy_interval(votes) != accuracy_interval(votes, seed=1)
    np.testing.assert_allclose(
        accuracy_interval(votes), accuracy_interval(votes, seed=1), atol=0.02
    )


def test_difference_interval__changes_its_sign_with_the_order():
    votes, other = generate_votes(np.random.default_rng(0), 20, 0.5)
    low, high = difference_interval(votes, other)
    assert difference_interval(other, votes) == pytest.approx((-high, -low))


def test_difference_interval__is_paired():
    """Where both votes err in the same groups, the difference is known much better than either."""
    votes, other = generate_votes(np.random.default_rng(0), 40, 0.3)
    low, high = difference_interval(votes, other)
    (first_low, first_high), (second_low, second_high) = map(accuracy_interval, (votes, other))
    assert high - low < 0.5 * min(first_high - first_low, second_high - second_low)


@pytest.mark.parametrize("n_groups", [1, 2, MIN_GROUPS - 1, MIN_GROUPS])
def test_intervals__need_enough_groups(n_groups):
    votes, other = generate_votes(np.random.default_rng(0), n_groups, 0.5)
    known = n_groups == MIN_GROUPS
    assert (accuracy_interval(votes) is not None) == known
    assert (difference_interval(votes, other) is not None) == known
    assert count_groups(votes) == (n_groups if n_groups > 1 else 0)


def test_accuracy_interval__none_without_any_error():
    votes, _ = generate_votes(np.random.default_rng(0), 20)
    perfect = HeldOutVotes(votes.codes, votes.groups, votes.correct | True)
    assert perfect.accuracy == 1
    assert accuracy_interval(perfect) is None
    # Two votes that are always the same do not differ.
    assert difference_interval(perfect, perfect) == (0, 0)


def test_difference_interval__of_other_chips():
    votes, _ = generate_votes(np.random.default_rng(0), 20)
    other, _ = generate_votes(np.random.default_rng(1), 20)
    with pytest.raises(ArtifactError, match="on different chips"):
        difference_interval(votes, other)
