"""Active choice of pixels and regions."""

import itertools

import numpy as np
import pytest

from core.land.evaluation.active_labels import (
    choose_regions,
    choose_uncertain,
    choose_uncertain_regions,
    class_margins,
)
from core.land.evaluation.label_economy import Bench
from core.land.evaluation.labelled_pixels import find_medoids
from core.land.models.features import Features

BUDGETS = (13, 26, 52, 104)


def bench(n=400, *, equal=False):
    """Two classes along a line, with a border at 0; regions of 20 neighbouring pixels."""
    random = np.random.default_rng(0)
    matrix = np.sort(random.normal(0, 1, (n, 1)), axis=0).repeat(3, axis=1).astype(np.float32)
    labels = (1 + (matrix[:, 0] > 0)).astype(np.uint8)
    features = Features(np.ones_like(matrix) if equal else matrix, 3, ())
    return Bench(features, labels, features, labels, None, (np.arange(n) // 20).astype(np.int32))


def test_margins__equal_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    data, rows = bench(), np.arange(0, 400, 20)
    mean, deviation = data.train.matrix.mean(axis=0), data.train.matrix.std(axis=0)
    scaled = (data.train.matrix - mean) / deviation
    model = LogisticRegression(C=10, max_iter=200).fit(scaled[rows], data.train_labels[rows])
    shares = np.sort(model.predict_proba(scaled), axis=1)
    np.testing.assert_allclose(class_margins(data, rows), shares[:, -1] - shares[:, -2], atol=1e-6)


def test_margins__one_class_or_no_usable_label():
    data = bench()
    assert (class_margins(data, np.arange(10)) == 1).all()
    assert (class_margins(data, np.zeros(0, int)) == 1).all()


def test_uncertain__medoids_first_then_pixels_near_the_border():
    data = bench()
    chosen = list(choose_uncertain(data, BUDGETS, 0, 0))
    assert [len(rows) for rows in chosen] == list(BUDGETS)
    assert (chosen[0] == find_medoids(data.train.matrix, 13, 0, 0)).all()
    new = np.setdiff1d(chosen[1], chosen[0])
    border = np.abs(data.train.matrix[:, 0])
    assert border[new].mean() < 0.5 * border.mean()


@pytest.mark.parametrize("choose", [choose_uncertain, choose_uncertain_regions, choose_regions])
def test_choices__grow_without_repetition_and_depend_on_the_draw(choose):
    data = bench()
    chosen = list(choose(data, BUDGETS, 3, 1))
    for before, after in itertools.pairwise(chosen):
        assert set(before) <= set(after)
    assert all(len(rows) == len(set(rows.tolist())) for rows in chosen)
    again, other = (list(choose(data, BUDGETS, 3, draw)) for draw in (1, 2))
    assert all((a == b).all() for a, b in zip(chosen, again, strict=True))
    assert not np.array_equal(chosen[0], other[0])


def test_uncertain__equal_pixels_and_all_pixels():
    data = bench(60, equal=True)
    assert [len(rows) for rows in choose_uncertain(data, (13, 26, 60), 0, 0)] == [13, 26, 60]


@pytest.mark.parametrize("choose", [choose_regions, choose_uncertain_regions])
def test_regions__are_labelled_as_a_whole(choose):
    data = bench()
    for budget, rows in zip(BUDGETS, choose(data, BUDGETS, 0, 0), strict=True):
        assert budget <= len(rows) < budget + 20
        sizes = np.bincount(data.regions[rows])
        assert set(sizes[sizes > 0].tolist()) == {20}


def test_uncertain_regions__are_near_the_border():
    data = bench()
    first, *_, last = choose_uncertain_regions(data, (40, 80), 0, 0)
    new = np.setdiff1d(last, first)
    border = np.abs(data.train.matrix[:, 0])
    if len(np.unique(data.train_labels[first])) > 1:
        assert border[new].mean() < border.mean()


def test_regions__single_pixels_if_they_are_not_known():
    data = bench()
    unknown = Bench(data.train, data.train_labels, data.held_out, data.held_out_labels)
    assert [len(rows) for rows in choose_regions(unknown, BUDGETS, 0, 0)] == list(BUDGETS)
