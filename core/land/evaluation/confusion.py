"""Confusion matrices and the scores computed from them. Rows are the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.errors import SceneError
from core.land.data.nomenclature import FLAIR
from core.types import AnyArray, BoolArray, DoubleArray

N_CLASSES = FLAIR.other
"""The size of FLAIR's reduced nomenclature.

Row and column i of a confusion matrix stand for class i + 1 of a reduced nomenclature, whose last
class is "other". A matrix may have one more column for pixels that were not classified; they are
errors.
"""
ClassOrder = Literal["class", "together", "worst"]
Measure = Callable[[AnyArray], DoubleArray]
_DRAWS_AT_ONCE = 200
FEWEST_UNITS = 8
"""Fewest areas (or patches) for an interval; quantiles of fewer are hardly more than noise."""


@dataclass(frozen=True)
class ConfusionScores:
    """The scores of a confusion matrix with n classes, of which the last is "other".

    Attributes
    ----------
    iou : float64 array, (n,)
        Intersection over union of each class; NaN if it occurs in neither truth nor prediction.
    miou : float
        Mean of `iou` over the classes that are not NaN, as in the FLAIR challenge: "other" is
        left out of the mean, but its pixels count as errors.
    n_classes : int
        Number of classes in that mean.
    overall_accuracy : float
        Fraction of pixels that are classified correctly, 0..1.
    users_accuracy, producers_accuracy, f1 : float64 arrays, (n,)
        User's accuracy (correct among predicted), producer's accuracy (correct among true), and
        their harmonic mean; NaN where the denominator is 0.
    support : int64 array, (n,)
        Number of pixels of each class in the truth.
    kappa : float
        Cohen's kappa (1960); NaN if chance agreement is 1.
    notebook_miou : float
        mIoU as in the original notebook, for comparison only; see the function `notebook_miou`.
    scorer : {"flair", "flair-hub"}
        The scorer of the mIoU; see `core.land.evaluation.scorers`.
    """

    iou: DoubleArray
    miou: float
    n_classes: int
    overall_accuracy: float
    users_accuracy: DoubleArray
    producers_accuracy: DoubleArray
    f1: DoubleArray
    support: AnyArray
    kappa: float
    notebook_miou: float
    scorer: Literal["flair", "flair-hub"] = "flair"


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval of the mIoU: the 2.5 and 97.5 % quantiles of a bootstrap.

    Attributes
    ----------
    n_units : int
        Number of areas (or patches) to draw from.
    unit : str
        The unit of resampling: "areas", or "patches" if the areas are not known.
    n_models : int
        Number of models, each trained on another draw of pixels, that the bootstrap also draws
        from; 1 if the interval does not cover the choice of the training pixels.
    """

    low: float
    high: float
    n_units: int
    n_draws: int
    unit: str = "areas"
    n_models: int = 1


def count_confusion(truth: AnyArray, predicted: AnyArray, n_classes: int = N_CLASSES) -> AnyArray:
    """Count pixels by true and predicted class, 1 to n; int64 (n, n).

    Pixels whose truth is 0, no class, are left out. Raises SceneError if the shapes differ, or a
    class does not exist.
    """
    if truth.shape != predicted.shape:
        raise SceneError(
            f"the prediction has shape {predicted.shape}, the truth {truth.shape}",
            where="confusion",
        )
    labelled = truth != 0
    rows, columns = truth[labelled].astype(np.int64), predicted[labelled].astype(np.int64)
    for name, values in (("truth", rows), ("prediction", columns)):
        if values.size and not 1 <= values.min() <= values.max() <= n_classes:
            invalid = int(values.min() if values.min() < 1 else values.max())
            raise SceneError(
                f"the {name} contains class {invalid}",
                where="confusion",
                remedy=f"Classes are 1 to {n_classes} (reduced nomenclature).",
            )
    cells = np.bincount((rows - 1) * n_classes + columns - 1, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes)


