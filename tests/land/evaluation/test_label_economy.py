import numpy as np
import pytest

from core.errors import TooFewError
from core.land.evaluation.confusion import mean_iou
from core.land.evaluation.label_economy import (
    Bench,
    EconomyPoint,
    Spending,
    fewest_labels,
    label_counts,
    pixels_to_label,
    pool_folds,
    spend_on_clusters,
    spend_on_pixels,
)
from core.land.models.classifiers import MethodSettings
from core.land.models.features import Features


def bench():
    random = np.random.default_rng(0)
    kinds = random.integers(0, 4, 400)
    matrix = (kinds[:, None] * 50 + random.normal(0, 2, (400, 3))).astype(np.float32)
    labels = (kinds + 1).astype(np.uint8)
    train, test = Features(matrix[:300], 3, ()), Features(matrix[300:], 3, ())
    return Bench(train, labels[:300], test, labels[300:]), kinds[:300].astype(np.int32)


def scores(spendings):
    return [[float(mean_iou(counts)) for counts in spending.counts] for spending in spendings]


def test_spend_on_pixels__budgets_double_up_to_all_labels():
    spendings = list(spend_on_pixels(bench()[0], MethodSettings(), 3))
    assert [p.n_labels for p in spendings] == [13, 26, 52, 104, 208, 300]
    assert [p.budget for p in spendings] == [13, 26, 52, 104, 208, 0]
    assert scores(spendings)[-1] == [1, 1, 1]
    assert {p.counts.shape for p in spendings} == {(3, 13, 13)}


def test_spend_on_pixels__draws_differ_and_are_reproducible():
    data, _ = bench()
    mixed = Bench(data.train, np.roll(data.train_labels, 1), data.held_out, data.held_out_labels)
    first, second = (scores(spend_on_pixels(mixed, MethodSettings(), 4)) for _ in range(2))
    assert first == second
    assert len(set(first[0])) > 1
    reseeded = scores(spend_on_pixels(mixed, MethodSettings(), 4, seed=1))
    assert reseeded[0] != first[0]


def test_spend_on_clusters__one_pixel_suffices_for_pure_clusters():
    data, clusters = bench()
    spendings = list(spend_on_clusters(data, clusters, "kmeans", MethodSettings(), 2))
    assert [p.n_labels for p in spendings] == [4, 12, 40, 300]
    assert scores(spendings) == [[1.0, 1.0]] * 4
    assert {p.n_clusters for p in spendings} == {4}


def test_spend_on_clusters__draws_change_the_labelled_pixels_only():
    data, _ = bench()
    impure = (np.arange(300) % 5).astype(np.int32)
    draws = scores(spend_on_clusters(data, impure, "kmeans", MethodSettings(), 6))
    assert len(set(draws[0])) > 1
    assert len(set(draws[-1])) == 1


def test_spend_on_clusters__all_noise():
    data, clusters = bench()
    assert not list(spend_on_clusters(data, clusters * 0 - 1, "hdbscan", MethodSettings()))


def test_spend_on_clusters__noise_is_not_labelled():
    data, clusters = bench()
    clusters[clusters == 3] = -1
    first = next(iter(spend_on_clusters(data, clusters, "hdbscan", MethodSettings())))
    assert first.n_labels == 3
    assert mean_iou(first.counts[0]) < 1


def two_classes(n_correct, n_wrong):
    """Confusion of two classes with the same numbers of correct and wrong pixels."""
    counts = np.zeros((13, 13), np.int64)
    counts[0, 0] = counts[1, 1] = n_correct
    counts[0, 1] = counts[1, 0] = n_wrong
    return counts


def test_pool_folds__adds_folds_draw_by_draw():
    first = Spending("knn", "", 13, 13, 0, np.stack([two_classes(4, 0), two_classes(0, 4)]))
    second = Spending("knn", "", 13, 15, 0, np.stack([two_classes(4, 0), two_classes(4, 0)]))
    (point,) = pool_folds([[first], [second]])
    # In draw 1, 8 of 8 are correct (IoU 1); in draw 2, 4 are correct and 4 wrong (4 / 12).
    assert (point.n_labels, point.low, point.high) == (14, pytest.approx(1 / 3), 1)
    assert point.miou == pytest.approx((1 + 1 / 3) / 2)


def test_pool_folds__leaves_out_incomplete_budgets():
    counts = np.stack([two_classes(1, 0)])
    small, large = (Spending("knn", "", budget, budget, 0, counts) for budget in (13, 26))
    assert [p.n_labels for p in pool_folds([[small, large], [small]])] == [13]


def test_pixels_to_label__at_most_n_of_each_cluster():
    clusters = np.array([0] * 50 + [1] * 2 + [2] * 9)
    chosen = pixels_to_label(clusters, 5)
    assert np.bincount(clusters[chosen]).tolist() == [5, 2, 5]
    assert len(set(chosen)) == 12
    assert (chosen == pixels_to_label(clusters, 5)).all()
    assert (chosen != pixels_to_label(clusters, 5, seed=1)).any()
    assert (chosen != pixels_to_label(clusters, 5, draw=1)).any()


def test_label_counts__ends_with_n():
    assert label_counts(13) == [13]
    assert label_counts(5) == [5]
    assert label_counts(100) == [13, 26, 52, 100]


def test_fewest_labels__uses_the_mean():
    points = [
        EconomyPoint("knn", "", 10, 0.2, 0.1, 0.6),
        EconomyPoint("knn", "", 20, 0.5, 0.4, 0.6),
        EconomyPoint("x", "", 5, 0.9, 0.9, 0.9),
    ]
    assert fewest_labels(points, "knn", 0.4) == 20
    assert fewest_labels(points, "knn", 0.8) is None


def test_bench__empty():
    empty = Features(np.zeros((0, 3), np.float32), 3, ())
    with pytest.raises(TooFewError):
        Bench(empty, np.zeros(0, np.uint8), empty, np.zeros(0, np.uint8))
