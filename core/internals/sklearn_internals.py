"""The trees of scikit-learn's histogram gradient boosting, which it keeps in private attributes."""

from typing import Any

import numpy as np

from core.types import AnyArray, DoubleArray


def boosting_nodes(estimator: Any) -> list[AnyArray]:
    """Return the nodes of each tree of a fitted `HistGradientBoostingClassifier`.

    The nodes of a tree are a structured array with the fields `is_leaf`, `feature_idx`,
    `num_threshold`, `left`, `right` and `value`.
    """
    return [tree.nodes for iteration in estimator._predictors for tree in iteration]


def boosting_baseline(estimator: Any) -> DoubleArray:
    """Return the scores from which the trees of a fitted estimator start."""
    return np.asarray(estimator._baseline_prediction, np.float64).ravel()
