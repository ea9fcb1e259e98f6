"""The classifier of labelled regions, against scikit-learn, and its evaluation."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.errors import TooFewError
from core.land.data.nomenclature import LandCover, Legend
from core.land.labelling import region_fit
from core.land.labelling.region_fit import PIXELS_PER_CLASS, collect_pixels, fit_regions, map_patch
from core.land.labelling.region_pixels import RegionPixels, sample_regions
from core.land.models.features import FeatureSpec
from core.land.models.regularisation import RegularisationSettings
from tests.land.images.conftest import HEIGHT, WIDTH
from tests.land.labelling.conftest import DARK_AND_BRIGHT, SAND, SOIL, add_rectangles, two_classes

THREE = Legend(tuple(LandCover(i, f"c{i}", "#000000") for i in (1, 2, 3)), 3)


def random_pixels(n_regions=9, n_per_region=40, n_features=4, seed=0, spread=0.4):
    """Return pixels of regions of three classes, each region with an offset of its own."""
    random = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(1, n_regions + 1), n_per_region).astype(np.int32)
    values = ((numbers - 1) % 3 + 1).astype(np.uint8)
    centres = random.normal(size=(4, n_features))
    offsets = random.normal(size=(n_regions + 1, n_features)) * spread
    noise = random.normal(size=(len(numbers), n_features)) * 0.3
    matrix = (centres[values] + offsets[numbers] + noise).astype(np.float32)
    return RegionPixels(matrix, values, numbers)


def plain_model(pixels, rows):
    """Return scikit-learn's own pipeline, fitted to some rows."""
    model = LogisticRegression(C=10, max_iter=100, class_weight="balanced")
    return make_pipeline(StandardScaler(), model).fit(pixels.matrix[rows], pixels.values[rows])


@pytest.mark.parametrize("n_features", [1, 4, 31])
def test_predictor__equals_scikit_learn(n_features):
    pixels = random_pixels(n_features=n_features)
    fit = fit_regions(pixels, THREE)
    model = plain_model(pixels, np.arange(len(pixels.values)))
    others = np.random.default_rng(1).normal(size=(3000, n_features)).astype(np.float32)
    agreement = fit.predictor.classify(others) == model.predict(others)
    assert agreement.mean() > 0.998


def test_predictor__two_classes_and_a_constant_feature():
    pixels = random_pixels()
    rows = pixels.values < 3
    matrix = pixels.matrix[rows].copy()
    matrix[:, 1] = 5
    two = RegionPixels(matrix, pixels.values[rows], pixels.numbers[rows])
    predictor = fit_regions(two, THREE).predictor
    model = plain_model(two, np.arange(rows.sum()))
    assert predictor.weights.shape[1] == 2
    assert (predictor.classify(matrix) == model.predict(matrix)).mean() > 0.998


def test_fit__each_region_is_judged_by_a_model_without_it():
    pixels = random_pixels(n_regions=9)
    fit = fit_regions(pixels, THREE)
    expected = np.zeros((4, 4), int)
    # Three regions of each class, so three groups: one region of each class is left out.
    for group in range(3):
        left_out = (pixels.numbers - 1) // 3 == group
        predicted = plain_model(pixels, ~left_out).predict(pixels.matrix[left_out])
        np.add.at(expected, (pixels.values[left_out] - 1, predicted - 1), 1)
    assert np.abs(fit.counts - expected).sum() <= 2
    assert fit.counts.sum() == len(pixels.values)
    assert fit.regions == {1: 3, 2: 3, 3: 3}
    assert fit.overall_accuracy == pytest.approx(np.trace(expected) / expected.sum(), abs=0.01)


def test_fit__pixels_of_the_same_region_would_flatter():
    """Leaving out pixels instead of regions gives a score that new regions do not reach."""
    pixels = random_pixels(n_regions=18, spread=1.5, seed=3)
    fit = fit_regions(pixels, THREE)
    seen = (fit.predictor.classify(pixels.matrix) == pixels.values).mean()
    assert fit.overall_accuracy < seen - 0.1


