"""The compared footprints: the ranked list, the swipe, the threshold, and what to do with them."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from app.changes.change_pictures import ChangePictures, change_address
from app.components import app_component
from app.session import cache
from app.session.state import (
    keep_choice,
    page_choice,
    pick_chip,
    pop_choice,
    select_chips,
    widget_value,
)
from app.widgets.chip_tables import chip_names
from app.widgets.markup import count_noun
from core.artifacts.keys import make_key
from core.change.change_scores import LIKELY_CHANGE
from core.chips.chip_set import ChipSet
from core.pipeline.change.change_export import change_collection, change_table
from core.pipeline.change.scene_comparison import KINDS, SceneChanges, comparison_keys
from core.raster.rendering import Rendering

MAP = "../pages/map.py"
# The browser holds the list of these footprints; the files contain all of them.
MOST_LISTED = 2000
ALL_KINDS = "all"
SELECT_HELP = "On Explore, on the map and in the contact sheet, these chips are then selected."


@st.fragment
def change_viewer(changes: SceneChanges) -> None:
    """Draw the footprints; only this part of the page runs again when the threshold changes."""
    workspace = changes.pair.view.workspace
    key = f"cs.changes:{make_key('change viewer', 1, _inputs(changes))[:16]}"

    def show_on_map() -> None:
        chip_id = getattr(widget_value(key), "opened", None)
        if chip_id in set(changes.table["chip_id"]):
            pick_chip(workspace, chip_id)
            keep_choice(workspace, "changes map", True)

    if pop_choice(workspace, "changes map", False):
        st.switch_page(MAP)
    choice = getattr(widget_value(key), "choice", None)
    if choice is not None:
        keep_choice(workspace, "changes threshold", float(choice["threshold"]))
        keep_choice(workspace, "changes kind", str(choice["kind"]))
    component, data = app_component("changes"), _component_data(changes)
    component(data=data, key=key, on_choice_change=lambda: None, on_opened_change=show_on_map)
    threshold = page_choice(workspace, "changes threshold", LIKELY_CHANGE)
    _action_buttons(changes.with_threshold(threshold))


def _action_buttons(changes: SceneChanges) -> None:
    """Draw the buttons that select the listed chips and download all compared footprints."""
    workspace, table = changes.pair.view.workspace, changes.table
    kind = page_choice(workspace, "changes kind", ALL_KINDS)
    listed = table[table["changed"] & (table["kind"].eq(kind) | (kind == ALL_KINDS))]
    with st.container(horizontal=True, vertical_alignment="center"):
        label = f"Select {count_noun(len(listed), 'chip')}"
        if st.button(label, key="cs.changes select", help=SELECT_HELP, disabled=listed.empty):
            select_chips(workspace, listed["chip_id"].tolist())
            st.toast(f"{count_noun(len(listed), 'chip')} selected.")
        name = f"changes_{'_'.join(changes.pair.names)}"
        for text, suffix, write in (
            ("Download GeoJSON", "geojson", _write_geojson),
            ("Download CSV", "csv", _write_csv),
        ):
            # The file is written only when the button is clicked.
            content, mime = partial(write, changes), f"text/{suffix}"
            key = f"cs.changes {suffix}"
            st.download_button(text, content, f"{name}.{suffix}", mime, key=key, on_click="ignore")
    left_out = f" {count_noun(changes.left_out, 'footprint')} without enough valid pixels on both "
    left_out += f"dates {'is' if changes.left_out == 1 else 'are'} left out."
    st.caption(
        f"The files contain all {count_noun(len(table), 'compared footprint')}, with the kind of "
        f"change at this threshold.{left_out if changes.left_out else ''}"
    )


def _write_geojson(changes: SceneChanges) -> str:
    return json.dumps(change_collection(changes))


def _write_csv(changes: SceneChanges) -> str:
    return str(change_table(changes).to_csv(index=False))


def _inputs(changes: SceneChanges) -> dict[str, Any]:
    return {"keys": comparison_keys(changes.pair), "pair": changes.pair.names}


def _component_data(changes: SceneChanges) -> dict[str, Any]:
    workspace, table = changes.pair.view.workspace, changes.table.head(MOST_LISTED)
    scenes = {scene.report.name: scene.report for scene in changes.pair.scenes}
    renderings = {
        name: cache.shared_rendering(workspace, report.dtype, report.bands)
        for name, report in scenes.items()
    }
    bands = tuple(changes.pair.view.artifacts["chips"][0].counts["bands"])
    parts = ChipSet(tuple(side.chips for side in changes.sides), bands)
    chip_renderings: Mapping[str, Rendering]
    chip_renderings = cache.thumbnail_reader(workspace, parts).keywords["renderings"]
    both = (*renderings.values(), *chip_renderings.values())
    looks = [f"{r.bands}{r.limits.tolist()}" for r in both]
    pictures = ChangePictures(changes, renderings, chip_renderings)
    chips = cache.chips(changes.pair.view)
    assert chips is not None
    names = chip_names(chips, [chips.row_by_id[chip_id] for chip_id in table["chip_id"]])
    rows = table[["chip_id", "score", "annotated"]].itertuples(index=False)
    content = {
        "scenes": list(changes.pair.names),
        "address": change_address(f"{_inputs(changes)}{looks}", pictures),
        "rows": [
            [chip_id, round(score, 3), KINDS[annotated], annotated, name]
            for (chip_id, score, annotated), name in zip(rows, names, strict=True)
        ],
        "compared": len(changes.table),
        "start": LIKELY_CHANGE,
    }
    choice = {
        "threshold": page_choice(workspace, "changes threshold", LIKELY_CHANGE),
        "kind": page_choice(workspace, "changes kind", ALL_KINDS),
    }
    return content | choice | {"key": make_key("change data", 1, content)}
