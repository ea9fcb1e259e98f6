"""Figures of scores, and the plot of a patch whose pixels can be clicked."""

import numpy as np
import pytest

from app.land_cover import score_charts
from app.land_cover.pixels import pixel_inspector
from core.flair.evaluation.label_economy import EconomyPoint


def test_axis__published_scores_only_for_the_official_test_set():
    rows = [
        score_charts.ScoreRow("kNN", 0.3, 0.25, 0.35),
        score_charts.ScoreRow("chance", 0.05, None, None),
    ]
    assert len(score_charts.score_axis(rows, official=True).layout.shapes) == 3
    assert not score_charts.score_axis(rows, official=False).layout.shapes
    assert [miou for _, miou in score_charts.PUBLISHED] == [0.5470, 0.5758, 0.6413]


def test_economy__range_of_the_draws():
    points = [
        EconomyPoint("knn", "labelled pixels", 13, 0.2, 0.1, 0.3),
        EconomyPoint("knn", "labelled pixels", 100, 0.4, 0.4, 0.5),
        EconomyPoint("kmeans, 13 centres", "every training label", 100, 0.5, 0.5, 0.5, 13),
        EconomyPoint("kmeans, 13 centres", "1 look", 13, 0.3, 0.2, 0.35, 13),
    ]
    figure = score_charts.economy_chart(points)
    pixels, clusters = figure.data[:2]
    assert pixels.error_y.array is None
    assert clusters.error_y.array == pytest.approx([0.05, 0])
    assert clusters.error_y.arrayminus == pytest.approx([0.1, 0])
    assert "draws 0.200 to 0.350" in clusters.hovertext[0]
    area = figure.data[-1]
    assert list(area.x) == [13, 100, 100, 13]
    assert list(area.y) == [0.3, 0.5, 0.4, 0.1]


def test_clickable_patch__every_pixel_has_a_cell():
    image = np.zeros((6, 8, 3), np.uint8)
    picture = pixel_inspector.clickable_patch(image, (2, 3))
    (cells,) = picture.data
    assert (len(cells["z"]), len(cells["z"][0])) == (6, 8)
    assert picture.layout["yaxis"]["range"] == [5.5, -0.5]
    assert '"frames"' in picture.to_json()
