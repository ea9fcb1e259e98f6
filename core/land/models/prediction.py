"""Prediction and evaluation patch by patch, so that memory stays bounded.

The workers of a cluster read and predict patches themselves, and return only counts.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from core.artifacts.row_target import FileTarget
from core.compute.dask_cluster import exchange_folder
from core.compute.work_streams import read_ahead, stream_from_workers
from core.errors import SceneError
from core.land.data.dataset import Dataset, Patch, Problem
from core.land.data.nomenclature import ATTRIBUTION, Legend
from core.land.data.patch_reading import RequiredData, read_all_pixels
from core.land.data.pixel_table import PixelTable
from core.land.evaluation.confusion import count_confusion
from core.land.evaluation.small_objects import recall_small_objects
from core.land.models.class_map_files import draw_class_map, valid_classes
from core.land.models.cluster_names import count_cluster_classes
from core.land.models.features import FeatureSpec, Scaler, build_features, context_groups
from core.land.models.predictors import Predictor
from core.land.models.regularisation import UNSMOOTHED, RegularisationSettings, regularise_classes
from core.progress import Progress, report_step, silent
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


@dataclass(frozen=True)
class _Judging:
    """A model, and how patches are predicted and evaluated; see `judge_patches`.

    `exchange` is the folder of an object store for class maps, empty without one.
    """

    model: Predictor
    spec: FeatureSpec
    scaler: Scaler | None
    n_clusters: int
    needs: RequiredData
    regularisation: RegularisationSettings
    maps: Path | None
    about: str
    exchange: str

    def map_target(self, patch: Patch) -> FileTarget | None:
        """Return the file of a patch's class map; None if there are no class maps."""
        return FileTarget(self.maps / f"{patch.name}.tif", self.exchange) if self.maps else None


@dataclass(frozen=True)
class _PatchScores:
    """The evaluation of one patch, as in `JudgedPatches`, and the receipt of its class map.

    `unsmoothed` and `small_objects` have one entry with a regularisation, and none without.
    """

    counts: AnyArray
    by_cluster: AnyArray | None
    problems: tuple[Problem, ...]
    unsmoothed: list[AnyArray]
    small_objects: list[tuple[int, int, int]]
    filled_months: tuple[int, int]
    receipt: str


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
    context = (n_clusters, needs, regularisation, maps, about, exchange_folder())
    judging = _Judging(model, spec, scaler, *context)
    tasks = [(index, dataset.patches[index]) for index in patches]
    scores: dict[int, _PatchScores] = {}
    problems: list[Problem] = []
    with closing(_stream_scores(judging, tasks)) as stream:
        for step, ((index, patch), result) in enumerate(zip(tasks, stream, strict=True), start=1):
            if isinstance(result, Problem):
                problems.append(result)
                continue
            scores[index] = result
            problems += result.problems
            if target := judging.map_target(patch):
                target.collect(result.receipt)
            report_step(report, step, len(tasks), patch.name)
    return _join_scores(scores, problems, legend, n_clusters)


def _join_scores(
    scores: dict[int, _PatchScores], problems: list[Problem], legend: Legend, n_clusters: int
) -> JudgedPatches:
    """Join the evaluations of patches, by index."""
    results = list(scores.values())
    n_classes = legend.other
    counts, unsmoothed = (
        np.array(matrices, np.int64).reshape(-1, n_classes, n_classes)
        for matrices in (
            [result.counts for result in results],
            [matrix for result in results for matrix in result.unsmoothed],
        )
    )
    objects = [row for result in results for row in result.small_objects]
    by_cluster = np.zeros((n_clusters, legend.highest + 1), np.int64)
    for result in results:
        by_cluster += 0 if result.by_cluster is None else result.by_cluster
    months = [sum(result.filled_months[i] for result in results) for i in (0, 1)]
    return JudgedPatches(
        tuple(scores),
        counts,
        by_cluster,
        tuple(problems),
        unsmoothed,
        np.array(objects, np.int64).reshape(-1, 3),
        (months[0], months[1]),
    )


def _stream_scores(
    judging: _Judging, tasks: Sequence[tuple[int, Patch]]
) -> Generator[_PatchScores | Problem]:
    """Yield the evaluations of patches in order, or why a patch cannot be used.

    On a cluster, each worker reads and predicts a patch. Here, a thread reads the next patch while
    one is predicted, which uses all cores itself.
    """
    stream = stream_from_workers(partial(_read_and_judge, judging), tasks)
    if stream is not None:
        with closing(stream):
            yield from stream
        return
    with closing(read_ahead(partial(_read, judging), tasks)) as tables:
        for task, table in zip(tasks, tables, strict=True):
            yield _judge(judging, task[1], table.result)


def _read(judging: _Judging, task: tuple[int, Patch]) -> PixelTable:
    index, patch = task
    return read_all_pixels(patch, index, judging.needs)


def _read_and_judge(judging: _Judging, task: tuple[int, Patch]) -> _PatchScores | Problem:
    return _judge(judging, task[1], partial(_read, judging, task))


def _judge(
    judging: _Judging, patch: Patch, read: Callable[[], PixelTable]
) -> _PatchScores | Problem:
    """Predict and evaluate a patch, and write its class map."""
    try:
        table = read()
    except SceneError as error:
        return Problem(patch.name, f"it was not predicted ({error})")
    legend, n_clusters = patch.layout.legend, judging.n_clusters
    n_classes = legend.other
    features = build_features(table, judging.spec, judging.scaler)
    prediction = judging.model.predict(features, int(patch.number))
    classes, unsmoothed, small_objects = prediction.classes, [], []
    if judging.regularisation.changes_classes:
        classes = regularise_patch(table, prediction.classes, patch, judging.regularisation)
        unsmoothed.append(count_confusion(table.labels, prediction.classes, n_classes))
        maps_compared = (prediction.classes, classes)
        small_objects.append(_compare_small_objects(table, maps_compared, patch, n_classes))
    by_cluster, receipt = None, ""
    if prediction.clusters is not None:
        by_cluster = count_cluster_classes(
            prediction.clusters, table.labels, n_clusters, legend.highest
        )
    if target := judging.map_target(patch):
        valid = valid_classes(classes, patch)
        receipt = target.write(partial(draw_class_map, valid, patch, judging.about, legend))
    return _PatchScores(
        counts=count_confusion(table.labels, classes, n_classes),
        by_cluster=by_cluster,
        problems=tuple(table.problems),
        unsmoothed=unsmoothed,
        small_objects=small_objects,
        filled_months=table.filled_months,
        receipt=receipt,
    )


def regularise_patch(
    table: PixelTable, classes: ByteArray, patch: Patch, settings: RegularisationSettings
) -> ByteArray:
    """Smooth the predicted classes of all pixels of a patch, uint8 (n,); see `read_patch`."""
    bands = np.ascontiguousarray(table.aerial.T).reshape(-1, *patch.shape)
    return regularise_classes(classes.reshape(patch.shape), bands, settings).ravel()


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
