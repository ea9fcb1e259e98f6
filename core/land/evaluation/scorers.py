"""The scorers of FLAIR and FLAIR-HUB: how a confusion matrix becomes an mIoU."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from core.land.data.nomenclature import FLAIR, FLAIR_HUB, LandCover, Legend
from core.land.evaluation.confusion import ConfusionScores, class_iou, mean_iou, score_confusion
from core.types import AnyArray, DoubleArray

ScorerName = Literal["flair", "flair-hub"]
SCORER_TITLES: dict[ScorerName, str] = {"flair": "FLAIR scorer", "flair-hub": "FLAIR-HUB scorer"}


@dataclass(frozen=True)
class Scorer:
    """How the mIoU is computed from a confusion matrix whose last class is "other".

    Attributes
    ----------
    name : {"flair", "flair-hub"}
        "flair": the mean over the scored classes that occur. Pixels of other classes, and pixels
        that are wrongly predicted as other classes, count as errors (IGNF/FLAIR-2,
        `src/metrics.py`). "flair-hub": the rows and the columns of the other classes are removed,
        so that confusions with them do not count, and a class that does not occur counts as IoU 0
        (IGNF/FLAIR-HUB, `metrics_utils.py` and `metrics_core.py`).
    n_scored : int
        Number of scored classes, which are the first of the matrix.
    has_other : bool
        False for classes that are all scored; then both scorers are a plain mean.
    """

    name: ScorerName
    n_scored: int
    has_other: bool = True

    @property
    def title(self) -> str:
        """The scorer's name for users."""
        return SCORER_TITLES[self.name] if self.has_other else "plain mean"

    @property
    def rule(self) -> str:
        """One sentence that says what the mIoU is the mean of."""
        if self.name == "flair" and not self.has_other:
            return "Mean over the classes that occur."
        if self.name == "flair":
            return (
                f"Mean over those of the classes 1 to {self.n_scored} that occur; confusions with "
                "all other classes count as errors."
            )
        return (
            f"Mean over all classes 1 to {self.n_scored}, with IoU 0 for those that do not occur; "
            "pixels of other classes, and pixels predicted as other classes, are left out."
        )

    def miou(self, counts: AnyArray) -> DoubleArray:
        """Compute the mIoU, 0..1, of confusion matrices, (..., n, m) -> (...,)."""
        selected = self.select(counts)
        if self.name == "flair":
            return mean_iou(selected)
        iou = np.nan_to_num(class_iou(selected)[..., :-1])
        return np.asarray(iou.mean(axis=-1), np.float64)

    def score(self, counts: AnyArray) -> ConfusionScores:
        """Compute all scores of a confusion matrix, (n, n) or (n, n + 1).

        The scores by class have n_scored + 1 values; the last is that of "other".
        """
        scores = replace(score_confusion(self.select(counts)), scorer=self.name)
        if self.name == "flair":
            return scores
        iou = np.append(np.nan_to_num(scores.iou[:-1]), np.nan)
        return replace(scores, iou=iou, miou=float(self.miou(counts)), n_classes=self.n_scored)

    def select(self, counts: AnyArray) -> AnyArray:
        """Merge all classes that are not scored into "other", and remove it for FLAIR-HUB.

        The result is (..., n_scored + 1, n_scored + 1), with one more column if the matrices have
        one for pixels that were not classified. These pixels are errors.
        """
        merged = fold_classes(counts, self.n_scored)
        if self.name == "flair-hub":
            merged[..., -1, :] = 0
            merged[..., self.n_scored] = 0
        return merged


def choose_scorer(legend: Legend, name: ScorerName | None = None) -> Scorer:
    """Return a scorer for matrices in the reduced nomenclature of a legend.

    Without a name, it is that of the publishers of the data: "flair-hub" for the classes of
    FLAIR-HUB, else "flair". FLAIR's scorer uses FLAIR's 12 classes for both.
    """
    chosen: ScorerName = name or ("flair-hub" if legend == FLAIR_HUB else "flair")
    if chosen == "flair" and legend == FLAIR_HUB:
        return Scorer(chosen, FLAIR.n_scored)
    return Scorer(chosen, legend.n_scored, legend.has_other)


def select_full_counts(
    full_counts: AnyArray, name: ScorerName
) -> tuple[Scorer, AnyArray, tuple[LandCover, ...]]:
    """Return FLAIR's or FLAIR-HUB's scorer, matrices in its order, and the classes that it scores.

    `full_counts`, (..., 19, 20), are in FLAIR's full nomenclature, with a last column for pixels
    that were not classified. The last of the returned classes is "other".
    """
    legend = FLAIR_HUB if name == "flair-hub" else FLAIR
    values = {cover.name: cover.value for cover in FLAIR.classes}
    order = [values[cover.name] - 1 for cover in legend.classes]
    counts = full_counts[..., order, :][..., [*order, len(order)]]
    return choose_scorer(legend, name), counts, legend.reduced


def fold_classes(counts: AnyArray, n_scored: int) -> AnyArray:
    """Merge the classes after the first `n_scored` into one, (..., n, m) -> a copy.

    A last column for pixels that were not classified is kept.
    """
    n_classes = counts.shape[-2]
    rows = np.concatenate(
        [counts[..., :n_scored, :], counts[..., n_scored:, :].sum(axis=-2, keepdims=True)], axis=-2
    )
    merged = rows[..., n_scored:n_classes].sum(axis=-1, keepdims=True)
    parts = [rows[..., :n_scored], merged, rows[..., n_classes:]]
    return np.concatenate(parts, axis=-1)
