"""The answer of the label economy in words, for made-up curves."""

import numpy as np
import pytest

from core.land.evaluation.economy_verdict import (
    best_matches,
    economy_answer,
    economy_sentences,
    economy_verdict,
    match_points,
    point_rows,
)
from core.land.evaluation.label_economy import EconomyPoint, LabelEconomy

SPREAD = np.linspace(-1, 1, 41)


def point(method, n_labels, miou, half=0.02, kind="simple", rule="random pixels"):
    """A point whose replicates lie within `half` of its mIoU."""
    # Kinds are drawn independently: the order of the replicates differs.
    order = np.random.default_rng(len(kind)).permutation(len(SPREAD))
    replicates = tuple((miou + half * SPREAD)[order].tolist())
    n_clusters = n_labels if kind == "clusters" else 0
    return EconomyPoint(
        method, rule, n_labels, miou, miou - half, miou + half, n_clusters, kind, replicates
    )


def clusters(n_labels, miou, half=0.02, method="kmeans, 13 centres", rule="one label per cluster"):
    return point(method, n_labels, miou, half, "clusters", rule)


PIXELS = [point("knn", 10, 0.1), point("knn", 1000, 0.5)]
STRONG = [point("logistic", 10, 0.1), point("logistic", 1000, 0.7)]


def answer(*points, n_areas=4):
    return economy_answer(LabelEconomy(points, 10, n_areas))


def test_match__interpolates_on_a_logarithmic_axis():
    (match,) = match_points([*PIXELS, clusters(100, 0.6)])
    assert match.best.miou == pytest.approx(0.3)
    assert match.difference == pytest.approx(0.3)
    assert (match.best.low, match.best.high) == (pytest.approx(0.28), pytest.approx(0.32))


def test_match__uses_the_best_alternative_not_the_weakest():
    (match,) = match_points([*PIXELS, *STRONG, clusters(100, 0.35)])
    assert match.best.method == "logistic"
    assert match.best.miou == pytest.approx(0.4)
    assert match.verdict == -1
    (weak,) = match_points([*PIXELS, clusters(100, 0.35)])
    assert weak.verdict == 1


def test_match__alternatives_are_not_extrapolated():
    medoids = [point("medoids", 10, 0.3), point("medoids", 50, 0.9)]
    (match,) = match_points([*PIXELS, *medoids, clusters(100, 0.35)])
    assert match.best.method == "knn"


@pytest.mark.parametrize(("miou", "verdict"), [(0.4, 1), (0.32, 0), (0.3, 0), (0.28, 0), (0.2, -1)])
def test_match__ranges_that_include_zero_show_no_difference(miou, verdict):
    (match,) = match_points([*PIXELS, clusters(100, miou)])
    assert match.verdict == verdict


def test_match__leaves_out_fewest_and_all_labels():
    every = clusters(1000, 0.9, rule="every training label")
    assert not match_points([*PIXELS, clusters(3, 0.4), every])


def test_best_matches__poor_clusterings_do_not_count():
    matches = match_points([*PIXELS, clusters(50, 0.4), clusters(60, 0.1), clusters(90, 0.45)])
    assert [match.point.n_labels for match in best_matches(matches)] == [50, 90]


@pytest.mark.parametrize(
    ("cluster_points", "verdict", "words"),
    [
        ([clusters(50, 0.6), clusters(200, 0.65)], "yes", "Yes, with few labels: with 50 labels"),
        ([clusters(50, 0.1), clusters(200, 0.2)], "no", "No: with 200 labels"),
        ([clusters(100, 0.31, 0.3)], "undecided", "Undecided: no number of labels shows"),
        ([clusters(50, 0.4), clusters(900, 0.42)], "few", "Only with very few labels: with 50"),
        ([clusters(50, 0.1), clusters(200, 0.6)], "mixed", "It depends on their number"),
    ],
)
def test_answer__changes_with_the_data(cluster_points, verdict, words):
    points = [*PIXELS, *cluster_points]
    assert economy_verdict(points) == verdict
    first = economy_sentences(LabelEconomy(tuple(points), 10, 4))[0]
    assert first.startswith("Do clusters replace labels here? ")
    assert words in first


def test_answer__states_difference_and_uncertainty():
    text = answer(*PIXELS, clusters(100, 0.5))
    assert (
        "with 100 labels, k-means, 13 centres (one label per cluster) reaches an mIoU of 0.500, "
        "which is 0.200 higher (range 0.1" in text
    )
    assert "than that of the best alternative with 100 labels, kNN on random pixels (0.300)" in text
    assert "the mIoU of the alternatives is interpolated" in text
    assert "10 draws of the labels, not of the areas" in text
    assert "10 draws of the labels and 8 areas" in answer(*PIXELS, clusters(100, 0.5), n_areas=8)


def test_answer__lower_differences_are_positive_numbers():
    (match,) = match_points([*PIXELS, clusters(100, 0.2)])
    low, high = (float(p) for p in match.text.split("range ")[1].split(")")[0].split(" to "))
    assert 0 < low < 0.1 < high
    assert match.text.startswith("which is 0.100 lower (range ")


def test_answer__ranges_that_include_zero_are_explained():
    (match,) = match_points([*PIXELS, clusters(100, 0.32)])
    assert match.text.startswith("which is 0.020 higher than that of the best alternative")
    assert "but this difference is not clear: its range, from 0.0" in match.text
    assert " lower to 0.0" in match.text
    assert match.text.endswith(" higher, includes 0")
    assert "-0." not in answer(*PIXELS, clusters(100, 0.32))


def test_answer__equal_points():
    (match,) = match_points([point("knn", 100, 0.3, 0), clusters(100, 0.3, 0)])
    assert match.text == (
        "which equals that of the best alternative with 100 labels, kNN on random pixels (0.300)"
    )


def test_rows__are_sorted_and_have_the_names_of_the_answer():
    points = [
        clusters(200, 0.5, method="hdbscan, clusters of 10 or more"),
        clusters(20, 0.3, method="hdbscan, clusters of 10 or more"),
        clusters(13, 0.3),
        point("active", 13, 0.3, kind="few"),
        *reversed(PIXELS),
    ]
    rows = point_rows(points)
    assert [(row["title"], row["n_labels"]) for row in rows] == [
        ("kNN on random pixels", 10),
        ("kNN on random pixels", 1000),
        ("HDBSCAN, clusters of 10 or more (one label per cluster)", 20),
        ("HDBSCAN, clusters of 10 or more (one label per cluster)", 200),
        ("k-means, 13 centres (one label per cluster)", 13),
        ("logistic regression on uncertain pixels", 13),
    ]
    assert all(row["method"] and "replicates" not in row for row in rows)


def test_answer__labels_that_the_alternatives_need():
    text = answer(*PIXELS, clusters(20, 0.3))
    assert "of the alternatives, kNN on random pixels reaches it first, with 1000 labels" in text
    assert "none reaches it" in answer(*PIXELS, clusters(20, 0.6))


def test_answer__all_noise_or_too_few_labels():
    assert "all training pixels are noise" in answer(*PIXELS)
    assert economy_verdict(PIXELS) == "unknown"
    assert "fewer labels than" in answer(*PIXELS, clusters(3, 0.5))


def test_answer__methods_for_few_labels():
    active = point("active", 100, 0.5, kind="few", rule="uncertain pixels")
    assert "this is the largest clear gain: with 100 labels" in answer(
        *PIXELS, active, clusters(50, 0.2)
    )
    none = point("active", 100, 0.25, kind="few", rule="uncertain pixels")
    assert "none is clearly better" in answer(*PIXELS, none, clusters(50, 0.2))
