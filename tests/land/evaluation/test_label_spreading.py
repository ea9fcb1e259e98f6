"""Methods for few labels, next to plain implementations."""

from itertools import chain, combinations

import numpy as np
import pytest

from core.clusters.methods.density.condensed_tree import CondensedTree
from core.clusters.methods.density.hdbscan_tree import build_tree
from core.land.evaluation.cluster_labels import TrainingVote
from core.land.evaluation.confusion import mean_iou
from core.land.evaluation.label_economy import Bench
from core.land.evaluation.label_spreading import (
    LabelGraph,
    TreeLabels,
    bcubed_scores,
    cut_by_labels,
    few_label_uses,
    self_train,
)
from core.land.evaluation.labelled_pixels import spend_on_pixels
from core.land.models.features import Features
from core.settings import TreeSettings


def bench(n=400, left_out=0, n_classes=4, spread=1.0):
    random = np.random.default_rng(0)
    kinds = random.integers(0, n_classes, n)
    matrix = random.normal(0, spread, (n, 3)) + np.stack([kinds % 2, kinds // 2, kinds], 1) * 4
    matrix, labels, half = matrix.astype(np.float32), (kinds + 1).astype(np.uint8), n // 2
    train, test = Features(matrix[:half], 3, ()), Features(matrix[half:], 3, ())
    regions = (np.arange(half) // 8).astype(np.int32)
    return Bench(train, labels[:half], test, labels[half:], None, regions, left_out)


def read_tree(data):
    return lambda: build_tree(data.train.matrix, TreeSettings(n_dims=3, min_samples=5))


def uses(data):
    return few_label_uses(data, 3, 20_000, read_tree(data))


def miou(data, predicted):
    return float(mean_iou(data.count(predicted).sum(axis=0)))


def test_spread__equals_scikit_learn():
    from sklearn.semi_supervised import LabelSpreading

    data = bench()
    rows = np.arange(0, 200, 16)
    graph = LabelGraph(data, 3)
    distances = ((data.train.matrix[:, None] - data.train.matrix[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    near = np.zeros((200, 200))
    np.put_along_axis(near, np.argsort(distances, axis=1)[:, :10], 1.0, axis=1)
    near = np.maximum(near, near.T)
    degrees = np.sqrt(near.sum(axis=0))
    np.testing.assert_allclose(graph.affinity.toarray(), near / np.outer(degrees, degrees))
    labels = np.full(200, -1)
    labels[rows] = data.train_labels[rows]
    model = LabelSpreading(kernel=lambda *_: near, alpha=0.9, max_iter=100, tol=1e-3).fit(
        data.train.matrix, labels
    )
    assert (graph.spread(rows) == model.transduction_).all()
    expected = TrainingVote(data, 3).predict(model.transduction_.astype(np.uint8))
    assert (graph.learn(data, rows) == expected).all()


def test_spread__pixels_that_no_label_reaches_have_no_class():
    """Two groups without a connection, of which one has labels."""
    matrix = np.arange(60, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    matrix[30:] += 1000
    labels = np.ones(60, np.uint8)
    data = Bench(Features(matrix, 3, ()), labels, Features(matrix, 3, ()), labels)
    spread = LabelGraph(data, 3).spread(np.array([2]))
    assert (spread[:30] == 1).all()
    assert not spread[30:].any()


def test_self_train__equals_scikit_learn_without_stop_rule(monkeypatch):
    from sklearn.linear_model import LogisticRegression
    from sklearn.semi_supervised import SelfTrainingClassifier

    monkeypatch.setattr("core.land.evaluation.label_spreading._LEAST_ADDED", 1e-9)
    data = bench(spread=2.0)
    rows = np.arange(0, 200, 12)
    mean, deviation = data.train.matrix.mean(axis=0), data.train.matrix.std(axis=0)
    labels = np.full(200, -1)
    labels[rows] = data.train_labels[rows]
    model = SelfTrainingClassifier(
        LogisticRegression(C=10, max_iter=200), threshold=0.9, max_iter=5
    ).fit((data.train.matrix - mean) / deviation, labels)
    expected = model.predict((data.held_out.matrix - mean) / deviation)
    assert (self_train(data, rows) == expected).mean() > 0.995


def test_self_train__stops_when_few_pixels_are_added(monkeypatch):
    calls = []
    module = "core.land.evaluation.label_spreading"
    from core.land.evaluation import label_spreading

    fit = label_spreading.logistic_shares
    monkeypatch.setattr(
        f"{module}.logistic_shares", lambda *args: calls.append(len(args[1])) or fit(*args)
    )
    data = bench(spread=0.3)
    self_train(data, np.arange(0, 200, 12))
    # Nearly all pixels of well separated classes are added in the first round.
    assert len(calls) <= 4
    assert calls[0] < 20
    assert calls[-1] > 150
    calls.clear()
    monkeypatch.setattr(f"{module}._CONFIDENCE", 2.0)
    self_train(data, np.arange(0, 200, 12))
    assert len(calls) == 2


def made_up_tree():
    """Root 0 with the children 1 and 2; 1 has the children 3 and 4; four points in each leaf."""
    return CondensedTree(
        parent=np.array([0, 0, 0, 1, 1]),
        birth=np.array([0.0, 1, 1, 2, 2]),
        size=np.array([12, 8, 4, 4, 4]),
        point_node=np.repeat([2, 3, 4], 4),
        point_lambda=np.repeat([1.5, 2.5, 2.5], 4),
    )


def bcubed(clusters, rows, labels):
    """The BCubed F-measure, point by point; points in noise count 0."""
    total = 0.0
    for row, label in zip(rows, labels, strict=True):
        if clusters[row] < 0:
            continue
        together = clusters[rows] == clusters[row]
        same = labels == label
        precision, recall = (together & same).sum() / together.sum(), (together & same).sum()
        recall = recall / same.sum()
        total += 2 * precision * recall / (precision + recall)
    return total / len(rows)


@pytest.mark.parametrize("seed", range(12))
def test_cut__maximises_bcubed_of_all_selections(seed):
    tree, random = made_up_tree(), np.random.default_rng(seed)
    rows = random.permutation(12)[: random.integers(1, 13)]
    labels = random.integers(1, 4, len(rows)).astype(np.uint8)
    members = {1: [3, 4], 2: [2], 3: [3], 4: [4]}
    best = 0.0
    for nodes in chain.from_iterable(combinations(members, n) for n in (1, 2, 3)):
        leaves = [leaf for node in nodes for leaf in members[node]]
        if len(leaves) == len(set(leaves)):
            clusters = np.full(12, -1)
            for number, node in enumerate(nodes):
                clusters[np.isin(tree.point_node, members[node])] = number
            best = max(best, bcubed(clusters, rows, labels))
    clusters = cut_by_labels(tree, rows, labels)
    assert bcubed(clusters, rows, labels) == pytest.approx(best)


def test_cut__labels_split_or_merge_a_branch():
    tree, rows = made_up_tree(), np.array([0, 4, 5, 8, 9])
    merged = cut_by_labels(tree, rows, np.array([1, 2, 2, 2, 2], np.uint8))
    assert len(set(merged[4:])) == 1
    split = cut_by_labels(tree, rows, np.array([1, 2, 2, 3, 3], np.uint8))
    assert split[4] != split[8]


def test_cut__no_labels_or_no_cluster():
    tree = made_up_tree()
    none = cut_by_labels(tree, np.zeros(0, int), np.zeros(0, np.uint8))
    assert len(none) == 12
    lonely = CondensedTree(*(np.zeros(1, int),) * 3, np.zeros(5, int), np.ones(5))
    assert (cut_by_labels(lonely, np.array([1]), np.array([1], np.uint8)) == -1).all()


def test_bcubed__perfect_clusters_sum_to_one():
    rows = np.arange(12)
    labels = np.repeat([1, 2, 3], 4).astype(np.uint8)
    scores = bcubed_scores(made_up_tree(), rows, labels)
    assert scores[[2, 3, 4]].sum() == pytest.approx(1)
    assert (scores >= 0).all()


def test_tree_labels__separated_classes_are_learnt():
    data = bench(spread=0.3)
    labels = TreeLabels(data, 3, read_tree(data))
    assert miou(data, labels.learn(data, np.arange(0, 200, 8))) > 0.95


def test_uses__names_and_budgets():
    budgets = {use.name: use.budgets for use in uses(bench(2000))}
    assert budgets == {
        "semi-supervised hdbscan": (26, 104, 416),
        "spreading": (26, 104, 416),
        "self-training": (26, 104, 416),
        "active": (13, 26, 52, 104, 208, 416, 832),
        "regions": (52, 104, 208, 416, 832),
        "active regions": (52, 104, 208, 416, 832),
    }


@pytest.mark.parametrize("position", range(6))
def test_uses__more_labels_help_and_draws_are_reproducible(position):
    data = bench(1000, spread=2.0)
    use = uses(data)[position]
    first, second = (list(spend_on_pixels(use, 3, 1)) for _ in range(2))
    assert all((a.counts == b.counts).all() for a, b in zip(first, second, strict=True))
    scores = [float(mean_iou(s.counts.sum(axis=1)).mean()) for s in first]
    assert scores[-1] > 0.2
    assert scores[-1] > scores[0] - 0.02
    reseeded = list(spend_on_pixels(uses(data)[position], 3, 2))
    assert any((a.counts != b.counts).any() for a, b in zip(first, reseeded, strict=True))


@pytest.mark.parametrize("position", range(6))
@pytest.mark.parametrize(("n_classes", "left_out"), [(1, 0), (1, 1), (4, 2)])
def test_uses__one_class_and_a_class_left_out(position, n_classes, left_out):
    data = bench(n_classes=n_classes, left_out=left_out)
    use = uses(data)[position]
    for spending in spend_on_pixels(use, 2):
        assert spending.counts.sum() == 2 * len(data.held_out_labels)
        if left_out and n_classes > 1:
            assert not spending.counts.sum(axis=(0, 1))[:, left_out - 1].any()
