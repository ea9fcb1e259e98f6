"""The amounts of work of land-cover jobs: core-seconds of their parts on the reference machine.

A run reads patches, draws training pixels, fits a model in each fold and predicts every held-out
pixel. The parts have laws of their own; former runs correct their sum.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.artifacts.store import Artifact, Store
from core.land.context.context_groups import CONTEXT_GROUPS
from core.land.data.dataset import SIDE, Dataset
from core.land.data.pixel_sampling import GRID_STEP, SampleSettings
from core.pipeline.estimates.work_amounts import Work, WorkReader
from core.pipeline.land.repeated_training import MOST_PIXELS, N_REPEATS
from core.pipeline.land.study_cells import StudyRun

# Core-seconds for each million pixels, measured by benchmarks/estimate.py.
_READING = 0.05
_CONTEXT = 2.0
_VOTING = 1.25
_BOOSTED_VOTING = 45.0
# Core-seconds of a fit to a thousand pixels, and the exponent by which they grow.
_FITS: Mapping[str, tuple[float, float]] = {
    "hdbscan": (0.025, 1.16),
    "gmm": (0.19, 1.3),
    "kmeans": (0.01, 1.1),
    "boosting": (0.19, 1.0),
}
_USUAL_CLUSTERS = 50
# Core-seconds of a label economy for each fold, and for each draw and thousand pixels.
_ECONOMY_FOLD, _ECONOMY_DRAW = 5.0, 0.28


@dataclass(frozen=True)
class FoldSize:
    """The size of a fold: pixels of its training patches, and of the patches it is judged on."""

    train: int
    test: int


def run_work(
    method: str,
    folds: Sequence[FoldSize],
    sample: SampleSettings,
    *,
    n_clusters: int = _USUAL_CLUSTERS,
    context: bool = False,
) -> Work:
    """Return the work of a run: reading, training and predicting in each fold."""
    seconds = 0.0
    for fold in folds:
        read = (fold.train + fold.test) / 1e6
        seconds += read * (_READING + (_CONTEXT if context else 0))
        seconds += fit_seconds(method, training_pixels(fold.train, sample), n_clusters)
        voting = _BOOSTED_VOTING if method == "boosting" else _VOTING
        is_chance = method in ("uniform", "prevalence")
        seconds += fold.test / 1e6 * (0.05 if is_chance else voting)
    return Work(f"land {method}", seconds)


def fit_seconds(method: str, n: float, n_clusters: int = _USUAL_CLUSTERS) -> float:
    """Return the core-seconds of fitting a model to n pixels."""
    if method not in _FITS:
        return 0.0
    rate, growth = _FITS[method]
    share = n_clusters / _USUAL_CLUSTERS if method in ("gmm", "kmeans") else 1.0
    return rate * math.pow(n / 1000, growth) * share


def training_pixels(pixels: int, sample: SampleSettings) -> float:
    """Return the number of training pixels drawn from patches with some pixels."""
    if sample.draw == "notebook":
        return pixels / GRID_STEP**2
    return pixels / SIDE**2 * sample.n_per_patch


def study_run_work(run: StudyRun) -> Work:
    """Return the work of a run of a study."""
    dataset = run.study.dataset
    folds = [
        FoldSize(_pixels(dataset, fold.train), _pixels(dataset, fold.test))
        for fold in run.study.folds
    ]
    method, sample = run.method, run.settings.sample
    context = any(name in CONTEXT_GROUPS for name in run.spec.extras)
    clusters = method.n_clusters
    return run_work(method.method, folds, sample, n_clusters=clusters, context=context)


def dataset_pixels(dataset: Dataset) -> int:
    """Return the number of pixels of all patches, with and without labels."""
    patches = (*dataset.patches, *dataset.unlabelled)
    return sum(patch.shape[0] * patch.shape[1] for patch in patches)


def _pixels(dataset: Dataset, indexes: Sequence[int]) -> int:
    shapes = (dataset.patches[index].shape for index in indexes)
    return sum(height * width for height, width in shapes)


def _read_run(_: Store, artifact: Artifact) -> Work | None:
    inputs = artifact.manifest["inputs"]
    spec = inputs["spec"]
    if spec.get("season", "mean") != "mean" or spec.get("interpolation", "blocks") != "blocks":
        return None
    folds = [
        FoldSize(_listed_pixels(train), _listed_pixels(test))
        for train, test in zip(inputs["taught"], inputs["judged"], strict=True)
    ]
    method = inputs["method"]
    return run_work(
        str(method["method"]),
        folds,
        SampleSettings(**inputs["taught"][0]["sample"]),
        n_clusters=int(method["n_clusters"]),
        context=any(name in CONTEXT_GROUPS for name in spec["extras"]),
    )


def _listed_pixels(data: Mapping[str, Any]) -> int:
    """Return the pixels of the patches in a manifest; windows of images end with their bounds."""
    n_pixels = 0
    for patch in data["patches"]:
        is_window = isinstance(patch[-1], list | tuple) and len(patch[-1]) == 4
        left, top, right, bottom = patch[-1] if is_window else (0, 0, SIDE, SIDE)
        n_pixels += (right - left) * (bottom - top)
    return n_pixels


def file_survey_work(pixels: float) -> Work:
    """Return the work of reading every file once, with some pixels in total."""
    return Work("land files", pixels / 1e6)


LAND_READERS: Mapping[str, WorkReader] = {
    "flair-cells": _read_run,
    "flair-surveys": lambda _, artifact: file_survey_work(artifact.counts["patches"] * SIDE**2),
}
"""Functions that read the work of an artifact of the land-cover half; see `CHIP_READERS`."""


def tree_bench_work(run: StudyRun) -> Work:
    """Return the work of the first fold's tree, with its held-out pixels."""
    dataset, fold = run.study.dataset, run.study.folds[0]
    n = training_pixels(_pixels(dataset, fold.train), run.settings.sample)
    read = (_pixels(dataset, fold.train) + _pixels(dataset, fold.test)) / 1e6
    context = any(name in CONTEXT_GROUPS for name in run.spec.extras)
    seconds = fit_seconds("hdbscan", n) + read * (_READING + (_CONTEXT if context else 0)) + 0.1
    return Work("land hdbscan", seconds)


