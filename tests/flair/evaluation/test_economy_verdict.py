"""What the label economy answers, in words."""

import pytest

from core.flair.evaluation.economy_verdict import answer, matches
from core.flair.evaluation.label_economy import Point

PIXELS = [
    Point("knn", "labelled pixels", 10, 0.1, 0.05, 0.15),
    Point("knn", "labelled pixels", 1000, 0.5, 0.45, 0.55),
]


def looks(n_labels, miou, half=0.02):
    named = "one look per cluster"
    return Point("kmeans, 13 centres", named, n_labels, miou, miou - half, miou + half, n_labels)


def test_matches__pixels_between_their_points_on_the_log_axis():
    (found,) = matches([*PIXELS, looks(100, 0.6)])
    assert found.pixels.miou == pytest.approx(0.3)
    assert (found.pixels.low, found.pixels.high) == (pytest.approx(0.25), pytest.approx(0.35))


@pytest.mark.parametrize(("miou", "verdict"), [(0.4, 1), (0.36, 0), (0.3, 0), (0.24, 0), (0.2, -1)])
def test_match__bands_that_overlap_show_no_difference(miou, verdict):
    (found,) = matches([*PIXELS, looks(100, miou)])
    assert found.verdict == verdict


def test_matches__leaves_out_what_pixels_do_not_reach_and_every_label():
    every = Point("kmeans, 13 centres", "every training label", 1000, 0.9, 0.9, 0.9, 13)
    assert not matches([*PIXELS, looks(3, 0.4), every])


def test_answer__counts_ahead_behind_and_neither():
    said = answer([*PIXELS, looks(50, 0.6), looks(100, 0.3), looks(200, 0.1), looks(500, 0.2)])
    assert "Of 4 ways" in said
    assert "ahead in 1 (with 50 labels)" in said
    assert "behind in 2 (with 200 to 500 labels)" in said
    assert "in 1 the bands overlap: no difference that these draws can show" in said
    assert "mIoU 0.600 (0.580 to 0.620) with 50 labels" in said
    assert "never reaches that on average" in said


def test_answer__what_pixels_need_goes_by_the_mean_not_by_a_lucky_draw():
    # The best draw of 10 pixels, 0.15, would reach 0.14; their mean does not.
    assert "needs 1000 labels" in answer([*PIXELS, looks(20, 0.14)])


def test_answer__where_all_is_noise():
    assert "noise" in answer(PIXELS)
