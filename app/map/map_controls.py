"""Controls around the map: its view, scene and layers, notes on them, and the picked chip."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from app.map.map_canvas import BASEMAP, CREDIT, LAYERS
from app.map.tile_shelf import MapScene
from app.session import cache, jobs, views
from app.session.displayed_clusters import Clusters
from app.session.state import keep_choice, page_choice, widget_key
from app.widgets.chip_display import CHIP_SIDE, describe_chip
from app.widgets.choices import remembered_widget
from app.widgets.images import frame_image
from app.widgets.markup import escape_markdown, facts_html
from core.chips.chip_set import ChipSet
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.view import View
from core.pipeline.workspace import Workspace

# Longer side of a scene, in pixels, above which drawing a tile without overviews takes more than
# 0.3 s.
SLOW_SIDE = 4096


def map_view(workspace: Workspace) -> View:
    """Return the view to display on the map: the displayed view of the latest finished stage."""
    for stage in ("projection", "reduction", "embeddings", "chips"):
        if view := views.displayed_view(workspace, stage):
            return view
    return views.requested_view(workspace)


def choose_scene(
    workspace: Workspace, scenes: Sequence[SurveyedScene], chip: "pd.Series[Any] | None"
) -> SurveyedScene:
    """Draw a list of scenes; a chip that was picked on another page selects its scene."""
    names = [scene.report.name for scene in scenes]
    if chip is not None and page_choice(workspace, "map scene chip", None) != chip["chip_id"]:
        keep_choice(workspace, "map scene chip", chip["chip_id"])
        if chip["scene"] in names:
            show_scene(workspace, str(chip["scene"]))
    current = page_choice(workspace, "map scene", names[0])
    version = page_choice(workspace, "map scene turn", 0)
    current = current if current in names else names[0]
    key = widget_key(workspace, f"map scene {version}", current)
    name = keep_choice(workspace, "map scene", st.selectbox("Scene", names, key=key))
    return scenes[names.index(name)]


def show_scene(workspace: Workspace, name: str) -> None:
    """Display another scene; a new key makes the widget of `choose_scene` show its name."""
    if name != page_choice(workspace, "map scene", None):
        keep_choice(workspace, "map scene", name)
        version = page_choice(workspace, "map scene turn", 0)
        keep_choice(workspace, "map scene turn", version + 1)


def choose_layers(workspace: Workspace) -> list[str]:
    """Draw buttons for the layers, and return the visible ones."""
    note = (
        f"The basemap is fetched from {BASEMAP}. If you turn it on, that server can see which area "
        "you are looking at. Everything else comes from this machine."
    )
    draw = partial(st.pills, "Layers", LAYERS, selection_mode="multi", help=note)
    return list(remembered_widget(workspace, "map layers", list(LAYERS[:2]), draw))


def choose_image_opacity(workspace: Workspace) -> float:
    """Draw a slider for the opacity of the image; return the opacity, 0..1."""
    draw = partial(st.slider, "Image opacity (%)", 0, 100, step=5)
    return float(remembered_widget(workspace, "map opacity", 100, draw)) / 100


def map_notes(workspace: Workspace, map_scene: MapScene, layers: Sequence[str]) -> None:
    """Show the limits of the map for this scene, and which data are sent to other machines."""
    scene = map_scene.source.scene
    if not map_scene.source.mercator:
        reason = "crosses the antimeridian, or lies too near a pole for the web mercator map"
        if not scene.crs:
            reason = "has no usable georeference"
        basemap = ", without a basemap" if "Basemap" in layers else ""
        st.caption(f"This scene {reason}, so it is displayed in pixel coordinates{basemap}.")
    elif "Basemap" in layers:
        st.caption(
            f"Basemap: {CREDIT}, fetched from {BASEMAP}. That server can see which area you are "
            "looking at until you turn the basemap off."
        )
    is_slow = not map_scene.has_overviews and max(scene.width, scene.height) > SLOW_SIDE
    if not is_slow or jobs.running_job(workspace):
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown("This scene has no overviews, so the map is slow to draw when zoomed out.")
        if st.button("Build overviews", key="cs.overviews", type="primary"):
            bands = views.requested_display(workspace).bands
            jobs.start_overviews(workspace, views.requested_settings(workspace), scene.name, bands)
            st.rerun()


def map_chip_panel(
    view: View, chips: ChipSet, row: int, clusters: Clusters | None, scene_name: str
) -> None:
    """Draw the picked chip, read from its scene, and list its facts."""
    pixels, step = cache.chip_pixels(view, chips, row)
    image, width, text = frame_image(pixels, CHIP_SIDE, step)
    st.image(image, width=width)
    chip_scene = str(chips.facts["scene"].iloc[row])
    st.caption(escape_markdown(text if chip_scene == scene_name else f"{text}, in {chip_scene}"))
    cluster = clusters.look.name(int(clusters.ids[row])) if clusters else None
    st.html(facts_html(describe_chip(chips, row, cluster)))
