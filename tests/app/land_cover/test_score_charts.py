"""Figures of scores and confusion, and the plot of a patch whose pixels can be clicked."""

import re

import numpy as np
import pytest

from app.land_cover import pixel_inspector, score_charts
from app.land_cover.score_charts import matrix_chart, short_names
from app.widgets import theme
from app.widgets.colouring import interpolate_colours
from core.land.data.nomenclature import FLAIR
from core.land.evaluation.confusion import row_shares
from core.land.evaluation.published_results import OFFICIAL_TESTS
from core.land.evaluation.scorers import choose_scorer


def cell_texts(figure) -> list[list[str]]:
    return [[re.sub("<[^>]*>", "", text) for text in row] for row in figure.data[0].text]


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK])
def test_matrix_chart__texts_of_cells_are_readable(colours, monkeypatch):
    monkeypatch.setattr(score_charts, "chart_colours", lambda: colours)
    values = np.linspace(0, 1, 169).reshape(13, 13)
    (trace, _) = matrix_chart(values, values.astype(int), range(13), None).data
    scale = [tuple(stop) for stop in trace.colorscale]
    for row, texts in zip(values, trace.text, strict=True):
        for value, text in zip(row, texts, strict=True):
            rgb = interpolate_colours(scale, np.array(value / trace.zmax)).round().astype(int)
            cell = "#{:02X}{:02X}{:02X}".format(*rgb)
            assert theme.contrast_ratio(re.search("#......", text)[0], cell) >= 4.5


def test_axis__published_scores_only_for_the_official_test_set():
    rows = [
        score_charts.ScoreRow("kNN", 0.3, 0.25, 0.35),
        score_charts.ScoreRow("chance", 0.05, None, None),
    ]
    official = OFFICIAL_TESTS[1]
    scorer = choose_scorer(FLAIR)
    figure = score_charts.score_axis(rows, scorer, official)
    assert [shape.x0 for shape in figure.layout.shapes] == [0.5470, 0.5594, 0.5758, 0.6413]
    assert "challenge winner 0.6413" in [text.text for text in figure.layout.annotations]
    figure = score_charts.score_axis(rows, scorer)
    assert not figure.layout.shapes
    assert "FLAIR scorer (classes 1 to 12)" in figure.layout.xaxis.title.text


def test_timing__seconds_per_patch_of_both():
    figure = score_charts.timing_chart(["kNN", "HDBSCAN"], [0.5, None], [3.0, 4.5])
    ours, notebook = figure.data
    assert list(ours.x) == [0.5, None]
    assert list(notebook.x) == [3.0, 4.5]
    assert "per patch" in figure.layout.xaxis.title.text
    assert "0.5 s per patch" in ours.hovertext[0]


def test_clickable_patch__every_pixel_has_a_cell():
    image = np.zeros((6, 8, 3), np.uint8)
    picture = pixel_inspector.clickable_patch(image, (2, 3))
    (cells,) = picture.data
    assert (len(cells["z"]), len(cells["z"][0])) == (6, 8)
    assert picture.layout["yaxis"]["range"] == [5.5, -0.5]
    assert '"frames"' in picture.to_json()


@pytest.fixture
def counts():
    """Three classes occur: 0 and 5 are confused with each other, 2 is not."""
    table = np.zeros((13, 13), np.int64)
    table[0, 0], table[0, 5] = 40, 60
    table[5, 0], table[5, 5] = 50, 50
    table[2, 2] = 100
    return table


def test_matrix__marker_is_on_its_cell(counts):
    order = [5, 2, 0]
    figure = matrix_chart(row_shares(counts), counts, order, (0, 5))
    heatmap, markers = figure.data
    assert heatmap.z[0][2] == pytest.approx(0.5)
    index = list(markers.hovertext).index("building predicted as coniferous: 60 pixels")
    assert divmod(index, len(order)) == (2, 0)
    assert (markers.y[index], markers.x[index]) == (2, 0)
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.y0) == (-0.5, 1.5)


def test_matrix__cell_texts_of_counts(counts):
    figure = matrix_chart(counts.astype(float), counts * 1000, [0, 5], None, shares=False)
    assert cell_texts(figure)[0] == ["40", "60"]
    thousands = matrix_chart(counts * 1000.0, counts, [0, 5], None, shares=False)
    assert cell_texts(thousands)[0] == ["40k", "60k"]


def test_matrix__cell_texts_of_shares_and_differences(counts):
    shares = np.array([[0.4, 0.004], [0, np.nan]])
    values = np.zeros((13, 13))
    values[:2, :2] = shares
    figure = matrix_chart(values, counts, [0, 1], None)
    assert cell_texts(figure) == [["40%", "·"], ["", ""]]
    signed = matrix_chart(-values, counts, [0, 1], None, difference=True)
    assert cell_texts(signed)[0] == ["-40%", "·"]


def test_short_names__unique_for_each_class():
    assert len(short_names(FLAIR)) == len(FLAIR.reduced)
    for short, cover in zip(short_names(FLAIR), FLAIR.reduced, strict=True):
        assert cover.name.startswith(short)
        assert len(short) <= 12
