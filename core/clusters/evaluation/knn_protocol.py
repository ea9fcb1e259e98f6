"""The weighted nearest-neighbour protocol by which self-supervised encoders are judged.

Caron et al. 2021 (DINO) and, at several scales, Straka and Gruber 2025 (SatDINO): embeddings of
length 1, 20 neighbours, votes weighted by exp(similarity / 0.07), share of right answers.
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from core.errors import DegenerateError, TooFewError
from core.types import BoolArray, FloatArray, IntArray

NEIGHBOURS = 20
TEMPERATURE = 0.07
SCALES = (1.0, 0.5, 0.25, 0.125)
# Chips are resized to 256 / 224 of the side that is shown, so that the rim is cropped.
ENLARGED = 256 / 224
_BLOCK = 512

BY_SCENE = "every second scene by name is the test, the others vote"
BY_HASH = "within each class the half of the chips whose names hash higher is the test"


def weighted_knn(
    train: FloatArray,
    train_labels: IntArray,
    test: FloatArray,
    *,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> IntArray:
    """Class of each test chip by a weighted vote of its nearest training chips.

    Parameters
    ----------
    train : float32 array, (n, d)
    train_labels : int array, (n,), from 0
    test : float32 array, (m, d)
    k : int
        Neighbours that vote, or all where there are fewer.
    temperature : float
        The smaller, the more the nearest ones decide.

    Returns
    -------
    int32 array, (m,)
        A tie goes to the lower class.

    Raises
    ------
    TooFewError
        If there is no training chip.
    DegenerateError
        For embeddings that are not finite.
    """
    if not len(train):
        raise TooFewError("no chip is left to vote", where="knn protocol")
    if not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise DegenerateError("embeddings are not finite", where="knn protocol")
    known, asked = _unit(train), _unit(test)
    k = min(k, len(train))
    votes = np.empty(len(test), np.int32)
    for start in range(0, len(test), _BLOCK):
        similarity = asked[start : start + _BLOCK] @ known.T
        near = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        weights = np.exp(np.take_along_axis(similarity, near, axis=1) / temperature)
        tally = np.zeros((len(near), int(train_labels.max()) + 1))
        np.add.at(tally, (np.arange(len(near))[:, None], train_labels[near]), weights)
        votes[start : start + _BLOCK] = tally.argmax(axis=1)
    return votes


def accuracy(vectors: FloatArray, labels: IntArray, test: BoolArray) -> float:
    """Share of the test chips that the others' vote puts into their own class, 0..1."""
    if not test.any():
        raise TooFewError("no chip is left to judge", where="knn protocol")
    votes = weighted_knn(vectors[~test], labels[~test], vectors[test])
    return float((votes == labels[test]).mean())


def split(labels: IntArray, scenes: Sequence[str], ids: Sequence[str]) -> tuple[BoolArray, str]:
    """Which chips are the test, the same ones every time.

    Every second scene where both halves then hold every class, because chips of one scene
    resemble each other; else half of each class, by the SHA-256 of the chip's id. The published
    figures use each data set's own split, so set theirs by scenes where you compare with them.

    Parameters
    ----------
    labels : int array, (n,)
    scenes, ids : sequence of str, (n,)

    Returns
    -------
    test : bool array, (n,)
    rule : str
        The rule that was taken, in words.
    """
    names = sorted(set(scenes))
    later = np.isin(np.asarray(scenes, object), names[1::2])
    classes = set(labels.tolist())
    if set(labels[later].tolist()) == classes == set(labels[~later].tolist()):
        return later, BY_SCENE
    test = np.zeros(len(labels), np.bool_)
    hashes = np.array([sha256(name.encode()).hexdigest() for name in ids])
    for label in classes:
        rows = np.flatnonzero(labels == label)
        ranked = rows[np.argsort(hashes[rows], kind="stable")]
        # The odd one votes: a class of one chip is never judged without a voter.
        test[ranked[(len(ranked) + 1) // 2 :]] = True
    return test, BY_HASH


def shown_side(native: int, scale: float, step: int) -> int:
    """Pixels along one side shown at a scale: floored to a multiple of `step`, one at least."""
    return max(step, int(native * scale) // step * step)


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: FloatArray = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    return scaled
