import numpy as np
import pytest

from core.land.models.boosted_trees import BoostedTrees
from core.land.models.features import Features
from core.land.models.pixel_decision import decide_by_trees, decide_by_votes
from core.land.models.predictors import NeighbourPredictor

MATRIX = np.array([[0, 0], [3, 4], [1, 0], [0, 2]], np.float32)
CLASSES = np.array([9, 1, 4, 4], np.uint8)


def test_votes__nearest_first_with_their_distances():
    decision = decide_by_votes(np.zeros(2, np.float32), MATRIX, CLASSES, 3)
    assert decision.value == 4
    assert decision.classes == (9, 4, 4)
    assert decision.weights == pytest.approx((0, 1, 2))


def test_votes__the_smallest_class_in_a_tie():
    assert decide_by_votes(np.zeros(2, np.float32), MATRIX, CLASSES, 2).value == 4


def test_votes__agree_with_the_predictor_of_full_patches():
    rng = np.random.default_rng(0)
    matrix = rng.random((200, 6), dtype=np.float32)
    classes = rng.integers(1, 14, 200).astype(np.uint8)
    queries = Features(rng.random((50, 6), dtype=np.float32), 6, ("",) * 6)
    index = Features(matrix, 6, ("",) * 6).neighbour_index()
    expected = NeighbourPredictor(index, classes, 5).predict(queries, 0).classes
    decisions = [decide_by_votes(row, matrix, classes, 5).value for row in queries.matrix]
    assert decisions == expected.tolist()


def test_trees__three_most_probable_classes():
    leaves = np.arange(4, dtype=np.int32)
    trees = BoostedTrees(
        classes=np.array([2, 5, 7, 13], np.uint8),
        start=np.zeros(4),
        roots=leaves,
        column=np.zeros(4, np.int32),
        low=leaves,
        high=leaves,
        threshold=np.zeros(4),
        value=np.log([1.0, 5.0, 3.0, 1.0]),
    )
    decision = decide_by_trees(np.zeros(1, np.float32), trees)
    assert (decision.value, decision.classes) == (5, (5, 7, 2))
    assert decision.weights == pytest.approx((0.5, 0.3, 0.1))
