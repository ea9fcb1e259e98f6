"""Gradient-boosted trees as plain arrays, stored without pickle and applied to a few pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ArtifactError
from core.internals.sklearn_internals import boosting_baseline, boosting_nodes
from core.types import AnyArray, ByteArray, DoubleArray


@dataclass(frozen=True)
class BoostedTrees:
    """The trees of a gradient-boosting classifier.

    A leaf is its own child, so that a pixel stays in the leaf that it has reached.

    Attributes
    ----------
    classes : uint8 array, (c,)
        The classes that are predicted, ascending.
    start : float64 array, (s,)
        Scores before the first tree; s equals c, or 1 for two classes.
    roots : int32 array, (rounds * s,)
        Index of the root node of each tree, round by round.
    column, low, high : int32 array, (n,)
        The column that a node compares with its threshold, and the next nodes for values up to
        the threshold and above it.
    threshold, value : float64 array, (n,)
        The threshold of a node, and the amount that a leaf adds to the score.
    """

    classes: ByteArray
    start: DoubleArray
    roots: AnyArray
    column: AnyArray
    low: AnyArray
    high: AnyArray
    threshold: DoubleArray
    value: DoubleArray

    def __post_init__(self) -> None:
        if len(self.start) != (1 if len(self.classes) == 2 else len(self.classes)):
            raise ArtifactError(
                f"there are {len(self.start)} scores for {len(self.classes)} classes",
                where="boosted trees",
            )

    def probabilities(self, matrix: AnyArray) -> DoubleArray:
        """Predict the probability of each class, (n, c), for features without missing values.

        Meant for a few rows: memory grows with the product of rows and trees.
        """
        rows = np.arange(len(matrix))[:, None]
        nodes = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        while (self.low[nodes] != nodes).any():
            is_low = matrix[rows, self.column[nodes]] <= self.threshold[nodes]
            nodes = np.where(is_low, self.low[nodes], self.high[nodes])
        added = self.value[nodes].reshape(len(matrix), -1, len(self.start)).sum(axis=1)
        scores = self.start + added
        if len(self.start) == 1:
            scores = np.hstack([np.zeros_like(scores), scores])
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: DoubleArray = weights / weights.sum(axis=1, keepdims=True)
        return shares

    def arrays(self) -> Mapping[str, AnyArray]:
        """Return the arrays by name, as they are stored."""
        return dict(vars(self))


def extract_trees(estimator: Any) -> BoostedTrees:
    """Copy the trees of a `HistGradientBoostingClassifier` fitted without missing values.

    scikit-learn keeps the trees in private attributes; tests compare the predictions of both.
    """
    trees = boosting_nodes(estimator)
    sizes = [len(tree) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    first = np.repeat(roots, sizes)
    nodes = np.concatenate(trees)
    is_leaf = nodes["is_leaf"].astype(bool)
    positions = np.arange(len(nodes))
    return BoostedTrees(
        classes=np.asarray(estimator.classes_, np.uint8),
        start=boosting_baseline(estimator),
        roots=roots.astype(np.int32),
        column=np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int32),
        low=np.where(is_leaf, positions, nodes["left"] + first).astype(np.int32),
        high=np.where(is_leaf, positions, nodes["right"] + first).astype(np.int32),
        threshold=np.where(is_leaf, np.inf, nodes["num_threshold"]).astype(np.float64),
        value=np.where(is_leaf, nodes["value"], 0).astype(np.float64),
    )
