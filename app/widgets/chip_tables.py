"""Columns of chips under labels: their classes, names and colours, and the table."""

from collections.abc import Hashable, Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from app.session.displayed_clusters import Clusters
from app.session.state import current_workspace, keep_choice, page_choice, widget_key
from app.session.views import requested_settings
from app.widgets.colouring import (
    CLUSTER,
    Colouring,
    colour_by_cluster,
    colour_by_property,
    value_labels,
)
from app.widgets.markup import format_length
from app.widgets.setting_labels import FACTS, fact_label
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace
from core.raster.annotations.footprints import guess_class_attribute
from core.types import IntArray

Source = Literal["property", "fact"]


def class_attribute(chips: ChipSet) -> str:
    """Return the class attribute: the requested one, else a guess; empty if there is none."""
    requested = requested_settings(current_workspace()).scenes.class_property
    if requested in chips.properties:
        return requested
    return str(guess_class_attribute(chips.properties) or "")


def scorable_attribute(chips: ChipSet) -> str:
    """Return the class attribute, or another attribute if all chips are of one class."""
    names = [str(name) for name in chips.properties.columns]
    varied = [name for name in names if chips.properties[name].nunique() > 1]
    attribute = class_attribute(chips)
    return attribute if attribute in varied or not varied else varied[0]


def chip_names(chips: ChipSet, rows: Sequence[int] | IntArray) -> list[str]:
    """Return the name of each chip: its class, or its id if there is no class attribute."""
    attribute = class_attribute(chips)
    column = chips.properties[attribute] if attribute else chips.facts["chip_id"]
    return list(value_labels(column.iloc[list(rows)]))


def chip_lengths(chips: ChipSet, rows: Sequence[int]) -> list[str]:
    """Return the length of each chip's annotation; empty if it is not known."""
    lengths = chips.facts["length"].iloc[list(rows)]
    return [format_length(length, "m") if pd.notna(length) else "" for length in lengths]


def attribute_labels(chips: ChipSet) -> dict[str, Hashable]:
    """Return the attributes by label; a label that a fact or column has too is extended."""
    used = {"Chip", CLUSTER, *(fact_label(name) for name in FACTS)}
    labels: dict[str, Hashable] = {}
    for name in chips.properties.columns:
        label = str(name)
        while label in used:
            label += " (annotation)"
        used.add(label)
        labels[label] = name
    return labels


def colour_columns(chips: ChipSet) -> dict[str, tuple[Source, Hashable]]:
    """Return the columns that may colour chips, by label: attributes first, then facts."""
    columns: dict[str, tuple[Source, Hashable]] = {
        label: ("property", name) for label, name in attribute_labels(chips).items()
    }
    for name in FACTS:
        if name in chips.facts and chips.facts[name].nunique(dropna=True) > 1:
            columns[fact_label(name)] = ("fact", name)
    return columns


def column_values(chips: ChipSet, source: Source, name: Hashable) -> pd.Series:
    """Return an attribute or a fact of all chips, a fact with its usual number of decimals."""
    if source == "property":
        return chips.properties[name]
    decimals = FACTS[str(name)][2]
    return chips.facts[name].round(decimals)


def choose_colouring(workspace: Workspace, chips: ChipSet) -> str:
    """Draw the choice of what colours the chips; return its label."""
    options = [CLUSTER, *colour_columns(chips)]
    current = page_choice(workspace, "colour", CLUSTER)
    key = widget_key(workspace, "colour", current if current in options else CLUSTER)
    label: str = keep_choice(workspace, "colour", st.selectbox("Colour by", options, key=key))
    return label


def chip_colouring(chips: ChipSet, label: str, clusters: Clusters | None) -> Colouring:
    """Return the colour of each chip; by scene if there are no clusters to colour by."""
    if label == CLUSTER and clusters is not None:
        return colour_by_cluster(clusters.ids, clusters.look)
    source, name = colour_columns(chips).get(label, ("fact", "scene"))
    title = "Scene" if label == CLUSTER else label
    return colour_by_property(column_values(chips, source, name), title)


def display_table(
    chips: ChipSet, rows: Sequence[int] | None = None, clusters: Clusters | None = None
) -> pd.DataFrame:
    """Return attributes and facts of some chips, by default of all, under labels with units."""
    columns = {"Chip": chips.facts["chip_id"]}
    if clusters is not None:
        columns[CLUSTER] = pd.Series([clusters.look.name(int(i)) for i in clusters.ids])
    columns |= {label: chips.properties[name] for label, name in attribute_labels(chips).items()}
    for name in FACTS:
        if name in chips.facts and not chips.facts[name].isna().all():
            columns[fact_label(name)] = column_values(chips, "fact", name)
    table = pd.DataFrame(columns)
    return table if rows is None else table.iloc[list(rows)]


def chip_table_panel(
    chips: ChipSet, rows: Sequence[int] | None = None, clusters: Clusters | None = None
) -> None:
    """Draw the table of some chips, by default of all, with its download."""
    table = display_table(chips, rows, clusters)
    st.dataframe(table, hide_index=True, height=min(420, 38 + 35 * len(table)))
    st.download_button(
        "Download the table (CSV)",
        lambda: table.to_csv(index=False).encode(),
        "chips.csv",
        "text/csv",
        key=f"cs.csv:{rows is None}",
        on_click="ignore",
    )
