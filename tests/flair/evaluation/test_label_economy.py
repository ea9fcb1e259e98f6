import numpy as np
import pytest

from core.errors import TooFewError
from core.flair.evaluation.confusion import miou
from core.flair.evaluation.label_economy import (
    Bench,
    Point,
    Spending,
    by_clusters,
    by_pixels,
    fewest_labels,
    label_counts,
    looked_at,
    pooled,
)
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import Features


def bench():
    random = np.random.default_rng(0)
    kinds = random.integers(0, 4, 400)
    matrix = (kinds[:, None] * 50 + random.normal(0, 2, (400, 3))).astype(np.float32)
    labels = (kinds + 1).astype(np.uint8)
    train, test = Features(matrix[:300], 3, ()), Features(matrix[300:], 3, ())
    return Bench(train, labels[:300], test, labels[300:]), kinds[:300].astype(np.int32)


def reached(spendings):
    return [[float(miou(counts)) for counts in one.counts] for one in spendings]


def test_by_pixels__ever_more_labels_to_all():
    found = list(by_pixels(bench()[0], MethodSettings(), 3))
    assert [p.n_labels for p in found] == [13, 26, 52, 104, 208, 300]
    assert [p.rung for p in found] == [13, 26, 52, 104, 208, 0]
    assert reached(found)[-1] == [1, 1, 1]
    assert {p.counts.shape for p in found} == {(3, 13, 13)}


def test_by_pixels__draws_differ_and_come_again():
    work, _ = bench()
    mixed = Bench(work.train, np.roll(work.train_labels, 1), work.held_out, work.held_out_labels)
    first, again = (reached(by_pixels(mixed, MethodSettings(), 4)) for _ in range(2))
    assert first == again
    assert len(set(first[0])) > 1
    other = reached(by_pixels(mixed, MethodSettings(), 4, seed=1))
    assert other[0] != first[0]


def test_by_clusters__one_look_per_cluster_is_as_good_where_clusters_are_pure():
    work, clusters = bench()
    found = list(by_clusters(work, clusters, "kmeans", MethodSettings(), 2))
    assert [p.n_labels for p in found] == [4, 12, 40, 300]
    assert reached(found) == [[1.0, 1.0]] * 4
    assert {p.n_clusters for p in found} == {4}


def test_by_clusters__only_the_looks_are_drawn():
    work, _ = bench()
    impure = (np.arange(300) % 5).astype(np.int32)
    found = reached(by_clusters(work, impure, "kmeans", MethodSettings(), 6))
    assert len(set(found[0])) > 1
    assert len(set(found[-1])) == 1


def test_by_clusters__all_noise_gives_no_point():
    work, clusters = bench()
    assert not list(by_clusters(work, clusters * 0 - 1, "hdbscan", MethodSettings()))


def test_by_clusters__noise_is_not_looked_at():
    work, clusters = bench()
    clusters[clusters == 3] = -1
    first = next(iter(by_clusters(work, clusters, "hdbscan", MethodSettings())))
    assert first.n_labels == 3
    assert miou(first.counts[0]) < 1


def right_and_wrong(right, wrong):
    """Confusion of two classes of which as many each are right, and wrong."""
    counts = np.zeros((13, 13), np.int64)
    counts[0, 0] = counts[1, 1] = right
    counts[0, 1] = counts[1, 0] = wrong
    return counts


def test_pooled__adds_folds_draw_by_draw_and_takes_the_mean():
    one = Spending("knn", "", 13, 13, 0, np.stack([right_and_wrong(4, 0), right_and_wrong(0, 4)]))
    two = Spending("knn", "", 13, 15, 0, np.stack([right_and_wrong(4, 0), right_and_wrong(4, 0)]))
    (point,) = pooled([[one], [two]])
    # By hand: draw 1 has 8 right of 8 (IoU 1); draw 2 has 4 right, 4 wrong (4 / 12).
    assert (point.n_labels, point.low, point.high) == (14, pytest.approx(1 / 3), 1)
    assert point.miou == pytest.approx((1 + 1 / 3) / 2)


def test_pooled__leaves_out_what_a_fold_lacks():
    counts = np.stack([right_and_wrong(1, 0)])
    both, alone = (Spending("knn", "", rung, rung, 0, counts) for rung in (13, 26))
    assert [p.n_labels for p in pooled([[both, alone], [both]])] == [13]


def test_looked_at__no_more_than_asked_of_each():
    clusters = np.array([0] * 50 + [1] * 2 + [2] * 9)
    chosen = looked_at(clusters, 5)
    assert np.bincount(clusters[chosen]).tolist() == [5, 2, 5]
    assert len(set(chosen)) == 12
    assert (chosen == looked_at(clusters, 5)).all()
    assert (chosen != looked_at(clusters, 5, seed=1)).any()
    assert (chosen != looked_at(clusters, 5, draw=1)).any()


def test_label_counts__ends_with_all():
    assert label_counts(13) == [13]
    assert label_counts(5) == [5]
    assert label_counts(100) == [13, 26, 52, 100]


def test_fewest_labels():
    points = [
        Point("knn", "", 10, 0.2, 0.1, 0.6),
        Point("knn", "", 20, 0.5, 0.4, 0.6),
        Point("x", "", 5, 0.9, 0.9, 0.9),
    ]
    assert fewest_labels(points, "knn", 0.4) == 20
    assert fewest_labels(points, "knn", 0.8) is None


def test_bench__empty():
    none = Features(np.zeros((0, 3), np.float32), 3, ())
    with pytest.raises(TooFewError):
        Bench(none, np.zeros(0, np.uint8), none, np.zeros(0, np.uint8))
