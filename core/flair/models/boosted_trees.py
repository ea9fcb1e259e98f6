"""Boosted trees as plain arrays: kept without pickle, and applied to a few pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ArtifactError
from core.types import AnyArray, ByteArray, DoubleArray


@dataclass(frozen=True)
class Trees:
    """The trees of a gradient boosting.

    A leaf points at itself, so that a pixel that has arrived stays.

    Attributes
    ----------
    classes : uint8 array, (c,)
        The classes it knows, rising.
    start : float64 array, (s,)
        Scores before the first tree; s is c, or 1 where c is 2.
    roots : int32 array, (rounds * s,)
        The first node of each tree, round by round.
    column, low, high : int32 array, (n,)
        The column that a node asks, and where it leads on.
    threshold, value : float64 array, (n,)
        A value up to the threshold leads low; what a leaf adds to the score.
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
                f"{len(self.start)} scores for {len(self.classes)} classes", where="boosting"
            )

    def probabilities(self, matrix: AnyArray) -> DoubleArray:
        """How probable each class is, (n, c), for rows of features without gaps.

        Meant for a few rows: every tree of every row is held at once.
        """
        rows = np.arange(len(matrix))[:, None]
        at = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        while (self.low[at] != at).any():
            lower = matrix[rows, self.column[at]] <= self.threshold[at]
            at = np.where(lower, self.low[at], self.high[at])
        added = self.value[at].reshape(len(matrix), -1, len(self.start)).sum(axis=1)
        scores = self.start + added
        if len(self.start) == 1:
            scores = np.hstack([np.zeros_like(scores), scores])
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: DoubleArray = weights / weights.sum(axis=1, keepdims=True)
        return shares

    def arrays(self) -> Mapping[str, AnyArray]:
        """By name, as they are kept."""
        return dict(vars(self))


def trees_of(estimator: Any) -> Trees:
    """The trees of a fitted `HistGradientBoostingClassifier` on numbers without gaps.

    It keeps them in attributes of its own; tests hold this to what it predicts.
    """
    parts = [tree.nodes for turn in estimator._predictors for tree in turn]
    sizes = np.array([len(part) for part in parts])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    first = np.repeat(roots, sizes)
    nodes = np.concatenate(parts)
    leaf = nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes))
    return Trees(
        classes=np.asarray(estimator.classes_, np.uint8),
        start=np.asarray(estimator._baseline_prediction, np.float64).ravel(),
        roots=roots.astype(np.int32),
        column=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32),
        low=np.where(leaf, own, nodes["left"] + first).astype(np.int32),
        high=np.where(leaf, own, nodes["right"] + first).astype(np.int32),
        threshold=np.where(leaf, np.inf, nodes["num_threshold"]).astype(np.float64),
        value=np.where(leaf, nodes["value"], 0).astype(np.float64),
    )
