"""The weighted nearest-neighbour protocol that is used to evaluate self-supervised encoders.

Caron et al. 2021 (DINO) and, at several scales, Straka and Gruber 2025 (SatDINO): unit-length
embeddings, 20 neighbours, votes weighted by exp(similarity / 0.07), scored by overall accuracy.
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from core.embeddings.encoder import unit_length
from core.errors import DegenerateError, TooFewError
from core.types import BoolArray, FloatArray, IntArray

NEIGHBOURS = 20
TEMPERATURE = 0.07
SCALES = (1.0, 0.5, 0.25, 0.125)
# Chips are resized to 256 / 224 times the input side of the network, then cropped to that side.
ENLARGED = 256 / 224
# Test chips per block.
_BLOCK = 512

BY_SCENE = "every second scene, by name, is in the test set; chips of the other scenes vote"
BY_HASH = "in each class, the half of the chips whose ids have the higher hashes is in the test set"


def classify_by_neighbours(
    train: FloatArray,
    train_labels: IntArray,
    test: FloatArray,
    *,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> IntArray:
    """Classify each test chip by a weighted vote of its k nearest training chips.

    If there are fewer than k, all of them vote. Ties go to the lower class. Raises TooFewError if
    there is no training chip, and DegenerateError if embeddings are not finite.

    Parameters
    ----------
    train, test : float32 array, (n, d) and (m, d)
    train_labels : int array, (n,), from 0
    temperature : float
        The smaller it is, the more weight the nearest neighbours have.
    """
    if not len(train):
        raise TooFewError("there are no training chips to vote", where="knn protocol")
    if not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise DegenerateError("embeddings are not finite", where="knn protocol")
    train_vectors, test_vectors = unit_length(train), unit_length(test)
    k = min(k, len(train))
    votes = np.empty(len(test), np.int32)
    for start in range(0, len(test), _BLOCK):
        similarity = test_vectors[start : start + _BLOCK] @ train_vectors.T
        near = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        weights = np.exp(np.take_along_axis(similarity, near, axis=1) / temperature)
        tally = np.zeros((len(near), int(train_labels.max()) + 1))
        np.add.at(tally, (np.arange(len(near))[:, None], train_labels[near]), weights)
        votes[start : start + _BLOCK] = tally.argmax(axis=1)
    return votes


def neighbour_accuracy(vectors: FloatArray, labels: IntArray, test: BoolArray) -> float:
    """Return the share of test chips that the other chips classify correctly, 0..1."""
    if not test.any():
        raise TooFewError("there are no test chips", where="knn protocol")
    votes = classify_by_neighbours(vectors[~test], labels[~test], vectors[test])
    return float((votes == labels[test]).mean())


def split_test_chips(
    labels: IntArray, scenes: Sequence[str], ids: Sequence[str]
) -> tuple[BoolArray, str]:
    """Select the test chips; the selection is reproducible.

    Because chips of the same scene resemble each other, the test chips are those of every second
    scene, provided that both halves then contain every class. Otherwise, they are half of the chips
    of each class, chosen by the SHA-256 hash of the chip id. Published figures use the official
    split of each data set; to compare results with them, name the scenes so that every second one
    is a test scene. Also returns a description of the rule that was applied.
    """
    names = sorted(set(scenes))
    in_test_scene = np.isin(np.asarray(scenes, object), names[1::2])
    classes = set(labels.tolist())
    if set(labels[in_test_scene].tolist()) == classes == set(labels[~in_test_scene].tolist()):
        return in_test_scene, BY_SCENE
    test = np.zeros(len(labels), np.bool_)
    hashes = np.array([sha256(name.encode()).hexdigest() for name in ids])
    for label in classes:
        rows = np.flatnonzero(labels == label)
        ranked = rows[np.argsort(hashes[rows], kind="stable")]
        # Of an odd number of chips, the larger half is for training: an only chip is not tested.
        test[ranked[(len(ranked) + 1) // 2 :]] = True
    return test, BY_HASH


def scaled_side(native: int, scale: float, step: int) -> int:
    """Return the side of a scaled chip in pixels, rounded down to a positive multiple of `step`."""
    return max(step, int(native * scale) // step * step)
