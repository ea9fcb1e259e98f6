"""The answer of the label economy in words."""

import pytest

from core.land.evaluation.economy_verdict import economy_answer, match_points
from core.land.evaluation.label_economy import EconomyPoint

PIXELS = [
    EconomyPoint("knn", "labelled pixels", 10, 0.1, 0.05, 0.15),
    EconomyPoint("knn", "labelled pixels", 1000, 0.5, 0.45, 0.55),
]


def clusters(n_labels, miou, half=0.02):
    rule = "one look per cluster"
    return EconomyPoint(
        "kmeans, 13 centres", rule, n_labels, miou, miou - half, miou + half, n_labels
    )


def test_match_points__interpolates_on_a_logarithmic_axis():
    (match,) = match_points([*PIXELS, clusters(100, 0.6)])
    assert match.pixels.miou == pytest.approx(0.3)
    assert (match.pixels.low, match.pixels.high) == (pytest.approx(0.25), pytest.approx(0.35))


@pytest.mark.parametrize(("miou", "verdict"), [(0.4, 1), (0.36, 0), (0.3, 0), (0.24, 0), (0.2, -1)])
def test_match_points__overlapping_ranges_show_no_difference(miou, verdict):
    (match,) = match_points([*PIXELS, clusters(100, miou)])
    assert match.verdict == verdict


def test_match_points__leaves_out_fewest_and_all_labels():
    every = EconomyPoint("kmeans, 13 centres", "every training label", 1000, 0.9, 0.9, 0.9, 13)
    assert not match_points([*PIXELS, clusters(3, 0.4), every])


def test_answer__counts_better_worse_and_equal():
    answer = economy_answer(
        [*PIXELS, clusters(50, 0.6), clusters(100, 0.3), clusters(200, 0.1), clusters(500, 0.2)]
    )
    assert "in 4 cases" in answer
    assert "better in 1 (with 50 labels)" in answer
    assert "worse in 2 (with 200 to 500 labels)" in answer
    assert "in 1, the ranges of the draws overlap, so there is no clear difference" in answer
    assert "mIoU 0.600 (0.580 to 0.620) with 50 labels" in answer
    assert "On average, kNN on randomly selected pixels does not reach this mIoU" in answer


def test_answer__uses_the_mean_not_the_best_draw():
    # The best draw of 10 pixels, 0.15, would reach 0.14; their mean does not.
    assert "needs 1000 labels to reach it" in economy_answer([*PIXELS, clusters(20, 0.14)])


def test_answer__all_noise():
    assert "noise" in economy_answer(PIXELS)
