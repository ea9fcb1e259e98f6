"""Chips next to each other: galleries, their pages, and which chips are on them."""

import math
from collections.abc import Sequence

import streamlit as st

from app.session import cache
from app.session.state import current_workspace, widget_key
from app.widgets.chip_tables import chip_names, class_attribute
from app.widgets.colouring import value_labels
from app.widgets.images import data_uris
from app.widgets.markup import gallery_html
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace


def chip_gallery(
    chips: ChipSet,
    rows: Sequence[int],
    colours: Sequence[str],
    second_lines: Sequence[str] = (),
    width: int = 92,
) -> None:
    """Draw chips next to each other, each with its class and a second line."""
    if not len(rows):
        return
    images = data_uris(cache.thumbnails(current_workspace(), chips, rows))
    second_lines = second_lines or [""] * len(rows)
    captions = list(zip(colours, chip_names(chips, rows), second_lines, strict=True))
    st.html(gallery_html(images, captions, width))


def gallery_pager(workspace: Workspace, name: str, total: int, page_size: int) -> int:
    """Draw the choice of a gallery's page; return the index of the first item on it."""
    n_pages = max(1, math.ceil(total / page_size))
    if n_pages == 1:
        return 0
    page = st.pagination(n_pages, key=f"cs.page:{workspace.root}:{name}:{n_pages}")
    return (page - 1) * page_size


def class_filter(workspace: Workspace, chips: ChipSet, attribute: str) -> list[int]:
    """Draw the choice of a class; return the rows of its chips."""
    classes = value_labels(chips.properties[attribute])
    counts, everything = classes.value_counts(), f"all {len(chips)}"
    choice = st.selectbox(
        "Show",
        [everything, *counts.index],
        format_func=lambda name: name if name == everything else f"{name} ({counts[name]})",
        key=widget_key(workspace, f"show {attribute}", everything),
        width=320,
    )
    if choice == everything:
        return list(range(len(chips)))
    rows: list[int] = (classes == choice).to_numpy().nonzero()[0].tolist()
    return rows


def interleave_classes(chips: ChipSet, rows: Sequence[int], page_size: int) -> list[int]:
    """Return rows in an order in which each page of a gallery has some of every class."""
    attribute, order = class_attribute(chips), list(rows)
    if attribute:
        classes = value_labels(chips.properties[attribute])
        order.sort(key=lambda row: str(classes.iloc[row]))
    n_pages = max(1, math.ceil(len(order) / page_size))
    return [row for page in range(n_pages) for row in order[page::n_pages]]
