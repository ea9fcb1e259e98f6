"""Columns of the table of chips, its order, and its rows as CSV."""

import numpy as np
import pandas as pd
import pytest

from app.widgets.chip_table import table_content
from app.widgets.chip_table.table_content import TableClusters, display_table, sort_rows
from app.widgets.chip_tables import colour_columns
from app.widgets.palette import Look
from tests.app.widgets.chip_table.made_up_chips import chips_with

CLUSTERS = TableClusters(np.array([1, -1, 0, 1, -2, 0, 1], np.int32), Look({1: "boats"}))
CLASSES = ["z", None, "a", 3, "a", " ", "z"]


def test_display_table__attributes_have_the_labels_of_the_colour_choice():
    chips = chips_with(**{"Length (m)": range(7), "length": range(7), "Cluster": list("xyxxxxx")})
    table = display_table(chips)
    attributes = {
        label for label, (source, _) in colour_columns(chips).items() if source == "property"
    }
    assert attributes <= set(table)
    assert table["Length (m)"].tolist()[:3] == [4.3, 20.0, 123.4]
    assert table["Length (m) (annotation)"].tolist() == list(range(7))
    # A fact without values has no column.
    assert "Breadth (m)" not in table


def test_display_table__some_rows_are_those_of_the_whole_table():
    chips = chips_with(kind=CLASSES)
    table = display_table(chips, None, CLUSTERS)
    assert table["Cluster"].tolist()[:3] == ["boats", "Noise", "Cluster 0"]
    for rows in ([], [3], [6, 0, 2]):
        pd.testing.assert_frame_equal(display_table(chips, rows, CLUSTERS), table.iloc[rows])


@pytest.mark.parametrize("rows", [None, [], [5], [6, 1, 0, 4]])
@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_write_chip_csv__the_bytes_of_the_whole_table(monkeypatch, rows, chunk):
    chips = chips_with(kind=CLASSES, number=[1, 2, None, 4, 5.5, 6, 7])
    monkeypatch.setattr(table_content, "CHUNK_ROWS", chunk)
    pieces = list(table_content.write_chip_csv(chips, rows, CLUSTERS))
    n = 7 if rows is None else len(rows)
    assert len(pieces) == max(1, -(-n // chunk))
    expected = display_table(chips, rows, CLUSTERS).to_csv(index=False)
    assert b"".join(pieces) == expected.encode()


def test_sort_rows__numbers_with_missing_values_last():
    chips = chips_with()
    assert sort_rows(chips, None, None, "Length (m)") == [6, 0, 3, 5, 1, 2, 4]
    assert sort_rows(chips, None, None, "Length (m)", descending=True) == [2, 1, 5, 0, 3, 6, 4]
    assert sort_rows(chips, [2, 4, 0], None, "Length (m)") == [0, 2, 4]


def test_sort_rows__text_and_numbers_in_one_column():
    chips = chips_with(kind=CLASSES)
    assert sort_rows(chips, None, None, "kind") == [5, 3, 2, 4, 0, 6, 1]


def test_sort_rows__clusters_in_the_order_of_the_legend():
    order = sort_rows(chips_with(), None, CLUSTERS, "Cluster")
    assert CLUSTERS.ids[order].tolist() == [0, 0, 1, 1, 1, -1, -2]
    assert order[:2] == [2, 5]
