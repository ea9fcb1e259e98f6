from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SceneError
from core.land.evaluation.confusion import (
    ClassOrder,
    bootstrap_miou,
    class_iou,
    count_by_unit,
    count_confusion,
    describe_missing_interval,
    mean_iou,
    notebook_miou,
    order_classes,
    resample_miou,
    row_shares,
    score_confusion,
    sum_by_area,
    without_other,
    wrong_pixels,
)

TRUTH = np.array([1, 1, 1, 2, 2, 13], np.uint8)
PREDICTED = np.array([1, 1, 2, 2, 2, 1], np.uint8)


def test_count__worked_example():
    counts = count_confusion(TRUTH, PREDICTED)
    assert counts.shape == (13, 13)
    assert counts[0, 0] == 2
    assert counts[0, 1] == 1
    assert counts[1, 1] == 2
    assert counts[12, 0] == 1
    assert counts.sum() == 6


def test_count__unlabelled_pixels_are_left_out():
    assert count_confusion(np.array([0, 3]), np.array([3, 3])).sum() == 1


@pytest.mark.parametrize(("truth", "predicted"), [([14], [1]), ([1], [0]), ([1], [14])])
def test_count__invalid_class(truth, predicted):
    with pytest.raises(SceneError, match="contains class"):
        count_confusion(np.array(truth), np.array(predicted))


def test_count__different_shapes():
    with pytest.raises(SceneError, match=r"shape \(3,\), the truth \(6,\)"):
        count_confusion(TRUTH, PREDICTED[:3])


def test_scores__worked_example():
    """Class 1: 2 hits, 1 missed, 1 false pixel of "other"; class 2: 2 hits, 1 false."""
    result = score_confusion(count_confusion(TRUTH, PREDICTED))
    assert result.iou[0] == pytest.approx(2 / 4)
    assert result.iou[1] == pytest.approx(2 / 3)
    assert result.iou[12] == 0
    assert np.isnan(result.iou[2:12]).all()
    assert result.n_classes == 2
    assert result.miou == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert result.overall_accuracy == pytest.approx(4 / 6)
    assert result.users_accuracy[0] == pytest.approx(2 / 3)
    assert result.producers_accuracy[0] == pytest.approx(2 / 3)
    assert result.f1[1] == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert result.support.tolist()[:2] == [3, 2]
    chance = (3 * 3 + 2 * 3) / 36
    assert result.kappa == pytest.approx((4 / 6 - chance) / (1 - chance))


def test_scores__class_only_in_the_prediction_counts_as_zero():
    result = score_confusion(count_confusion(np.array([1, 1]), np.array([1, 5])))
    assert result.iou[4] == 0
    assert result.n_classes == 2
    assert result.miou == pytest.approx(0.25)


def test_scores__empty_matrix():
    result = score_confusion(np.zeros((13, 13), np.int64))
    assert np.isnan(result.miou)
    assert result.n_classes == 0
    assert np.isnan(result.notebook_miou)


def test_without_other__removes_errors_of_other():
    assert without_other(count_confusion(TRUTH, PREDICTED))[12].sum() == 0
    assert class_iou(without_other(count_confusion(TRUTH, PREDICTED)))[0] == pytest.approx(2 / 3)


def test_notebook_miou__worked_example():
    """Row shares are [2/3, 1/3] and [0, 1]; plowed land (12) is left out although it is correct."""
    truth = np.array([1, 1, 1, 2, 2, 12, 13])
    predicted = np.array([1, 1, 2, 2, 2, 12, 1])
    first, second = (2 / 3) / 1, 1 / (1 + 4 / 3 - 1)
    assert notebook_miou(count_confusion(truth, predicted)) == pytest.approx((first + second) / 2)


def test_row_shares__rows_sum_to_one():
    shares = row_shares(count_confusion(TRUTH, PREDICTED))
    assert shares[0].sum() == pytest.approx(1)
    assert np.isnan(shares[2]).all()


def test_bootstrap__contains_the_estimate_and_counts_the_units():
    random = np.random.default_rng(0)
    counts = random.integers(0, 20, (9, 13, 13)) + np.eye(13, dtype=int) * 60
    interval = bootstrap_miou(counts, n_draws=500)
    assert interval is not None
    assert (interval.n_units, interval.n_draws) == (9, 500)
    assert interval.low < float(mean_iou(counts.sum(axis=0))) < interval.high
    assert interval == bootstrap_miou(counts, n_draws=500)


def test_bootstrap__equal_units_have_no_spread():
    counts = np.repeat(count_confusion(TRUTH, PREDICTED)[None], 8, axis=0)
    interval = bootstrap_miou(counts, n_draws=50)
    assert interval is not None
    assert interval.low == pytest.approx(interval.high)


@pytest.mark.parametrize("n_units", [1, 2, 7])
def test_bootstrap__too_few_units(n_units):
    counts = np.repeat(count_confusion(TRUTH, PREDICTED)[None], n_units, axis=0)
    assert bootstrap_miou(counts) is None
    assert f"at least 8 areas, not {n_units}" in describe_missing_interval(n_units)


