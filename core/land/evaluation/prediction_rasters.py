"""Scoring of prediction rasters from any source against masks, as in the FLAIR challenge."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import SceneError, SettingsError, TooFewError
from core.land.data.dataset import Problem
from core.land.data.nomenclature import FLAIR, hub_values
from core.land.data.pixel_table import UNLABELLED
from core.land.evaluation.prediction_files import is_hub_mask, rasters_by_number
from core.land.evaluation.scorers import fold_classes
from core.raster.byte_rasters import read_byte_raster
from core.types import AnyArray, ByteArray

First = Literal["auto", "0", "1"]
_N_VALUES = 256
_HIGHEST, _OTHER, _N_SCORED = len(FLAIR.classes), FLAIR.other, FLAIR.n_scored


@dataclass(frozen=True)
class RasterCounts:
    """The confusion matrices of a folder of predictions.

    Attributes
    ----------
    names : tuple of str
        File names of the predictions that were scored.
    numbers : tuple of str
        Patch numbers of these predictions.
    full_counts : int64 array, (p, 19, 20)
        Confusion matrix of each prediction in FLAIR's full nomenclature; rows are the truth. The
        last column counts the pixels that hold the nodata value, unless they are skipped.
    first : int
        The value of class 1: 0 as FLAIR's reference code writes it, or 1 as in the masks.
    problems : tuple of Problem
        Missing, superfluous and unusable files by name, and pixels that were left out.
    n_nodata : int
        Number of labelled pixels whose predicted value is the nodata value of its file.
    assumption : str
        How "auto" interpreted the value 0; empty if nothing was assumed.
    is_hub : bool
        True if the masks are those of FLAIR-HUB, whose values are in another order.
    """

    names: tuple[str, ...]
    numbers: tuple[str, ...]
    full_counts: AnyArray
    first: int
    problems: tuple[Problem, ...]
    n_nodata: int = 0
    assumption: str = ""
    is_hub: bool = False

    @property
    def counts(self) -> AnyArray:
        """The matrices in FLAIR's reduced nomenclature, (p, 13, 14)."""
        return fold_classes(self.full_counts, _N_SCORED)

    def nomenclature_note(self, scorer: str) -> str:
        """Warn if FLAIR-HUB's scorer is used with predictions of FLAIR's reduced nomenclature."""
        predicted = self.full_counts.sum(axis=(0, 1))[:_HIGHEST]
        if (
            scorer == "flair"
            or self.is_hub
            or predicted[_OTHER:].any()
            or not predicted[_OTHER - 1]
        ):
            return ""
        return (
            "No prediction has a value above 13, which FLAIR-HUB's scorer reads as swimming pool; "
            "it needs predictions in the full nomenclature"
        )


@dataclass(frozen=True)
class _ValueCounts:
    """Labelled pixels of a prediction by true class and stored value, int64 (19, 20).

    Those with the nodata value are counted apart, in `n_nodata`, int64 (19,).
    """

    name: str
    number: str
    counts: AnyArray
    n_nodata: AnyArray
    nodata: int | None


