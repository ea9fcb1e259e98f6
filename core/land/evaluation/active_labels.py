"""Active choice of the pixels and regions to label: those about which a model is uncertain.

The model is logistic regression on the pixels labelled so far (uncertainty sampling by the smallest
margin: Scheffer, Decomain and Wrobel, IDA 2001).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from core.land.evaluation.label_economy import Bench, draw_generator
from core.land.evaluation.labelled_pixels import find_medoids, logistic_shares
from core.types import AnyArray, DoubleArray

# Uncertain pixels, for each new label, among which the labelled pixels are medoids.
_CANDIDATES = 5
# Regions are drawn from this fraction, 1 / 4, of the regions with the smallest margins.
_REGION_SHARE = 4


def choose_uncertain(
    bench: Bench, budgets: Sequence[int], seed: int, draw: int
) -> Iterator[AnyArray]:
    """Yield medoids first, then add pixels with small margins between their two likeliest classes.

    Of the pixels with the smallest margins, those nearest to the centres of k-means are labelled,
    so that they differ from each other (Zhdanov, arXiv:1901.05954).
    """
    rows: AnyArray = np.zeros(0, np.int64)
    for step, budget in enumerate(budgets):
        if not step:
            rows = find_medoids(bench.train.matrix, budget, seed, draw)
        n_new = budget - len(rows)
        if n_new > 0:
            margins = class_margins(bench, rows)
            margins[rows] = np.inf
            order = np.argsort(margins, kind="stable")[: len(margins) - len(rows)]
            candidates = order[: _CANDIDATES * n_new]
            medoids = find_medoids(bench.train.matrix[candidates], n_new, seed, draw)
            # Equal pixels may have left fewer medoids than labels: the least certain are added.
            preferred = np.concatenate([order[medoids], np.delete(order, medoids)])
            rows = np.sort(np.concatenate([rows, preferred[:n_new]]))
        yield rows


def choose_regions(
    bench: Bench, budgets: Sequence[int], seed: int, draw: int
) -> Iterator[AnyArray]:
    """Yield all pixels of random regions: as many regions as reach the number of labels."""
    order = draw_generator(seed, draw).permutation(int(_regions(bench).max()) + 1)
    return (_take_regions(bench, order, budget) for budget in budgets)


def choose_uncertain_regions(
    bench: Bench, budgets: Sequence[int], seed: int, draw: int
) -> Iterator[AnyArray]:
    """Yield random regions first, then add random ones of those with the smallest mean margins.

    Only the least certain regions would be too much alike.
    """
    regions = _regions(bench)
    sizes, random = np.bincount(regions), draw_generator(seed, draw)
    order = random.permutation(len(sizes))
    rows: AnyArray = np.zeros(0, np.int64)
    for budget in budgets:
        if len(rows):
            margins = np.bincount(regions, class_margins(bench, rows)) / np.maximum(sizes, 1)
            # Labelled regions come first, so they are kept.
            margins[np.unique(regions[rows])] = -1
            order = np.argsort(margins, kind="stable")
            n_labelled = int((margins < 0).sum())
            last = n_labelled + -(-(len(order) - n_labelled) // _REGION_SHARE)
            order[n_labelled:last] = random.permutation(order[n_labelled:last])
        rows = _take_regions(bench, order, budget)
        yield rows


def class_margins(bench: Bench, rows: AnyArray) -> DoubleArray:
    """Return the share of the likeliest class minus that of the next, for each training pixel.

    The shares are those of logistic regression on the labelled rows. With fewer than two usable
    classes among them, all margins are 1.
    """
    usable = bench.usable(rows)
    if not len(usable):
        return np.ones(len(bench.train_labels))
    _, shares = logistic_shares(bench, usable, bench.train_labels[usable], bench.train.matrix)
    if shares.shape[1] < 2:
        return np.ones(len(shares))
    best = np.partition(shares, -2, axis=1)[:, -2:]
    margins: DoubleArray = (best[:, 1] - best[:, 0]).astype(np.float64)
    return margins


def _regions(bench: Bench) -> AnyArray:
    """Return the regions of the training pixels; a region for each pixel if they are not known."""
    return np.arange(len(bench.train_labels)) if bench.regions is None else bench.regions


def _take_regions(bench: Bench, order: AnyArray, n_labels: int) -> AnyArray:
    """Return the rows of the first regions in the order that have at least n_labels pixels."""
    regions = _regions(bench)
    totals = np.cumsum(np.bincount(regions, minlength=len(order))[order])
    n_regions = int(np.searchsorted(totals, n_labels)) + 1
    rows: AnyArray = np.flatnonzero(np.isin(regions, order[:n_regions]))
    return rows
