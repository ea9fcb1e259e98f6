"""Models applied patch by patch, so that memory is bounded by a patch; class maps as GeoTIFF."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import numpy as np
import rasterio

from core.errors import SceneError
from core.flair.data.dataset import Dataset, Problem
from core.flair.data.nomenclature import ATTRIBUTION, palette
from core.flair.data.patch_reading import Needs, read_patch
from core.flair.data.pixel_table import SIDE, PixelTable
from core.flair.evaluation.confusion import N_CLASSES, count
from core.flair.models.cluster_names import tally
from core.flair.models.features import FeatureSpec, Scaler, build
from core.flair.models.predictors import Model, Prediction
from core.progress import Progress, silent, step
from core.types import AnyArray, ByteArray


@dataclass(frozen=True)
class Judged:
    """What came of predicting patches.

    Attributes
    ----------
    patches : tuple of int
        Indexes of the patches that were predicted.
    counts : int64 array, (p, 13, 13)
        Confusion of each, rows the truth.
    by_cluster : int64 array, (c, 20)
        Predicted pixels by cluster and true class; (0, 20) without clusters.
    problems : tuple of Problem
        Patches left out, with the reason, and what was wrong within those predicted.
    """

    patches: tuple[int, ...]
    counts: AnyArray
    by_cluster: AnyArray
    problems: tuple[Problem, ...]


def needs_of(spec: FeatureSpec, base: Needs) -> Needs:
    """What has to be read for a specification."""
    return Needs(spec.fusion, "texture" in spec.extras, base.nomenclature, base.dates)


def predict_patch(
    model: Model, table: PixelTable, spec: FeatureSpec, scaler: Scaler | None, number: int
) -> Prediction:
    """Classes of the pixels of one patch."""
    return model.predict(build(table, spec, scaler), number)


def judge(
    model: Model,
    dataset: Dataset,
    patches: Sequence[int],
    spec: FeatureSpec,
    scaler: Scaler | None,
    *,
    n_clusters: int = 0,
    needs: Needs | None = None,
    maps: Path | None = None,
    about: str = ATTRIBUTION,
    report: Progress = silent,
) -> Judged:
    """Predict every pixel of the patches, one patch at a time, and count.

    A patch that cannot be used is left out and told as a problem.

    Parameters
    ----------
    model : Model
    dataset : Dataset
    patches : sequence of int
    spec : FeatureSpec
    scaler : Scaler or None
        As fitted on the training pixels.
    n_clusters : int
        Clusters that the model knows.
    needs : Needs, optional
        Dates and nomenclature.
    maps : Path, optional
        A folder that class maps are written into.
    about : str
        Credit that the class maps carry.
    report : Progress
    """
    wanted = needs_of(spec, needs or Needs())
    done, counts, problems = [], [], []
    by_cluster = tally(np.zeros(0, np.int32), np.zeros(0, np.uint8), n_clusters)
    for at, index in enumerate(patches):
        patch = dataset.patches[index]
        try:
            table = read_patch(dataset, index, wanted)
        except SceneError as error:
            problems.append(Problem(patch.name, f"not predicted: {error}"))
            continue
        problems += table.problems
        said = predict_patch(model, table, spec, scaler, int(patch.number))
        counts.append(count(table.labels, said.classes))
        if said.clusters is not None:
            by_cluster += tally(said.clusters, table.labels, n_clusters)
        if maps is not None:
            write_class_map(maps / f"{patch.name}.tif", said.classes, patch.image, about)
        done.append(index)
        step(report, at + 1, len(patches), patch.name)
    table_of = np.array(counts, np.int64).reshape(-1, N_CLASSES, N_CLASSES)
    return Judged(tuple(done), table_of, by_cluster, tuple(problems))


def write_class_map(path: Path, classes: ByteArray, like: Path, about: str = ATTRIBUTION) -> None:
    """Write a patch's classes as GeoTIFF with FLAIR's colours.

    Parameters
    ----------
    path : Path
    classes : uint8 array, (512 * 512,) or (512, 512)
        1 to 13; 0 where there is none.
    like : Path
        The patch's image, for its place on the ground.
    about : str
        Credit, written into the file's copyright.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(like) as source:
        crs, transform = source.crs, source.transform
    colours = {value: (*map(int, rgb), 255) for value, rgb in enumerate(palette("reduced"))}
    part = path.with_name(f"{path.name}.{token_hex(4)}.part")
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "uint8"}
    with rasterio.open(
        part, "w", **profile, crs=crs, transform=transform, compress="deflate", nodata=0
    ) as target:
        target.write(classes.reshape(SIDE, SIDE), 1)
        target.write_colormap(1, colours)
        target.update_tags(TIFFTAG_COPYRIGHT=about, COPYRIGHT=about)
    part.replace(path)
