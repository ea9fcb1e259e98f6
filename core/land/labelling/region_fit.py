"""A classifier fitted to labelled regions, and its confusion on regions left out of the fit."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import TooFewError
from core.land.data.dataset import Dataset, Patch, Problem
from core.land.data.nomenclature import Legend
from core.land.evaluation.confusion import class_iou, count_confusion
from core.land.labelling.label_regions import Region
from core.land.labelling.region_pixels import (
    RegionPixels,
    image_name,
    patch_box,
    patch_pixels,
    regions_inside,
    sample_regions,
    stack_samples,
)
from core.land.models.features import Features, FeatureSpec
from core.land.models.predictors import Prediction
from core.land.models.regularisation import UNSMOOTHED, RegularisationSettings, regularise_classes
from core.progress import Progress, report_step, silent
from core.types import AnyArray, ByteArray, DoubleArray, FloatArray, IntArray

PIXELS_PER_CLASS = 500
"""The most pixels of a class that the classifier is fitted to, so that it answers at once."""
N_FOLDS = 5
"""Groups of regions that are left out in turn."""
_ITERATIONS = 100
# Inverse strength of the regularisation. With two to five regions of a class, maps were better than
# with a strength of 1, and better than with products of the features.
_INVERSE_PENALTY = 10.0
_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class RegionPredictor:
    """Multinomial logistic regression on standardised features.

    Attributes
    ----------
    classes : uint8 array, (c,)
        The values of the classes, ascending.
    mean, scale : float32 arrays, (f,)
        Each feature is reduced by its mean and divided by its scale.
    weights : float32 array, (f, c)
    offsets : float32 array, (c,)
    """

    classes: ByteArray
    mean: FloatArray
    scale: FloatArray
    weights: FloatArray
    offsets: FloatArray

    def predict(self, features: Features, patch: int) -> Prediction:  # noqa: ARG002
        """See `Predictor`."""
        return Prediction(self.classify(features.matrix))

    def classify(self, matrix: FloatArray) -> ByteArray:
        """Return the class of each row of features, uint8 (n,)."""
        winners = np.zeros(len(matrix), np.int64)
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            scaled = (matrix[rows] - self.mean) / self.scale
            winners[rows] = (scaled @ self.weights + self.offsets).argmax(axis=1)
        return self.classes[winners]


@dataclass(frozen=True)
class RegionFit:
    """A classifier fitted to all regions, and its evaluation on regions left out.

    Attributes
    ----------
    counts : int64 array, (n + 1, n + 1)
        Confusion matrix of the sampled pixels of the regions, each predicted by a classifier that
        was fitted without the pixel's region; rows are the labels. The last class, "other", is
        empty.
    regions : dict
        Number of regions with pixels, by class value.
    n_pixels : int
        Number of sampled pixels of all regions.
    """

    predictor: RegionPredictor
    legend: Legend
    counts: AnyArray
    regions: dict[int, int]
    n_pixels: int

    @property
    def single_classes(self) -> tuple[str, ...]:
        """The names of the classes with one region, which are not evaluated."""
        covers = self.legend.classes
        return tuple(cover.name for cover in covers if self.regions.get(cover.value) == 1)

    @property
    def overall_accuracy(self) -> float:
        """Share of the evaluated pixels that are predicted as they are labelled, 0..1."""
        return float(np.trace(self.counts) / max(self.counts.sum(), 1))

    @property
    def miou(self) -> float:
        """Mean IoU of the evaluated classes; a class with one region only counts as an error."""
        return float(class_iou(self.counts)[self.counts.any(axis=1)].mean())

    @property
    def n_evaluated(self) -> int:
        """Number of evaluated classes."""
        return int(self.counts.any(axis=1).sum())

    @property
    def is_evaluated(self) -> bool:
        """True if at least two classes have several regions."""
        return self.n_evaluated >= 2


def all_patches(dataset: Dataset) -> tuple[Patch, ...]:
    """Return the patches of a data set, with and without labels."""
    return (*dataset.patches, *dataset.unlabelled)


def collect_pixels(
    dataset: Dataset, regions: Sequence[Region], spec: FeatureSpec, report: Progress = silent
) -> tuple[RegionPixels, tuple[Problem, ...]]:
    """Return sampled pixels of all regions of a data set, and problems with regions left out.

    Raises TooFewError if the regions have no pixels of at least two classes.
    """
    by_image: dict[str, list[Region]] = {}
    for region in regions:
        by_image.setdefault(region.image, []).append(region)
    patches = [patch for patch in all_patches(dataset) if image_name(dataset, patch) in by_image]
    present = {image_name(dataset, patch) for patch in patches}
    # Most patches of a large image have no regions, and their features are not computed.
    pairs = [
        (patch, inside)
        for patch in patches
        if (inside := regions_inside(by_image[image_name(dataset, patch)], patch_box(patch)))
    ]
    samples = []
    for step, (patch, inside) in enumerate(pairs, start=1):
        samples.append(sample_regions(patch, inside, spec))
        report_step(report, step, len(pairs), patch.name)
    problems = tuple(
        Problem(name, f"the image is not in the data set, so its {len(members)} regions are unused")
        for name, members in by_image.items()
        if name not in present
    )
    pixels = stack_samples(samples) if samples else None
    if pixels is None or len(np.unique(pixels.values)) < 2:
        raise TooFewError(
            "a class map needs labelled regions of at least two classes",
            where="labelled regions",
            remedy="; ".join(map(str, problems[:3])) or "Label a region of another class.",
        )
    return pixels, problems


def fit_regions(pixels: RegionPixels, legend: Legend) -> RegionFit:
    """Fit a classifier to the pixels of regions, and evaluate it on regions left out.

    Pixels of a region are not independent, so whole regions are left out: the regions of a class
    are divided among at most five groups. A class with one region cannot be left out; it stays in
    all fits and is not evaluated.
    """
    folds = _divide_regions(pixels)
    predicted = np.zeros(len(pixels.values), np.uint8)
    for fold in range(int(folds.max(initial=-1)) + 1):
        left_out = folds == fold
        predictor = _fit_predictor(pixels.matrix, pixels.values, np.flatnonzero(~left_out))
        predicted[left_out] = predictor.classify(pixels.matrix[left_out])
    judged_rows = folds >= 0
    counts = count_confusion(pixels.values[judged_rows], predicted[judged_rows], legend.other)
    pairs = np.unique(np.stack([pixels.values, pixels.numbers]), axis=1)[0]
    values, n_regions = np.unique(pairs, return_counts=True)
    every_row = np.arange(len(pixels.values))
    return RegionFit(
        _fit_predictor(pixels.matrix, pixels.values, every_row),
        legend,
        counts,
        dict(zip(values.tolist(), n_regions.tolist(), strict=True)),
        len(pixels.values),
    )


def map_patch(
    patch: Patch,
    spec: FeatureSpec,
    predictor: RegionPredictor,
    regularisation: RegularisationSettings = UNSMOOTHED,
) -> ByteArray:
    """Return the class of each pixel of a patch, uint8 (h, w); 0 where the image has no data."""
    pixels = patch_pixels(patch, spec)
    classes = np.where(pixels.valid, predictor.classify(pixels.matrix), np.uint8(0))
    return regularise_classes(classes.reshape(patch.shape), pixels.bands, regularisation)


def _divide_regions(pixels: RegionPixels) -> IntArray:
    """Return the group of regions in which each pixel is left out; -1 if it never is."""
    folds = np.full(len(pixels.values), -1, np.int32)
    for value in np.unique(pixels.values):
        numbers = np.unique(pixels.numbers[pixels.values == value])
        if len(numbers) > 1:
            for position, number in enumerate(numbers):
                folds[pixels.numbers == number] = position % N_FOLDS
    return folds


def _fit_predictor(matrix: FloatArray, labels: ByteArray, rows: AnyArray) -> RegionPredictor:
    """Fit logistic regression to some rows, in which all classes weigh the same."""
    from sklearn.linear_model import LogisticRegression

    rows = _limit_classes(labels, rows)
    values, classes = matrix[rows], labels[rows]
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1)
    model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=_ITERATIONS, class_weight="balanced")
    with warnings.catch_warnings():
        # Separable classes have no finite optimum; further steps do not change the map.
        warnings.simplefilter("ignore")
        model.fit((values - mean) / scale, classes)
    weights: DoubleArray = model.coef_.T
    offsets: DoubleArray = model.intercept_
    if len(model.classes_) == 2:
        weights, offsets = np.hstack([-weights, weights]) / 2, np.hstack([-offsets, offsets]) / 2
    single = (array.astype(np.float32) for array in (mean, scale, weights, offsets))
    return RegionPredictor(model.classes_.astype(np.uint8), *single)


def _limit_classes(labels: ByteArray, rows: AnyArray) -> AnyArray:
    """Return some of the rows, at most PIXELS_PER_CLASS of each class, drawn at random."""
    random = np.random.default_rng(0)
    parts = []
    for value in np.unique(labels[rows]):
        members = rows[labels[rows] == value]
        size = min(len(members), PIXELS_PER_CLASS)
        parts.append(np.sort(random.choice(members, size, replace=False)))
    return np.concatenate(parts)
