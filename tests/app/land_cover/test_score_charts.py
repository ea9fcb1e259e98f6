"""Orders, cells and curves of the scores' figures."""

import numpy as np
import pytest

from app.land_cover import score_charts
from app.land_cover.confusion import matrix_panels
from app.land_cover.models import economy_panel
from app.land_cover.pixels import pixel_inspector
from core.flair.data.nomenclature import REDUCED
from core.flair.evaluation.confusion import row_shares
from core.flair.evaluation.label_economy import Point


@pytest.fixture
def counts():
    """Three classes occur: 0 and 5 are confused, 2 is not."""
    table = np.zeros((13, 13), np.int64)
    table[0, 0], table[0, 5] = 40, 60
    table[5, 0], table[5, 5] = 50, 50
    table[2, 2] = 100
    return table


def test_order__holds_the_classes_that_occur(counts):
    for how in matrix_panels.ORDERS:
        assert sorted(matrix_panels.order_of(counts, how)) == [0, 2, 5]


def test_order__confused_ones_stand_together(counts):
    order = matrix_panels.order_of(counts, "together")
    assert abs(order.index(0) - order.index(5)) == 1


def test_order__worst_first(counts):
    assert matrix_panels.order_of(counts, "worst") == [0, 5, 2]


def test_order__of_nothing_is_empty():
    empty = np.zeros((13, 13), np.int64)
    assert [matrix_panels.order_of(empty, how) for how in matrix_panels.ORDERS] == [[], [], []]


def test_matrix__a_point_is_the_cell_it_lies_on(counts):
    order = [5, 2, 0]
    figure = score_charts.matrix(row_shares(counts), counts, order, (0, 5))
    heat, points = figure.data
    assert heat.z[0][2] == pytest.approx(0.5)
    at = list(points.hovertext).index("building taken for coniferous: 60 pixels")
    assert divmod(at, len(order)) == (2, 0)
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.y0) == (-0.5, 1.5)


def test_matrix__words_in_cells(counts):
    figure = score_charts.matrix(counts.astype(float), counts * 1000, [0, 5], None, shares=False)
    assert figure.data[0].text[0] == ["40", "60"]
    thousands = score_charts.matrix(counts * 1000.0, counts, [0, 5], None, shares=False)
    assert thousands.data[0].text[0] == ["40k", "60k"]


def test_axis__published_figures_on_the_official_test_only():
    rows = [score_charts.Row("kNN", 0.3, 0.25, 0.35), score_charts.Row("chance", 0.05, None, None)]
    assert len(score_charts.axis(rows, official=True).layout.shapes) == 3
    assert not score_charts.axis(rows, official=False).layout.shapes
    assert [value for _, value in score_charts.PUBLISHED] == [0.5470, 0.5758, 0.6413]


def test_banded__shows_the_range_of_the_draws():
    points = [Point("knn", "labelled pixels", 13, 0.2, 0.1, 0.3),
              Point("knn", "labelled pixels", 100, 0.4, 0.4, 0.5),
              Point("kmeans, 13 centres", "every training label", 100, 0.5, 0.5, 0.5, 13),
              Point("kmeans, 13 centres", "1 look", 13, 0.3, 0.2, 0.35, 13)]  # fmt: skip
    figure = economy_panel.banded(score_charts.economy(points), points)
    pixels, clusters = figure.data[:2]
    assert pixels.error_y.array is None
    assert clusters.error_y.array == pytest.approx([0.05, 0])
    assert clusters.error_y.arrayminus == pytest.approx([0.1, 0])
    assert "draws 0.200 to 0.350" in clusters.hovertext[0]
    band = figure.data[-1]
    assert list(band.x) == [13, 100, 100, 13]
    assert list(band.y) == [0.3, 0.5, 0.4, 0.1]


def test_picture__every_pixel_can_be_clicked():
    image = np.zeros((6, 8, 3), np.uint8)
    drawn = pixel_inspector.picture(image, (2, 3))
    (cells,) = drawn.data
    assert (len(cells["z"]), len(cells["z"][0])) == (6, 8)
    assert drawn.layout["yaxis"]["range"] == [5.5, -0.5]
    assert '"frames"' in drawn.to_json()


def test_short_names__one_a_class():
    assert len(score_charts.SHORT) == len(REDUCED)
    for short, kind in zip(score_charts.SHORT, REDUCED, strict=True):
        assert kind.name.startswith(short)
