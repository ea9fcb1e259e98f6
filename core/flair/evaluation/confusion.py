"""Confusion counted first, every score taken from the counts. Rows are the truth."""

from dataclasses import dataclass

import numpy as np

from core.errors import SceneError
from core.flair.data.nomenclature import N_SCORED, OTHER
from core.types import AnyArray, DoubleArray

N_CLASSES = OTHER
"""The reduced nomenclature; row and column i hold class i + 1."""
_NOTEBOOK_CLASSES = N_SCORED - 1
_DRAWS_AT_ONCE = 200


@dataclass(frozen=True)
class Scores:
    """What the counts say.

    Attributes
    ----------
    iou : float64 array, (13,)
        Intersection over union of each class; NaN where it is in neither truth nor prediction.
    miou : float
        Mean of `iou` over the classes 1 to 12 that are not NaN, as the FLAIR challenge has it:
        "other" leaves the mean, its pixels still count as errors.
    n_classes : int
        Classes in that mean.
    overall_accuracy : float
        Share of pixels that are right, 0..1.
    users, producers, f1 : float64 arrays, (13,)
        User's accuracy (right among predicted), producer's accuracy (right among true), and their
        harmonic mean; NaN where there is nothing to divide by.
    support : int64 array, (13,)
        True pixels of each class.
    kappa : float
        Cohen's kappa (1960); NaN where chance agreement is whole.
    notebook_miou : float
        The seed notebook's own figure, for comparison only; see `notebook_miou`.
    """

    iou: DoubleArray
    miou: float
    n_classes: int
    overall_accuracy: float
    users: DoubleArray
    producers: DoubleArray
    f1: DoubleArray
    support: AnyArray
    kappa: float
    notebook_miou: float


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of the mIoU.

    Attributes
    ----------
    low, high : float
        2.5 and 97.5 % quantiles.
    n_units : int
        Areas (or patches) that were drawn from.
    n_draws : int
    unit : str
        What was drawn: "areas", or "patches" where the areas are not known.
    """

    low: float
    high: float
    n_units: int
    n_draws: int
    unit: str = "areas"


def count(truth: AnyArray, predicted: AnyArray) -> AnyArray:
    """Count pixels by true and predicted class.

    Parameters
    ----------
    truth : integer array
        1 to 13; pixels with 0, no class, are left out.
    predicted : integer array, same shape
        1 to 13.

    Returns
    -------
    int64 array, (13, 13)

    Raises
    ------
    SceneError
        For another shape, or a class that does not exist.
    """
    if truth.shape != predicted.shape:
        raise SceneError(f"{predicted.shape} predicted, {truth.shape} true", where="confusion")
    labelled = truth != 0
    true, said = truth[labelled].astype(np.int64), predicted[labelled].astype(np.int64)
    for name, values in (("truth", true), ("prediction", said)):
        if values.size and not 1 <= values.min() <= values.max() <= N_CLASSES:
            wrong = int(values.min() if values.min() < 1 else values.max())
            raise SceneError(
                f"the {name} holds class {wrong}",
                where="confusion",
                remedy="Classes are 1 to 13 (reduced nomenclature).",
            )
    cells = np.bincount((true - 1) * N_CLASSES + said - 1, minlength=N_CLASSES**2)
    return cells.reshape(N_CLASSES, N_CLASSES)


def iou(counts: AnyArray) -> DoubleArray:
    """Intersection over union by class, NaN where there is no union: (..., n, n) -> (..., n)."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    union = counts.sum(axis=-1) + counts.sum(axis=-2) - hits
    return _shares(hits, union)


def miou(counts: AnyArray) -> DoubleArray:
    """Mean IoU of the classes 1 to 12 that occur: (..., 13, 13) -> (...,)."""
    each = iou(counts)[..., :N_SCORED]
    there = ~np.isnan(each)
    return _shares(np.where(there, each, 0).sum(axis=-1), there.sum(axis=-1))


def notebook_miou(counts: AnyArray) -> float:
    """The seed notebook's figure: from shares of the true classes, "plowed land" left out.

    Pixels of "other" are left out as it does not predict them; each row is divided by its sum,
    IoU is taken from that, and the last remaining class is dropped. Not comparable with `miou`.
    """
    rows = counts[:N_SCORED].astype(np.float64)
    square = np.zeros((N_CLASSES, N_CLASSES))
    square[:N_SCORED] = np.nan_to_num(_shares(rows, rows.sum(axis=1, keepdims=True)))
    each = iou(square)[:_NOTEBOOK_CLASSES]
    return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")


def without_other(counts: AnyArray) -> AnyArray:
    """The counts without the pixels whose true class is "other": (..., 13, 13)."""
    kept = counts.copy()
    kept[..., OTHER - 1, :] = 0
    return kept


def row_shares(counts: AnyArray) -> DoubleArray:
    """Each row over its sum, for pictures only; NaN where a class has no true pixel."""
    return _shares(counts.astype(np.float64), counts.sum(axis=-1, keepdims=True))


def scores(counts: AnyArray) -> Scores:
    """Every score of a 13 x 13 table of counts."""
    hits = np.diagonal(counts).astype(np.float64)
    true, said, total = counts.sum(axis=1), counts.sum(axis=0), int(counts.sum())
    users, producers = _shares(hits, said), _shares(hits, true)
    accuracy = float(_shares(hits.sum(), total))
    chance = float(_shares((true.astype(np.float64) * said).sum(), float(total) ** 2))
    each = iou(counts)
    return Scores(
        iou=each,
        miou=float(miou(counts)),
        n_classes=int((~np.isnan(each[:N_SCORED])).sum()),
        overall_accuracy=accuracy,
        users=users,
        producers=producers,
        f1=_shares(2 * hits, (true + said).astype(np.float64)),
        support=true,
        kappa=float(_shares(accuracy - chance, 1 - chance)),
        notebook_miou=notebook_miou(counts),
    )


def bootstrap(
    counts: AnyArray, n_draws: int = 1000, seed: int = 0, unit: str = "areas"
) -> Interval | None:
    """A 95 % interval of the mIoU, drawing whole areas (or patches) with replacement.

    Pixels of one area are alike, so drawing pixels would give far too narrow an interval (Efron
    and Tibshirani, 1993, chapter 8).

    Parameters
    ----------
    counts : int array, (u, 13, 13)
        Counts of each unit.
    n_draws : int
    seed : int
    unit : str
        What the units are, in one word.

    Returns
    -------
    Interval or None
        None for fewer than two units, which say nothing of the spread.
    """
    n_units = len(counts)
    if n_units < 2:
        return None
    random = np.random.default_rng(seed)
    flat, found = counts.reshape(n_units, -1).astype(np.int64), []
    for start in range(0, n_draws, _DRAWS_AT_ONCE):
        n = min(_DRAWS_AT_ONCE, n_draws - start)
        times = random.multinomial(n_units, np.full(n_units, 1 / n_units), size=n)
        found.append(miou((times @ flat).reshape(n, N_CLASSES, N_CLASSES)))
    low, high = np.nanquantile(np.concatenate(found), (0.025, 0.975))
    return Interval(float(low), float(high), n_units, n_draws, unit)


def _shares(part: AnyArray | float, whole: AnyArray | float) -> DoubleArray:
    """Part over whole, NaN where the whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    nothing = np.broadcast_to(whole == 0, np.broadcast_shapes(part.shape, whole.shape))
    share: DoubleArray = np.where(nothing, np.nan, part / np.where(whole == 0, 1, whole))
    return share
