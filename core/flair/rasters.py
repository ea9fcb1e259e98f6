"""Prediction rasters of whatever origin, judged against masks as the FLAIR challenge does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio

from core.errors import SceneError, TooFewError
from core.flair.confusion import N_CLASSES, count
from core.flair.dataset import Dataset, Problem
from core.flair.nomenclature import HIGHEST, OTHER, reduce
from core.raster.scene import open_scene
from core.types import AnyArray, ByteArray

First = Literal["auto", "0", "1"]
_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True)
class RasterCounts:
    """What came of a folder of predictions.

    Attributes
    ----------
    names : tuple of str
        Predictions that were counted.
    numbers : tuple of str
        Their patches.
    counts : int64 array, (p, 13, 13)
        Rows the truth.
    first : int
        The value that stood for class 1: 0 as FLAIR's own code writes it, or 1 as in the masks.
    problems : tuple of Problem
        Missing, surplus and unusable files by name.
    """

    names: tuple[str, ...]
    numbers: tuple[str, ...]
    counts: AnyArray
    first: int
    problems: tuple[Problem, ...]


def judge_rasters(
    predictions: Path, masks: Mapping[str, Path], first: First = "auto"
) -> RasterCounts:
    """Count a folder of predictions against masks; files are paired by number.

    Parameters
    ----------
    predictions : Path
        GeoTIFFs whose names end in the patch's number.
    masks : mapping of number to file
    first : {"auto", "0", "1"}
        The value of class 1 (building). "auto": 0 where any prediction holds a 0.

    Raises
    ------
    TooFewError
        If nothing can be paired.
    """
    found, problems = by_number(predictions)
    problems += [
        Problem(masks[n].name, "has no prediction") for n in sorted(masks) if n not in found
    ]
    rasters: dict[str, ByteArray] = {}
    truths: dict[str, ByteArray] = {}
    for number, path in found.items():
        if number not in masks:
            problems.append(Problem(path.name, "has no mask"))
            continue
        try:
            said, true = read_classes(path), read_classes(masks[number])
            if said.shape != true.shape:
                raise SceneError(f"is {said.shape}, its mask {true.shape}", where=path.name)
        except SceneError as error:
            problems.append(Problem(path.name, f"not judged: {error}"))
            continue
        rasters[number], truths[number] = said, true
    if not rasters:
        raise TooFewError(
            "no prediction could be paired with a mask",
            where=str(predictions),
            remedy="Names must end in the patch's number, such as PRED_000001.tif.",
        )
    zero = any((said == 0).any() for said in rasters.values()) if first == "auto" else first == "0"
    counts = []
    for number in list(rasters):
        classes = rasters[number].astype(np.int16) + int(zero)
        # Values above 12 are "other", as in the masks; above the nomenclature they are an error.
        classes[(classes > OTHER) & (classes <= HIGHEST)] = OTHER
        try:
            counts.append(count(reduce(truths[number]), classes))
        except SceneError as error:
            problems.append(Problem(found[number].name, f"not judged: {error}"))
            del rasters[number]
    return RasterCounts(
        tuple(found[number].name for number in rasters),
        tuple(rasters),
        np.array(counts, np.int64).reshape(-1, N_CLASSES, N_CLASSES),
        0 if zero else 1,
        tuple(problems),
    )


def by_number(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    """GeoTIFFs of a folder and its subfolders by the number that ends their name.

    Raises
    ------
    TooFewError
        If there is none.
    """
    found: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.rglob("*.tif*")):
        match = _NUMBER.search(path.stem)
        if not match:
            problems.append(Problem(path.name, "its name ends in no number: not used"))
        elif match[1].zfill(6) in found:
            problems.append(Problem(path.name, "its number stands twice: not used"))
        else:
            found[match[1].zfill(6)] = path
    if not found:
        raise TooFewError(
            "holds no GeoTIFF whose name ends in a number",
            where=str(folder),
            remedy="Name a folder of files such as PRED_000001.tif.",
        )
    return dict(sorted(found.items())), problems


def masks_of(dataset: Dataset) -> dict[str, Path]:
    """The masks of a data set by number; those of the test patches where there are any."""
    split = "test" if dataset.of("test") else "train"
    chosen = [dataset.patches[index] for index in dataset.of(split)]
    return {patch.number: patch.mask for patch in chosen}


def read_classes(path: Path) -> ByteArray:
    """One band of classes, uint8 (h, w).

    Raises
    ------
    SceneError
        If the file cannot be read, or is of another kind.
    """
    with open_scene(path) as source:
        if source.count != 1 or source.dtypes[0] != "uint8":
            raise SceneError(
                f"has {source.count} bands of {source.dtypes[0]}, not one of uint8", where=path.name
            )
        try:
            values: ByteArray = source.read(1)
        except (rasterio.errors.RasterioError, OSError) as error:
            raise SceneError("opens but cannot be read", where=path.name) from error
    return values
