import numpy as np
import pytest

from core.errors import TooFewError
from core.land.data.pixel_table import PixelTable
from core.land.evaluation.label_economy import (
    Bench,
    EconomyPoint,
    LabelEconomy,
    Spending,
    cheapest_point,
    label_counts,
    point_table,
    pool_folds,
    region_numbers,
)
from core.land.models.features import Features


def two_classes(n_correct, n_wrong):
    """Confusion of two classes with the same numbers of correct and wrong pixels."""
    counts = np.zeros((13, 13), np.int64)
    counts[0, 0] = counts[1, 1] = n_correct
    counts[0, 1] = counts[1, 0] = n_wrong
    return counts


def spending(budget, n_labels, *draws):
    """A way of using labels in one area, with the confusion matrix of each draw."""
    return Spending("knn", "", budget, n_labels, 0, np.stack(draws)[:, None])


def test_pool_folds__adds_folds_draw_by_draw():
    first = spending(13, 13, two_classes(4, 0), two_classes(0, 4))
    second = spending(13, 15, two_classes(4, 0), two_classes(4, 0))
    (point,) = pool_folds([[first], [second]])
    # In draw 1, 8 of 8 are correct (IoU 1); in draw 2, 4 are correct and 4 wrong (4 / 12).
    assert (point.n_labels, point.low, point.high) == (14, pytest.approx(1 / 3, abs=1e-5), 1)
    assert point.miou == pytest.approx((1 + 1 / 3) / 2)


def test_pool_folds__areas_are_drawn_only_if_there_are_eight():
    random = np.random.default_rng(0)
    areas = np.stack([two_classes(*random.integers(1, 30, 2)) for _ in range(8)])[None]
    few, many = (pool_folds([[Spending("knn", "", 13, 13, 0, areas[:, :n])]])[0] for n in (7, 8))
    assert few.low == pytest.approx(few.high)
    assert many.low < many.miou < many.high


def test_pool_folds__leaves_out_incomplete_budgets():
    small, large = (spending(budget, budget, two_classes(1, 0)) for budget in (13, 26))
    assert [p.n_labels for p in pool_folds([[small, large], [small]])] == [13]


def test_pool_folds__replicates_of_a_kind_share_the_draw():
    """The same draws in two methods of a kind give differences of 0; in two kinds they do not."""
    draws = [two_classes(hits, 10) for hits in (5, 10, 20, 40)]
    same, other = spending(13, 13, *draws), spending(26, 26, *draws)
    first, second = pool_folds([[same, other]])
    assert first.replicates == second.replicates
    clusters = Spending("kmeans", "", 1, 13, 5, np.stack(draws)[:, None], "clusters")
    assert pool_folds([[clusters]])[0].replicates != first.replicates


def test_label_counts__ends_with_n():
    assert label_counts(13) == [13]
    assert label_counts(5) == [5]
    assert label_counts(100) == [13, 26, 52, 100]


def test_cheapest_point__uses_the_mean():
    points = [
        EconomyPoint("knn", "", 10, 0.2, 0.1, 0.6),
        EconomyPoint("1nn", "", 20, 0.5, 0.4, 0.6),
    ]
    assert cheapest_point(points, 0.4) == points[1]
    assert cheapest_point(points, 0.8) is None


def test_point_table__leaves_out_the_replicates():
    table = point_table(EconomyPoint("knn", "", 10, 0.2, 0.1, 0.6, replicates=(0.1, 0.2)))
    assert (table["miou"], table["kind"]) == (0.2, "simple")
    assert "replicates" not in table


def test_economy__texts_state_what_is_counted():
    few, many = (LabelEconomy((), 10, n, 0.25) for n in (4, 8))
    assert "10 draws of the labels, not of the areas: there are only 4" in few.range_text
    assert "10 draws of the labels and 8 areas" in many.range_text
    assert "25.0% of the training pixels" in few.left_out_text
    assert not LabelEconomy((), 10, 4).left_out_text


def features(n):
    return Features(np.arange(3 * n, dtype=np.float32).reshape(n, 3), 3, ())


def test_bench__empty():
    empty = features(0)
    with pytest.raises(TooFewError):
        Bench(empty, np.zeros(0, np.uint8), empty, np.zeros(0, np.uint8))


def test_bench__labels_left_out_are_not_usable():
    labels = np.array([1, 13, 2, 13], np.uint8)
    bench = Bench(features(4), labels, features(4), labels, left_out=13)
    assert bench.usable(np.array([0, 1, 2])).tolist() == [0, 2]
    assert set(bench.predict_none()) == {13}
    assert Bench(features(4), labels, features(4), labels).usable(np.arange(4)).tolist() == [
        0,
        1,
        2,
        3,
    ]


def test_bench__thin_keeps_labels_and_regions_of_the_pixels():
    labels = np.arange(1, 11).astype(np.uint8)
    bench = Bench(features(10), labels, features(3), labels[:3], None, labels.astype(np.int32), 13)
    thin = bench.thin(4)
    assert len(thin.train_labels) == 4
    assert (thin.train.matrix[:, 0] == 3 * (thin.train_labels - 1)).all()
    assert (thin.regions == thin.train_labels).all()
    assert thin.left_out == 13
    assert bench.thin(10) is bench


def test_bench__counts_by_area():
    labels = np.array([1, 1, 2, 2], np.uint8)
    bench = Bench(features(4), labels, features(4), labels, np.array([0, 1, 1, 1], np.int32))
    counts = bench.count(np.array([1, 2, 2, 2], np.uint8))
    assert counts.sum(axis=(1, 2)).tolist() == [1, 3]
    assert (counts[1][0, 1], counts[1][1, 1]) == (1, 2)


def test_regions__squares_of_a_patch():
    n = 5
    table = PixelTable(
        np.zeros((n, 5), np.float32),
        None,
        np.ones(n, np.uint8),
        np.array([0, 0, 0, 0, 1], np.int32),
        np.array([0, 31, 32, 0, 0], np.int16),
        np.array([0, 31, 0, 32, 0], np.int16),
    )
    first, *others = region_numbers(table).tolist()
    assert others[0] == first
    assert len({first, *others}) == 4
