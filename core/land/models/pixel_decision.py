"""The class that a trained model predicts for a single pixel, with the evidence for it."""

from dataclasses import dataclass

import numpy as np

from core.land.models.boosted_trees import BoostedTrees
from core.types import AnyArray, ByteArray

N_RANKED = 3
"""The number of most probable classes that boosted trees report."""


@dataclass(frozen=True)
class PixelDecision:
    """The predicted class of one pixel, 1 to 13, and the evidence for it.

    Attributes
    ----------
    classes : tuple of int
        The classes of the pixels that voted, nearest first; or for boosted trees, the most
        probable classes, the most probable first.
    weights : tuple of float
        The distance of each voting pixel in feature space, or the probability of each class, 0..1.
    """

    value: int
    classes: tuple[int, ...]
    weights: tuple[float, ...]


def decide_by_votes(row: AnyArray, matrix: AnyArray, classes: ByteArray, k: int) -> PixelDecision:
    """Classify one pixel by its k nearest neighbours, the smallest class in a tie.

    `row`, float32 (f,), holds the features of the pixel. `matrix`, (n, f), and `classes`, uint8
    (n,), hold the features and classes of the pixels that may vote.
    """
    from core.neighbours.compiled_loops import majority

    squared: AnyArray = ((matrix - row) ** 2).sum(axis=1)
    nearest = np.argsort(squared, kind="stable")[:k].astype(np.int32)
    value = int(majority(np.ascontiguousarray(classes), nearest[None, :])[0])
    votes = tuple(int(classes[i]) for i in nearest)
    return PixelDecision(value, votes, tuple(float(np.sqrt(squared[i])) for i in nearest))


def decide_by_trees(row: AnyArray, trees: BoostedTrees) -> PixelDecision:
    """Classify one pixel by boosted trees; `row` holds its features, (f,)."""
    probabilities = trees.probabilities(row[None, :])[0]
    ranked = np.argsort(-probabilities, kind="stable")[:N_RANKED]
    classes = tuple(int(trees.classes[i]) for i in ranked)
    return PixelDecision(classes[0], classes, tuple(float(probabilities[i]) for i in ranked))
