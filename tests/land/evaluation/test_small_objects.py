import numpy as np
import pytest

from core.land.evaluation.small_objects import recall_small_objects


def truth_with_objects() -> np.ndarray:
    truth = np.full((60, 60), 4, np.uint8)
    truth[5:10, 5:10] = 1
    truth[20:24, 20:30] = 1
    truth[0:4, 40:44] = 1
    truth[30:50, 5:30] = 2
    truth[40:43, 40:43] = 13
    return truth


def test_recall__small_regions_away_from_the_edge_only() -> None:
    truth = truth_with_objects()
    # Not counted: the region at the edge, the field of 500 pixels, "other" and the background.
    perfect = recall_small_objects(truth, truth, 12)
    assert (perfect.n_objects, perfect.n_found, perfect.recall) == (2, 2, 1)
    assert recall_small_objects(truth, truth, 12, most_pixels=501).n_objects == 3
    assert recall_small_objects(truth, truth, 13).n_objects == 3


def test_recall__more_than_half_of_the_pixels_must_be_correct() -> None:
    truth = truth_with_objects()
    predicted = truth.copy()
    predicted[5:10, 5:7] = 4
    predicted[20:24, 20:25] = 4
    result = recall_small_objects(truth, predicted, 12)
    assert (result.n_objects, result.n_found) == (2, 1)


def test_recall__nothing_small() -> None:
    empty = np.zeros((5, 5), np.uint8)
    assert np.isnan(recall_small_objects(empty, empty, 12).recall)
    full = np.ones((3, 3), np.uint8)
    assert recall_small_objects(full, full, 12).n_objects == 0


def test_recall__diagonal_neighbours_are_two_objects() -> None:
    truth = np.zeros((9, 9), np.uint8)
    truth[3, 3] = truth[4, 4] = 5
    assert recall_small_objects(truth, truth, 12).n_objects == 2
    assert recall_small_objects(truth, np.zeros_like(truth), 12).recall == pytest.approx(0)
