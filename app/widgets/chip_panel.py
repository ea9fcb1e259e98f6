"""One chip: its pixels, its facts, and its surroundings."""

import pandas as pd
import streamlit as st

from app.session import cache
from app.session.state import keep_choice, page_choice, widget_key, widget_value
from app.widgets.charts import show_chart
from app.widgets.images import (
    FOOTPRINT,
    SQUARE,
    add_outlines,
    add_scale_bar,
    frame_image,
    image_figure,
)
from app.widgets.markup import escape_markdown, facts_html, format_length, format_number
from core.chips.chip_set import ChipSet
from core.pipeline.view import View

CHIP_SIDE = 184
SURROUNDINGS = 2000
ATTRIBUTES_AT_MOST = 6


def chip_panel(view: View, chips: ChipSet, row: int, cluster: str | None) -> None:
    """Draw a chip's pixels and facts, and its surroundings in the scene."""
    box = st.container(horizontal=True, gap="medium")
    # As wide as the frame: a narrower box would shrink the chip by a fraction.
    left, right = box.container(width=CHIP_SIDE), box.container(width="stretch")
    pixels, step = cache.chip_pixels(view, chips, row)
    image, width, text = frame_image(pixels, CHIP_SIDE, step)
    left.image(image, width=width)
    left.caption(text)
    with right:
        st.html(facts_html(describe_chip(chips, row, cluster)))
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
    key = widget_key(
        workspace, "surroundings", page_choice(workspace, "surroundings", SURROUNDINGS)
    )
    side = keep_choice(workspace, "surroundings", widget_value(key))
    image = cache.surroundings(view, chips, row, side)
    figure = image_figure(image.uri, image.width, image.height, 400)
    for rings in image.footprints:
        add_outlines(figure, rings, FOOTPRINT, "footprint")
    add_outlines(figure, list(image.squares), SQUARE, "chip", 1.5)
    add_scale_bar(figure, image.width, image.height, image.gsd)
    show_chart(figure, "cs.around")
    extent = f" · {format_number(image.gsd * image.width, 'm')} across" if image.gsd else ""
    scene = chips.facts["scene"].iloc[row]
    st.caption(escape_markdown(f"{scene}: footprint in yellow, chip in white{extent}"))
    st.slider("Surroundings (px of the scene)", 200, 6000, step=100, key=key)


def _has_value(value: object) -> bool:
    return value is not None and value == value and value != ""  # noqa: PLR0124
