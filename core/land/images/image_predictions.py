"""Scoring of class maps of your own images, from Chipscape or any other program."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import SceneError, SettingsError, TooFewError
from core.land.data.dataset import Dataset, Patch, Problem
from core.land.data.nomenclature import Legend
from core.land.data.patch_reading import read_mask
from core.land.images.class_codes import ClassCodes, Coding, codes_of_values, list_values
from core.land.images.image_set import image_windows
from core.land.images.prediction_pairs import Pair, rasters_by_stem, unpaired_error
from core.raster.label_rasters import read_label_values, read_label_window
from core.raster.pixel_reader import Box
from core.raster.scene import Scene, read_scene
from core.types import AnyArray, BoolArray


@dataclass(frozen=True)
class _Part:
    """A window of a prediction, and its true classes, from 1; 0 without a label."""

    name: str
    group: str
    predicted: AnyArray
    valid: BoolArray
    truth: AnyArray


@dataclass(frozen=True)
class PredictionCounts:
    """The confusion matrices of predictions.

    Attributes
    ----------
    names : tuple of str
        The file names of the predictions that were scored.
    n_windows : int
        Number of windows that have labels.
    groups : tuple of str
        The name of each matrix: that of a group of the imported images, or of a prediction.
    unit : str
        What the matrices belong to: "groups" or "predictions".
    counts : int64 array, (g, n + 1, n + 2)
        Confusion matrix of each group; rows are the truth. The second last column counts
        values that are no class, the last pixels without a value, unless they are skipped.
    n_nodata : int
        Number of labelled pixels without a predicted value.
    coding : {"stored", "numbers"}
    """

    names: tuple[str, ...]
    n_windows: int
    groups: tuple[str, ...]
    unit: str
    counts: AnyArray
    legend: Legend
    n_nodata: int
    coding: Coding
    problems: tuple[Problem, ...]


def judge_images(
    dataset: Dataset, predictions: Path, coding: Coding = "auto", skip_nodata: bool = False
) -> PredictionCounts:
    """Compare predictions with the labels of imported images, polygons included.

    Predictions are rasters with the name and the grid of an image, or of one of its windows. The
    windows of the split "test" are scored, or all windows if there is none. Raises TooFewError if
    no prediction can be scored, and SettingsError if the coding is ambiguous.
    """
    rule = dataset.layout.rule
    assert rule is not None
    stored = () if rule.attribute else tuple(map(float, rule.values))
    codes = ClassCodes(dataset.layout.legend, stored)
    indexes = dataset.split_indexes("test") or dataset.split_indexes("train")
    patches = [dataset.patches[index] for index in indexes]
    by_stem = rasters_by_stem(predictions)
    stems = {patch.image: patch.image.stem for patch in patches}
    problems: list[Problem] = []
    pairs: list[tuple[Patch, Path]] = []
    for patch in patches:
        names = [patch.title, patch.title.rpartition("_")[0]]
        names += [name for name in [patch.image.stem] if [*stems.values()].count(name) == 1]
        path = next((by_stem[name] for name in names if name in by_stem), None)
        if path is None:
            problems.append(Problem(patch.image.name, "it has no prediction"))
        else:
            pairs.append((patch, path))
    if not pairs:
        raise unpaired_error(predictions, by_stem.values(), [*stems.values()])
    unused = set(by_stem.values()) - {path for _, path in pairs}
    problems += [Problem(path.name, "there are no labels of this name") for path in unused]

    def parts() -> Iterator[_Part | Problem]:
        for patch, path in pairs:
            try:
                box, scene = _grid(patch, path)
                predicted, valid = read_label_window(path, box, scene, "predictions")
                truth, _ = read_mask(patch)
            except SceneError as error:
                yield Problem(path.name, f"it was not scored ({error})")
                continue
            yield _Part(path.name, patch.domain, predicted, valid, truth)

    return _count(parts(), codes, coding, skip_nodata, problems, predictions, "groups")


def judge_pairs(
    pairs: Sequence[Pair],
    known: Dataset | None = None,
    coding: Coding = "auto",
    skip_nodata: bool = False,
    problems: Sequence[Problem] = (),
) -> PredictionCounts:
    """Compare predictions with rasters of labels, block by block.

    The classes are the values of the labels. They have the names of the data set `known` if it has
    rasters of labels with these values. Raises TooFewError if no prediction can be scored,
    SettingsError if the coding is ambiguous, and SceneError if a raster of labels cannot be used.
    """
    for pair in pairs:
        if pair.prediction.resolve() == pair.labels.resolve():
            raise SettingsError(
                "this file is both the prediction and its labels",
                where=str(pair.prediction),
                remedy="Choose different files or folders.",
            )
    values = sorted({value for pair in pairs for value in read_label_values(pair.labels).counts})
    codes = codes_of_values(values, known)
    positions = {value: number for number, value in enumerate(codes.stored, start=1)}

    def parts() -> Iterator[_Part | Problem]:
        for prediction, labels in pairs:
            try:
                scene = read_scene(labels)
                for _, _, box in image_windows(scene.width, scene.height, None):
                    predicted, valid = read_label_window(prediction, box, scene, "predictions")
                    stored, has_label = read_label_window(labels, box, scene)
                    distinct, inverse = np.unique(stored, return_inverse=True)
                    numbers = np.array([positions.get(float(value), 0) for value in distinct])
                    truth = np.where(has_label, numbers[inverse].reshape(stored.shape), 0)
                    yield _Part(prediction.name, prediction.name, predicted, valid, truth)
            except SceneError as error:
                yield Problem(prediction.name, f"it was not scored ({error})")

    return _count(
        parts(), codes, coding, skip_nodata, [*problems], pairs[0].prediction.parent, "predictions"
    )


def _grid(patch: Patch, path: Path) -> tuple[Box, Scene]:
    """Return where a prediction has the pixels of a window, and the grid that it must have."""
    scene = read_scene(patch.image)
    assert patch.window is not None
    if path.stem == patch.title:
        height, width = patch.shape
        single = read_scene(path)
        if (single.height, single.width) == (height, width) != (scene.height, scene.width):
            return (0, 0, width, height), single
    return patch.window, scene


def _count(
    parts: Iterator[_Part | Problem],
    codes: ClassCodes,
    coding: Coding,
    skip_nodata: bool,
    problems: list[Problem],
    where: Path,
    unit: str,
) -> PredictionCounts:
    """Count the confusion of each group, after the values of all predictions are known."""
    size = len(codes.legend.classes) + 1
    # Pixels of each true class by group and predicted value; None stands for no value.
    tallies: dict[str, dict[float | None, AnyArray]] = {}
    names: dict[str, None] = {}
    n_windows = 0
    for part in parts:
        if isinstance(part, Problem):
            problems.append(part)
            continue
        names[part.name] = None
        n_windows += bool(part.truth.any())
        tally = tallies.setdefault(part.group, {})
        for value, counts in _tally(part, size):
            tally[value] = tally.get(value, 0) + counts
    if not any(counts[1:].any() for tally in tallies.values() for counts in tally.values()):
        raise TooFewError(
            "no pixel of any prediction could be scored",
            where=str(where),
            remedy="; ".join(dict.fromkeys(map(str, problems[:3]))) or "Check the labels.",
        )
    values = {value for tally in tallies.values() for value in tally if value is not None}
    chosen = codes.choose(values, coding)
    known = codes.stored if chosen == "stored" else codes.numbers
    columns = {value: position for position, value in enumerate(known)}
    counts = np.zeros((len(tallies), size, size + 1), np.int64)
    n_nodata, n_unknown = 0, 0
    for matrix, tally in zip(counts, tallies.values(), strict=True):
        for value, pixels in tally.items():
            if value is None:
                n_nodata += int(pixels[1:].sum())
                matrix[:-1, -1] += 0 if skip_nodata else pixels[1:]
            else:
                n_unknown += 0 if value in columns else int(pixels[1:].sum())
                matrix[:-1, columns.get(value, size - 1)] += pixels[1:]
    if n_unknown:
        strange = list_values(values - set(columns))
        reason = (
            f"{n_unknown:,} pixels have values that are not classes ({strange}); they are errors"
        )
        problems.append(Problem(where.name, reason))
    if n_nodata:
        effect = "were not scored" if skip_nodata else "count as errors"
        problems.append(Problem(where.name, f"{n_nodata:,} pixels have no value, and {effect}"))
    return PredictionCounts(
        tuple(names),
        n_windows,
        tuple(tallies),
        unit,
        counts,
        codes.legend,
        n_nodata,
        chosen,
        tuple(dict.fromkeys(problems)),
    )


def _tally(part: _Part, size: int) -> Iterator[tuple[float | None, AnyArray]]:
    """Yield each predicted value with the numbers of pixels by true class; None for no value."""
    if not part.valid.all():
        yield None, np.bincount(part.truth[~part.valid], minlength=size)
    truth, predicted = part.truth[part.valid], part.predicted[part.valid]
    for value in np.unique(predicted[truth > 0]):
        yield float(value), np.bincount(truth[predicted == value], minlength=size)
