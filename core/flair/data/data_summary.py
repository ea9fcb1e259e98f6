"""What a FLAIR data set holds, in numbers, and what is wrong with it."""

from typing import Any

import numpy as np

from core.compute import stream
from core.errors import SceneError
from core.flair.data.dataset import Dataset, Patch, Problem
from core.flair.data.nomenclature import CITATION, HIGHEST, LICENCE, Nomenclature, classes, reduce
from core.flair.data.patch_reading import read_aerial, read_mask
from core.flair.data.sentinel import HALF_PIXEL, SentinelSettings, around_patch, blocks
from core.progress import Progress, silent, step
from core.types import AnyArray


def describe(
    dataset: Dataset, nomenclature: Nomenclature = "reduced", report: Progress = silent
) -> dict[str, Any]:
    """Read every file once and say what there is.

    Parameters
    ----------
    dataset : Dataset
    nomenclature : {"reduced", "full"}
    report : Progress

    Returns
    -------
    dict
        Patches, areas and domains of each split; class counts, shares, and classes per patch;
        every problem by name; the citation and the licence.

    Raises
    ------
    Cancelled
        If the listener asked to stop.
    """
    counts, problems = inspect_all(dataset, report)
    return {
        "root": str(dataset.root),
        "nomenclature": nomenclature,
        "splits": by_split(dataset, counts, nomenclature),
        "problems": [str(problem) for problem in problems],
        "matching": HALF_PIXEL,
        "citation": CITATION,
        "licence": LICENCE,
    }


def inspect_all(dataset: Dataset, report: Progress = silent) -> tuple[AnyArray, list[Problem]]:
    """Pixels of each patch by value of the full nomenclature, int64 (p, 20), and what is wrong."""
    problems = list(dataset.problems)
    counts = np.zeros((len(dataset.patches), HIGHEST + 1), np.int64)
    for at, (row, found) in enumerate(stream(_inspect, dataset.patches)):
        step(report, at + 1, len(dataset.patches), dataset.patches[at].name)
        counts[at] = row
        problems += found
    return counts, problems


def by_split(
    dataset: Dataset, counts: AnyArray, nomenclature: Nomenclature = "reduced"
) -> dict[str, dict[str, Any]]:
    """What `inspect_all` counted, for "train" and "test" where there are any."""
    return {split: _split(dataset, counts, split, nomenclature) for split in _splits(dataset)}


def _inspect(patch: Patch) -> tuple[AnyArray, list[Problem]]:
    """How often each value of the full nomenclature occurs, and what is wrong with the patch."""
    problems: list[Problem] = []
    counts = np.zeros(HIGHEST + 1, np.int64)
    try:
        read_aerial(patch)
        labels, wrong = read_mask(patch)
        problems += [wrong] if wrong else []
        counts = np.bincount(labels.ravel(), minlength=HIGHEST + 1)
    except SceneError as error:
        problems.append(Problem(patch.name, f"left out ({error})"))
    if not patch.fused:
        return counts, problems
    try:
        around = around_patch(patch, SentinelSettings())
        blocks(around, patch.name)
        if around.all_covered:
            why = "no Sentinel date passes the filter: the clearest stands in"
            problems.append(Problem(patch.name, why))
    except SceneError as error:
        problems.append(Problem(patch.name, f"aerial only ({error})"))
    return counts, problems


def _splits(dataset: Dataset) -> list[str]:
    return [split for split in ("train", "test") if dataset.of(split)]


def _split(
    dataset: Dataset, counts: AnyArray, split: str, nomenclature: Nomenclature
) -> dict[str, Any]:
    chosen = [dataset.patches[i] for i in dataset.of(split)]
    table = counts[list(dataset.of(split))]
    values = np.arange(HIGHEST + 1)
    if nomenclature == "reduced":
        merged = np.zeros_like(table)
        for value, new in zip(values, reduce(values), strict=True):
            merged[:, new] += table[:, value]
        table = merged
    total = int(table[:, 1:].sum())
    # What could not be read has no counts at all, and holds not "0 classes".
    readable = table[table.sum(axis=1) > 0]
    per_patch = (readable[:, 1:] > 0).sum(axis=1) if len(readable) else np.zeros(1, np.int64)
    return {
        "patches": len(chosen),
        "unreadable": len(chosen) - len(readable),
        "fused": sum(patch.fused for patch in chosen),
        "domains": sorted({patch.domain for patch in chosen}),
        "areas": len({patch.place for patch in chosen}),
        "pixels": total,
        "unlabelled": int(table[:, 0].sum()),
        "classes_per_patch": {
            "min": int(per_patch.min()), "max": int(per_patch.max()),
            "mean": round(float(per_patch.mean()), 3),
        },
        "classes": [
            {
                "value": kind.value, "name": kind.name, "colour": kind.colour,
                "pixels": int(table[:, kind.value].sum()),
                "share": float(table[:, kind.value].sum() / total) if total else 0.0,
                "patches": int((table[:, kind.value] > 0).sum()),
            }
            for kind in classes(nomenclature)
        ],
    }  # fmt: skip
