"""How good the suggestions are after each number of labels, and whether they still change."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.labels.chip_classifier import label_space, predict_probabilities
from core.types import AnyArray, DoubleArray, FloatArray, IntArray

MOST_POINTS = 25
# Number of labels over which the agreement is averaged.
WINDOW = 20


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Measures of the suggestions after increasing numbers of labels, (k,) each.

    Attributes
    ----------
    n_labels : int array
        Numbers of labels, ascending; the last is the current one.
    agreement : float64 array
        Share of the last 20 labels, 0..1, that had been suggested before they were given; NaN if
        nothing had been suggested yet. Chips chosen for their uncertainty agree less often than
        other chips would.
    stability : float64 array
        Share of all chips, 0..1, whose suggestion was the same as it is at present.
    """

    n_labels: IntArray
    agreement: DoubleArray
    stability: DoubleArray


def trace_learning_curve(points: FloatArray, rows: AnyArray, codes: IntArray) -> LearningCurve:
    """Return the learning curve of labelled chips, (m,), in the order in which they were labelled.

    The classifier is fitted again after at most 25 numbers of labels. The curve is empty if fewer
    than two classes have been labelled.
    """
    first = next((i for i, code in enumerate(codes, 1) if code != codes[0]), 0)
    if not first:
        return LearningCurve(np.empty(0, np.int32), np.empty(0), np.empty(0))
    space, m = label_space(points), len(rows)
    steps = np.unique(np.linspace(first, m, min(MOST_POINTS, m - first + 1)).round().astype(int))
    suggested = [
        predict_probabilities(space, rows[:step], codes[:step]).argmax(axis=1) for step in steps
    ]
    right = np.full(m, np.nan)
    for i, (start, stop) in enumerate(pairwise(steps.tolist())):
        right[start:stop] = suggested[i][rows[start:stop]] == codes[start:stop]
    agreement = np.full(len(steps), np.nan)
    for i, step in enumerate(steps):
        recent = right[max(first, step - WINDOW) : step]
        if len(recent):
            agreement[i] = np.nanmean(recent)
    stability = np.array([(codes_then == suggested[-1]).mean() for codes_then in suggested])
    return LearningCurve(steps.astype(np.int32), agreement, stability)
