"""Floors that a method must beat: classes drawn without looking at the pixel."""

from dataclasses import dataclass

import numpy as np

from core.errors import TooFewError
from core.flair.data.nomenclature import OTHER
from core.types import AnyArray, ByteArray, DoubleArray


@dataclass(frozen=True)
class Chance:
    """Draws classes with fixed shares.

    Attributes
    ----------
    shares : float64 array, (13,)
        Probability of the classes 1 to 13, adding up to 1.
    seed : int
    """

    shares: DoubleArray
    seed: int = 0

    def draw(self, n: int, patch: int) -> ByteArray:
        """Classes of n pixels of a patch; a patch's draw does not hang on the other patches."""
        random = np.random.default_rng([self.seed, patch])
        steps = np.cumsum(self.shares)
        drawn = np.searchsorted(steps / steps[-1], random.random(n), side="right")
        return (drawn + 1).astype(np.uint8)


def uniform(seed: int = 0) -> Chance:
    """Each of the 13 classes with the same probability, as in the notebook."""
    return Chance(np.full(OTHER, 1 / OTHER), seed)


def prevalence(labels: AnyArray, seed: int = 0) -> Chance:
    """Each class with its share in training.

    The notebook permutes the true labels of what it judges; a map-maker does not know their
    shares, so those of the training pixels stand in.

    Parameters
    ----------
    labels : integer array, (n,)
        Training labels, 1 to 13; 0 is left out.

    Raises
    ------
    TooFewError
        If there is no label.
    """
    counts = np.bincount(labels, minlength=OTHER + 1)[1 : OTHER + 1]
    if not counts.sum():
        raise TooFewError("there are no labels to take shares from", where="prevalence")
    return Chance(counts / counts.sum(), seed)
