"""Trained classifiers that predict the pixels of a patch."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from core.flair.models.features import Features
from core.neighbours.nearest import NeighbourIndex
from core.types import ByteArray, IntArray


@dataclass(frozen=True)
class Prediction:
    """The predicted classes of some pixels.

    Attributes
    ----------
    classes : uint8 array, (n,)
        1 to 13.
    clusters : int32 array, (n,), or None
        The most common cluster among the neighbours; None for a model without clusters.
    """

    classes: ByteArray
    clusters: IntArray | None = None


class Predictor(Protocol):
    """A trained classifier."""

    def predict(self, features: Features, patch: int) -> Prediction:
        """Predict the pixels of a patch, whose number seeds random draws."""


@dataclass(frozen=True)
class NeighbourPredictor:
    """Nearest neighbours that vote for their classes and, if there are any, their clusters."""

    index: NeighbourIndex
    classes: ByteArray
    k: int
    clusters: IntArray | None = None

    def predict(self, features: Features, patch: int) -> Prediction:  # noqa: ARG002
        """See `Predictor`."""
        from core.neighbours.compiled_loops import majority

        _, rows = self.index.search(features.matrix, min(self.k, self.index.n))
        classes: ByteArray = majority(self.classes, rows)
        return Prediction(classes, None if self.clusters is None else majority(self.clusters, rows))


@dataclass(frozen=True)
class BoostingPredictor:
    """Histogram gradient boosting from scikit-learn."""

    estimator: Any

    def predict(self, features: Features, patch: int) -> Prediction:  # noqa: ARG002
        """See `Predictor`."""
        return Prediction(self.estimator.predict(features.matrix).astype(np.uint8))
