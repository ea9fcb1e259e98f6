"""Chance baselines: classes drawn at random without looking at the pixels."""

from dataclasses import dataclass

import numpy as np

from core.errors import TooFewError
from core.flair.data.nomenclature import OTHER
from core.flair.models.features import Features
from core.flair.models.predictors import Prediction
from core.types import AnyArray, ByteArray, DoubleArray


@dataclass(frozen=True)
class Chance:
    """Random classes with fixed probabilities.

    Attributes
    ----------
    shares : float64 array, (13,)
        Probabilities of the classes 1 to 13; their sum is 1.
    seed : int
    """

    shares: DoubleArray
    seed: int = 0

    def draw(self, n: int, patch: int) -> ByteArray:
        """Draw the classes of n pixels of a patch, independently of other patches."""
        random = np.random.default_rng([self.seed, patch])
        steps = np.cumsum(self.shares)
        positions = np.searchsorted(steps / steps[-1], random.random(n), side="right")
        return (positions + 1).astype(np.uint8)

    def predict(self, features: Features, patch: int) -> Prediction:
        """See `core.flair.models.predictors.Predictor`."""
        return Prediction(self.draw(len(features.matrix), patch))


def uniform_chance(seed: int = 0) -> Chance:
    """Return the baseline of 13 equally probable classes, as in the notebook."""
    return Chance(np.full(OTHER, 1 / OTHER), seed)


def prevalence_chance(labels: AnyArray, seed: int = 0) -> Chance:
    """Return the baseline that draws each class with its share of the training labels.

    The notebook permutes the true labels of the evaluated pixels. Their shares are not known
    when a map is made, so the shares of the training pixels are used.

    Parameters
    ----------
    labels : integer array, (n,)
        Training labels, 1 to 13; 0 is ignored.

    Raises
    ------
    TooFewError
        If there is no label.
    """
    counts = np.bincount(labels, minlength=OTHER + 1)[1 : OTHER + 1]
    if not counts.sum():
        raise TooFewError("there are no training labels", where="prevalence")
    return Chance(counts / counts.sum(), seed)