def judge_rasters(
    predictions: Path, masks: Mapping[str, Path], first: First = "auto", skip_nodata: bool = False
) -> RasterCounts:
    """Compare the predictions in a folder with masks; files are paired by patch number.

    Pixels with the declared nodata value of their file are errors, but the value 0 is a class if
    `first` is "0". Only one pair of files is in memory at a time.

    Parameters
    ----------
    predictions : Path
        Folder of GeoTIFFs whose names end in the number of the patch.
    first : {"auto", "0", "1"}
        The value of class 1 (building). "auto": 0 if any prediction contains a 0 that is not its
        nodata value, else 1.
    skip_nodata : bool
        Leave out pixels with the nodata value. Predictions can omit difficult pixels in this way,
        so the scores are not comparable with those of complete predictions.

    Raises
    ------
    TooFewError
        If no prediction can be paired or scored, or none of the classes 1 to 12 occurs.
    SettingsError
        If "auto" finds both 0 and values of 13 or more, which is ambiguous, or if a prediction and
        its mask are the same file.
    """
    rasters, problems = rasters_by_number(predictions, "predictions")
    is_hub = any(is_hub_mask(mask) for mask in masks.values())
    # The masks and the predictions of FLAIR-HUB start at 0.
    first = "0" if is_hub else first
    problems += [
        Problem(masks[n].name, "it has no prediction") for n in sorted(masks) if n not in rasters
    ]
    refused: list[Problem] = []
    counted: list[_ValueCounts] = []
    for number, path in rasters.items():
        if number not in masks:
            problems.append(Problem(path.name, "it has no mask"))
            continue
        try:
            values, mask_problems = _count_values(number, path, masks[number], first)
        except SceneError as error:
            refused.append(Problem(path.name, f"it was not scored ({error})"))
            problems.append(refused[-1])
            continue
        problems += mask_problems
        counted.append(values)
    if not counted and not refused:
        raise TooFewError(
            "no prediction could be paired with a mask",
            where=str(predictions),
            remedy="Names must end in the number of the patch, such as PRED_000001.tif.",
        )
    zero_based = _is_zero_based(counted) if first == "auto" else first == "0"
    scored: list[_ValueCounts] = []
    matrices: list[AnyArray] = []
    for values in counted:
        try:
            matrices.append(_confusion(values, zero_based, skip_nodata))
        except SceneError as error:
            refused.append(Problem(values.name, f"it was not scored ({error})"))
            problems.append(refused[-1])
            continue
        scored.append(values)
        if n_nodata := int(values.n_nodata.sum()):
            effect = "were not scored" if skip_nodata else "count as errors"
            reason = f"{n_nodata:,} pixels hold {values.nodata}, its nodata value, and {effect}"
            problems.append(Problem(values.name, reason))
    _require_scored(matrices, refused, predictions)
    return RasterCounts(
        tuple(values.name for values in scored),
        tuple(values.number for values in scored),
        np.array(matrices, np.int64),
        0 if zero_based else 1,
        tuple(problems),
        sum(int(values.n_nodata.sum()) for values in scored),
        _describe_assumption(scored, zero_based) if first == "auto" else "",
        is_hub,
    )


def _require_scored(matrices: list[AnyArray], refused: list[Problem], predictions: Path) -> None:
    """Raise TooFewError if there is nothing that the mIoU could be computed from."""
    if not matrices:
        raise TooFewError(
            "no prediction could be scored",
            where=str(predictions),
            remedy="; ".join(str(problem) for problem in refused[:3]),
        )
    if not any(m[:_N_SCORED].any() or m[:, :_N_SCORED].any() for m in matrices):
        raise TooFewError(
            "there is no pixel to score: none of the classes 1 to 12 occurs where the masks have "
            "labels",
            where=str(predictions),
            remedy="Check that --masks contains labels, not empty or different rasters.",
        )


