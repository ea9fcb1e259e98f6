"""Simple alternatives to clusters, next to plain scikit-learn."""

from itertools import pairwise

import numpy as np
import pytest

from core.land.evaluation import labelled_pixels
from core.land.evaluation.confusion import mean_iou
from core.land.evaluation.label_economy import Bench, draw_generator
from core.land.evaluation.label_spreading import few_label_uses
from core.land.evaluation.labelled_pixels import (
    choose_randomly,
    find_medoids,
    fit_logistic,
    simple_uses,
    spend_on_pixels,
)
from core.land.models.features import Features


def bench(n=600, left_out=0, n_classes=5):
    """Overlapping classes in three columns of different scales."""
    random = np.random.default_rng(0)
    kinds = random.integers(0, n_classes, n)
    matrix = random.normal(0, 1, (n, 3)) + np.stack([kinds % 3, kinds // 3, kinds], axis=1) * 2
    matrix = (matrix * [1, 10, 100]).astype(np.float32)
    labels, half = (kinds + 1).astype(np.uint8), n // 2
    train, test = Features(matrix[:half], 3, ()), Features(matrix[half:], 3, ())
    return Bench(train, labels[:half], test, labels[half:], left_out=left_out)


def use_named(data, name, k=3):
    return next(use for use in simple_uses(data, k, 20_000) if use.name == name)


def scores(spendings):
    return [[float(mean_iou(draw.sum(axis=0))) for draw in s.counts] for s in spendings]


def test_uses__numbers_of_labels():
    budgets = {use.name: use.budgets for use in simple_uses(bench(4000), 3, 20_000)}
    assert budgets["knn"] == (13, 26, 52, 104, 208, 416, 832, 1664, 0)
    assert budgets["1nn"] == budgets["logistic"] == budgets["knn"]
    assert budgets["boosting"] == (104, 416, 1664)
    assert budgets["medoids"] == (13, 26, 52, 104, 208, 416)
    assert "1nn" not in {use.name for use in simple_uses(bench(), 1, 20_000)}


def test_uses__most_pixels():
    uses = {use.name: use for use in simple_uses(bench(4000), 3, 500)}
    assert len(uses["knn"].bench.train_labels) == 2000
    assert len(uses["logistic"].bench.train_labels) == 500
    assert uses["logistic"].budgets == (13, 26, 52, 104, 208, 416)


def plain_models(name):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    boosting = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, min_samples_leaf=2, early_stopping=False, random_state=0
    )
    return {
        "knn": KNeighborsClassifier(3),
        "1nn": KNeighborsClassifier(1),
        "logistic": LogisticRegression(C=10, max_iter=200),
        "boosting": boosting,
    }[name]


@pytest.mark.filterwarnings("ignore:lbfgs")
@pytest.mark.parametrize("name", ["knn", "1nn", "logistic", "boosting"])
def test_uses__equal_scikit_learn(name):
    data, seed, draw = bench(), 4, 1
    spending = next(s for s in spend_on_pixels(use_named(data, name), 2, seed) if s.budget == 104)
    rows = np.sort(np.random.default_rng([seed, draw]).permutation(300)[:104])
    matrix, held_out = data.train.matrix, data.held_out.matrix
    if name == "logistic":
        mean, deviation = matrix.mean(axis=0), matrix.std(axis=0)
        matrix, held_out = (matrix - mean) / deviation, (held_out - mean) / deviation
    model = plain_models(name).fit(matrix[rows], data.train_labels[rows])
    expected = data.count(model.predict(held_out).astype(np.uint8))
    assert (spending.counts[draw] == expected).all()
    assert spending.n_labels == 104


def test_medoids__equal_scikit_learn():
    from sklearn.cluster import KMeans
    from sklearn.neighbors import KNeighborsClassifier

    data = bench()
    rows = find_medoids(data.train.matrix, 13, seed=2, draw=1)
    state = int(draw_generator(2, 1).integers(2**31))
    centres = (
        KMeans(13, n_init=1, max_iter=10, random_state=state).fit(data.train.matrix)
    ).cluster_centers_
    distances = ((data.train.matrix[None] - centres[:, None]) ** 2).sum(axis=2)
    assert rows.tolist() == sorted(set(distances.argmin(axis=1).tolist()))
    spending = next(iter(spend_on_pixels(use_named(data, "medoids"), 2, 2)))
    model = KNeighborsClassifier(1).fit(data.train.matrix[rows], data.train_labels[rows])
    predicted = model.predict(data.held_out.matrix)
    assert (spending.counts[1] == data.count(predicted)).all()


def test_medoids__logistic_regression_is_what_active_choice_starts_from():
    """At the first number of labels, active choice has only medoids, so it gains nothing."""
    data = bench()
    alternative = next(iter(spend_on_pixels(use_named(data, "medoids logistic"), 2, 2)))
    uses = few_label_uses(data, 3, 20_000, lambda: None)
    active = next(iter(spend_on_pixels(next(u for u in uses if u.name == "active"), 2, 2)))
    assert alternative.budget == active.budget == 13
    assert (alternative.counts == active.counts).all()
    assert alternative.kind == "simple"


def test_medoids__two_learners_share_each_k_means(monkeypatch):
    calls = []
    monkeypatch.setattr(
        labelled_pixels, "find_medoids", lambda *args: calls.append(args) or np.arange(13)
    )
    for use in simple_uses(bench(), 3, 20_000):
        if use.name.startswith("medoids"):
            list(spend_on_pixels(use, 2))
    assert len(calls) == 2 * len(use.budgets)


def test_medoids__fewer_distinct_pixels_than_centres():
    matrix = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)
    assert len(find_medoids(matrix, 8)) == 3
    assert len(find_medoids(matrix[:2], 8)) == 1


