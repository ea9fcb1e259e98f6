"""Clusters that are named by a few labelled pixels."""

import numpy as np
import pytest

from core.land.evaluation.cluster_labels import (
    EVERY_LABEL,
    TrainingVote,
    name_pixels,
    pixels_to_label,
    spend_on_clusters,
)
from core.land.evaluation.confusion import mean_iou
from core.land.evaluation.label_economy import Bench
from core.land.models.classifiers import MethodSettings
from core.land.models.features import Features


def bench(left_out=0):
    random = np.random.default_rng(0)
    kinds = random.integers(0, 4, 400)
    matrix = (kinds[:, None] * 50 + random.normal(0, 2, (400, 3))).astype(np.float32)
    labels = (kinds + 1).astype(np.uint8)
    train, test = Features(matrix[:300], 3, ()), Features(matrix[300:], 3, ())
    data = Bench(train, labels[:300], test, labels[300:], left_out=left_out)
    return data, kinds[:300].astype(np.int32)


def scores(spendings):
    return [[float(mean_iou(draw.sum(axis=0))) for draw in s.counts] for s in spendings]


def test_spend__one_pixel_suffices_for_pure_clusters():
    data, clusters = bench()
    spendings = list(spend_on_clusters(data, clusters, "kmeans", MethodSettings(), 2))
    assert [p.n_labels for p in spendings] == [4, 12, 40, 300]
    assert scores(spendings) == [[1.0, 1.0]] * 4
    assert {(p.n_clusters, p.kind) for p in spendings} == {(4, "clusters")}
    assert spendings[-1].rule == EVERY_LABEL


def test_spend__draws_change_the_labelled_pixels_only():
    data, _ = bench()
    impure = (np.arange(300) % 5).astype(np.int32)
    draws = scores(spend_on_clusters(data, impure, "kmeans", MethodSettings(), 6))
    assert len(set(draws[0])) > 1
    assert len(set(draws[-1])) == 1


def test_spend__all_noise():
    data, clusters = bench()
    assert not list(spend_on_clusters(data, clusters * 0 - 1, "hdbscan", MethodSettings()))


def test_spend__noise_is_not_labelled():
    data, clusters = bench()
    clusters[clusters == 3] = -1
    first = next(iter(spend_on_clusters(data, clusters, "hdbscan", MethodSettings())))
    assert first.n_labels == 3
    assert mean_iou(first.counts[0].sum(axis=0)) < 1


def test_spend__labels_of_a_class_left_out_are_counted():
    """Clusters of the class are looked at as well, but their pixels do not vote."""
    data, clusters = bench(left_out=2)
    first = next(iter(spend_on_clusters(data, clusters, "kmeans", MethodSettings(), 1)))
    assert first.n_labels == 4
    assert not first.counts[0].sum(axis=0)[:, 1].any()


def test_name_pixels__unlabelled_clusters_and_noise_have_no_class():
    data, _ = bench()
    clusters = np.full(300, -1, np.int32)
    clusters[:10], clusters[10:20] = 0, 1
    classes = name_pixels(data, clusters, np.arange(5))
    assert (classes[:10] == np.bincount(data.train_labels[:5]).argmax()).all()
    assert not classes[10:].any()


def test_vote__equals_scikit_learn():
    from sklearn.neighbors import KNeighborsClassifier

    data, _ = bench()
    random = np.random.default_rng(3)
    vote = TrainingVote(data, 5)
    # Twice with the same voters, whose classes change, and then with fewer voters.
    for share in (0.0, 0.0, 0.4):
        classes = random.integers(1, 5, 300).astype(np.uint8)
        classes[random.random(300) < share] = 0
        known = classes > 0
        model = KNeighborsClassifier(5).fit(data.train.matrix[known], classes[known])
        assert (vote.predict(classes) == model.predict(data.held_out.matrix)).all()


def test_vote__no_voter():
    data, _ = bench(left_out=4)
    assert set(TrainingVote(data, 3).predict(np.full(300, 4, np.uint8))) == {4}


def test_pixels_to_label__at_most_n_of_each_cluster():
    clusters = np.array([0] * 50 + [1] * 2 + [2] * 9)
    chosen = pixels_to_label(clusters, 5)
    assert np.bincount(clusters[chosen]).tolist() == [5, 2, 5]
    assert len(set(chosen)) == 12
    assert (chosen == pixels_to_label(clusters, 5)).all()
    assert (chosen != pixels_to_label(clusters, 5, seed=1)).any()
    assert (chosen != pixels_to_label(clusters, 5, draw=1)).any()


@pytest.mark.parametrize("n", [1, 7])
def test_pixels_to_label__no_pixels(n):
    assert not len(pixels_to_label(np.zeros(0, np.int32), n))