def repeats_work(run: StudyRun) -> Work:
    """Return the work of training a run on several draws, judged on a sample of pixels."""
    dataset, sample = run.study.dataset, run.settings.sample
    n_kinds = 2 if run.settings.protocol == "domains" else 1
    context = any(name in CONTEXT_GROUPS for name in run.spec.extras)
    seconds = 0.0
    for fold in run.study.folds:
        pixels = _pixels(dataset, fold.train)
        n = min(MOST_PIXELS, training_pixels(pixels, sample))
        fit = fit_seconds(run.method.method, n, run.method.n_clusters)
        held_out = training_pixels(_pixels(dataset, fold.test), SampleSettings(draw="random")) / 1e6
        voting = _BOOSTED_VOTING if run.method.method == "boosting" else _VOTING
        read = pixels / 1e6 * (_READING + (_CONTEXT if context else 0))
        seconds += N_REPEATS * n_kinds * (fit + held_out * voting + read)
    return Work(f"land {run.method.method}", seconds)


def economy_work(run: StudyRun) -> Work:
    """Return the work of a label economy: every fold, each way of using labels, all draws."""
    dataset, draws = run.study.dataset, run.settings.draws
    context = any(name in CONTEXT_GROUPS for name in run.spec.extras)
    seconds = 0.0
    for fold in run.study.folds:
        train, test = _pixels(dataset, fold.train), _pixels(dataset, fold.test)
        n = training_pixels(train, run.settings.sample) / 1000
        held_out = training_pixels(test, SampleSettings(draw="random")) / 1000
        seconds += _ECONOMY_FOLD + _ECONOMY_DRAW * draws * (n + held_out)
        seconds += (train + test) / 1e6 * (_READING + (_CONTEXT if context else 0))
    return Work("land economy", seconds)
