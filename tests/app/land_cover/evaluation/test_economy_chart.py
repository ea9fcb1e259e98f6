"""The chart of a label economy."""

import pytest

from app.land_cover.evaluation.economy_chart import STYLES, curve_style, curve_title, economy_chart
from core.land.evaluation.economy_verdict import TITLES
from core.land.evaluation.label_economy import EconomyPoint

POINTS = [
    EconomyPoint("knn", "random pixels", 13, 0.2, 0.1, 0.3),
    EconomyPoint("knn", "random pixels", 100, 0.4, 0.4, 0.5),
    EconomyPoint("logistic", "random pixels", 100, 0.45, 0.4, 0.5),
    EconomyPoint("kmeans, 13 centres", "every training label", 100, 0.5, 0.5, 0.5, 13, "clusters"),
    EconomyPoint("kmeans, 13 centres", "one label per cluster", 13, 0.3, 0.2, 0.35, 13, "clusters"),
    EconomyPoint("kmeans, 50 centres", "one label per cluster", 50, 0.3, 0.2, 0.35, 50, "clusters"),
    EconomyPoint("active", "uncertain pixels", 50, 0.3, 0.2, 0.35, 0, "few"),
]


def test_chart__ranges_are_whiskers():
    figure = economy_chart(POINTS, "clusters")
    (clusters,) = (trace for trace in figure.data if list(trace.x) == [13])
    assert clusters.error_y.array == pytest.approx([0.05])
    assert clusters.error_y.arrayminus == pytest.approx([0.1])
    assert "range 0.200 to 0.350" in clusters.hovertext[0]


def test_chart__one_legend_entry_per_kind_of_clustering():
    figure = economy_chart(POINTS, "clusters")
    names = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert names == [
        "kNN on random pixels",
        "logistic regression on random pixels",
        "k-means clusters",
        "named by all labels",
    ]
    groups = {trace.legendgrouptitle.text for trace in figure.data}
    assert groups == {"<b>Labelled pixels</b>", "<b>Clusters with names</b>"}


def test_chart__methods_for_few_labels_without_clusters():
    figure = economy_chart(POINTS, "few")
    assert len(figure.data) == 3
    assert not any("clusters" in trace.name for trace in figure.data)


def test_curve_title__is_the_name_in_sentences_and_tables():
    assert curve_title("medoids logistic") == "logistic regression on medoids of k-means"
    assert {curve_title(method) for method in TITLES} == set(TITLES.values())
    assert curve_title("hdbscan, clusters of 10 or more") == "HDBSCAN clusters"


def test_styles__are_distinct():
    looks = {(style.colour, style.dash, style.symbol) for style in STYLES.values()}
    assert len(looks) == len(STYLES)
    assert curve_style("medoids logistic") != curve_style("medoids")
    assert curve_style("unknown").title == "other"
