"""Prediction and evaluation patch by patch, so that memory stays bounded; class maps as GeoTIFF."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.artifacts.formats import write_atomically
from core.compute.work_streams import read_ahead
from core.errors import SceneError
from core.land.data.dataset import Dataset, Patch, Problem
from core.land.data.nomenclature import ATTRIBUTION, Legend
from core.land.data.patch_reading import RequiredData, read_patch
from core.land.data.pixel_table import PixelTable
from core.land.data.window_reading import read_window
from core.land.evaluation.confusion import count_confusion
from core.land.evaluation.small_objects import recall_small_objects
from core.land.models.cluster_names import count_cluster_classes
from core.land.models.features import FeatureSpec, Scaler, build_features, context_groups
from core.land.models.predictors import Predictor
from core.land.models.regularisation import UNSMOOTHED, RegularisationSettings, regularise_classes
from core.progress import Progress, report_step, silent
from core.raster.byte_rasters import write_palette_raster
from core.types import AnyArray, ByteArray


@dataclass(frozen=True)
class JudgedPatches:
    """The evaluation of several patches.

    Attributes
    ----------
    patches : tuple of int
        Indexes of the predicted patches in the data set.
    counts : int64 array, (p, n, n)
        Confusion matrix of each patch; rows are the truth.
    by_cluster : int64 array, (c, m)
        Number of predicted pixels by cluster and true class; (0, m) without clusters.
    problems : tuple of Problem
        Patches that were left out, with the reason, and problems with predicted patches.
    unsmoothed : int64 array, (p, n, n)
        `counts` before the regularisation; without one, (0, n, n).
    small_objects : int64 array, (p, 3)
        Small objects of each patch: their number, and those found before and after the
        regularisation; without one, (0, 3).
    filled_months : tuple of int
        As in a pixel table, over the predicted patches.
    """

    patches: tuple[int, ...]
    counts: AnyArray
    by_cluster: AnyArray
    problems: tuple[Problem, ...]
    unsmoothed: AnyArray
    small_objects: AnyArray
    filled_months: tuple[int, int] = (0, 0)


def required_data(spec: FeatureSpec, base: RequiredData) -> RequiredData:
    """Return the data that features need, with the nomenclature, dates and tokens of `base`."""
    needs = replace(base, sentinel=spec.fusion, context=context_groups(spec))
    if not spec.fusion:
        return needs
    return replace(needs, season=spec.season, interpolation=spec.interpolation)


def judge_patches(
    model: Predictor,
    dataset: Dataset,
    patches: Sequence[int],
    spec: FeatureSpec,
    scaler: Scaler | None,
    *,
    n_clusters: int = 0,
    needs: RequiredData | None = None,
    regularisation: RegularisationSettings = UNSMOOTHED,
    maps: Path | None = None,
    about: str = ATTRIBUTION,
    report: Progress = silent,
) -> JudgedPatches:
    """Predict every pixel of several patches, one patch at a time, and count the confusion.

    A patch that cannot be used is left out and reported as a problem.

    Parameters
    ----------
    scaler : Scaler or None
        Fitted to the training pixels.
    n_clusters : int
        Number of clusters of the model, or 0.
    needs : RequiredData, optional
        Its dates, nomenclature and tokens are used.
    regularisation : RegularisationSettings
        Applied to the classes of each patch, before they are counted and written; clusters are
        counted as predicted.
    maps : Path, optional
        Folder to write class maps into; `about` is the credit in their copyright tags.
    """
    needs = required_data(spec, needs or RequiredData())
    legend = dataset.layout.legend
    n_classes, n_named = legend.other, legend.highest
    predicted, counts, problems = [], [], []
    unsmoothed, small_objects = [], []
    months = np.zeros(2, np.int64)
    by_cluster = np.zeros((n_clusters, n_named + 1), np.int64)
    tables = read_ahead(lambda index: read_patch(dataset, index, needs), patches)
    for step, (index, reading) in enumerate(zip(patches, tables, strict=True), start=1):
        patch = dataset.patches[index]
        try:
            table = reading.result()
        except SceneError as error:
            problems.append(Problem(patch.name, f"it was not predicted ({error})"))
            continue
        problems += table.problems
        months += table.filled_months
        prediction = model.predict(build_features(table, spec, scaler), int(patch.number))
        classes = prediction.classes
        if regularisation.changes_classes:
            classes = regularise_patch(table, prediction.classes, patch, regularisation)
            unsmoothed.append(count_confusion(table.labels, prediction.classes, n_classes))
            maps_compared = (prediction.classes, classes)
            small_objects.append(_compare_small_objects(table, maps_compared, patch, n_classes))
        counts.append(count_confusion(table.labels, classes, n_classes))
        if prediction.clusters is not None:
            by_cluster += count_cluster_classes(
                prediction.clusters, table.labels, n_clusters, n_named
            )
        if maps is not None:
            valid = _valid_classes(classes, patch)
            write_class_map(maps / f"{patch.name}.tif", valid, patch, about)
        predicted.append(index)
        report_step(report, step, len(patches), patch.name)
    stacked, stacked_before = (
        np.array(matrices, np.int64).reshape(-1, n_classes, n_classes)
        for matrices in (counts, unsmoothed)
    )
    objects = np.array(small_objects, np.int64).reshape(-1, 3)
    return JudgedPatches(
        tuple(predicted),
        stacked,
        by_cluster,
        tuple(problems),
        stacked_before,
        objects,
        (int(months[0]), int(months[1])),
    )


def regularise_patch(
    table: PixelTable, classes: ByteArray, patch: Patch, settings: RegularisationSettings
) -> ByteArray:
    """Smooth the predicted classes of all pixels of a patch, uint8 (n,); see `read_patch`."""
    bands = np.ascontiguousarray(table.aerial.T).reshape(-1, *patch.shape)
    return regularise_classes(classes.reshape(patch.shape), bands, settings).ravel()


def _valid_classes(classes: ByteArray, patch: Patch) -> ByteArray:
    """Return classes, (n,), with 0 where the pixels of a window are masked."""
    if patch.window is None:
        return classes
    return np.where(read_window(patch).mask.ravel(), np.uint8(0), classes)


def _compare_small_objects(
    table: PixelTable, class_maps: tuple[ByteArray, ByteArray], patch: Patch, n_classes: int
) -> tuple[int, int, int]:
    """Return the number of small objects, and how many of them each of two class maps finds."""
    truth = table.labels.reshape(patch.shape)
    before, after = (
        recall_small_objects(truth, classes.reshape(patch.shape), n_classes - 1)
        for classes in class_maps
    )
    return before.n_objects, before.n_found, after.n_found


def write_class_map(
    path: Path,
    classes: ByteArray,
    patch: Patch,
    about: str = ATTRIBUTION,
    legend: Legend | None = None,
) -> None:
    """Write the classes of a patch, 0 for no class, as a GeoTIFF in the colours of the classes.

    The classes, of the reduced nomenclature, are uint8 (h, w) or flat; `legend` contains them, by
    default that of the patch. CRS and transform are those of the patch's image; `about` is the
    credit in the copyright tags.
    """
    values, palette = classes.reshape(patch.shape), (legend or patch.layout.legend).palette()
    corner = patch.window[:2] if patch.window else (0, 0)
    # A data set has thousands of patches, and their maps can be written again.
    write_atomically(
        path,
        lambda part: write_palette_raster(part, values, palette, patch.image, about, corner),
        durable=False,
    )
