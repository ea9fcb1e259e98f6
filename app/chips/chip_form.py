"""The form for cutting chips: changes apply to the requested settings; a button cuts the chips."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import streamlit as st

from app.session.state import widget_key
from app.session.views import request_settings, requested_settings
from app.widgets.choices import button_choice, setting_choice, setting_number
from app.widgets.setting_labels import setting_label
from core.pipeline.workspace import Workspace

SIZES = (32, 48, 64, 96, 128, 192, 224, 256)
MOST_METRES = 100_000.0


def chip_form(workspace: Workspace, bands: Sequence[str]) -> None:
    """Draw the form for cutting chips."""
    current = requested_settings(workspace).chips
    number = partial(setting_number, workspace, "chips")
    choice = partial(setting_choice, workspace, "chips")
    size = st.select_slider(
        setting_label("chips", "size"),
        sorted({*SIZES, current.size}),
        key=widget_key(workspace, "size", current.size),
        help="Pixels along one side of each chip, after resampling.",
    )
    margin, extent = current.margin, 0.0
    if _has_fixed_extent(workspace, current.extent > 0):
        extent = number("extent", current.extent or 30.0, (1.0, MOST_METRES), 5.0)
    else:
        margin = st.slider(
            "Margin (share of the longer side)",
            0.0,
            max(1.0, current.margin),
            step=0.05,
            key=widget_key(workspace, "margin", current.margin),
            help="Context kept on each side of the annotation.",
        )
    note = "Long axis up: each chip is rotated, so that its heading does not affect the clusters."
    align = choice("align", ("north", "long-axis"), current.align, note)
    note = "Masked: everything outside the footprint is hidden."
    background = choice("background", ("keep", "mask"), current.background, note)
    with st.expander("More"):
        point_size = number("point_size", current.point_size, (0.01, MOST_METRES), 5.0)
        chosen_bands = st.multiselect(
            setting_label("chips", "bands"),
            list(dict.fromkeys([*bands, *current.bands])),
            key=widget_key(workspace, "bands", list(current.bands)),
            placeholder="those common to all scenes",
        )
    chips = dataclasses.replace(
        current,
        size=size,
        margin=margin,
        extent=extent,
        align=align,
        background=background,
        point_size=point_size,
        bands=tuple(chosen_bands),
    )
    request_settings(workspace, chips=chips)


def _has_fixed_extent(workspace: Workspace, is_fixed: bool) -> bool:
    """Draw the selector of the chips' extent; return True if all chips show the same extent."""
    titles, current = ({"fit": "fitted", "metres": "fixed size"}, "metres" if is_fixed else "fit")
    note = (
        "Fitted: each annotation fills its chip. Fixed: all chips show the same extent on the "
        "ground, so that differences in size are visible."
    )
    extent = button_choice(workspace, "Extent", titles, "extent how", current, help=note)
    return bool(extent == "metres")
