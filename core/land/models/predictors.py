"""Trained classifiers and chance baselines, which predict the pixels of a patch."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from core.errors import TooFewError
from core.land.data.nomenclature import FLAIR, Legend
from core.land.models.features import Features
from core.neighbours.nearest import NeighbourIndex
from core.types import AnyArray, ByteArray, DoubleArray, IntArray


@dataclass(frozen=True)
class Prediction:
    """The predicted classes of some pixels.

    Attributes
    ----------
    classes : uint8 array, (n,)
        1 to n, the reduced nomenclature.
    clusters : int32 array, (n,), or None
        The most common cluster among the neighbours; None for a model without clusters.
    """

    classes: ByteArray
    clusters: IntArray | None = None


class Predictor(Protocol):
    """A trained classifier."""

    def predict(self, features: Features, patch: int) -> Prediction:
        """Predict the class of each pixel; `patch`, the patch's number, seeds random predictors."""


@dataclass(frozen=True)
class NeighbourPredictor:
    """Nearest neighbours that vote for a class and, if there are clusters, for a cluster."""

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


@dataclass(frozen=True)
class Chance:
    """Random classes, 1 to n, with the probabilities `shares`, (n,), which sum to 1."""

    shares: DoubleArray
    seed: int = 0

    def draw(self, n: int, patch: int) -> ByteArray:
        """Draw random classes for n pixels of a patch, independently of other patches."""
        random = np.random.default_rng([self.seed, patch])
        steps = np.cumsum(self.shares)
        positions = np.searchsorted(steps / steps[-1], random.random(n), side="right")
        return (positions + 1).astype(np.uint8)

    def predict(self, features: Features, patch: int) -> Prediction:
        """See `Predictor`."""
        return Prediction(self.draw(len(features.matrix), patch))


def uniform_chance(seed: int = 0, legend: Legend = FLAIR) -> Chance:
    """Return the baseline of equally probable classes, as in the original notebook."""
    n_classes = len(legend.listed)
    return Chance(np.full(n_classes, 1 / n_classes), seed)


def prevalence_chance(labels: AnyArray, seed: int = 0, legend: Legend = FLAIR) -> Chance:
    """Return the baseline that draws classes in proportion to their numbers of training pixels.

    0, no class, is ignored. The original notebook permutes the true labels of the
    evaluated pixels instead, but their class shares are unknown before a map is made. Raises
    TooFewError if there is no label.
    """
    counts = np.bincount(labels, minlength=legend.other + 1)[1 : legend.other + 1]
    if not counts.sum():
        raise TooFewError("there are no training labels", where="prevalence")
    return Chance(counts / counts.sum(), seed)
