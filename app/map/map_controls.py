"""Controls around the map: its view, scene and layers, notes on them, and the picked chip."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from app.map import tile_shelf
from app.map.footprint_shapes import (
    Highlight,
    PlacedScenes,
    Shapes,
    annotation_shapes,
    chip_shapes,
    shapes_in_box,
)
from app.map.map_canvas import BASEMAP, CREDIT, LAYERS, MapEvent, draw_map
from app.map.tile_shelf import MapScene
from app.session import jobs, scene_images, views
from app.session.chip_search import MARKS_AT_MOST, ChipSearch, chip_signs
from app.session.displayed_clusters import Clusters
from app.session.state import (
    clear_chips,
    keep_choice,
    mark_chips,
    page_choice,
    pick_chip,
    picked_chip,
    select_chips,
    selected_chips,
    widget_key,
)
from app.widgets.chip_panel.chip_panel import CHIP_SIDE, chip_text, facts_panel
from app.widgets.chip_tables import chip_colouring, class_attribute
from app.widgets.choices import remembered_widget
from app.widgets.colouring import CLUSTER
from app.widgets.images import frame_image, show_image
from app.widgets.job_status import estimate_line
from app.widgets.markup import escape_markdown, format_number
from core.chips.chip_set import ChipSet
from core.errors import SceneError
from core.input_settings import DisplaySettings
from core.pipeline.estimates.output_estimate import estimate_overviews
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.view import View
from core.pipeline.workspace import Workspace

# Longer side of a scene, in pixels, above which drawing a tile without overviews takes more than
# 0.3 s.
SLOW_SIDE = 4096
ALL_SCENES = "All scenes"
SELECTION_HINT = (
    "**Click a footprint** to see its chip, or hold Shift and draw a box to select several."
)
SELECTION_KEYS = (
    "With the keyboard: press Tab until the map has a frame. The arrow keys move between "
    "neighbouring footprints. **Enter** shows the chip, **Space** adds it to the selection or "
    "removes it, and **Escape** clears. Shift and an arrow key move the map; plus and minus zoom."
)
SELECTION_HINTS = (SELECTION_HINT, SELECTION_KEYS)
# Each scene keeps a file open and needs tiles of its own.
SCENES_AT_MOST = 48


def map_view(workspace: Workspace) -> View:
    """Return the view to display on the map: the displayed view of the latest finished stage."""
    for stage in ("projection", "reduction", "embeddings", "chips"):
        if view := views.displayed_view(workspace, stage):
            return view
    return views.requested_view(workspace)


def choose_scenes(
    workspace: Workspace, scenes: Sequence[SurveyedScene], chip: "pd.Series[Any] | None"
) -> list[SurveyedScene]:
    """Draw a list of scenes; return the chosen scene, or all scenes.

    A chip that was picked on another page selects its scene, unless all scenes are displayed.
    """
    names = [scene.report.name for scene in scenes]
    options = names if len(names) == 1 else [ALL_SCENES, *names]
    if chip is not None and page_choice(workspace, "map scene chip", None) != chip["chip_id"]:
        keep_choice(workspace, "map scene chip", chip["chip_id"])
        is_all = page_choice(workspace, "map scene", None) == ALL_SCENES
        if chip["scene"] in names and not is_all:
            show_scene(workspace, str(chip["scene"]))
    current = page_choice(workspace, "map scene", names[0])
    version = page_choice(workspace, "map scene turn", 0)
    current = current if current in options else names[0]
    key = widget_key(workspace, f"map scene {version}", current)
    name = keep_choice(workspace, "map scene", st.selectbox("Scene", options, key=key))
    return list(scenes) if name == ALL_SCENES else [scenes[names.index(name)]]


def place_scenes(
    workspace: Workspace, scenes: Sequence[SurveyedScene], display: DisplaySettings
) -> tuple[list[tuple[SurveyedScene, MapScene]], list[str]]:
    """Return the scenes that one map can show, and a sentence on each kind that is left out.

    A single scene is always shown. Raises SceneError if it cannot be read.
    """
    if len(scenes) == 1:
        return [(scenes[0], tile_shelf.register_scene(workspace, scenes[0], display))], []
    placed, without_position, unreadable = [], [], []
    for scene in scenes[:SCENES_AT_MOST]:
        try:
            map_scene = tile_shelf.register_scene(workspace, scene, display)
        except SceneError as error:
            unreadable.append(str(error))
            continue
        if map_scene.source.mercator:
            placed.append((scene, map_scene))
        else:
            without_position.append(scene.report.name)
    notes = unreadable
    if without_position:
        names = ", ".join(without_position)
        notes.append(f"Left out, because they have no usable georeference: {names}.")
    if n_more := max(0, len(scenes) - SCENES_AT_MOST):
        notes.append(
            f"The map shows the first {SCENES_AT_MOST} scenes. Choose one of the other {n_more} by "
            "its name."
        )
    return placed, notes


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


def coloured_shapes(
    placed: PlacedScenes,
    chips: ChipSet | None,
    label: str,
    clusters: Clusters | None,
    search: ChipSearch,
) -> Shapes | None:
    """Return the footprints of the chips in the colours of a cluster, attribute or score.

    Before the chips are cut, these are the annotations.
    """
    if chips is None:
        return annotation_shapes(placed)
    if label == CLUSTER and clusters is None:
        label = class_attribute(chips) or label
    return chip_shapes(placed, chips, chip_colouring(chips, label, clusters, search))


def draw_scenes(
    workspace: Workspace,
    placed: PlacedScenes,
    shapes: Shapes | None,
    layers: Sequence[str],
    opacity: float,
) -> MapEvent | None:
    """Draw the map with the picked and selected chips; return what the user has just done on it."""
    if not placed:
        st.info("None of the scenes can be displayed together. Choose one of them by name.")
        return None
    map_scenes = {scene.report.name: map_scene for scene, map_scene in placed}
    signs = dict(list(chip_signs(workspace).items())[-MARKS_AT_MOST:])
    highlight = Highlight(picked_chip(workspace), selected_chips(workspace), signs)
    return draw_map(workspace, map_scenes, shapes, highlight, layers, opacity)


def map_notes(
    workspace: Workspace,
    placed: PlacedScenes,
    shapes: Shapes | None,
    notes: Sequence[str],
    layers: Sequence[str],
) -> None:
    """Show the limits of the map for these scenes, and which data are sent to other machines."""
    if shapes is not None and len(shapes.geometries) < shapes.n_total:
        counts = f"{format_number(len(shapes.geometries))} of {format_number(shapes.n_total)}"
        notes = [*notes, f"The map shows {counts} footprints, evenly sampled."]
    map_scenes = [map_scene for _, map_scene in placed]
    for map_scene in map_scenes:
        scene = map_scene.source.scene
        if not map_scene.source.mercator:
            reason = "crosses the antimeridian, or lies too near a pole for the web mercator map"
            if not scene.crs:
                reason = "has no usable georeference"
            basemap = ", without a basemap" if "Basemap" in layers else ""
            text = f"This scene {reason}, so it is displayed in pixel coordinates{basemap}."
            notes = [*notes, text]
        elif "Basemap" in layers and map_scene is map_scenes[0]:
            text = f"Basemap: {CREDIT}, fetched from {BASEMAP}. That server can see which area you "
            notes = [*notes, f"{text}are looking at until you turn the basemap off."]
    for note in notes:
        st.caption(escape_markdown(note))
    slow = [map_scene.source for map_scene in map_scenes if _is_slow(map_scene)]
    if not slow or jobs.running_job(workspace):
        return
    scene, subject = slow[0].scene, "This scene has"
    if len(map_scenes) > 1:
        subject = f"{scene.name} has"
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        limit = "is not drawn" if slow[0].requires_overviews else "is slow to draw"
        text = f"{subject} no overviews, so the map {limit} when zoomed out."
        st.markdown(escape_markdown(text))
        if st.button("Build overviews", key="cs.overviews", type="primary"):
            bands = views.requested_display(workspace).bands
            jobs.start_overviews(workspace, views.requested_settings(workspace), scene.name, bands)
            st.rerun()
        estimate_line(workspace, partial(estimate_overviews, workspace, slow[0]))


def explain_empty_map(view: View) -> str:
    """Return a sentence that says why there is no scene to draw."""
    if view.survey.scenes:
        return "The map cannot be drawn, because no scene of these results can be read."
    return "There are no readable scenes yet. Add one on the Scenes page."


def _is_slow(map_scene: MapScene) -> bool:
    scene = map_scene.source.scene
    return not map_scene.has_overviews and max(scene.width, scene.height) > SLOW_SIDE


def apply_map_event(workspace: Workspace, event: MapEvent, shapes: Shapes) -> None:
    """Pick or select the chips that were clicked or marked on the map, or clear the selection."""
    if event.picked is not None:
        pick_chip(workspace, event.picked)
        # The map need not move to a chip that was clicked on it.
        keep_choice(workspace, "map scene chip", event.picked)
    elif event.toggled is not None:
        chips = [event.toggled]
        is_selected = event.toggled in selected_chips(workspace)
        mark_chips(workspace, () if is_selected else chips, chips if is_selected else ())
    elif event.box is not None:
        select_chips(workspace, shapes_in_box(shapes, event.box))
    else:
        clear_chips(workspace)


def map_chip_panel(
    view: View,
    chips: ChipSet | None,
    row: int | None,
    clusters: Clusters | None,
    scene_name: str | None,
) -> None:
    """Draw the picked chip, if there is one, read from its scene, and list its facts."""
    if chips is None:
        st.markdown("Footprints can be clicked once their chips have been cut.")
        return
    if row is None:
        return
    pixels, step = scene_images.chip_pixels(view, chips, row)
    image, width, text = frame_image(pixels, CHIP_SIDE, step)
    cluster = clusters.look.name(int(clusters.ids[row])) if clusters else None
    show_image(image, chip_text(chips, row, cluster), width=width)
    chip_scene = str(chips.facts["scene"].iloc[row])
    st.caption(escape_markdown(text if chip_scene == scene_name else f"{text}, in {chip_scene}"))
    facts_panel(chips, row, cluster)