def test_spend__draws_differ_and_are_reproducible():
    data = bench()
    first, second = (scores(spend_on_pixels(use_named(data, "knn"), 4)) for _ in range(2))
    assert first == second
    assert len(set(first[0])) > 1
    assert len(set(first[-1])) == 1
    assert scores(spend_on_pixels(use_named(data, "knn"), 4, seed=1))[0] != first[0]
    assert scores(spend_on_pixels(use_named(data, "knn"), 6))[0][:4] == first[0]


def test_spend__smaller_choices_are_nested():
    chosen = [set(rows.tolist()) for rows in choose_randomly(bench(), (13, 26, 52), 0, 3)]
    assert all(small < large for small, large in pairwise(chosen))


def test_spend__labels_of_a_class_left_out_are_counted():
    data = bench(left_out=2)
    for name in ("knn", "logistic", "boosting", "medoids"):
        for spending in spend_on_pixels(use_named(data, name), 2):
            assert spending.n_labels == (spending.budget or 300)
            assert not spending.counts.sum(axis=(0, 1))[:, 1].any()


@pytest.mark.parametrize(
    "name", ["knn", "1nn", "logistic", "boosting", "medoids", "medoids logistic"]
)
def test_spend__one_class(name):
    data = bench(n_classes=1)
    for spending in spend_on_pixels(use_named(data, name), 2):
        assert scores([spending]) == [[1.0, 1.0]]


@pytest.mark.parametrize("name", ["knn", "logistic", "boosting"])
def test_spend__only_a_class_that_is_left_out(name):
    data = bench(n_classes=1, left_out=1)
    for spending in spend_on_pixels(use_named(data, name), 1):
        assert spending.counts.sum() == len(data.held_out_labels)


def test_spend__fewer_labels_than_classes():
    data = bench(n=60, n_classes=5)
    spendings = list(spend_on_pixels(use_named(data, "logistic"), 3))
    assert [s.budget for s in spendings] == [13, 26, 0]
    few = fit_logistic(data, np.flatnonzero(data.train_labels == 1)[:2])
    assert set(few) == {1}
