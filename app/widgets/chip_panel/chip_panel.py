"""The picked chip: its image, facts, coordinates and surroundings, in a column or a dialog."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from app import messages
from app.session import scene_images
from app.session.displayed_clusters import Clusters
from app.session.state import picked_row
from app.widgets import images
from app.widgets.chip_panel.chip_lens import choose_lens, lens_caption
from app.widgets.chip_panel.surroundings import surroundings_panel
from app.widgets.chip_tables import chip_names, class_attribute
from app.widgets.markup import count_noun, escape_markdown, facts_html, format_length, format_number
from core.chips.chip_set import ChipSet
from core.pipeline.view import View

CHIP_SIDE = 184
ATTRIBUTES_AT_MOST = 6


def chip_panel(
    view: View,
    chips: ChipSet,
    row: int,
    clusters: Clusters | None,
    draw_controls: Callable[[], None] | None = None,
) -> None:
    """Draw a chip's pixels and facts, and its surroundings in the scene.

    `draw_controls` is called between the two: buttons that it draws arrive with the picture, while
    the surroundings may take longer.
    """
    cluster = clusters.look.name(int(clusters.ids[row])) if clusters else None
    box = st.container(horizontal=True, gap="medium")
    # The box is as wide as the frame: a narrower box would scale the chip by a fraction.
    left, right = box.container(width=CHIP_SIDE, gap="xsmall"), box.container(width="stretch")
    with right:
        facts_panel(chips, row, cluster)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        lens = choose_lens(view, chips, row)
        st.page_link("../pages/map.py", label="Show on the map", icon=":material/map:")
    lens_caption(lens)
    # A scene that was moved away must not hide the plot, which is drawn after this panel.
    is_read = False
    with messages.show_errors():
        pixels, step = scene_images.chip_pixels(view, chips, row, lens)
        image, width, text = images.frame_image(pixels, CHIP_SIDE, step)
        if not scene_images.is_scene_present(view, chips, row):
            text = "The stored chip; its scene is not in raw/."
        with left:
            images.show_image(image, chip_text(chips, row, cluster), width=width)
            st.caption(text)
        is_read = True
    if draw_controls:
        draw_controls()
    if is_read:
        with messages.show_errors():
            surroundings_panel(view, chips, row, lens)
            _coordinates(view, chips, row)


def chip_opener(view: View, chips: ChipSet, clusters: Clusters | None) -> Callable[[int], None]:
    """Return the function that opens a chip in a dialog, for galleries on pages without a panel."""
    return partial(_open_dialog, view, chips, clusters)


def _open_dialog(view: View, chips: ChipSet, clusters: Clusters | None, row: int) -> None:
    @st.dialog("Chip", width="medium")
    def draw() -> None:
        # Another chip may have been picked in the surroundings since the dialog was opened.
        current = picked_row(view.workspace, chips)
        current = row if current is None else current
        chip_panel(view, chips, current, clusters)

    draw()


def chip_text(chips: ChipSet, row: int, cluster: str | None) -> str:
    """Return the alternative text of a chip's image: class, cluster and id."""
    words = (*chip_names(chips, [row]), cluster, str(chips.facts["chip_id"].iloc[row]))
    return ", ".join(dict.fromkeys(word for word in words if word))


def facts_panel(chips: ChipSet, row: int, cluster: str | None) -> None:
    """Draw a chip's facts: the first attributes in full, the others folded away."""
    attributes = chip_attributes(chips, row)
    st.html(facts_html(describe_chip(chips, row, cluster)))
    if remaining := attributes[ATTRIBUTES_AT_MOST:]:
        with st.expander(f"{count_noun(len(remaining), 'more attribute')}"):
            st.html(facts_html(remaining))


def chip_attributes(chips: ChipSet, row: int) -> list[tuple[str, object]]:
    """Return the attributes of a chip that have a value; the class attribute comes first."""
    attributes, main = chips.properties.iloc[row], class_attribute(chips)
    values = [(str(name), value) for name, value in attributes.items() if _has_value(value)]
    return sorted(values, key=lambda pair: pair[0] != main)


def describe_chip(chips: ChipSet, row: int, cluster: str | None) -> list[tuple[str, object]]:
    """Return a chip's first attributes and its facts as labels and values with units."""
    facts = chips.facts.iloc[row]
    pairs: list[tuple[str, object]] = []
    if cluster is not None:
        pairs.append(("Cluster", cluster))
    pairs += chip_attributes(chips, row)[:ATTRIBUTES_AT_MOST]
    if pd.notna(facts["length"]):
        size = f"{format_length(facts['length'])} × {format_length(facts['breadth'], 'm')}"
        pairs += [
            ("Size", size),
            ("Area", format_number(facts["area"], "m²")),
            ("Heading", f"{round(facts['heading']) % 180}°"),
        ]
    # A scene without a CRS is measured in pixels.
    on_earth, side = pd.notna(facts["longitude"]), facts["side"]
    pairs.append(("Chip side", format_length(side, "m") if on_earth else format_number(side, "px")))
    if facts["valid_fraction"] < 1:
        pairs.append(("Valid pixels", f"{facts['valid_fraction']:.0%}"))
    if facts["cut_by_edge"]:
        pairs.append(("Edge", "cut by the scene's edge"))
    return [*pairs, ("Id", facts["chip_id"])]


def _coordinates(view: View, chips: ChipSet, row: int) -> None:
    """Draw the chip's coordinates in degrees and in the scene's CRS, each with a copy button."""
    position = scene_images.chip_position(view, chips, row)
    facts = chips.facts.iloc[row]
    if position is None:
        st.caption("Column, row of the chip's centre in the scene (no CRS)")
        st.code(f"{facts['column']:.1f}, {facts['row']:.1f}", language=None)
        return
    digits = 6 if position.geographic else 2
    columns = st.columns(2, gap="small")
    for column, label, text in (
        (columns[0], "Latitude, longitude", f"{position.latitude:.6f}, {position.longitude:.6f}"),
        (columns[1], f"x, y ({position.crs})", f"{position.x:.{digits}f}, {position.y:.{digits}f}"),
    ):
        with column.container(gap="xxsmall"):
            st.caption(escape_markdown(label))
            st.code(text, language=None)


def _has_value(value: object) -> bool:
    return value is not None and value == value and value != ""  # noqa: PLR0124
