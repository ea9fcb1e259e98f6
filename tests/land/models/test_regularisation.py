"""Regularisation against plain loops, with degenerate input, and its effect on simple maps."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from core.errors import SceneError, SettingsError
from core.land.models.regularisation import (
    REGULARISATIONS,
    UNSMOOTHED,
    RegularisationSettings,
    filter_majority,
    regularise_classes,
    segment_superpixels,
    smooth_on_graph,
    vote_in_regions,
)

KINDS = tuple(kind for kind in REGULARISATIONS if kind != "none")


def random_classes(shape: tuple[int, int] = (18, 23), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 5, shape).astype(np.uint8)


def two_fields(side: int = 60, noise: float = 0.15, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return the truth of two fields, an image of them, and a noisy classification."""
    rng = np.random.default_rng(seed)
    truth = np.full((side, side), 2, np.uint8)
    truth[:, side // 2 :] = 7
    image = (truth + rng.normal(0, 0.5, truth.shape)).astype(np.float32)[None]
    wrong = rng.random(truth.shape) < noise
    classes = np.where(wrong, rng.integers(1, 13, truth.shape), truth).astype(np.uint8)
    return truth, image, classes


def apply(kind: str, classes: np.ndarray, image: np.ndarray, **options: Any) -> np.ndarray:
    settings = RegularisationSettings(regularisation=kind, **options)  # type: ignore[arg-type]
    return regularise_classes(classes, image, settings)


@pytest.mark.parametrize("window", [3, 7])
def test_filter_majority__plain_loop(window: int) -> None:
    classes, half = random_classes(), window // 2
    filtered = filter_majority(classes, window)
    for row in range(classes.shape[0]):
        for column in range(classes.shape[1]):
            part = classes[
                max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1
            ]
            votes = Counter(int(value) for value in part.ravel() if value)
            present = int(classes[row, column])
            best = max(votes.values())
            winner = min(value for value, n in votes.items() if n == best)
            expected = present if votes.get(present) == best else winner
            assert filtered[row, column] == expected


def test_vote_in_regions__plain_loop() -> None:
    classes = random_classes((30, 30), seed=1)
    regions = np.random.default_rng(2).integers(0, 40, (30, 30)).astype(np.int32)
    voted = vote_in_regions(classes, regions)
    for region in range(40):
        members = classes[regions == region]
        counts = np.bincount(members[members > 0], minlength=6)
        assert (voted[regions == region] == counts.argmax()).all()


def test_segment_superpixels__as_scikit_image_on_scaled_bands() -> None:
    from skimage.segmentation import slic

    image = np.random.default_rng(3).random((3, 40, 50)).astype(np.float32)
    regions = segment_superpixels(image, 100, 0.1)
    scaled = np.moveaxis(image / image.std(axis=(1, 2), keepdims=True) / np.sqrt(3), 0, -1)
    expected = slic(
        scaled, n_segments=20, compactness=0.1, start_label=0, channel_axis=-1, convert2lab=False
    )
    assert (regions == expected).mean() > 0.99
    np.testing.assert_array_equal(np.unique(regions), np.arange(regions.max() + 1))


def graph_energy(classes: np.ndarray, start: np.ndarray, image: np.ndarray, weight: float) -> float:
    """Return the energy of a labelling, from the definition and pixel by pixel."""
    height, width = classes.shape
    pairs = []
    for row in range(height):
        for column in range(width):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                y, x = row + down, column + right
                if y < height and 0 <= x < width:
                    square = float(((image[:, row, column] - image[:, y, x]) ** 2).sum())
                    pairs.append(((row, column), (y, x), square, np.hypot(down, right)))
    mean = np.mean([square for *_, square, _ in pairs])
    energy = float((classes != start).sum()) / weight
    for first, second, square, length in pairs:
        if classes[first] != classes[second]:
            energy += np.exp(-square / (2 * mean)) / length
    return energy


def test_smooth_on_graph__local_minimum_of_the_energy() -> None:
    _, image, classes = two_fields(side=14, noise=0.3)
    smoothed = smooth_on_graph(classes, image, 0.5)
    energy = graph_energy(smoothed, classes, image, 0.5)
    assert energy < graph_energy(classes, classes, image, 0.5)
    for row in range(14):
        for column in range(14):
            for value in np.unique(classes):
                other = smoothed.copy()
                other[row, column] = value
                assert graph_energy(other, classes, image, 0.5) >= energy - 1e-5


def test_smooth_on_graph__weight_of_neighbours() -> None:
    _, image, classes = two_fields()
    np.testing.assert_array_equal(smooth_on_graph(classes, image, 0), classes)
    changed = [
        (smooth_on_graph(classes, image, weight) != classes).sum() for weight in (0.1, 0.5, 5)
    ]
    assert changed[0] < changed[1] <= changed[2]


@pytest.mark.parametrize("kind", KINDS)
def test_regularise__noise_in_two_fields_is_removed(kind: str) -> None:
    truth, image, classes = two_fields()
    smoothed = apply(kind, classes, image)
    assert (smoothed == truth).mean() > 0.97 > (classes == truth).mean()
    again = apply(kind, classes, image)
    assert smoothed.tobytes() == again.tobytes()
    assert smoothed.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_regularise__unclassified_pixels_stay_and_do_not_vote(kind: str) -> None:
    truth, image, classes = two_fields(noise=0)
    classes[10:30, 10:50] = 0
    classes[18:20, 18:20] = 5
    smoothed = apply(kind, classes, image)
    assert ((smoothed == 0) == (classes == 0)).all()
    outside = classes == truth
    assert (smoothed[outside] == truth[outside]).mean() > 0.97


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (5, 1)])
def test_regularise__tiny_images(kind: str, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    classes = np.full(shape, 3, np.uint8)
    np.testing.assert_array_equal(apply(kind, classes, image), classes)
    empty = np.zeros(shape, np.uint8)
    np.testing.assert_array_equal(apply(kind, empty, image), empty)


@pytest.mark.parametrize("kind", KINDS)
def test_regularise__constant_image_and_values_that_are_not_finite(kind: str) -> None:
    _, image, classes = two_fields()
    for bands in (np.zeros_like(image), np.full_like(image, np.nan)):
        smoothed = apply(kind, classes, bands)
        assert set(np.unique(smoothed)) <= set(np.unique(classes))
    holes = image.copy()
    holes[0, 5, 5] = np.inf
    assert apply(kind, classes, holes).shape == classes.shape


def test_regularise__none_returns_the_same_map() -> None:
    _, image, classes = two_fields()
    assert regularise_classes(classes, image, UNSMOOTHED) is classes
    assert UNSMOOTHED.key_inputs() == {}
    assert UNSMOOTHED.title == ""


def test_regularise__shapes_must_agree() -> None:
    with pytest.raises(SceneError, match=r"the class map has shape \(3, 3\), the image \(4, 4\)"):
        regularise_classes(np.ones((3, 3), np.uint8), np.ones((1, 4, 4)), UNSMOOTHED)


def test_settings__only_what_changes_the_map_is_in_the_key() -> None:
    majority = RegularisationSettings("majority", window=9, smoothness=3)
    assert majority.key_inputs() == {"regularisation": "majority", "window": 9}
    assert majority.title == "majority filter of 9 px"
    assert RegularisationSettings("graph").title == "graph smoothing 2"
    with pytest.raises(SettingsError, match="8 is even"):
        RegularisationSettings(window=8)
    with pytest.raises(SettingsError, match="none, majority, superpixels, graph"):
        RegularisationSettings(regularisation="median")  # type: ignore[arg-type]
