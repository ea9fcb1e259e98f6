"""Comparison of two labellings by chip id."""

import numpy as np
import pytest
from sklearn import metrics

from core.clusters.labelling import EXCLUDED
from core.clusters.labelling_comparison import ABSENT, compare_labellings


def labels(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_compare__same_clusters_under_other_numbers():
    chips = list("abcde")
    comparison = compare_labellings(labels(0, 0, 1, 1, -1), chips, labels(7, 7, 3, 3, -1), chips)
    assert comparison.ari == comparison.ami == pytest.approx(1)
    assert comparison.n_moved == 0
    assert comparison.n_shared == 5


def test_compare__scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    first, second = rng.integers(-1, 5, (2, 200)).astype(np.int32)
    chips = [f"chip {i}" for i in range(200)]
    comparison = compare_labellings(first, chips, second, chips)
    assert comparison.ari == metrics.adjusted_rand_score(first, second)
    assert comparison.ami == metrics.adjusted_mutual_info_score(first, second)


def test_compare__rows_are_matched_by_chip_id():
    comparison = compare_labellings(labels(0, 0, 1), list("abc"), labels(1, 0, 0, 2), list("cbad"))
    assert comparison.chip_ids == ("a", "b", "c", "d")
    assert comparison.first.tolist() == [0, 0, 1, ABSENT]
    assert comparison.second.tolist() == [0, 0, 1, 2]
    assert comparison.ari == 1
    assert comparison.n_shared == 3


def test_compare__chip_in_another_cluster_moved():
    first, second = labels(0, 0, 0, 1, 1, 1), labels(5, 5, 6, 6, 6, 6)
    comparison = compare_labellings(first, list("abcdef"), second, list("abcdef"))
    assert comparison.moved.tolist() == [False, False, True, False, False, False]


def test_compare__cluster_without_a_counterpart_moved():
    first, second = labels(0, 0, 0, 0, 0), labels(0, 0, 0, 1, 1)
    comparison = compare_labellings(first, list("abcde"), second, list("abcde"))
    assert comparison.moved.tolist() == [False, False, False, True, True]


def test_compare__noise_and_excluded_chips_move_to_clusters():
    first, second = labels(-1, -1, 0, EXCLUDED, 0), labels(-1, 0, 0, EXCLUDED, EXCLUDED)
    comparison = compare_labellings(first, list("abcde"), second, list("abcde"))
    assert comparison.moved.tolist() == [False, True, False, False, True]


def test_compare__excluded_chips_are_not_scored():
    first, second = labels(0, 0, 1, 1, 0), labels(0, 0, 1, 1, EXCLUDED)
    assert compare_labellings(first, list("abcde"), second, list("abcde")).ari == 1


def test_compare__no_shared_chips():
    comparison = compare_labellings(labels(0, 1), list("ab"), labels(0, 1), list("cd"))
    assert comparison.ari is comparison.ami is None
    assert comparison.n_moved == comparison.n_shared == 0


def test_compare__no_chips():
    assert compare_labellings(labels(), [], labels(), []).flows().empty


def test_flows__count_every_chip_once():
    rng = np.random.default_rng(1)
    first, second = rng.integers(-1, 3, (2, 90)).astype(np.int32)
    chips = [f"{i}" for i in range(100)]
    comparison = compare_labellings(first, chips[:90], second, chips[10:])
    flows = comparison.flows()
    assert flows["chips"].sum() == 100
    assert flows["chips"].is_monotonic_decreasing
    assert flows.loc[flows["moved"], "chips"].sum() == comparison.n_moved
    assert flows.loc[flows["first"] == ABSENT, "chips"].sum() == 10
    assert flows.loc[flows["second"] == ABSENT, "chips"].sum() == 10