def _count_values(
    number: str, path: Path, mask: Path, first: First
) -> tuple[_ValueCounts, list[Problem]]:
    """Count the values of a prediction by true class; pixels without a class are left out."""
    if path.resolve() == mask.resolve():
        raise SettingsError(
            "this file is both the prediction and its mask",
            where=str(path),
            remedy="Choose different folders with --predictions and --masks.",
        )
    predicted, nodata = _read_classes(path)
    truth, _ = _read_classes(mask)
    has_nodata = nodata is not None and not (nodata == 0 and first == "0")
    if is_hub_mask(mask):
        # Stored values in FLAIR's order, still from 0; all above 18 stay as they are.
        order = np.arange(_N_VALUES, dtype=np.uint8)
        order[:_HIGHEST] = hub_values(FLAIR)[:_HIGHEST] - 1
        predicted, truth = order[predicted], order[truth] + np.uint8(1)
        nodata = None if nodata is None else int(order[nodata])
    if predicted.shape != truth.shape:
        raise SceneError(
            f"the prediction has shape {predicted.shape}, its mask {truth.shape}", where=path.name
        )
    invalid = (truth == UNLABELLED) | (truth > _HIGHEST)
    problems = []
    if invalid.any():
        reason = f"{int(invalid.sum()):,} pixels have values that are not classes and are left out"
        problems.append(Problem(mask.name, reason))
    classes = np.where(invalid, UNLABELLED, truth).astype(np.int64)
    cells = (classes * _N_VALUES + predicted).ravel()
    counts = np.bincount(cells, minlength=(_HIGHEST + 1) * _N_VALUES)
    counts = counts.reshape(_HIGHEST + 1, _N_VALUES)[1:]
    n_nodata = np.zeros(_HIGHEST, np.int64)
    if has_nodata:
        n_nodata = counts[:, nodata].copy()
        counts[:, nodata] = 0
    above = np.flatnonzero(counts[:, _HIGHEST + 1 :].any(axis=0))
    if above.size:
        raise _class_error(int(above[0]) + _HIGHEST + 1)
    counts = counts[:, : _HIGHEST + 1].copy()
    return _ValueCounts(path.name, number, counts, n_nodata, nodata), problems


def _is_zero_based(predictions: list[_ValueCounts]) -> bool:
    """Return True if the value 0 stands for class 1."""
    zeros = [values.name for values in predictions if values.counts[:, 0].any()]
    high = [values.name for values in predictions if values.counts[:, _OTHER:].any()]
    if zeros and high:
        raise SettingsError(
            f"the predictions contain both 0 ({zeros[0]}) and values of {_OTHER} or more "
            f"({high[0]}), so the value of class 1 is ambiguous",
            where="--first",
            remedy="Use --first 0 if building is 0, or --first 1 if building is 1 and 0 means no "
            "class.",
        )
    return bool(zeros)


def _describe_assumption(predictions: list[_ValueCounts], zero_based: bool) -> str:
    """Describe how "auto" interpreted the value 0, so that the user can correct it."""
    if zero_based:
        n_zeros = [int(values.counts[:, 0].sum()) for values in predictions]
        return (
            f"{sum(n_zeros):,} pixels of {np.count_nonzero(n_zeros)} of {len(predictions)} "
            "predictions have the value 0, which is read as class 1 (building); 1 is read as "
            "class 2, and so on. If 0 means no class, use --first 1"
        )
    if any(values.n_nodata.any() and values.nodata == 0 for values in predictions):
        return (
            "0 is the declared nodata value and is no class; if 0 means class 1 (building), "
            "use --first 0"
        )
    return ""


def _confusion(values: _ValueCounts, zero_based: bool, skip_nodata: bool) -> AnyArray:
    """Return the confusion matrix in the full nomenclature, int64 (19, 20)."""
    if values.counts[:, _HIGHEST if zero_based else 0].any():
        raise _class_error(_HIGHEST + 1 if zero_based else 0)
    counts = values.counts[:, :_HIGHEST] if zero_based else values.counts[:, 1:]
    unclassified = np.zeros_like(values.n_nodata) if skip_nodata else values.n_nodata
    return np.column_stack([counts, unclassified])


def _class_error(value: int) -> SceneError:
    return SceneError(
        f"the prediction contains class {value}",
        where="confusion",
        remedy=f"Classes are 1 to {_HIGHEST}, or 0 to {_HIGHEST - 1} with --first 0.",
    )


def _read_classes(path: Path) -> tuple[ByteArray, int | None]:
    """Read the classes of a raster, uint8 (h, w), and its declared nodata value."""
    values, nodata = read_byte_raster(path, 1)
    # GDAL returns nodata as a float; a value that does not fit into a byte marks no pixel.
    if nodata is None or not float(nodata).is_integer() or not 0 <= nodata < _N_VALUES:
        return values[0], None
    return values[0], int(nodata)
