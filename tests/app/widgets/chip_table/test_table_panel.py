"""What the rows of the table of chips do, and its pages."""

import numpy as np
import pytest
import streamlit as st

from app.server import downloads
from app.session import state
from app.widgets.chip_table import table_panel
from app.widgets.chip_table.table_content import TableClusters
from app.widgets.palette import Look
from core.pipeline.workspace import Workspace
from tests.app.widgets.chip_table.made_up_chips import chips_with


@pytest.fixture
def panel(tmp_path, monkeypatch):
    """The widget of the table that was drawn last, with the page that opens, and a workspace."""
    widgets = {"page": 1}
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(
        st, "dataframe", lambda table, **options: widgets.update(options, table=table)
    )

    def draw_pager(_n_pages, key):
        return state.widget_value(key) or widgets["page"]

    monkeypatch.setattr(st, "pagination", draw_pager)
    return widgets, Workspace(tmp_path)


@pytest.fixture
def paged(panel, monkeypatch):
    """The same for pages of three rows."""
    monkeypatch.setattr(table_panel, "PAGE_ROWS", 3)
    return panel


def report(widgets, *rows):
    """Report rows of the page as selected, as the browser does."""
    state.set_widget_value(widgets["key"], {"selection": {"rows": list(rows)}})
    widgets["on_select"]()


@pytest.mark.parametrize(("reported", "expected"), [([0], ("a", "b", "c")), ([0, 2], ("a", "c"))])
def test_chip_table_panel__the_report_of_its_first_rows_changes_nothing(panel, reported, expected):
    # A browser reports the rows of a new table late, when other chips may have been selected.
    widgets, workspace = panel
    chips = chips_with()
    state.select_chips(workspace, ["a"])
    table_panel.chip_table_panel(workspace, chips)
    assert widgets["selection_default"] == {"selection": {"rows": [0]}}
    state.mark_chips(workspace, ["b", "c"])
    state.set_widget_value(widgets["key"], {"selection": {"rows": reported}})
    widgets["on_select"]()
    assert state.selected_chips(workspace) == expected


def test_chip_table_panel__two_changes_before_it_is_drawn_again(panel):
    widgets, workspace = panel
    chips = chips_with()
    table_panel.chip_table_panel(workspace, chips)
    for reported, expected in (([0, 2], ("a", "c")), ([], ())):
        state.set_widget_value(widgets["key"], {"selection": {"rows": reported}})
        widgets["on_select"]()
        assert state.selected_chips(workspace) == expected


@pytest.mark.parametrize(("page", "ids"), [(1, "abc"), (2, "def"), (3, "g")])
def test_pages__all_rows_once(paged, page, ids):
    widgets, workspace = paged
    widgets["page"] = page
    table_panel.chip_table_panel(workspace, chips_with())
    assert widgets["table"]["Chip"].tolist() == list(ids)


def test_pages__selected_chips_of_other_pages_stay_selected(paged):
    widgets, workspace = paged
    chips = chips_with()
    state.select_chips(workspace, ["a", "c", "e"])
    table_panel.chip_table_panel(workspace, chips)
    assert widgets["selection_default"] == {"selection": {"rows": [0, 2]}}
    widgets["page"] = 2
    state.set_widget_value(f"cs.page:{workspace.root}:table True:3", 2)
    table_panel.chip_table_panel(workspace, chips)
    assert widgets["selection_default"] == {"selection": {"rows": [1]}}
    report(widgets, 1)
    assert state.selected_chips(workspace) == ("a", "c", "e")
    report(widgets, 0)
    assert state.selected_chips(workspace) == ("a", "c", "d")
    report(widgets)
    assert state.selected_chips(workspace) == ("a", "c")


def test_pages__opens_the_page_of_a_chip_picked_elsewhere(paged):
    widgets, workspace = paged
    chips = chips_with()
    table_panel.chip_table_panel(workspace, chips)
    state.pick_chip(workspace, "g")
    table_panel.chip_table_panel(workspace, chips)
    assert widgets["table"]["Chip"].tolist() == ["g"]
    assert widgets["selection_default"] == {"selection": {"rows": [0]}}


def test_pages__some_rows_pick_one_chip(paged):
    widgets, workspace = paged
    table_panel.chip_table_panel(workspace, chips_with(), (6, 1, 0, 4))
    assert widgets["table"]["Chip"].tolist() == ["g", "b", "a"]
    report(widgets, 1)
    assert state.picked_chip(workspace) == "b"
    assert state.selected_chips(workspace) == ()


def test_pages__sorting_covers_all_rows(paged, monkeypatch):
    widgets, workspace = paged
    monkeypatch.setattr(st, "selectbox", lambda _, options, **__: options[-1])
    table_panel.chip_table_panel(workspace, chips_with())
    assert widgets["table"]["Length (m)"].tolist() == [1.0, 4.3, 4.3]


def test_download__a_link_that_keeps_no_clusters_of_the_session(panel):
    _, workspace = panel
    table_panel.chip_table_panel(
        workspace, chips_with(), clusters=TableClusters(np.zeros(7, np.int32), Look())
    )
    (download, _) = next(reversed(downloads.downloads._entries.values()))
    assert download.name == "chips.csv"
    assert b"".join(download.content()).count(b"Cluster 0") == 7
    assert isinstance(download.content.args[2], TableClusters)