def test_fit__a_class_with_one_region_is_named_and_not_judged():
    pixels = random_pixels(n_regions=9)
    rows = (pixels.values < 3) | (pixels.numbers == 3)
    part = RegionPixels(*(values[rows] for values in vars(pixels).values()))
    fit = fit_regions(part, THREE)
    assert fit.single_classes == ("c3",)
    assert fit.regions == {1: 3, 2: 3, 3: 1}
    assert not fit.counts[2].any()
    assert fit.is_evaluated
    assert fit.n_evaluated == 2
    iou = [
        fit.counts[i, i] / (fit.counts[i].sum() + fit.counts[:, i].sum() - fit.counts[i, i])
        for i in (0, 1)
    ]
    assert fit.miou == pytest.approx(np.mean(iou))
    first = RegionPixels(*(values[part.numbers <= 3] for values in vars(part).values()))
    assert not fit_regions(first, THREE).is_evaluated


def test_fit__a_limit_of_pixels_per_class(monkeypatch):
    monkeypatch.setattr(region_fit, "PIXELS_PER_CLASS", 10)
    rows = region_fit._limit_classes(np.repeat([1, 2], [500, 4]).astype(np.uint8), np.arange(504))
    assert (rows < 500).sum() == 10
    assert (rows >= 500).sum() == 4
    assert PIXELS_PER_CLASS == 500


def test_map_patch__regions_of_one_image_map_another(unlabelled):
    first, second = unlabelled.unlabelled
    history = add_rectangles(two_classes(), "field0.tif", DARK_AND_BRIGHT)
    pixels, problems = collect_pixels(unlabelled, history.regions(), FeatureSpec())
    assert problems == ()
    fit = fit_regions(pixels, history.legend())
    expected = np.where(np.arange(WIDTH) < WIDTH // 2, SOIL, SAND) + np.zeros((HEIGHT, 1), int)
    expected[:8, :8] = 0
    for patch in (first, second):
        assert (map_patch(patch, FeatureSpec(), fit.predictor) == expected).all()
    smoothing = RegularisationSettings(regularisation="majority", window=3)
    assert (map_patch(second, FeatureSpec(), fit.predictor, smoothing) == expected).all()
    # Nine pixels of a region have no data.
    assert fit.counts[:2, :2].tolist() == [[791, 0], [0, 800]]


def test_collect_pixels__needs_two_classes_and_names_absent_images(unlabelled):
    history = add_rectangles(two_classes(), "field0.tif", DARK_AND_BRIGHT[:1])
    with pytest.raises(TooFewError, match="at least two classes"):
        collect_pixels(unlabelled, history.regions(), FeatureSpec())
    with pytest.raises(TooFewError, match="at least two classes"):
        collect_pixels(unlabelled, (), FeatureSpec())
    history = add_rectangles(history, "gone.tif", DARK_AND_BRIGHT)
    with pytest.raises(TooFewError, match=r"gone\.tif: the image is not in the data set"):
        collect_pixels(unlabelled, history.regions(), FeatureSpec())
    history = add_rectangles(history, "field1.tif", DARK_AND_BRIGHT)
    pixels, problems = collect_pixels(unlabelled, history.regions(), FeatureSpec())
    assert [problem.name for problem in problems] == ["gone.tif"]
    assert len(np.unique(pixels.numbers)) == 5


def test_collect_pixels__reads_only_patches_with_regions(unlabelled, monkeypatch):
    """A large image has many windows, and features of most of them are not needed."""
    history = add_rectangles(two_classes(), "field0.tif", DARK_AND_BRIGHT)
    first, second = unlabelled.unlabelled
    # Two windows of one image, of which the right one has the bright regions only.
    halves = [replace(first, window=box) for box in ((0, 0, 80, 120), (80, 0, 160, 120))]
    top = replace(second, image=first.image, window=(0, 110, 160, 120))
    dataset = replace(unlabelled, unlabelled=(*halves, top))
    patches = []
    monkeypatch.setattr(
        region_fit,
        "sample_regions",
        lambda patch, *options: patches.append(patch) or sample_regions(patch, *options),
    )
    pixels, _ = collect_pixels(dataset, history.regions(), FeatureSpec())
    assert patches == halves
    assert np.bincount(pixels.numbers).tolist() == [0, 391, 400, 400, 400]
