"""The small overview map of all scenes in the workspace; a click chooses a scene."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pydeck as pdk
import streamlit as st

from app.map import tile_shelf
from app.session.cache import cached_result
from app.session.state import is_new_event
from app.widgets.markup import count_noun
from app.widgets.theme import chart_colours
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.workspace import Workspace
from core.raster.map_placement import lonlat_outline
from core.raster.scene import read_scene
from core.types import DoubleArray

# The overview is 240 pixels wide in a window of 1280, less the room of its zoom buttons.
HEIGHT, WIDTH = 180, 170
TOOLTIP_STYLE = {
    "backgroundColor": "var(--cs-paper)",
    "color": "var(--cs-ink)",
    "fontSize": "13px",
    "border": "1px solid var(--cs-border)",
    "borderRadius": "4px",
    "padding": "4px 8px",
}
# Both are readable on the light and the dark background of the map.
CHOSEN, OTHER = [20, 150, 148], [138, 148, 160]


def draw_overview_map(
    workspace: Workspace, scenes: Sequence[SurveyedScene], chosen: str | None
) -> str | None:
    """Draw the outlines of the scenes; return the name of a newly clicked scene, else None."""
    key = f"outlines {[scene.artifact.key for scene in scenes]}"
    outlines = cached_result(key, partial(_scene_outlines, scenes)) or {}
    if len(scenes) < 2 or not outlines:
        return None
    if n_missing := len(scenes) - len(outlines):
        text = "cannot be placed on this map. Choose by name instead."
        st.caption(f"{count_noun(n_missing, 'scene')} {text}")
    key = f"cs.scenes:{workspace.root}"
    event = st.pydeck_chart(
        pdk.Deck(
            layers=_layers(outlines, chosen),
            initial_view_state=_view_state(np.concatenate(list(outlines.values()))),
            map_provider="carto",
            map_style=tile_shelf.empty_style_address(chart_colours().empty),
            # A "text" tooltip displays names as plain text; "html" would be parsed as HTML.
            tooltip={"text": "{t}", "style": TOOLTIP_STYLE},
        ),
        height=HEIGHT,
        on_select="rerun",
        selection_mode="single-object",
        key=key,
        alt="Map of all scenes",
    )
    objects = [item for layer in event.selection.objects.values() for item in layer]
    clicked = [item.get("properties", item).get("t") for item in objects]
    names = list(outlines)
    points = tuple(names.index(name) for name in clicked if name in names)
    return names[points[0]] if is_new_event(workspace, key, points) else None


def _scene_outlines(scenes: Sequence[SurveyedScene]) -> dict[str, DoubleArray]:
    """Return the corners, in degrees, of the scenes that can be placed on the map."""
    outlines = {scene.report.name: lonlat_outline(read_scene(scene.path)) for scene in scenes}
    return {name: outline for name, outline in outlines.items() if outline is not None}


def _layers(outlines: Mapping[str, DoubleArray], chosen: str | None) -> list[pdk.Layer]:
    """Return the scenes' outlines, each with a dot in case the scene is smaller than a pixel."""
    shapes, dots = [], []
    # The chosen scene is drawn last, so that no other one hides it.
    for name, outline in sorted(outlines.items(), key=lambda item: item[0] == chosen):
        colour, opacity = (CHOSEN, 190) if name == chosen else (OTHER, 70)
        properties = {"t": name, "c": colour, "f": [*colour, opacity]}
        geometry = {"type": "Polygon", "coordinates": [outline.tolist()]}
        shapes.append({"type": "Feature", "properties": properties, "geometry": geometry})
        centre = (outline.min(axis=0) + outline.max(axis=0)) / 2
        dots.append({"t": name, "c": colour, "at": centre.tolist()})
    shape_style = {
        "get_fill_color": "properties.f",
        "get_line_color": "properties.c",
        "line_width_min_pixels": 1.5,
        "auto_highlight": True,
        "highlight_color": [255, 255, 255, 90],
    }
    dot_style = {"get_position": "at", "get_fill_color": "c", "get_radius": 1}
    dot_style |= {"radius_min_pixels": 4, "radius_max_pixels": 4}
    return [
        pdk.Layer("GeoJsonLayer", shapes, id="scenes", pickable=True, **shape_style),
        pdk.Layer("ScatterplotLayer", dots, id="dots", pickable=True, **dot_style),
    ]


def _view_state(corners: DoubleArray) -> pdk.ViewState:
    """Return the centre and zoom that fit all scenes; deck.gl's world is 512 px wide at zoom 0."""
    (west, south), (east, north) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    # Web mercator coordinates, as fractions of the world's side.
    bottom, top = (
        math.asinh(math.tan(math.radians(latitude))) / (2 * math.pi) for latitude in (south, north)
    )
    width, height = max((east - west) / 360, 1e-9), max(top - bottom, 1e-9)
    zoom = min(math.log2(WIDTH / 512 / width), math.log2(HEIGHT / 512 / height)) - 0.5
    latitude = math.degrees(math.atan(math.sinh(math.pi * (top + bottom))))
    return pdk.ViewState(longitude=(west + east) / 2, latitude=latitude, zoom=zoom)
