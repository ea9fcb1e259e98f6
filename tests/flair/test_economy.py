import numpy as np
import pytest

from core.errors import TooFewError
from core.flair.classifiers import MethodSettings
from core.flair.economy import (
    Bench,
    Point,
    by_clusters,
    by_pixels,
    fewest_labels,
    label_counts,
    looked_at,
)
from core.flair.features import Features


def bench():
    random = np.random.default_rng(0)
    kinds = random.integers(0, 4, 400)
    matrix = (kinds[:, None] * 50 + random.normal(0, 2, (400, 3))).astype(np.float32)
    labels = (kinds + 1).astype(np.uint8)
    train, test = Features(matrix[:300], 3, ()), Features(matrix[300:], 3, ())
    return Bench(train, labels[:300], test, labels[300:]), kinds[:300].astype(np.int32)


def test_by_pixels__ever_more_labels_to_all():
    points = list(by_pixels(bench()[0], MethodSettings()))
    assert [p.n_labels for p in points] == [13, 26, 52, 104, 208, 300]
    assert points[-1].miou == 1


def test_by_clusters__one_look_per_cluster_is_as_good_where_clusters_are_pure():
    work, clusters = bench()
    points = list(by_clusters(work, clusters, "kmeans", MethodSettings()))
    assert [p.n_labels for p in points] == [4, 12, 40, 300]
    assert {p.miou for p in points} == {1.0}
    assert {p.n_clusters for p in points} == {4}


def test_by_clusters__all_noise_gives_no_point():
    work, clusters = bench()
    assert not list(by_clusters(work, clusters * 0 - 1, "hdbscan", MethodSettings()))


def test_by_clusters__noise_is_not_looked_at():
    work, clusters = bench()
    clusters[clusters == 3] = -1
    points = list(by_clusters(work, clusters, "hdbscan", MethodSettings()))
    assert points[0].n_labels == 3
    assert points[0].miou < 1


def test_looked_at__no_more_than_asked_of_each():
    clusters = np.array([0] * 50 + [1] * 2 + [2] * 9)
    chosen = looked_at(clusters, 5)
    assert np.bincount(clusters[chosen]).tolist() == [5, 2, 5]
    assert len(set(chosen)) == 12
    assert (chosen == looked_at(clusters, 5)).all()
    assert (chosen != looked_at(clusters, 5, seed=1)).any()


def test_label_counts__ends_with_all():
    assert label_counts(13) == [13]
    assert label_counts(5) == [5]
    assert label_counts(100) == [13, 26, 52, 100]


def test_fewest_labels():
    points = [Point("knn", "", 10, 0.2), Point("knn", "", 20, 0.5), Point("x", "", 5, 0.9)]
    assert fewest_labels(points, "knn", 0.4) == 20
    assert fewest_labels(points, "knn", 0.8) is None


def test_bench__empty():
    none = Features(np.zeros((0, 3), np.float32), 3, ())
    with pytest.raises(TooFewError):
        Bench(none, np.zeros(0, np.uint8), none, np.zeros(0, np.uint8))