def test_bootstrap__covers_models_and_units():
    """Two models that differ more than the units: the interval reaches from one to the other."""
    random = np.random.default_rng(0)
    good, bad = (
        random.integers(0, 4, (9, 13, 13)) + np.eye(13, dtype=int) * hits for hits in (90, 10)
    )
    alone, both = bootstrap_miou(good), bootstrap_miou(np.stack([good, bad]))
    assert (alone.n_models, both.n_models) == (1, 2)
    assert both.low < float(mean_iou(bad.sum(axis=0))) + 0.05
    assert both.high > float(mean_iou(good.sum(axis=0))) - 0.05
    assert both.low < alone.low


def test_resample__is_paired_by_units_and_independent_by_stream():
    random = np.random.default_rng(0)
    counts = random.integers(0, 20, (6, 9, 13, 13)) + np.eye(13, dtype=int) * 60
    worse = counts + np.eye(13, dtype=int)[::-1] * 5
    same = resample_miou(counts, 300, stream=1) - resample_miou(worse, 300, stream=1)
    other = resample_miou(counts, 300, stream=1) - resample_miou(worse, 300, stream=2)
    assert same.std() < 0.5 * other.std()


def test_resample__few_units_are_all_used():
    counts = np.stack([count_confusion(TRUTH, PREDICTED)[None]] * 3)
    assert set(resample_miou(counts, 20)) == {float(mean_iou(counts[0, 0]))}


def test_count_by_unit__sums_to_the_whole():
    random = np.random.default_rng(0)
    truth, predicted = random.integers(0, 14, 500), random.integers(1, 14, 500)
    units = random.integers(0, 3, 500)
    counts = count_by_unit(truth, predicted, units, 4)
    assert (counts.sum(axis=0) == count_confusion(truth, predicted)).all()
    assert not counts[3].any()
    assert (counts[1] == count_confusion(truth[units == 1], predicted[units == 1])).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 400))
def test_scores__equal_scikit_learn(seed, n):
    from sklearn import metrics

    random = np.random.default_rng(seed)
    truth, predicted = random.integers(1, 14, n), random.integers(1, 14, n)
    counts, names = count_confusion(truth, predicted), list(range(1, 14))
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(truth, predicted, labels=names))
    result = score_confusion(counts)
    occurs = ~np.isnan(result.iou)
    jaccard = metrics.jaccard_score(truth, predicted, labels=names, average=None, zero_division=0)
    np.testing.assert_allclose(result.iou[occurs], jaccard[occurs])
    assert result.miou == pytest.approx(jaccard[:12][occurs[:12]].mean(), nan_ok=True)
    assert result.overall_accuracy == pytest.approx(metrics.accuracy_score(truth, predicted))
    if len({*truth.tolist(), *predicted.tolist()}) > 1:
        assert result.kappa == pytest.approx(metrics.cohen_kappa_score(truth, predicted))


@pytest.fixture
def three_classes():
    """Three classes occur: 0 and 5 are confused with each other, 2 is not."""
    counts = np.zeros((13, 13), np.int64)
    counts[0, 0], counts[0, 5] = 40, 60
    counts[5, 0], counts[5, 5] = 50, 50
    counts[2, 2] = 100
    return counts


def test_order__classes_that_occur(three_classes):
    for order in get_args(ClassOrder):
        assert sorted(order_classes(three_classes, order)) == [0, 2, 5]


def test_order__confused_classes_are_neighbours(three_classes):
    order = order_classes(three_classes, "together")
    assert abs(order.index(0) - order.index(5)) == 1


def test_order__lowest_producers_accuracy_first(three_classes):
    assert order_classes(three_classes, "worst") == [0, 5, 2]


def test_order__no_pixels():
    empty = np.zeros((13, 13), np.int64)
    assert [order_classes(empty, order) for order in get_args(ClassOrder)] == [[], [], []]


def test_wrong_pixels__excludes_pixels_without_label_or_prediction():
    truth = np.array([0, 1, 2, 13, 3], np.uint8)
    predicted = np.array([1, 1, 3, 13, 0], np.uint8)
    wrong = wrong_pixels(truth, predicted)
    assert wrong.tolist() == [False, False, True, False, False]


def test_sum_by_area__areas_are_sorted():
    counts = np.ones((3, 13, 13), np.int64)
    assert sum_by_area(counts, ("b", "a", "b"))[:, 0, 0].tolist() == [1, 2]


def test_scores__pixels_that_were_not_classified_are_errors():
    """Like pixels predicted as a class that the truth lacks, but no class gets false pixels."""
    counts = np.zeros((13, 14), np.int64)
    counts[:, :13] = np.diag(np.full(13, 4))
    counts[:, 13] = 4
    result = score_confusion(counts)
    assert result.iou.shape == result.support.shape == (13,)
    np.testing.assert_allclose(result.iou, 0.5)
    np.testing.assert_allclose(result.producers_accuracy, 0.5)
    np.testing.assert_allclose(result.users_accuracy, 1)
    assert (result.miou, result.notebook_miou, result.overall_accuracy) == (0.5, 0.5, 0.5)
    assert result.kappa == pytest.approx((0.5 - 0.5 / 13) / (1 - 0.5 / 13))
    interval = bootstrap_miou(np.stack([counts] * 8))
    assert (interval.low, interval.high) == (0.5, 0.5)
