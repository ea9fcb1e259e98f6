"""Prediction rasters of whatever origin, judged against masks as the FLAIR challenge does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio

from core.errors import SceneError, SettingsError, TooFewError
from core.flair.data.dataset import Dataset, Patch, Problem
from core.flair.data.nomenclature import HIGHEST, OTHER, reduce
from core.flair.data.pixel_table import UNLABELLED
from core.flair.evaluation.confusion import N_CLASSES
from core.raster.scene import open_scene
from core.types import AnyArray, ByteArray

First = Literal["auto", "0", "1"]
_NUMBER = re.compile(r"(\d+)$")
_VALUES = 256


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
        Missing, surplus and unusable files by name, and pixels that were left out.
    unjudged : int
        Labelled pixels of the counted patches whose prediction is its file's nodata.
    assumed : str
        What `first` "auto" made of a 0; empty where there was none.
    """

    names: tuple[str, ...]
    numbers: tuple[str, ...]
    counts: AnyArray
    first: int
    problems: tuple[Problem, ...]
    unjudged: int = 0
    assumed: str = ""


@dataclass(frozen=True)
class _Pair:
    """What is kept of a prediction and its mask: int64 (13, 20), truth by value as stored."""

    name: str
    number: str
    values: AnyArray
    unjudged: int
    nodata: int | None


def judge_rasters(
    predictions: Path, masks: Mapping[str, Path], first: First = "auto"
) -> RasterCounts:
    """Count a folder of predictions against masks; files are paired by number, read one by one.

    A pixel that holds its file's declared nodata is not judged, but for a 0 where `first` is "0".

    Parameters
    ----------
    predictions : Path
        GeoTIFFs whose names end in the patch's number.
    masks : mapping of number to file
    first : {"auto", "0", "1"}
        The value of class 1 (building). "auto": 0 where any prediction holds a 0 that is not its
        nodata.

    Raises
    ------
    TooFewError
        If nothing can be paired, or nothing of it judged.
    SettingsError
        If "auto" finds both a 0 and values of 13 or more, which may mean either.
    """
    found, problems = by_number(predictions)
    problems += [
        Problem(masks[n].name, "has no prediction") for n in sorted(masks) if n not in found
    ]
    pairs: list[_Pair] = []
    for number, path in found.items():
        if number not in masks:
            problems.append(Problem(path.name, "has no mask"))
            continue
        try:
            pair, told = _paired(number, path, masks[number], first)
        except SceneError as error:
            problems.append(Problem(path.name, f"not judged: {error}"))
            continue
        problems += told
        pairs.append(pair)
    if not pairs and not any("not judged" in problem.why for problem in problems):
        raise TooFewError(
            "no prediction could be paired with a mask",
            where=str(predictions),
            remedy="Names must end in the patch's number, such as PRED_000001.tif.",
        )
    zero = _zero_based(pairs) if first == "auto" else first == "0"
    counted: list[_Pair] = []
    counts: list[AnyArray] = []
    for pair in pairs:
        try:
            counts.append(_classes(pair, zero))
        except SceneError as error:
            problems.append(Problem(pair.name, f"not judged: {error}"))
            continue
        counted.append(pair)
        if pair.unjudged:
            why = f"{pair.unjudged:,} pixels hold {pair.nodata}, its nodata: not judged"
            problems.append(Problem(pair.name, why))
    if not counted:
        reasons = [str(problem) for problem in problems if "not judged" in problem.why]
        raise TooFewError(
            "no prediction could be judged", where=str(predictions), remedy="; ".join(reasons[:3])
        )
    return RasterCounts(
        tuple(pair.name for pair in counted),
        tuple(pair.number for pair in counted),
        np.array(counts, np.int64),
        0 if zero else 1,
        tuple(problems),
        sum(pair.unjudged for pair in counted),
        _assumed(counted, zero) if first == "auto" else "",
    )


