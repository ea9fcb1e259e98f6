"""Prediction and evaluation patch by patch, so that memory stays bounded; class maps as GeoTIFF."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import numpy as np
import rasterio

from core.errors import SceneError
from core.flair.data.dataset import Dataset, Problem
from core.flair.data.nomenclature import ATTRIBUTION, class_palette
from core.flair.data.patch_reading import RequiredData, read_patch
from core.flair.data.pixel_table import SIDE
from core.flair.evaluation.confusion import N_CLASSES, count_confusion
from core.flair.models.cluster_names import count_cluster_classes
from core.flair.models.features import FeatureSpec, Scaler, build_features
from core.flair.models.predictors import Predictor
from core.progress import Progress, report_step, silent
from core.types import AnyArray, ByteArray


@dataclass(frozen=True)
class JudgedPatches:
    """The evaluation of several patches.

    Attributes
    ----------
    patches : tuple of int
        Indexes of the predicted patches.
    counts : int64 array, (p, 13, 13)
        Confusion matrix of each patch; rows are the truth.
    by_cluster : int64 array, (c, 20)
        Predicted pixels by cluster and true class; (0, 20) without clusters.
    problems : tuple of Problem
        Patches that were left out, with the reason, and problems with the predicted ones.
    """

    patches: tuple[int, ...]
    counts: AnyArray
    by_cluster: AnyArray
    problems: tuple[Problem, ...]


def required_data(spec: FeatureSpec, base: RequiredData) -> RequiredData:
    """Return the data that a feature specification needs, with the options of `base`."""
    return RequiredData(spec.fusion, "texture" in spec.extras, base.nomenclature, base.dates)


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
    model : Predictor
    dataset : Dataset
    patches : sequence of int
    spec : FeatureSpec
    scaler : Scaler or None
        As fitted to the training pixels.
    n_clusters : int
        Number of clusters of the model.
    needs : RequiredData, optional
        Its dates and nomenclature are used.
    maps : Path, optional
        Folder to write class maps into.
    about : str
        Credit to write into the class maps.
    report : Progress
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
    """Write the classes of a patch as a GeoTIFF with FLAIR's colours.

    Parameters
    ----------
    path : Path
    classes : uint8 array, (512 * 512,) or (512, 512)
        1 to 13; 0 for no class.
    like : Path
        The patch's image, whose CRS and transform are copied.
    about : str
        Credit to write into the copyright tags.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(like) as source:
        crs, transform = source.crs, source.transform
    colours = {value: (*map(int, rgb), 255) for value, rgb in enumerate(class_palette("reduced"))}
    part = path.with_name(f"{path.name}.{token_hex(4)}.part")
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "uint8"}
    with rasterio.open(
        part, "w", **profile, crs=crs, transform=transform, compress="deflate", nodata=0
    ) as target:
        target.write(classes.reshape(SIDE, SIDE), 1)
        target.write_colormap(1, colours)
        target.update_tags(TIFFTAG_COPYRIGHT=about, COPYRIGHT=about)
    part.replace(path)
