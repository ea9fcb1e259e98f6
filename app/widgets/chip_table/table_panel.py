"""The table of chips on a page: its pages, its order, what a click does, and its download."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app.server.downloads import Download, download_link
from app.session import state
from app.session.displayed_clusters import Clusters
from app.session.state import choice_key, keep_choice
from app.widgets.chip_table.table_content import (
    TableClusters,
    display_table,
    sort_rows,
    table_columns,
    write_chip_csv,
)
from app.widgets.choices import gallery_pager
from app.widgets.markup import count_noun, format_number
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace

UNSORTED = "Order of the chips"
# Rows on a page of the table: a megabyte, which the browser receives at once.
PAGE_ROWS = 5000


def chip_table_panel(
    workspace: Workspace,
    chips: ChipSet,
    rows: Sequence[int] | None = None,
    clusters: Clusters | None = None,
) -> None:
    """Draw the table of some chips, by default all, page by page, and its download link.

    A row picks its chip. In the table of all chips, several rows select their chips; the chips
    that are selected on other pages stay selected.
    """
    n, is_all = len(chips) if rows is None else len(rows), rows is None
    picked, selected = state.picked_row(workspace, chips), state.selected_rows(workspace, chips)
    current = (picked,) if picked is not None and (not is_all or not selected) else selected
    name = f"table {is_all}"
    turn, last = state.page_choice(workspace, name, (0, ()))
    is_elsewhere = last != current
    if is_elsewhere:
        # A new table displays the chips that were picked or selected elsewhere.
        turn += 1
    state.keep_choice(workspace, name, (turn, current))
    ordered, order = _ordered_rows(workspace, chips, rows, clusters)
    container, item = st.container(), None
    if is_elsewhere and n > PAGE_ROWS:
        item = next((i for i, row in enumerate(ordered) if row in current[:1]), None)
    start = gallery_pager(workspace, name, n, PAGE_ROWS, item)
    page = [int(row) for row in ordered[start : start + PAGE_ROWS]]
    root = f"{workspace.root}:{state.current_page()}"
    key = f"cs.{name}:{root}:{turn}:{hash(rows)}:{order}:{start}"
    position_by_row = {row: position for position, row in enumerate(page)}
    positions = [position_by_row[row] for row in current if row in position_by_row]

    def apply_rows() -> None:
        reported = state.widget_value(key)["selection"]["rows"]
        # The browser also reports the rows with which a new table was displayed. By then, chips may
        # have been selected elsewhere.
        last_turn, last_rows = state.page_choice(workspace, name, (turn, current))
        is_unused = last_turn != turn or last_rows == current
        if is_unused and set(reported) == set(positions):
            return
        chosen = [page[position] for position in reported]
        if is_all:
            now_selected = state.selected_rows(workspace, chips)
            chosen = [row for row in now_selected if row not in position_by_row] + chosen
        chip_ids = chips.facts["chip_id"].iloc[chosen].tolist()
        if is_all:
            state.select_chips(workspace, chip_ids if len(chip_ids) > 1 else ())
        if not is_all or len(chip_ids) <= 1:
            state.pick_chip(workspace, chip_ids[0] if chip_ids else None)
        state.keep_choice(workspace, name, (turn, tuple(chosen)))

    with container:
        st.dataframe(
            display_table(chips, page, clusters),
            hide_index=True,
            height=min(420, 38 + 35 * len(page)),
            key=key,
            on_select=apply_rows,
            selection_mode="multi-row" if is_all else "single-row",
            selection_default={"selection": {"rows": positions}},
            alt="Table of the chips",
        )
    _download_link(workspace, chips, rows, clusters)


def _ordered_rows(
    workspace: Workspace, chips: ChipSet, rows: Sequence[int] | None, clusters: Clusters | None
) -> tuple[Sequence[int], str]:
    """Draw the widgets that sort a table of several pages; return its rows and their order."""
    unsorted = range(len(chips)) if rows is None else rows
    if len(unsorted) <= PAGE_ROWS:
        return unsorted, ""
    options = [UNSORTED, *(label for label, _ in table_columns(chips, slice(0), clusters))]
    name = f"table order {rows is None}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        key = choice_key(workspace, name, UNSORTED, options)
        label = "Sort all rows by"
        column = keep_choice(workspace, name, st.selectbox(label, options, key=key, width=280))
        key = choice_key(workspace, f"{name} descending", False)
        is_descending = st.toggle("Descending", key=key, disabled=column == UNSORTED)
        keep_choice(workspace, f"{name} descending", is_descending)
    st.caption(
        f"{count_noun(len(unsorted), 'row')} on pages of {format_number(PAGE_ROWS)}. A click on "
        "the heading of a column sorts the rows of the page only."
    )
    if column == UNSORTED:
        return unsorted, ""
    ordered = sort_rows(chips, rows, clusters, column, descending=is_descending)
    return ordered, f"{column} {is_descending}"


def _download_link(
    workspace: Workspace, chips: ChipSet, rows: Sequence[int] | None, clusters: Clusters | None
) -> None:
    """Draw the link that downloads a table; its rows are written while they are sent."""
    # The download must not keep the clusters of a session that has ended.
    names = clusters and TableClusters(clusters.ids, clusters.look)
    download = Download("chips.csv", "text/csv", partial(write_chip_csv, chips, rows, names))
    inputs = f"{state.session_token()}|{workspace.root}|{rows is None}"
    download_link("Download the table (CSV)", download, inputs)
