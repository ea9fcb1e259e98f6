"""Classifiers that have learnt: what predicts a patch."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from core.flair.models.baselines import Chance
from core.flair.models.features import Features
from core.neighbours.nearest import NeighbourIndex
from core.types import ByteArray, IntArray


@dataclass(frozen=True)
class Prediction:
    """What a model says of some pixels.

    Attributes
    ----------
    classes : uint8 array, (n,)
        1 to 13.
    clusters : int32 array, (n,), or None
        The cluster that the neighbours vote for; None without clusters.
    """

    classes: ByteArray
    clusters: IntArray | None = None


class Model(Protocol):
    """A classifier that has learnt."""

    def predict(self, features: Features, patch: int) -> Prediction:
        """Classes of a patch's pixels; the patch's number seeds what is drawn by chance."""


@dataclass(frozen=True)
class Drawn:
    """A floor."""

    chance: Chance

    def predict(self, features: Features, patch: int) -> Prediction:
        """See `Model`."""
        return Prediction(self.chance.draw(len(features.matrix), patch))


@dataclass(frozen=True)
class Voted:
    """Nearest neighbours with their classes, and their clusters where they have any."""

    index: NeighbourIndex
    classes: ByteArray
    k: int
    clusters: IntArray | None = None

    def predict(self, features: Features, patch: int) -> Prediction:  # noqa: ARG002
        """See `Model`."""
        from core.neighbours.compiled_loops import majority

        _, rows = self.index.search(features.matrix, min(self.k, self.index.n))
        classes: ByteArray = majority(self.classes, rows)
        return Prediction(classes, None if self.clusters is None else majority(self.clusters, rows))


@dataclass(frozen=True)
class Boosted:
    """scikit-learn's histogram gradient boosting."""

    estimator: Any

    def predict(self, features: Features, patch: int) -> Prediction:  # noqa: ARG002
        """See `Model`."""
        return Prediction(self.estimator.predict(features.matrix).astype(np.uint8))
