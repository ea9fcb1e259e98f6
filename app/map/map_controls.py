"""What surrounds the map: what it displays, the choices above it, and the picked chip."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.map.map_canvas import BASEMAP, CREDIT, LAYERS
from app.map.tile_shelf import MapScene
from app.session import cache, jobs, views
from app.session.displayed_clusters import Clusters
from app.session.state import keep_choice, page_choice, widget_key
from app.widgets.chip_panel import CHIP_SIDE, describe_chip
from app.widgets.images import frame_image
from app.widgets.markup import escape_markdown, facts_html
from core.chips.chip_set import ChipSet
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.view import View
from core.pipeline.workspace import Workspace

# Scene pixels: if the longer side is longer than this, drawing a tile without overviews takes more
# than 0.3 s.
SLOW_SIDE = 4096


def map_view(workspace: Workspace) -> View:
    """Return the view that the map displays: that of the last stage there is, as on Explore."""
    for stage in ("projection", "reduction", "embeddings", "chips"):
        if view := views.displayed_view(workspace, stage):
            return view
    return views.requested_view(workspace)


def choose_scene(
    workspace: Workspace, scenes: Sequence[SurveyedScene], chip: "pd.Series[Any] | None"
) -> SurveyedScene:
    """Draw the choice of the scene; a chip that was picked on another page brings its own."""
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
    """Display another scene; the widget that names it gets a new key, so that it follows."""
    if name != page_choice(workspace, "map scene", None):
        keep_choice(workspace, "map scene", name)
        version = page_choice(workspace, "map scene turn", 0)
        keep_choice(workspace, "map scene turn", version + 1)


def choose_layers(workspace: Workspace) -> list[str]:
    """Draw the choice of the visible layers."""
    current = page_choice(workspace, "map layers", list(LAYERS[:2]))
    layers = st.pills(
        "Layers",
        LAYERS,
        selection_mode="multi",
        key=widget_key(workspace, "map layers", current),
        help=f"The basemap is fetched from {BASEMAP}. Turning it on reveals the area that you look "
        "at to that server; everything else comes from this machine.",
    )
    choice: list[str] = keep_choice(workspace, "map layers", list(layers))
    return choice


def choose_image_opacity(workspace: Workspace) -> float:
    """Draw the choice of the image's opacity; return it in 0..1."""
    key = widget_key(workspace, "map opacity", page_choice(workspace, "map opacity", 100))
    percent = st.slider("Image opacity (%)", 0, 100, step=5, key=key)
    return float(keep_choice(workspace, "map opacity", percent)) / 100


def map_notes(workspace: Workspace, map_scene: MapScene, layers: Sequence[str]) -> None:
    """Draw what the map cannot do for this scene, and what is sent to other machines."""
    scene = map_scene.source.scene
    if not map_scene.source.mercator:
        reason = "crosses the antimeridian or lies near a pole, beyond the web mercator map"
        if not scene.crs:
            reason = "has no location on Earth that can be read"
        basemap = ", without a basemap" if "Basemap" in layers else ""
        st.caption(f"This scene {reason}, so it is displayed in its own pixels{basemap}.")
    elif "Basemap" in layers:
        st.caption(
            f"Basemap: {CREDIT}, fetched from {BASEMAP}. The area that you look at is sent over "
            "the network until you turn the basemap off."
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
    """Draw the picked chip at the scene's own pixels, and its facts."""
    pixels, step = cache.chip_pixels(view, chips, row)
    image, width, text = frame_image(pixels, CHIP_SIDE, step)
    st.image(image, width=width)
    chip_scene = str(chips.facts["scene"].iloc[row])
    st.caption(escape_markdown(text if chip_scene == scene_name else f"{text}, in {chip_scene}"))
    cluster = clusters.look.name(int(clusters.ids[row])) if clusters else None
    st.html(facts_html(describe_chip(chips, row, cluster)))
