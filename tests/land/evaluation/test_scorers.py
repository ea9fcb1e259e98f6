"""Parity of both scorers with plain implementations of the published arithmetic."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from core.land.data.nomenclature import FLAIR, FLAIR_HUB, hub_values
from core.land.evaluation.confusion import bootstrap_miou, mean_iou
from core.land.evaluation.scorers import Scorer, choose_scorer, fold_classes, select_full_counts

# Classes in FLAIR-HUB's own order, from 0, and its weights: 0 for 15 to 18.
HUB_NAMES = (
    "building", "greenhouse", "swimming pool", "impervious surface", "pervious surface",
    "bare soil", "water", "snow", "herbaceous vegetation", "agricultural land", "plowed land",
    "vineyard", "deciduous", "coniferous", "brushwood", "clear cut", "ligneous", "mixed", "other",
)  # fmt: skip
HUB_WEIGHTS = [1] * 15 + [0] * 4


def random_matrices(size: int, n: int = 1000) -> Iterator[np.ndarray]:
    """Yield matrices of very different counts, in which classes are absent in several ways."""
    random = np.random.default_rng(size)
    for _ in range(n):
        counts = random.integers(0, 10 ** random.integers(1, 8), (size, size))
        counts[random.random((size, size)) < random.random()] = 0
        absent = random.random(size) < random.random() ** 2
        never_predicted = random.random(size) < 0.2
        counts[absent] = 0
        counts[:, absent | never_predicted] = 0
        yield counts


def flair_reference(counts: np.ndarray) -> float:
    """The mean IoU of the first 12 of 13 classes that have any pixel, class by class."""
    total, n = 0.0, 0
    for i in range(12):
        union = sum(counts[i]) + sum(counts[:, i]) - counts[i, i]
        if union:
            total, n = total + counts[i, i] / union, n + 1
    return total / n if n else float("nan")


def hub_reference(counts: np.ndarray) -> tuple[float, list[float], float]:
    """The mIoU, the IoUs and the accuracy of the matrix without the classes of weight 0."""
    used = [i for i, weight in enumerate(HUB_WEIGHTS) if weight]
    cells = [[int(counts[row, column]) for column in used] for row in used]
    ious = []
    for i in range(len(used)):
        union = sum(cells[i]) + sum(row[i] for row in cells) - cells[i][i]
        ious.append(cells[i][i] / union if union else 0.0)
    total = sum(map(sum, cells))
    hits = sum(cells[i][i] for i in range(len(used)))
    return sum(ious) / len(ious), ious, hits / total if total else float("nan")


def from_hub_order(counts: np.ndarray) -> np.ndarray:
    """Reorder a matrix in FLAIR-HUB's order to FLAIR's full nomenclature, (19, 20)."""
    order = [HUB_NAMES.index(cover.name) for cover in FLAIR.classes]
    return np.column_stack([counts[np.ix_(order, order)], np.zeros(19, np.int64)])


def test_flair__equals_the_published_arithmetic() -> None:
    scorer = choose_scorer(FLAIR)
    assert scorer == Scorer("flair", 12)
    for counts in random_matrices(13):
        expected = flair_reference(counts)
        assert scorer.miou(counts) == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert scorer.score(counts).miou == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_flair__full_nomenclature_is_merged_first() -> None:
    for counts in random_matrices(19, 200):
        merged = np.zeros((13, 13), np.int64)
        for row in range(19):
            for column in range(19):
                merged[min(row, 12), min(column, 12)] += counts[row, column]
        full = np.column_stack([counts, np.zeros(19, np.int64)])
        scorer, selected, covers = select_full_counts(full, "flair")
        expected = flair_reference(merged)
        assert scorer.miou(selected) == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert len(covers) == len(scorer.score(selected).iou) == 13


def test_hub__equals_the_published_arithmetic() -> None:
    for counts in random_matrices(19):
        miou, ious, accuracy = hub_reference(counts)
        scorer, selected, covers = select_full_counts(from_hub_order(counts), "flair-hub")
        scores = scorer.score(selected)
        assert scores.miou == pytest.approx(miou, abs=1e-12)
        assert scorer.miou(selected) == pytest.approx(miou, abs=1e-12)
        assert scores.overall_accuracy == pytest.approx(accuracy, abs=1e-12, nan_ok=True)
        by_name = dict(zip([cover.name for cover in covers], scores.iou, strict=True))
        for name, expected in zip(HUB_NAMES, ious, strict=False):
            assert by_name[name] == pytest.approx(expected, abs=1e-12)
        assert (scores.n_classes, scores.scorer) == (15, "flair-hub")


def test_hub__reduced_matrix_gives_the_same() -> None:
    """Models are trained on the 15 classes and "other", so their matrices have 16 classes."""
    scorer = choose_scorer(FLAIR_HUB)
    for counts in random_matrices(19, 200):
        _, selected, _ = select_full_counts(from_hub_order(counts), "flair-hub")
        reduced = fold_classes(selected, 15)
        assert reduced.shape == (16, 17)
        assert scorer.miou(reduced) == pytest.approx(hub_reference(counts)[0], abs=1e-12)


def test_scorers__differ_in_other_and_in_absent_classes() -> None:
    counts = np.zeros((13, 13), np.int64)
    counts[0, 0], counts[0, 12], counts[12, 0] = 60, 20, 20
    assert choose_scorer(FLAIR).miou(counts) == pytest.approx(0.6)
    assert choose_scorer(FLAIR, "flair-hub").miou(counts) == pytest.approx(1 / 12)


def test_scorers__unclassified_pixels_are_errors_of_both() -> None:
    counts = np.zeros((13, 14), np.int64)
    counts[0, 0] = counts[0, 13] = 50
    assert choose_scorer(FLAIR).miou(counts) == pytest.approx(0.5)
    assert choose_scorer(FLAIR, "flair-hub").miou(counts) == pytest.approx(0.5 / 12)


def test_scorers__batches_equal_single_matrices() -> None:
    batch = np.stack(list(random_matrices(16, 20)))
    for name in ("flair", "flair-hub"):
        scorer = choose_scorer(FLAIR_HUB, name)
        expected = [float(scorer.miou(counts)) for counts in batch]
        np.testing.assert_allclose(scorer.miou(batch), expected)
    np.testing.assert_allclose(Scorer("flair", 15).miou(batch), mean_iou(batch))


def test_choose__the_publishers_scorer_by_default() -> None:
    assert choose_scorer(FLAIR_HUB) == Scorer("flair-hub", 15)
    assert choose_scorer(FLAIR_HUB, "flair") == Scorer("flair", 12)
    own = replace(FLAIR, classes=FLAIR.classes[:3], n_scored=3)
    assert choose_scorer(own) == Scorer("flair", 3, has_other=False)
    assert choose_scorer(own).title == "plain mean"


def test_interval__uses_the_scorer() -> None:
    areas = np.stack([np.eye(13, dtype=np.int64)] * 10)
    areas[:, 3:] = 0
    interval = bootstrap_miou(areas, measure=choose_scorer(FLAIR, "flair-hub").miou)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((3 / 12, 3 / 12))


def test_hub_values__stored_values_in_both_nomenclatures() -> None:
    for legend in (FLAIR, FLAIR_HUB):
        values = hub_values(legend)
        names = [legend.classes[value - 1].name for value in values[:19]]
        assert tuple(names) == HUB_NAMES
        assert not values[19:].any()
    assert {cover.name for cover in FLAIR_HUB.classes[15:]} == set(HUB_NAMES[15:])
