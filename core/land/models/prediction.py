"""Prediction and evaluation patch by patch, so that memory stays bounded; class maps as GeoTIFF."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.artifacts.formats import write_atomically
from core.errors import SceneError
from core.land.data.dataset import Dataset, Problem
from core.land.data.nomenclature import ATTRIBUTION, class_palette
from core.land.data.patch_reading import RequiredData, read_patch
from core.land.data.pixel_table import SIDE
from core.land.evaluation.confusion import N_CLASSES, count_confusion
from core.land.models.cluster_names import count_cluster_classes
from core.land.models.features import FeatureSpec, Scaler, build_features, context_groups
from core.land.models.predictors import Predictor
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
    counts : int64 array, (p, 13, 13)
        Confusion matrix of each patch; rows are the truth.
    by_cluster : int64 array, (c, 20)
        Number of predicted pixels by cluster and true class; (0, 20) without clusters.
    problems : tuple of Problem
        Patches that were left out, with the reason, and problems with predicted patches.
    """

    patches: tuple[int, ...]
    counts: AnyArray
    by_cluster: AnyArray
    problems: tuple[Problem, ...]


def required_data(spec: FeatureSpec, base: RequiredData) -> RequiredData:
    """Return the data that features need, with the nomenclature and the date filter of `base`."""
    return RequiredData(spec.fusion, context_groups(spec), base.nomenclature, base.dates)


def judge_patches(
    model: Predictor,
    dataset: Dataset,
    patches: Sequence[int],
    spec: FeatureSpec,
    scaler: Scaler | None,
    *,
    n_clusters: int = 0,
    needs: RequiredData | None = None,
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
        Only its dates and nomenclature are used.
    maps : Path, optional
        Folder to write class maps into; `about` is the credit in their copyright tags.
    """
    needs = required_data(spec, needs or RequiredData())
    predicted, counts, problems = [], [], []
    by_cluster = count_cluster_classes(np.zeros(0, np.int32), np.zeros(0, np.uint8), n_clusters)
    for step, index in enumerate(patches, start=1):
        patch = dataset.patches[index]
        try:
            table = read_patch(dataset, index, needs)
        except SceneError as error:
            problems.append(Problem(patch.name, f"it was not predicted ({error})"))
            continue
        problems += table.problems
        prediction = model.predict(build_features(table, spec, scaler), int(patch.number))
        counts.append(count_confusion(table.labels, prediction.classes))
        if prediction.clusters is not None:
            by_cluster += count_cluster_classes(prediction.clusters, table.labels, n_clusters)
        if maps is not None:
            write_class_map(maps / f"{patch.name}.tif", prediction.classes, patch.image, about)
        predicted.append(index)
        report_step(report, step, len(patches), patch.name)
    stacked = np.array(counts, np.int64).reshape(-1, N_CLASSES, N_CLASSES)
    return JudgedPatches(tuple(predicted), stacked, by_cluster, tuple(problems))


def write_class_map(path: Path, classes: ByteArray, like: Path, about: str = ATTRIBUTION) -> None:
    """Write the classes of a patch, 1 to 13 or 0 for no class, as a GeoTIFF in FLAIR's colours.

    The classes are uint8 (512, 512) or flat. CRS and transform are those of `like`, the patch's
    image; `about` is the credit in the copyright tags.
    """
    square, palette = classes.reshape(SIDE, SIDE), class_palette("reduced")
    # A data set has thousands of patches, and their maps can be written again.
    write_atomically(
        path, lambda part: write_palette_raster(part, square, palette, like, about), durable=False
    )
