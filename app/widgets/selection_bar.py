"""The picked and the selected chips on every page: their ids and counts, and buttons to move on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from app.session import state
from app.session.chip_links import missing_chip
from app.session.displayed_clusters import Clusters
from app.widgets.chip_panel.example_marks import example_buttons, example_menu
from app.widgets.markup import count_noun, escape_markdown
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace

# The pages that display similar chips.
SEARCH_PAGES = ("explore", "map")
# Height of the bar in pixels, also while nothing is selected, so that nothing below it moves.
BAR_HEIGHT = 44


def selection_count(
    workspace: Workspace, chips: ChipSet, hint: str = "", keys: str = ""
) -> tuple[int, ...]:
    """Draw the number of selected chips and a button to clear the selection; return their rows.

    Without a selection, the hint says how to select chips, and its tooltip which keys do.
    """
    rows = state.selected_rows(workspace, chips)
    if not rows:
        if hint:
            st.caption(hint, help=keys or None, width="content")
        return rows
    st.markdown(f"**{count_noun(len(rows), 'chip')} selected**", width="content")
    clear, args = state.clear_selection, (workspace,)
    st.button("Clear", key="cs.clear selection", help="Select no chips", on_click=clear, args=args)
    if state.current_page() in SEARCH_PAGES:
        example_menu(workspace, chips, rows)
    return rows


def describe_chips(chips: ChipSet) -> str:
    """Return the numbers of chips and scenes, such as "36 chips of 1 scene"."""
    return f"{count_noun(len(chips), 'chip')} of {count_noun(len(chips.parts), 'scene')}"


def selection_row(
    workspace: Workspace,
    chips: ChipSet,
    clusters: Clusters | None = None,
    hint: str = "",
    keys: str = "",
) -> None:
    """Draw the count of selected chips and the chip finder in one row."""
    bar = st.container(key="cs_selection", height=BAR_HEIGHT, border=False)
    with bar.container(horizontal=True, vertical_alignment="center", gap="small"):
        selection_count(workspace, chips, hint, keys)
        chip_finder(workspace, chips, clusters)


def chip_finder(workspace: Workspace, chips: ChipSet, clusters: Clusters | None = None) -> None:
    """Draw a field for a chip's id, and buttons for the previous and the next chip.

    They follow the selection if it contains the picked chip, else the chip's cluster.
    """
    row = state.picked_row(workspace, chips)
    rows, title = _sequence(workspace, chips, row, clusters)
    position = rows.index(row) if row in rows else -1
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="cs_finder"):
        _id_field(workspace, chips)
        _step_button(workspace, chips, "Previous", rows, position - 1, title)
        _step_button(workspace, chips, "Next", rows, position + 1, title)
        close, args = state.pick_chip, (workspace, None)
        st.button("Close", key="cs.close chip", disabled=row is None, on_click=close, args=args)


def finder_notes(workspace: Workspace, chips: ChipSet, clusters: Clusters | None = None) -> None:
    """Write where the picked chip is in the sequence of the finder, or that a chip is unknown."""
    row = state.picked_row(workspace, chips)
    if row is not None:
        rows, title = _sequence(workspace, chips, row, clusters)
        with st.container(horizontal=True, vertical_alignment="center"):
            text = f"Chip {rows.index(row) + 1} of {len(rows)} {title}."
            st.caption(escape_markdown(text), width="content")
            if state.current_page() in SEARCH_PAGES:
                example_buttons(workspace, str(chips.facts["chip_id"].iloc[row]))
            if state.current_page() != "explore":
                st.page_link("../pages/explore.py", label="Show this chip on Explore")
    unknown_chip = state.page_choice(workspace, "unknown chip", None) or missing_chip()
    if unknown_chip:
        st.error(escape_markdown(_describe_unknown_chip(chips, unknown_chip)))


def _ids_that_begin_with(chips: ChipSet, text: str) -> list[str]:
    """Return the id that equals a text or, if there is none, the ids that begin with the text."""
    if text in chips.row_by_id or not text:
        return [text] if text else []
    return [chip_id for chip_id in chips.row_by_id if chip_id.startswith(text)]


def _describe_unknown_chip(chips: ChipSet, text: str) -> str:
    """Return sentences on a text that is not the id of a chip, nor the beginning of a single id."""
    chip_ids = _ids_that_begin_with(chips, text)
    if len(chip_ids) > 1:
        return (
            f"{len(chip_ids):,} chips have an id that begins with {text}, for example "
            f"{chip_ids[0]} and {chip_ids[1]}. Enter more of the id."
        )
    return (
        f"There is no chip {text} in this workspace. The ids are in the table of chips, for "
        f"example {chips.facts['chip_id'].iloc[0]}."
    )


def _id_field(workspace: Workspace, chips: ChipSet) -> None:
    picked = state.picked_chip(workspace) or ""
    key = state.widget_key(workspace, "chip id", picked)
    if state.page_choice(workspace, "chip in the field", picked) != picked:
        state.set_widget_value(key, picked)
        state.keep_choice(workspace, "unknown chip", None)
    state.keep_choice(workspace, "chip in the field", picked)

    def pick() -> None:
        text = str(state.widget_value(key) or "").strip()
        chip_ids = _ids_that_begin_with(chips, text)
        is_known = len(chip_ids) == 1
        state.keep_choice(workspace, "unknown chip", None if is_known else text)
        if is_known or not text:
            state.pick_chip(workspace, chip_ids[0] if is_known else None)
        if is_known:
            state.set_widget_value(key, chip_ids[0])

    options: Any = {"label_visibility": "collapsed", "placeholder": "Id of a chip, then Enter"}
    st.text_input("Chip id", key=key, on_change=pick, **options)


def _step_button(
    workspace: Workspace, chips: ChipSet, label: str, rows: Sequence[int], position: int, title: str
) -> None:
    """Draw the button that picks the chip in a position of a sequence of rows."""
    is_possible = 0 <= position < len(rows)
    chip_id = str(chips.facts["chip_id"].iloc[rows[position]]) if is_possible else None
    st.button(
        label,
        key=f"cs.{label.lower()} chip",
        help=f"{label} chip {title}",
        disabled=not is_possible,
        on_click=state.pick_chip,
        args=(workspace, chip_id),
    )


def _sequence(
    workspace: Workspace, chips: ChipSet, row: int | None, clusters: Clusters | None
) -> tuple[list[int], str]:
    """Return the rows through which the buttons step, and which rows these are."""
    selected = list(state.selected_rows(workspace, chips))
    if selected and (row is None or row in selected):
        return selected, "of the selection"
    if row is not None and clusters is not None:
        members = np.flatnonzero(clusters.ids == clusters.ids[row]).tolist()
        return members, f"in {clusters.look.name(int(clusters.ids[row]))}"
    return list(range(len(chips))), "of all chips"
