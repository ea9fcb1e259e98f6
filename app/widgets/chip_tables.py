"""Attributes and facts of chips as labelled columns: classes, names and colours."""

from collections.abc import Hashable, Sequence
from typing import Literal

import pandas as pd
import streamlit as st

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
Rows = slice | IntArray
CHIP = "Chip"


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
    used = {CHIP, colouring.CLUSTER, SIMILARITY, *(fact_label(name) for name in FACTS)}
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


def column_values(
    chips: ChipSet, source: Source, name: Hashable, rows: Rows = slice(None)
) -> pd.Series:
    """Return the values of an attribute, or of a measured property (fact), by default of all chips.

    Facts are rounded to their usual number of decimals.
    """
    if source == "property":
        return chips.properties[name].iloc[rows]
    decimals = FACTS[str(name)][2]
    return chips.facts[name].iloc[rows].round(decimals)


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


def csv_button(
    label: str, table: pd.DataFrame, file: str, *, key: str | None = None, footer: str = ""
) -> None:
    """Draw a button that downloads a table as CSV, followed by `footer`."""

    def content() -> bytes:
        return f"{table.to_csv(index=False)}{footer}".encode()

    st.download_button(label, content, file, "text/csv", key=key, on_click="ignore")
