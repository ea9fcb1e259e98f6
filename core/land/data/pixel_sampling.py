"""Samples of training pixels: on a regular grid, stratified by class, or random."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from core.compute.work_streams import stream_results
from core.errors import SceneError, TooFewError
from core.land.data.dataset import SIDE, Dataset, Patch, Problem, merge_problems
from core.land.data.nomenclature import Nomenclature
from core.land.data.patch_reading import AERIAL_ONLY, RequiredData, read_mask, read_pixels
from core.land.data.pixel_table import UNLABELLED, PixelTable, stack_tables
from core.progress import Progress, report_step, silent
from core.tables import Checked, bounded, one_of
from core.types import AnyArray, ByteArray

Draw = Literal["notebook", "stratified", "random"]
GRID_STEP, GRID_START = 10, 11
"""The grid of the original notebook (see docs/land_cover.md): rows and columns 11, 21 ... 501."""


@dataclass(frozen=True)
class SampleSettings(Checked):
    """How the training pixels of a classifier are sampled.

    Attributes
    ----------
    draw : {"notebook", "stratified", "random"}
        "notebook": every 10th row and column of the central 500 x 500; of a window of another
        size, those from 11 pixels inside its edge. "stratified": the same
        number of pixels of each class, or all if a class has fewer. "random": pixels of any class.
    n_per_patch : int
        Pixels per patch, on average ("stratified") or exactly ("random"). No effect on
        "notebook", whose grid has 2,500.
    other : bool
        Whether pixels of the class "other" are included; the original notebook leaves them out.
    """

    draw: Draw = one_of("notebook", Draw)
    n_per_patch: int = bounded(2500, 1, SIDE * SIDE)
    other: bool = False
    nomenclature: Nomenclature = one_of("reduced", Nomenclature)
    seed: int = bounded(0, 0, 2**31 - 1)


def default_draw(dataset: Dataset) -> Draw:
    """Return how training pixels are drawn by default.

    FLAIR's patches are labelled throughout, so the notebook's grid is enough. Your own labels may
    be small polygons that a grid would miss.
    """
    return "random" if dataset.layout.rule else "notebook"


def sample_pixels(
    dataset: Dataset,
    indexes: Sequence[int],
    settings: SampleSettings,
    needs: RequiredData = AERIAL_ONLY,
    report: Progress = silent,
) -> PixelTable:
    """Sample pixels of several patches, in the order of the patches and row by row in each.

    A patch that cannot be used is left out and reported among the table's problems. The
    nomenclature of `settings` takes precedence over that of `needs`. Raises TooFewError if no pixel
    remains.
    """
    needs = replace(needs, nomenclature=settings.nomenclature)
    is_stratified = settings.draw == "stratified"
    quotas = _stratified_quotas(dataset, indexes, settings) if is_stratified else {}
    sample = partial(_sample_patch, dataset=dataset, settings=settings, needs=needs, quotas=quotas)
    tables, problems = [], []
    with closing(stream_results(sample, list(indexes))) as results:
        for n_read, result in enumerate(results, start=1):
            report_step(report, n_read, len(indexes), dataset.patches[indexes[n_read - 1]].name)
            if isinstance(result, Problem):
                problems.append(result)
            else:
                tables.append(result)
    # A missing image concerns all of its windows.
    problems = merge_problems(problems)
    if not sum(map(len, tables)):
        raise TooFewError(
            "there are no labelled pixels to train on",
            where=str(dataset.root),
            remedy="; ".join(str(problem) for problem in problems[:3]),
        )
    return stack_tables(tables, tuple(problems))


def _sample_patch(
    index: int,
    *,
    dataset: Dataset,
    settings: SampleSettings,
    needs: RequiredData,
    quotas: dict[int, AnyArray],
) -> PixelTable | Problem:
    patch = dataset.patches[index]
    # Seeded with the number of the patch, so that its sample does not depend on other patches.
    rng = np.random.default_rng([settings.seed, int(patch.number)])
    try:
        labels = _read_labels(patch, settings)
        usable = labels != UNLABELLED
        if not settings.other:
            usable &= ~patch.layout.legend.is_other(labels)
        if settings.draw == "notebook":
            width = patch.shape[1]
            rows, columns = (
                np.arange(GRID_START, side - GRID_START + 1, GRID_STEP) for side in patch.shape
            )
            chosen = (rows[:, None] * width + columns).ravel()
            chosen = chosen[usable[chosen]]
        elif settings.draw == "random":
            pool = np.flatnonzero(usable)
            chosen = rng.choice(pool, min(settings.n_per_patch, pool.size), replace=False)
        else:
            quota = quotas.get(index, np.zeros(0, np.int64))
            by_class = (
                rng.choice(np.flatnonzero(labels == value), quota[value], replace=False)
                for value in np.flatnonzero(quota)
            )
            chosen = np.concatenate([np.zeros(0, np.int64), *by_class])
        return read_pixels(patch, index, np.sort(chosen), needs)
    except SceneError as error:
        return Problem(patch.name, f"it is left out ({error})")


def _read_labels(patch: Patch, settings: SampleSettings) -> ByteArray:
    labels = read_mask(patch)[0].ravel()
    return labels if settings.nomenclature == "full" else patch.layout.legend.reduce_labels(labels)


def _stratified_quotas(
    dataset: Dataset, indexes: Sequence[int], settings: SampleSettings
) -> dict[int, AnyArray]:
    """Return the number of pixels of each class to sample from each patch.

    The totals of the classes are as equal as the available pixels allow.
    """
    legend = dataset.layout.legend
    n_values = legend.highest + 1
    readable, counts = [], []
    for index in indexes:
        try:
            labels = _read_labels(dataset.patches[index], settings)
        except SceneError:
            continue  # Reported when the patch is sampled.
        readable.append(index)
        counts.append(np.bincount(labels, minlength=n_values))
    if not readable:
        return {}
    table = np.array(counts, np.int64)
    table[:, UNLABELLED] = 0
    if not settings.other:
        table[:, legend.is_other(np.arange(n_values))] = 0
    totals = water_fill(table.sum(axis=0), settings.n_per_patch * len(readable))
    quotas = [share_out(table[:, value], totals[value]) for value in range(n_values)]
    return dict(zip(readable, np.stack(quotas, axis=1), strict=True))


def water_fill(available: AnyArray, total: int) -> AnyArray:
    """Divide a total into integer shares that are as equal as possible, int64 (n,).

    `available`, int (n,), limits each share. The shares add up to `total`, or to the sum of
    `available` if that is lower. A remainder goes to the first entries.
    """
    shares = np.zeros(len(available), np.int64)
    remaining = min(total, int(available.sum()))
    while remaining:
        unfilled = np.flatnonzero(shares < available)
        each, remainder = divmod(remaining, len(unfilled))
        increments = np.full(len(unfilled), each)
        # The remainder is distributed only in the last round, or early entries would get several.
        increments[:remainder] += each == 0
        increments = np.minimum(increments, available[unfilled] - shares[unfilled])
        shares[unfilled] += increments
        remaining -= int(increments.sum())
    return shares


def share_out(available: AnyArray, total: int) -> AnyArray:
    """Divide a total in proportion to `available` by the largest-remainder method, int64 (n,)."""
    n_available = int(available.sum())
    if not n_available:
        return np.zeros(len(available), np.int64)
    shares, remainder = np.divmod(available * int(total), n_available)
    missing = int(total) - int(shares.sum())
    shares[np.argsort(-remainder, kind="stable")[:missing]] += 1
    return np.asarray(shares, np.int64)
