"""Cells, hover texts and names of the figure of a confusion matrix."""

import numpy as np
import pytest

from app.land_cover.confusion.matrix_chart import SHORT_NAMES, matrix_chart
from core.flair.data.nomenclature import REDUCED
from core.flair.evaluation.confusion import row_shares


@pytest.fixture
def counts():
    """Three classes occur: 0 and 5 are confused with each other, 2 is not."""
    table = np.zeros((13, 13), np.int64)
    table[0, 0], table[0, 5] = 40, 60
    table[5, 0], table[5, 5] = 50, 50
    table[2, 2] = 100
    return table


def test_matrix__a_marker_lies_on_its_cell(counts):
    order = [5, 2, 0]
    figure = matrix_chart(row_shares(counts), counts, order, (0, 5))
    heatmap, markers = figure.data
    assert heatmap.z[0][2] == pytest.approx(0.5)
    index = list(markers.hovertext).index("building predicted as coniferous: 60 pixels")
    assert divmod(index, len(order)) == (2, 0)
    assert (markers.y[index], markers.x[index]) == (2, 0)
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.y0) == (-0.5, 1.5)


def test_matrix__texts_of_counts(counts):
    figure = matrix_chart(counts.astype(float), counts * 1000, [0, 5], None, shares=False)
    assert figure.data[0].text[0] == ["40", "60"]
    thousands = matrix_chart(counts * 1000.0, counts, [0, 5], None, shares=False)
    assert thousands.data[0].text[0] == ["40k", "60k"]


def test_matrix__texts_of_shares_and_differences(counts):
    shares = np.array([[0.4, 0.004], [0, np.nan]])
    values = np.zeros((13, 13))
    values[:2, :2] = shares
    figure = matrix_chart(values, counts, [0, 1], None)
    assert figure.data[0].text == (["40%", "·"], ["", ""])
    signed = matrix_chart(-values, counts, [0, 1], None, difference=True)
    assert signed.data[0].text[0] == ["-40%", "·"]


def test_short_names__one_per_class():
    assert len(SHORT_NAMES) == len(REDUCED)
    for short, cover in zip(SHORT_NAMES, REDUCED, strict=True):
        assert cover.name.startswith(short)
        assert len(short) <= 12
