"""The sample of pixels that a classifier learns from: the notebook's, stratified, or random."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from core.compute import stream
from core.errors import SceneError, TooFewError
from core.flair.data.dataset import Dataset, Patch, Problem
from core.flair.data.nomenclature import HIGHEST, Nomenclature, is_other, reduce
from core.flair.data.patch_reading import PLAIN, Needs, read_mask, read_pixels
from core.flair.data.pixel_table import SIDE, UNLABELLED, PixelTable, stack
from core.progress import Progress, silent, step
from core.tables import Checked, bounded, one_of
from core.types import AnyArray, ByteArray

Draw = Literal["notebook", "stratified", "random"]
STEP, FIRST = 10, 11
"""The notebook's grid: every 10th pixel of the central 500, offset 5, so 11, 21 ... 501."""


@dataclass(frozen=True)
class SampleSettings(Checked):
    """Which pixels a classifier learns from.

    Attributes
    ----------
    draw : {"notebook", "stratified", "random"}
        "notebook": every 10th pixel in both directions of the central 500 x 500. "stratified": as
        many pixels of each class as there are of the others, or all it has. "random": any pixel.
    n_per_patch : int
        Pixels a patch on average (random: of each); the notebook's draw takes 2,500.
    other : bool
        False leaves pixels of "other" out, as the notebook does.
    nomenclature : {"reduced", "full"}
    seed : int
    """

    draw: Draw = one_of("notebook", Draw)
    n_per_patch: int = bounded(2500, 1, SIDE * SIDE)
    other: bool = False
    nomenclature: Nomenclature = one_of("reduced", Nomenclature)
    seed: int = bounded(0, 0, 2**31 - 1)


def sample(
    dataset: Dataset,
    indexes: Sequence[int],
    settings: SampleSettings,
    needs: Needs = PLAIN,
    report: Progress = silent,
) -> PixelTable:
    """Pixels of many patches, in the order of the patches and row by row in each.

    A patch that cannot be used is left out and told in the table's problems. The nomenclature is
    that of `settings`.

    Raises
    ------
    TooFewError
        If no pixel is left.
    Cancelled
        If the listener asked to stop.
    """
    needs = Needs(needs.sentinel, needs.texture, settings.nomenclature, needs.dates)
    quotas: dict[int, AnyArray] = {}
    if settings.draw == "stratified":
        quotas = _quotas(dataset, indexes, settings)
    draw = partial(_draw, dataset=dataset, settings=settings, needs=needs, quotas=quotas)
    tables, problems = [], []
    for done, result in enumerate(stream(draw, list(indexes)), start=1):
        step(report, done, len(indexes), dataset.patches[indexes[done - 1]].name)
        if isinstance(result, Problem):
            problems.append(result)
        else:
            tables.append(result)
    if not sum(map(len, tables)):
        raise TooFewError(
            "no labelled pixel is left to learn from",
            where=str(dataset.root),
            remedy="; ".join(str(problem) for problem in problems[:3]),
        )
    return stack(tables, tuple(problems))


def _draw(
    index: int,
    *,
    dataset: Dataset,
    settings: SampleSettings,
    needs: Needs,
    quotas: dict[int, AnyArray],
) -> PixelTable | Problem:
    patch = dataset.patches[index]
    # By number, so that a patch's draw does not hang on which other patches there are.
    rng = np.random.default_rng([settings.seed, int(patch.number)])
    try:
        labels = _labels(patch, settings)
        usable = labels != UNLABELLED
        if not settings.other:
            usable &= ~is_other(labels)
        if settings.draw == "notebook":
            grid = np.arange(FIRST, SIDE - FIRST + 1, STEP)
            chosen = (grid[:, None] * SIDE + grid).ravel()
            chosen = chosen[usable[chosen]]
        elif settings.draw == "random":
            pool = np.flatnonzero(usable)
            chosen = rng.choice(pool, min(settings.n_per_patch, pool.size), replace=False)
        else:
            quota = quotas.get(index, np.zeros(HIGHEST + 1, np.int64))
            chosen = np.concatenate(
                [
                    rng.choice(np.flatnonzero(labels == value), quota[value], replace=False)
                    for value in np.flatnonzero(quota)
                ]
                or [np.zeros(0, np.int64)]
            )
        return read_pixels(patch, index, np.sort(chosen), needs)
    except SceneError as error:
        return Problem(patch.name, f"left out ({error})")


def _labels(patch: Patch, settings: SampleSettings) -> ByteArray:
    labels = read_mask(patch)[0].ravel()
    return labels if settings.nomenclature == "full" else reduce(labels)


def _quotas(
    dataset: Dataset, indexes: Sequence[int], settings: SampleSettings
) -> dict[int, AnyArray]:
    """Pixels of each class to take from each patch, so that classes come as equal as they can."""
    rows, counts = [], []
    for index in indexes:
        try:
            labels = _labels(dataset.patches[index], settings)
        except SceneError:
            continue  # told when the patch is drawn from
        rows.append(index)
        counts.append(np.bincount(labels, minlength=HIGHEST + 1))
    if not rows:
        return {}
    table = np.array(counts, np.int64)
    table[:, UNLABELLED] = 0
    if not settings.other:
        table[:, is_other(np.arange(HIGHEST + 1))] = 0
    wanted = water_fill(table.sum(axis=0), settings.n_per_patch * len(rows))
    quota = np.stack([share_out(table[:, c], wanted[c]) for c in range(HIGHEST + 1)], axis=1)
    return dict(zip(rows, quota, strict=True))


def water_fill(available: AnyArray, total: int) -> AnyArray:
    """Share a total as equally as what is available allows; integers, early entries first.

    Parameters
    ----------
    available : int array, (n,)
    total : int

    Returns
    -------
    int64 array, (n,), at most `available`, summing to `total` or to all there is
    """
    given = np.zeros(len(available), np.int64)
    left = min(total, int(available.sum()))
    while left:
        open_entries = np.flatnonzero(given < available)
        each, rest = divmod(left, len(open_entries))
        more = np.full(len(open_entries), each)
        # One more each only at the end, or an early entry would be ahead by several.
        more[:rest] += each == 0
        more = np.minimum(more, available[open_entries] - given[open_entries])
        given[open_entries] += more
        left -= int(more.sum())
    return given


def share_out(available: AnyArray, total: int) -> AnyArray:
    """Share a total in proportion to what is available, by largest remainder; int64 (n,)."""
    whole = int(available.sum())
    if not whole:
        return np.zeros(len(available), np.int64)
    given, remainder = np.divmod(available * int(total), whole)
    short = int(total) - int(given.sum())
    given[np.argsort(-remainder, kind="stable")[:short]] += 1
    return np.asarray(given, np.int64)
