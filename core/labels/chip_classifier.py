"""A small classifier that learns from a few labelled chips and suggests labels for the others."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ArtifactError, TooFewError
from core.types import AnyArray, DoubleArray, FloatArray, IntArray

# Components that are used. With few labels, weaker components add more noise than information.
N_COMPONENTS = 20
# Inverse strength of the L2 penalty, for points with a mean squared length of 1.
INVERSE_PENALTY = 2.0
# Each labelled chip stands for the chips of which it is the nearest labelled chip: it is moved by
# this fraction towards their mean, which removes part of its individual deviation.
SHARE_OF_MEAN = 0.5
N_FOLDS = 5
# Exponents of the probabilities, of which the one with the smallest log loss is chosen.
_EXPONENTS = 2.0 ** np.arange(-2, 3.5, 0.5)
_LEAST_PROBABILITY = 1e-6
MOST_NEAREST = 3


@dataclass(frozen=True, eq=False)
class Suggestions:
    """The suggested label of each of n chips.

    Attributes
    ----------
    codes : int32 array, (n,)
        The class of each chip, as in the labels that were given.
    confidence : float64 array, (n,)
        Estimated probability that the suggestion is right, 0..1.
    margin : float64 array, (n,)
        Probability of the suggested class minus that of the second, 0..1.
    nearest : int array, (n, up to 3)
        The rows of the nearest labelled chips of the suggested class, nearest first; -1 if there
        are fewer.
    """

    codes: IntArray
    confidence: DoubleArray
    margin: DoubleArray
    nearest: AnyArray


def label_space(points: FloatArray) -> DoubleArray:
    """Return the leading components of all chips, scaled to a mean squared length of 1, (n, k)."""
    columns = points[:, :N_COMPONENTS].astype(np.float64)
    if not np.isfinite(columns).all():
        raise ArtifactError("the points are not finite", where="labels")
    length = np.sqrt((columns**2).sum(axis=1).mean()) if len(columns) else 0.0
    return columns / length if length > 0 else columns


def predict_probabilities(space: DoubleArray, rows: AnyArray, codes: IntArray) -> DoubleArray:
    """Return the probability of each class for every chip, (n, n_classes).

    A logistic regression is fitted to the labelled chips; each class has the same weight, because
    chips that were chosen for labelling do not have the proportions of all chips.

    Parameters
    ----------
    space : float64 array, (n, k)
        See `label_space`.
    rows : int array, (m,)
        The labelled chips.
    codes : int array, (m,)
        Their classes, numbered from 0; columns of classes without a chip are 0.

    Raises TooFewError if fewer than two classes occur.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import pairwise_distances_argmin

    if len(np.unique(codes)) < 2:
        raise TooFewError(
            "labels can be suggested once two different labels have been given",
            where="labels",
            remedy="Label more chips.",
        )
    nearest = pairwise_distances_argmin(space, space[rows])
    # Chips at the same position as another labelled chip may be nearest to none.
    counts = np.bincount(nearest, minlength=len(rows))
    sums = np.stack([np.bincount(nearest, column, len(rows)) for column in space.T], axis=1)
    means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], space[rows])
    centres = (1 - SHARE_OF_MEAN) * space[rows] + SHARE_OF_MEAN * means
    model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=500)
    model.fit(centres, codes)
    probabilities = np.zeros((len(space), int(codes.max()) + 1))
    probabilities[:, model.classes_] = model.predict_proba(space)
    return probabilities


def suggest_labels(points: FloatArray, rows: AnyArray, codes: IntArray) -> Suggestions:
    """Suggest a label for every chip; see `predict_probabilities`.

    The confidence is calibrated on labelled chips that were held out (Guo et al., 2017, On
    calibration of modern neural networks). If the labelled chips are harder than the others, as
    chips chosen for their uncertainty are, it is rather too low.
    """
    space = label_space(points)
    probabilities = predict_probabilities(space, rows, codes)
    probabilities = _sharpen(probabilities, _fit_exponent(space, rows, codes))
    suggested = probabilities.argmax(axis=1).astype(np.int32)
    highest = np.sort(probabilities, axis=1)[:, -2:]
    return Suggestions(
        suggested,
        highest[:, 1],
        highest[:, 1] - highest[:, 0],
        _nearest_of_class(space, rows, codes, suggested),
    )


def held_out_probabilities(
    space: DoubleArray, rows: AnyArray, codes: IntArray, seed: int = 0
) -> DoubleArray:
    """Return the probability of each class for each labelled chip, (m, n_classes).

    The probabilities come from models that were fitted without the chip, in five folds with similar
    proportions of the classes. Rows of NaN mean that the other folds hold fewer than two classes.
    """
    random = np.random.default_rng(seed)
    folds = np.empty(len(rows), np.int64)
    folds[np.lexsort((random.random(len(rows)), codes))] = np.arange(len(rows)) % N_FOLDS
    probabilities = np.full((len(rows), int(codes.max()) + 1), np.nan)
    for fold in range(N_FOLDS):
        train, test = folds != fold, folds == fold
        if len(np.unique(codes[train])) < 2 or not test.any():
            continue
        predicted: Any = predict_probabilities(space, rows[train], codes[train])[rows[test]]
        probabilities[test] = 0.0
        probabilities[test, : predicted.shape[1]] = predicted
    return probabilities


def _fit_exponent(space: DoubleArray, rows: AnyArray, codes: IntArray) -> float:
    """Return the exponent that makes the probabilities of held-out chips most likely."""
    held_out = held_out_probabilities(space, rows, codes)
    known = np.flatnonzero(~np.isnan(held_out).any(axis=1))
    # A class that occurs in no other fold cannot be predicted.
    known = known[held_out[known, codes[known]] > 0]
    if len(known) < N_FOLDS:
        return 1.0
    losses = [
        -np.log(_sharpen(held_out[known], exponent)[np.arange(len(known)), codes[known]]).mean()
        for exponent in _EXPONENTS
    ]
    return float(_EXPONENTS[int(np.argmin(losses))])


def _sharpen(probabilities: DoubleArray, exponent: float) -> DoubleArray:
    """Return probabilities raised to an exponent, with a sum of 1 in each row."""
    powers = np.maximum(probabilities, _LEAST_PROBABILITY) ** exponent
    result: DoubleArray = powers / powers.sum(axis=1, keepdims=True)
    return result


def _nearest_of_class(
    space: DoubleArray, rows: AnyArray, codes: IntArray, suggested: IntArray
) -> AnyArray:
    """Return the rows of the nearest labelled chips of each chip's suggested class, (n, k)."""
    from sklearn.neighbors import NearestNeighbors

    nearest = np.full((len(space), MOST_NEAREST), -1, np.int64)
    for code in np.unique(suggested):
        members, chips = rows[codes == code], np.flatnonzero(suggested == code)
        k = min(MOST_NEAREST, len(members))
        if k:
            index = NearestNeighbors(n_neighbors=k).fit(space[members])
            nearest[chips, :k] = members[index.kneighbors(space[chips], return_distance=False)]
    return nearest