def _paired(number: str, path: Path, mask: Path, first: First) -> tuple[_Pair, list[Problem]]:
    """Counts of a prediction's values by true class; pixels without a class are left out."""
    said, nodata = _read(path)
    true, _ = _read(mask)
    if said.shape != true.shape:
        raise SceneError(f"is {said.shape}, its mask {true.shape}", where=path.name)
    wrong = (true == UNLABELLED) | (true > HIGHEST)
    told = []
    if wrong.any():
        why = f"{int(wrong.sum()):,} pixels hold values that are no class: left out"
        told.append(Problem(mask.name, why))
    truth = np.where(wrong, UNLABELLED, reduce(true)).astype(np.int64)
    cells = np.bincount((truth * _VALUES + said).ravel(), minlength=(N_CLASSES + 1) * _VALUES)
    values = cells.reshape(N_CLASSES + 1, _VALUES)[1:]
    unjudged = 0
    if nodata is not None and not (nodata == 0 and first == "0"):
        unjudged = int(values[:, nodata].sum())
        values[:, nodata] = 0
    above = np.flatnonzero(values[:, HIGHEST + 1 :].any(axis=0))
    if above.size:
        raise _no_class(int(above[0]) + HIGHEST + 1)
    return _Pair(path.name, number, values[:, : HIGHEST + 1].copy(), unjudged, nodata), told


def _zero_based(pairs: list[_Pair]) -> bool:
    """True if 0 stands for class 1."""
    zeros = [pair.name for pair in pairs if pair.values[:, 0].any()]
    high = [pair.name for pair in pairs if pair.values[:, OTHER:].any()]
    if zeros and high:
        raise SettingsError(
            f"the predictions hold both 0 ({zeros[0]}) and values of {OTHER} or more ({high[0]}), "
            "so the value of class 1 cannot be told from them",
            where="--first",
            remedy="Say --first 0 if 0 is building, --first 1 if building is 1 and 0 is no class.",
        )
    return bool(zeros)


def _assumed(pairs: list[_Pair], zero: bool) -> str:
    """What "auto" took for granted of a 0, which only the user can know."""
    if zero:
        n = sum(int(pair.values[:, 0].sum()) for pair in pairs)
        n_files = sum(bool(pair.values[:, 0].any()) for pair in pairs)
        return (
            f"{n:,} pixels of {n_files} of {len(pairs)} predictions hold 0, which is read as class "
            "1 (building), 1 as class 2 and so on; if 0 is no class, say --first 1"
        )
    if any(pair.unjudged and pair.nodata == 0 for pair in pairs):
        return "0 is declared nodata and not judged; if 0 is class 1 (building), say --first 0"
    return ""


def _classes(pair: _Pair, zero: bool) -> AnyArray:
    """Counts by class, int64 (13, 13); values above 12 are "other", as in the masks."""
    impossible = HIGHEST if zero else 0
    if pair.values[:, impossible].any():
        raise _no_class(HIGHEST + 1 if zero else 0)
    values = pair.values[:, :HIGHEST] if zero else pair.values[:, 1:]
    last = values[:, N_CLASSES - 1 :].sum(axis=1, keepdims=True)
    return np.concatenate([values[:, : N_CLASSES - 1], last], axis=1)


def _no_class(value: int) -> SceneError:
    return SceneError(
        f"the prediction holds class {value}",
        where="confusion",
        remedy=f"Classes are 1 to {HIGHEST}, or 0 to {HIGHEST - 1} with --first 0.",
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
    return {patch.number: patch.mask for patch in _judged(dataset)}


def areas_of(dataset: Dataset) -> dict[str, str]:
    """The areas of the patches whose masks `masks_of` gives, by number."""
    return {patch.number: patch.place for patch in _judged(dataset)}


def _judged(dataset: Dataset) -> list[Patch]:
    split = "test" if dataset.of("test") else "train"
    return [dataset.patches[index] for index in dataset.of(split)]


def read_classes(path: Path) -> ByteArray:
    """One band of classes, uint8 (h, w).

    Raises
    ------
    SceneError
        If the file cannot be read, or is of another kind.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[ByteArray, int | None]:
    """The classes, and the value that the file declares as nodata."""
    with open_scene(path) as source:
        if source.count != 1 or source.dtypes[0] != "uint8":
            raise SceneError(
                f"has {source.count} bands of {source.dtypes[0]}, not one of uint8", where=path.name
            )
        try:
            values: ByteArray = source.read(1)
        except (rasterio.errors.RasterioError, OSError) as error:
            raise SceneError("opens but cannot be read", where=path.name) from error
        empty = source.nodata
    # GDAL gives nodata as a float; one that no byte can hold marks nothing.
    known = empty is not None and float(empty).is_integer() and 0 <= empty < _VALUES
    return values, int(empty) if known else None
