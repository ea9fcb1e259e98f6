"""The weighted vote compared with a plain implementation, and reproducible splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.evaluation.knn_protocol import (
    BY_HASH,
    BY_SCENE,
    classify_by_neighbours,
    neighbour_accuracy,
    scaled_side,
    split_test_chips,
)
from core.errors import DegenerateError, TooFewError


def plain_votes(train, labels, test, k, temperature):
    """Return the same votes, chip by chip."""
    votes = []
    for vector in test:
        length = np.linalg.norm(vector)
        near = sorted(
            ((vector @ t / length / np.linalg.norm(t), i) for i, t in enumerate(train)),
            reverse=True,
        )
        tally = np.zeros(labels.max() + 1)
        for similarity, i in near[:k]:
            tally[labels[i]] += np.exp(similarity / temperature)
        votes.append(tally.argmax())
    return np.array(votes)


@pytest.mark.parametrize(("k", "temperature"), [(20, 0.07), (5, 0.07), (20, 1.0), (500, 0.07)])
def test_classify_by_neighbours__same_as_plain_votes(k, temperature):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 120).astype(np.int32)
    centres = rng.normal(size=(4, 8))
    train = (centres[labels] + rng.normal(size=(120, 8))).astype(np.float32)
    test = (rng.normal(size=(600, 8)) + centres[rng.integers(0, 4, 600)]).astype(np.float32)
    votes = classify_by_neighbours(train, labels, test, k=k, temperature=temperature)
    assert np.array_equal(votes, plain_votes(train, labels, test, k, temperature))


def test_classify_by_neighbours__the_nearest_chip_outvotes_many_distant_ones():
    train = np.float32([[1, 0]] + [[0.7, 0.7]] * 10)
    labels = np.array([0] + [1] * 10, np.int32)
    query = np.float32([[5, 0.01]])
    assert classify_by_neighbours(train, labels, query).tolist() == [0]
    assert classify_by_neighbours(train, labels, query, temperature=10).tolist() == [1]


def test_classify_by_neighbours__length_does_not_matter():
    rng = np.random.default_rng(1)
    train, test = rng.normal(size=(60, 5)), rng.normal(size=(40, 5))
    labels = rng.integers(0, 3, 60).astype(np.int32)
    votes = classify_by_neighbours(train.astype(np.float32), labels, test.astype(np.float32))
    longer = (train * rng.uniform(0.1, 9, (60, 1))).astype(np.float32)
    assert np.array_equal(votes, classify_by_neighbours(longer, labels, test.astype(np.float32)))


def test_classify_by_neighbours__zero_vectors_and_invalid_embeddings():
    zero = np.zeros((3, 2), np.float32)
    assert classify_by_neighbours(zero, np.array([1, 1, 0], np.int32), zero).tolist() == [1, 1, 1]
    with pytest.raises(DegenerateError, match="not finite"):
        classify_by_neighbours(zero, np.zeros(3, np.int32), zero * np.float32(np.nan))
    with pytest.raises(TooFewError, match="no training chips to vote"):
        classify_by_neighbours(zero[:0], np.zeros(0, np.int32), zero)


def test_neighbour_accuracy__share_of_the_test_chips():
    vectors = np.float32([[1, 0], [0, 1], [1, 0.1], [0.1, 1], [1, 0.2]])
    labels = np.array([0, 1, 0, 1, 1], np.int32)
    test = np.array([False, False, True, True, True])
    assert neighbour_accuracy(vectors, labels, test) == pytest.approx(2 / 3)
    with pytest.raises(TooFewError, match="no test chips"):
        neighbour_accuracy(vectors, labels, test & False)


def test_split_test_chips__by_scene_if_both_halves_hold_all_classes():
    scenes = ["c", "a", "b", "a", "b", "c"]
    test, rule = split_test_chips(np.array([0, 0, 0, 1, 1, 1]), scenes, list("uvwxyz"))
    assert rule == BY_SCENE
    assert test.tolist() == [False, False, True, False, True, False]


@pytest.mark.parametrize("scenes", [["a"] * 4, ["a", "a", "b", "b"]])
def test_split_test_chips__otherwise_by_hash(scenes):
    test, rule = split_test_chips(np.array([0, 0, 1, 1]), scenes, list("abcd"))
    assert rule == BY_HASH
    assert sorted(test[:2]) == sorted(test[2:]) == [False, True]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.randoms())
def test_split_test_chips__halves_each_class_and_follows_the_ids(labels, random):
    ids = [f"chip-{i}" for i in range(len(labels))]
    test, _ = split_test_chips(np.array(labels), ["one"] * len(labels), ids)
    for label in set(labels):
        in_test = test[np.array(labels) == label]
        assert in_test.sum() == len(in_test) // 2
    order = list(range(len(labels)))
    random.shuffle(order)
    shuffled, _ = split_test_chips(
        np.array(labels)[order], ["one"] * len(labels), [ids[i] for i in order]
    )
    assert np.array_equal(shuffled, test[order])


@pytest.mark.parametrize(
    ("native", "scale", "step", "side"),
    [
        *((64, 1, 16, 64), (64, 0.5, 16, 32), (64, 0.25, 16, 16), (64, 0.125, 8, 8)),
        *((256, 0.125, 16, 32), (600, 1, 16, 592), (64, 0.125, 16, 16)),
    ],
)
def test_scaled_side__rounded_down_to_a_multiple(native, scale, step, side):
    assert scaled_side(native, scale, step) == side
