"""Chips on the page: galleries and their pages, and one chip with its facts and surroundings."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app.session import cache
from app.session.state import choice_key, current_workspace, keep_choice, widget_key, widget_value
from app.widgets import images, markup
from app.widgets.charts import show_chart
from app.widgets.chip_tables import chip_names, class_attribute
from app.widgets.colouring import value_labels
from app.widgets.markup import escape_markdown, format_length, format_number
from core.chips.chip_set import ChipSet
from core.pipeline.view import View
from core.pipeline.workspace import Workspace

CHIP_SIDE = 184
SURROUNDINGS = 2000
ATTRIBUTES_AT_MOST = 6


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
    thumbnails = cache.thumbnails(current_workspace(), chips, rows)
    second_lines = second_lines or [""] * len(rows)
    captions = list(zip(colours, chip_names(chips, rows), second_lines, strict=True))
    st.html(
        markup.gallery_html([images.data_uri(pixels) for pixels in thumbnails], captions, width)
    )


def gallery_pager(workspace: Workspace, name: str, total: int, page_size: int) -> int:
    """Draw the page numbers of a gallery; return the index of the first item on the chosen page."""
    n_pages = max(1, math.ceil(total / page_size))
    if n_pages == 1:
        return 0
    page = st.pagination(n_pages, key=f"cs.page:{workspace.root}:{name}:{n_pages}")
    return (page - 1) * page_size


def class_filter(workspace: Workspace, chips: ChipSet, attribute: str) -> list[int]:
    """Draw the class selector; return the rows of the chips of the chosen class."""
    classes = value_labels(chips.properties[attribute])
    counts, everything = classes.value_counts(), f"all {len(chips)}"
    titles = {name: f"{name} ({n})" for name, n in counts.items()} | {everything: everything}
    options, key = (
        [everything, *counts.index],
        widget_key(workspace, f"show {attribute}", everything),
    )
    choice = st.selectbox("Show", options, format_func=titles.__getitem__, key=key, width=320)
    is_chosen = (classes == choice) | (choice == everything)
    return [int(row) for row in np.flatnonzero(is_chosen)]


def interleave_classes(chips: ChipSet, rows: Sequence[int], page_size: int) -> list[int]:
    """Return the rows in an order that puts chips of every class on each page of a gallery."""
    attribute, order = class_attribute(chips), list(rows)
    if attribute:
        classes = value_labels(chips.properties[attribute])
        order.sort(key=lambda row: str(classes.iloc[row]))
    n_pages = max(1, math.ceil(len(order) / page_size))
    return [row for page in range(n_pages) for row in order[page::n_pages]]


def chip_panel(view: View, chips: ChipSet, row: int, cluster: str | None) -> None:
    """Draw a chip's pixels and facts, and its surroundings in the scene."""
    box = st.container(horizontal=True, gap="medium")
    # The box is as wide as the frame: a narrower box would scale the chip by a fraction.
    left, right = box.container(width=CHIP_SIDE), box.container(width="stretch")
    pixels, step = cache.chip_pixels(view, chips, row)
    image, width, text = images.frame_image(pixels, CHIP_SIDE, step)
    left.image(image, width=width)
    left.caption(text)
    with right:
        st.html(markup.facts_html(describe_chip(chips, row, cluster)))
    _surroundings_panel(view, chips, row)


def describe_chip(chips: ChipSet, row: int, cluster: str | None) -> list[tuple[str, object]]:
    """Return a chip's attributes and facts as labels and values with units."""
    facts, attributes = chips.facts.iloc[row], chips.properties.iloc[row]
    pairs: list[tuple[str, object]] = []
    if cluster is not None:
        pairs.append(("Cluster", cluster))
    values = [(str(name), value) for name, value in attributes.items() if _has_value(value)]
    pairs += values[:ATTRIBUTES_AT_MOST]
    if pd.notna(facts["length"]):
        size = f"{format_length(facts['length'])} × {format_length(facts['breadth'], 'm')}"
        pairs += [
            ("Size", size),
            ("Area", format_number(facts["area"], "m²")),
            ("Heading", f"{facts['heading']:.0f}°"),
            ("Lat, lon", f"{facts['latitude']:.5f}°, {facts['longitude']:.5f}°"),
        ]
    # A scene without a CRS is measured in pixels.
    on_earth, side = pd.notna(facts["longitude"]), facts["side"]
    pairs.append(("Chip side", format_length(side, "m") if on_earth else format_number(side, "px")))
    if facts["valid_fraction"] < 1:
        pairs.append(("Valid pixels", f"{facts['valid_fraction']:.0%}"))
    if facts["cut_by_edge"]:
        pairs.append(("Edge", "cut by the scene's edge"))
    return [*pairs, ("Id", facts["chip_id"])]


def _surroundings_panel(view: View, chips: ChipSet, row: int) -> None:
    workspace = view.workspace
    key = choice_key(workspace, "surroundings", SURROUNDINGS)
    side = keep_choice(workspace, "surroundings", widget_value(key))
    image = cache.surroundings(view, chips, row, side)
    figure = images.image_figure(image.uri, image.width, image.height, 400)
    for rings in image.footprints:
        images.add_outlines(figure, rings, images.FOOTPRINT, "footprint")
    images.add_outlines(figure, list(image.squares), images.SQUARE, "chip", 1.5)
    images.add_scale_bar(figure, image.width, image.height, image.gsd)
    show_chart(figure, "cs.around")
    extent = f" · {format_number(image.gsd * image.width, 'm')} across" if image.gsd else ""
    scene = chips.facts["scene"].iloc[row]
    st.caption(escape_markdown(f"{scene}: footprint in yellow, chip in white{extent}"))
    st.slider("Width of the surroundings (scene px)", 200, 6000, step=100, key=key)


def _has_value(value: object) -> bool:
    return value is not None and value == value and value != ""  # noqa: PLR0124
