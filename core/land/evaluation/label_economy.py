"""The label economy: the mIoU that each way of using a number of labels reaches."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from core.errors import TooFewError
from core.land.data.nomenclature import FLAIR, Legend
from core.land.data.pixel_table import PixelTable
from core.land.evaluation.confusion import FEWEST_UNITS, count_by_unit, mean_iou, resample_miou
from core.land.models.features import Features
from core.types import AnyArray, ByteArray, IntArray

Kind = Literal["simple", "clusters", "few"]
"""Simple alternatives to clusters, clusters named by labels, and methods for few labels."""
DRAWS = 10
"""Default number of random draws of the labelled pixels."""
REGION = 32
"""Side of the square regions that are labelled as a whole, in pixels."""
_FEWEST_LABELS = 13
# Draws of labels and areas from which the ranges are computed, and their digits in the store.
_REPLICATES, _DIGITS = 400, 5
# Choices of labelled pixels are independent of choices of pixels in clusters.
_STREAMS: dict[Kind, int] = {"simple": 1, "clusters": 2, "few": 3}


@dataclass(frozen=True)
class EconomyPoint:
    """One point of a label economy's curve: the mIoU with a number of labels, over all folds.

    Attributes
    ----------
    method : str
        The name of a way of using labels, such as "knn", or the title of a clustering.
    rule : str
        How the labelled pixels are chosen, in words.
    n_labels : int
        Labels needed for one model, including those of pixels that are then left out because of
        their class: the mean over folds and draws.
    miou : float
        On held-out pixels, over the scored classes: mean of the draws, each pooled over all folds.
    low, high : float
        Range of 95 % of the draws of labels (and of areas, if there are enough).
    n_clusters : int
        Mean over the folds; 0 without clusters.
    replicates : tuple of float
        The mIoU for each of some draws of labels and areas. At the same position, all points of a
        curve have the same areas, and all points of the same kind the same draw of labels.
    """

    method: str
    rule: str
    n_labels: int
    miou: float
    low: float
    high: float
    n_clusters: int = 0
    kind: Kind = "simple"
    replicates: tuple[float, ...] = ()


@dataclass(frozen=True)
class LabelEconomy:
    """The points of a label economy, and what their ranges are drawn from.

    Attributes
    ----------
    n_draws, n_areas : int
        Number of draws of the labels, and of areas with held-out pixels.
    left_out : float
        Share of the training pixels that are left out once their class is known, 0..1.
    """

    points: tuple[EconomyPoint, ...]
    n_draws: int
    n_areas: int
    left_out: float = 0.0

    @property
    def range_text(self) -> str:
        """What the ranges cover, in words."""
        if self.n_areas >= FEWEST_UNITS:
            return f"95 % of {self.n_draws} draws of the labels and {self.n_areas} areas"
        return (
            f"95 % of {self.n_draws} draws of the labels, not of the areas: there are only "
            f"{self.n_areas}, and at least {FEWEST_UNITS} are needed"
        )

    @property
    def left_out_text(self) -> str:
        """A sentence on the labels of pixels that are left out of training; empty if none are."""
        if not self.left_out:
            return ""
        return (
            f'{self.left_out:.1%} of the training pixels belong to the class "other". Their '
            "class is only known once they have been labelled, so their labels are counted; then "
            "they are left out."
        )


def point_table(point: EconomyPoint) -> dict[str, Any]:
    """Return a point as plain values, without its replicates."""
    return {name: value for name, value in asdict(point).items() if name != "replicates"}


@dataclass(frozen=True)
class Spending:
    """The evaluation of one way of using labels (`method` and `rule`) in one fold.

    Attributes
    ----------
    budget : int
        The requested number of labels, or of labelled pixels per cluster; 0 for all labels.
    counts : int array, (draws, areas, c, c)
        Confusion matrix of the held-out pixels for each draw and area; rows are the truth.
    """

    method: str
    rule: str
    budget: int
    n_labels: int
    n_clusters: int
    counts: AnyArray
    kind: Kind = "simple"


@dataclass(frozen=True)
class Bench:
    """Training pixels that may be labelled, and held-out pixels for the evaluation.

    Attributes
    ----------
    areas : int array, (m,), or None
        The area of each held-out pixel, from 0; None if all belong to one.
    regions : int array, (n,), or None
        The region of each training pixel, from 0; None if they are not known.
    left_out : int
        The class whose pixels are left out of training once they have been labelled; 0 for none.
        The labels are spent, because the class of a pixel is not known before.
    legend : Legend
        The classes of the data set.
    """

    train: Features
    train_labels: ByteArray
    held_out: Features
    held_out_labels: ByteArray
    areas: IntArray | None = None
    regions: IntArray | None = None
    left_out: int = 0
    legend: Legend = FLAIR

    def __post_init__(self) -> None:
        if not len(self.train_labels) or not len(self.held_out_labels):
            raise TooFewError(
                "there are no training pixels, or no held-out pixels", where="label economy"
            )

    @property
    def n_areas(self) -> int:
        """Number of areas with held-out pixels."""
        return 1 if self.areas is None else int(self.areas.max()) + 1

    def usable(self, rows: AnyArray) -> AnyArray:
        """Return the labelled rows that remain after those of the class `left_out` are removed."""
        remaining: AnyArray = rows[self.train_labels[rows] != self.left_out]
        return remaining

    def thin(self, most: int, seed: int = 0) -> "Bench":
        """Return the same bench with at most `most` training pixels, chosen at random."""
        n = len(self.train_labels)
        if n <= most:
            return self
        rows = np.sort(np.random.default_rng(seed).permutation(n)[:most])
        regions = None if self.regions is None else self.regions[rows]
        return Bench(
            self.train.take(rows),
            self.train_labels[rows],
            self.held_out,
            self.held_out_labels,
            self.areas,
            regions,
            self.left_out,
            self.legend,
        )

    def count(self, predicted: ByteArray) -> AnyArray:
        """Count the confusion of the held-out pixels in each area, int32 (areas, c, c)."""
        areas = self.areas
        units = np.zeros(len(predicted), np.int32) if areas is None else areas
        counts = count_by_unit(
            self.held_out_labels, predicted, units, self.n_areas, self.legend.other
        )
        return counts.astype(np.int32)

    def predict_none(self) -> ByteArray:
        """Return the prediction of a model without any usable label: the class left out, or 1."""
        return np.full(len(self.held_out_labels), self.left_out or 1, np.uint8)


def label_counts(n: int) -> list[int]:
    """Return the numbers of labelled pixels to evaluate: 13, 26, 52 and so on, and finally n."""
    counts, count = [], _FEWEST_LABELS
    while count < n:
        counts.append(count)
        count *= 2
    return [*counts, n]


def region_numbers(table: PixelTable) -> IntArray:
    """Return the region of each pixel, int32 (n,): squares of REGION x REGION pixels of a patch."""
    columns = (table.patch, table.row // REGION, table.column // REGION)
    positions = np.stack([column.astype(np.int64) for column in columns], axis=1)
    return np.unique(positions, axis=0, return_inverse=True)[1].ravel().astype(np.int32)


def draw_generator(seed: int, draw: int) -> np.random.Generator:
    """Return the random generator of one draw, which is the same for any number of draws."""
    return np.random.default_rng([seed, draw])


def stack_draws(counts: Sequence[AnyArray], draws: int) -> AnyArray:
    """Stack the counts of all draws; a result that does not depend on the draw is repeated."""
    stacked = np.stack(counts)
    return stacked if len(counts) == draws else np.repeat(stacked, draws, axis=0)


def pool_folds(folds: Sequence[Sequence[Spending]]) -> list[EconomyPoint]:
    """Pool the results of all folds draw by draw, then average the draws.

    A result that any fold lacks is left out. A fold lacks a result if all of its pixels are noise,
    or if it has fewer pixels than the result needs labels.
    """
    by_budget: dict[tuple[str, int], list[Spending]] = {}
    for fold in folds:
        for spending in fold:
            by_budget.setdefault((spending.method, spending.budget), []).append(spending)
    return [_pool(parts) for parts in by_budget.values() if len(parts) == len(folds)]


def _pool(parts: Sequence[Spending]) -> EconomyPoint:
    counts, n = np.concatenate([part.counts for part in parts], axis=1), len(parts)
    first = parts[0]
    replicates = resample_miou(counts, _REPLICATES, 0, _STREAMS[first.kind])
    low, high = np.nanquantile(replicates, (0.025, 0.975))
    miou = float(mean_iou(counts.sum(axis=1)).mean())
    return EconomyPoint(
        first.method,
        first.rule,
        round(sum(part.n_labels for part in parts) / n),
        miou,
        # If there are areas, their draws may all lie on one side of the mean.
        min(float(low), miou),
        max(float(high), miou),
        round(sum(part.n_clusters for part in parts) / n),
        first.kind,
        tuple(replicates.round(_DIGITS).tolist()),
    )


def cheapest_point(points: Iterable[EconomyPoint], miou: float) -> EconomyPoint | None:
    """Return the point with the fewest labels that reaches `miou`; None if none does."""
    enough = (point for point in points if point.miou >= miou)
    return min(enough, key=lambda point: point.n_labels, default=None)