def count_by_unit(
    truth: AnyArray, predicted: AnyArray, units: AnyArray, n_units: int, n_classes: int = N_CLASSES
) -> AnyArray:
    """Count the confusion in each unit, such as an area; int64 (n_units, n_classes, n_classes).

    `units`, int (n,), holds the unit of each pixel, from 0.
    """
    members = [units == i for i in range(n_units)]
    return np.stack([count_confusion(truth[m], predicted[m], n_classes) for m in members])


def wrong_pixels(truth: AnyArray, predicted: AnyArray) -> BoolArray:
    """Return True for pixels whose label and prediction differ, both in the reduced nomenclature.

    The result is False where the label or the prediction is 0.
    """
    wrong: BoolArray = (truth != 0) & (predicted != 0) & (truth != predicted)
    return wrong


def class_iou(counts: AnyArray) -> DoubleArray:
    """Compute the IoU of each class, (..., n, m) -> (..., n); NaN where the union is empty."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    union = counts.sum(axis=-1) + counts.sum(axis=-2)[..., : hits.shape[-1]] - hits
    return _divide(hits, union)


def mean_iou(counts: AnyArray) -> DoubleArray:
    """Compute the mean IoU of the classes that occur, without "other", (..., n, m) -> (...,)."""
    iou = class_iou(counts)[..., :-1]
    occurs = ~np.isnan(iou)
    return _divide(np.where(occurs, iou, 0).sum(axis=-1), occurs.sum(axis=-1))


def notebook_miou(counts: AnyArray) -> float:
    """Compute the mIoU as the original notebook does (see docs/land_cover.md).

    It is not comparable with `mean_iou`. Pixels of "other", which the original notebook does not
    predict, are left out. IoU is computed from the row-normalised matrix, and the last remaining
    class, "plowed land", is dropped.
    """
    square = counts.astype(np.float64)
    square[-1] = 0
    iou = class_iou(np.nan_to_num(row_shares(square)))[:-2]
    return float(np.nanmean(iou)) if not np.isnan(iou).all() else float("nan")


def without_other(counts: AnyArray) -> AnyArray:
    """Return a copy of the counts, (..., n, m), without the pixels whose truth is "other"."""
    counts = counts.copy()
    counts[..., -1, :] = 0
    return counts


def sum_by_area(counts: AnyArray, areas: Sequence[str]) -> AnyArray:
    """Sum the counts of patches by area, (p, n, m) -> (a, n, m); areas sorted by name."""
    names, positions = np.unique(np.array(areas, np.str_), return_inverse=True)
    sums = np.zeros((len(names), *counts.shape[1:]), counts.dtype)
    np.add.at(sums, positions, counts)
    return sums


def row_shares(counts: AnyArray) -> DoubleArray:
    """Divide each row by its sum, for display only; NaN where a class is not in the truth."""
    return _divide(counts.astype(np.float64), counts.sum(axis=-1, keepdims=True))


def order_classes(counts: AnyArray, order: ClassOrder) -> list[int]:
    """Return the row numbers of the classes that occur in truth or prediction, sorted for display.

    "class" sorts by value. "together" places classes that are confused with each other next to each
    other, by average linkage: two classes are as similar as the shares of each that are predicted
    as the other. "worst" places the class with the lowest producer's accuracy first.
    """
    n_classes = len(counts)
    classes = np.flatnonzero(counts.sum(axis=0)[:n_classes] + counts.sum(axis=1))
    shares = np.nan_to_num(row_shares(counts))[np.ix_(classes, classes)]
    if order == "worst":
        classes = classes[np.argsort(np.diagonal(shares), kind="stable")]
    elif order == "together" and len(classes) > 2:
        from scipy.cluster.hierarchy import leaves_list, linkage
        from scipy.spatial.distance import squareform

        similarity = shares + shares.T
        distances = similarity.max() - similarity
        np.fill_diagonal(distances, 0)
        condensed = squareform(distances, checks=False)
        classes = classes[leaves_list(linkage(condensed, "average", optimal_ordering=True))]
    return [int(i) for i in classes]


def score_confusion(counts: AnyArray) -> ConfusionScores:
    """Compute all scores of a confusion matrix, (n, n) or (n, n + 1)."""
    hits = np.diagonal(counts).astype(np.float64)
    support, predicted = counts.sum(axis=1), counts.sum(axis=0)[: len(counts)]
    total = int(counts.sum())
    accuracy = float(_divide(hits.sum(), total))
    chance = float(_divide((support.astype(np.float64) * predicted).sum(), float(total) ** 2))
    iou = class_iou(counts)
    return ConfusionScores(
        iou=iou,
        miou=float(mean_iou(counts)),
        n_classes=int((~np.isnan(iou[:-1])).sum()),
        overall_accuracy=accuracy,
        users_accuracy=_divide(hits, predicted),
        producers_accuracy=_divide(hits, support),
        f1=_divide(2 * hits, (support + predicted).astype(np.float64)),
        support=support,
        kappa=float(_divide(accuracy - chance, 1 - chance)),
        notebook_miou=notebook_miou(counts),
    )


def bootstrap_miou(
    counts: AnyArray,
    n_draws: int = 1000,
    seed: int = 0,
    unit: str = "areas",
    measure: Measure = mean_iou,
) -> Interval | None:
    """Estimate a 95 % interval of the mIoU by drawing whole areas (or patches) with replacement.

    Pixels of one area are similar, so drawing single pixels would give far too narrow an interval
    (Efron and Tibshirani, 1993, chapter 8). `counts` are those of `resample_miou`: of each unit,
    or of each model and unit; `measure` computes the mIoU. Returns None if there are fewer than
    FEWEST_UNITS units.
    """
    models = counts if counts.ndim == 4 else counts[None]
    n_models, n_units = models.shape[:2]
    if n_units < FEWEST_UNITS:
        return None
    scores = resample_miou(models, n_draws, seed, measure=measure)
    low, high = np.nanquantile(scores, (0.025, 0.975))
    return Interval(float(low), float(high), n_units, n_draws, unit, n_models)


def resample_miou(
    counts: AnyArray, n_draws: int, seed: int = 0, stream: int = 0, measure: Measure = mean_iou
) -> DoubleArray:
    """Draw a model and as many units as there are, with replacement; return the mIoUs, (n_draws,).

    Each draw is one repetition of training and evaluation. Fewer than FEWEST_UNITS units are not
    drawn but all used, so that only the models vary.

    Parameters
    ----------
    counts : int array, (m, u, c, c)
        Confusion matrix of each model in each unit (area or patch).
    seed, stream : int
        Results with the same seed draw the same units, so their differences are paired. They draw
        the same models only if `stream` is equal as well.
    measure : callable
        Computes the mIoU of matrices, (..., c, c) -> (...,): `mean_iou`, or that of a scorer.
    """
    n_models, n_units, *shape = counts.shape
    random, scores = np.random.default_rng(seed), []
    models = np.random.default_rng([seed, stream]).integers(n_models, size=n_draws)
    flat = counts.reshape(n_models, n_units, -1)
    for start in range(0, n_draws, _DRAWS_AT_ONCE):
        chosen = models[start : start + _DRAWS_AT_ONCE]
        weights = np.ones((len(chosen), n_units), np.int64)
        if n_units >= FEWEST_UNITS:
            shares = np.full(n_units, 1 / n_units)
            weights = random.multinomial(n_units, shares, size=len(chosen))
        sums = np.empty((len(chosen), flat.shape[2]), np.int64)
        for model in np.unique(chosen):
            sums[chosen == model] = weights[chosen == model] @ flat[model].astype(np.int64)
        scores.append(measure(sums.reshape(-1, *shape)))
    resampled: DoubleArray = np.concatenate(scores)
    return resampled


def describe_missing_interval(n_units: int, unit: str = "areas") -> str:
    """State why `bootstrap_miou` gives no interval."""
    return f"no interval: it needs at least {FEWEST_UNITS} {unit}, not {n_units}"


def _divide(part: AnyArray | float, total: AnyArray | float) -> DoubleArray:
    """Divide, with NaN where the divisor is 0."""
    part, total = np.asarray(part, np.float64), np.asarray(total, np.float64)
    empty = np.broadcast_to(total == 0, np.broadcast_shapes(part.shape, total.shape))
    quotient: DoubleArray = np.where(empty, np.nan, part / np.where(total == 0, 1, total))
    return quotient
