"""Attributes and facts of chips as labelled columns: classes, names, colours and the table."""

from collections.abc import Hashable, Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from app.session import state
from app.session.chip_search import SIMILARITY, ChipSearch
from app.session.displayed_clusters import Clusters
from app.session.state import choice_key, current_workspace, keep_choice
from app.session.views import requested_view
from app.widgets import colouring
from app.widgets.markup import format_length
from app.widgets.setting_labels import FACTS, fact_label
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace
from core.raster.annotations.footprints import guess_class_attribute
from core.types import IntArray

Source = Literal["property", "fact"]


def class_attribute(chips: ChipSet) -> str:
    """Return the class attribute: the requested one, else a guess; empty if there is none.

    The Scenes page and the command line use the same guess. If these chips lack the attribute, as
    chips of earlier annotations can, it is guessed from the chips.
    """
    attribute = requested_view(current_workspace()).survey.class_attribute
    if attribute in chips.properties:
        return attribute
    return guess_class_attribute(chips.properties)


def chip_names(chips: ChipSet, rows: Sequence[int] | IntArray) -> list[str]:
    """Return the name of each chip: its class, or its id if there is no class attribute."""
    attribute = class_attribute(chips)
    column = chips.properties[attribute] if attribute else chips.facts["chip_id"]
    return list(colouring.value_labels(column.iloc[list(rows)]))


def chip_lengths(chips: ChipSet, rows: Sequence[int]) -> list[str]:
    """Return the length of each chip's annotation; empty if it is not known."""
    lengths = chips.facts["length"].iloc[list(rows)]
    return [format_length(length, "m") if pd.notna(length) else "" for length in lengths]


def attribute_labels(chips: ChipSet) -> dict[str, Hashable]:
    """Return the attributes by label; a label that is already in use is extended."""
    used = {"Chip", colouring.CLUSTER, SIMILARITY, *(fact_label(name) for name in FACTS)}
    labels: dict[str, Hashable] = {}
    for name in chips.properties.columns:
        label = str(name)
        while label in used:
            label += " (annotation)"
        used.add(label)
        labels[label] = name
    return labels


def colour_columns(chips: ChipSet) -> dict[str, tuple[Source, Hashable]]:
    """Return the columns by which chips can be coloured, by label: attributes, then facts."""
    facts = [name for name in FACTS if name in chips.varying_facts]
    columns: dict[str, tuple[Source, Hashable]] = {
        label: ("property", name) for label, name in attribute_labels(chips).items()
    }
    return columns | {fact_label(name): ("fact", name) for name in facts}


def column_values(chips: ChipSet, source: Source, name: Hashable) -> pd.Series:
    """Return the values of an attribute, or of a measured property (fact), for all chips.

    Facts are rounded to their usual number of decimals.
    """
    if source == "property":
        return chips.properties[name]
    decimals = FACTS[str(name)][2]
    return chips.facts[name].round(decimals)


def choose_colouring(workspace: Workspace, chips: ChipSet, search: ChipSearch) -> str:
    """Draw the selector of the column that colours the chips; return its label."""
    options = [colouring.CLUSTER, *colour_columns(chips)]
    if search.ranking is not None:
        options.insert(1, SIMILARITY)
    key = choice_key(workspace, "colour", colouring.CLUSTER, options)
    label: str = keep_choice(workspace, "colour", st.selectbox("Colour by", options, key=key))
    return label


def chip_colouring(
    chips: ChipSet, label: str, clusters: Clusters | None, search: ChipSearch | None = None
) -> colouring.Colouring:
    """Return the colouring of chips by a column; by scene if there are no clusters yet."""
    if label == SIMILARITY and search is not None and search.ranking is not None:
        return colouring.colour_by_number(pd.Series(search.ranking.scores.round(3)), label)
    if label == colouring.CLUSTER and clusters is not None:
        return colouring.colour_by_cluster(clusters.ids, clusters.look)
    source, name = colour_columns(chips).get(label, ("fact", "scene"))
    title = "Scene" if label == colouring.CLUSTER else label
    return colouring.colour_by_property(column_values(chips, source, name), title)


def display_table(
    chips: ChipSet, rows: Sequence[int] | None = None, clusters: Clusters | None = None
) -> pd.DataFrame:
    """Return attributes and facts of some chips, by default all; column labels include units."""
    columns = {"Chip": chips.facts["chip_id"]}
    if clusters is not None:
        columns[colouring.CLUSTER] = pd.Series([clusters.look.name(int(i)) for i in clusters.ids])
    columns |= {label: chips.properties[name] for label, name in attribute_labels(chips).items()}
    for name in FACTS:
        if name in chips.facts and not chips.facts[name].isna().all():
            columns[fact_label(name)] = column_values(chips, "fact", name)
    table = pd.DataFrame(columns)
    return table if rows is None else table.iloc[list(rows)]


def chip_table_panel(
    workspace: Workspace,
    chips: ChipSet,
    rows: Sequence[int] | None = None,
    clusters: Clusters | None = None,
) -> None:
    """Draw the table of some chips, by default all, and its download button.

    A row picks its chip. In the table of all chips, several rows select their chips.
    """
    table = display_table(chips, rows, clusters)
    picked, selected = state.picked_row(workspace, chips), state.selected_rows(workspace, chips)
    current = (picked,) if picked is not None and (rows is not None or not selected) else selected
    name = f"table {rows is None}"
    turn, last = state.page_choice(workspace, name, (0, current))
    if last != current:
        # A new table displays the chips that were picked or selected elsewhere.
        turn += 1
    state.keep_choice(workspace, name, (turn, current))
    key = f"cs.{name}:{workspace.root}:{state.current_page()}:{turn}:{hash(rows)}"
    positions = [row if rows is None else rows.index(row) for row in current if _is_in(row, rows)]

    def apply_rows() -> None:
        reported = state.widget_value(key)["selection"]["rows"]
        # The browser also reports the rows with which a new table was displayed. By then, chips may
        # have been selected elsewhere.
        last_turn, last_rows = state.page_choice(workspace, name, (turn, current))
        is_unused = last_turn != turn or last_rows == current
        if is_unused and set(reported) == set(positions):
            return
        chosen = [int(position if rows is None else rows[position]) for position in reported]
        chip_ids = chips.facts["chip_id"].iloc[chosen].tolist()
        if rows is None:
            state.select_chips(workspace, chip_ids if len(chip_ids) > 1 else ())
        if rows is not None or len(chip_ids) <= 1:
            state.pick_chip(workspace, chip_ids[0] if chip_ids else None)
        state.keep_choice(workspace, name, (turn, tuple(chosen)))

    st.dataframe(
        table,
        hide_index=True,
        height=min(420, 38 + 35 * len(table)),
        key=key,
        on_select=apply_rows,
        selection_mode="multi-row" if rows is None else "single-row",
        selection_default={"selection": {"rows": positions}},
        alt="Table of the chips",
    )
    csv_button("Download the table (CSV)", table, "chips.csv", key=f"cs.csv:{rows is None}")


def _is_in(row: int, rows: Sequence[int] | None) -> bool:
    return rows is None or row in rows


def csv_button(
    label: str, table: pd.DataFrame, file: str, *, key: str | None = None, footer: str = ""
) -> None:
    """Draw a button that downloads a table as CSV, followed by `footer`."""

    def content() -> bytes:
        return f"{table.to_csv(index=False)}{footer}".encode()

    st.download_button(label, content, file, "text/csv", key=key, on_click="ignore")
