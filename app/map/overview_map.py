"""The small map: where the scenes of the workspace lie, one of them chosen by a click."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydeck as pdk
import streamlit as st

from app.map import tile_addresses
from app.session import cache, state
from app.widgets.markup import counted, plain
from core.pipeline.scene_survey import FoundScene
from core.pipeline.workspace import Workspace
from core.raster.geodesy import WGS84, transformed, transformer
from core.raster.map_placement import lonlat_bounds, on_mercator
from core.raster.scene import read_scene

HEIGHT, WIDTH = 180, 300
# Plain text: Streamlit would read HTML from "html" only.
TOOLTIP = {
    "text": "{t}",
    "style": {"backgroundColor": "#FFFFFF", "color": "#1F2933", "fontSize": "13px",
              "border": "1px solid #DDE2E8", "borderRadius": "4px", "padding": "4px 8px"},
}  # fmt: skip
CHOSEN, OTHER = [11, 110, 110], [138, 148, 160]


def draw(place: Workspace, found: Sequence[FoundScene], chosen: str) -> str | None:
    """Draw the scenes; gives the one that was clicked, once for each click."""
    frames = {one.report.name: frame for one in found if (frame := _frame(place, one))}
    if len(found) < 2 or not frames:
        return None
    if lost := len(found) - len(frames):
        st.caption(plain(f"{counted(lost, 'scene')} without a place on this map: choose by name."))
    bounds = np.array([box for _, box in frames.values()])
    all_of = (*bounds[:, :2].min(axis=0).tolist(), *bounds[:, 2:].max(axis=0).tolist())
    key = f"cs.scenes:{place.root}"
    event = st.pydeck_chart(
        pdk.Deck(
            layers=_layers(frames, chosen),
            initial_view_state=_view(all_of),
            map_provider="carto",
            map_style=tile_addresses.paper(),
            tooltip=TOOLTIP,
        ),
        height=HEIGHT, on_select="rerun", selection_mode="single-object", key=key,
        alt="Map of all scenes",
    )  # fmt: skip
    names = [
        str(one.get("properties", one).get("t"))
        for some in event.selection.objects.values() for one in some
    ]  # fmt: skip
    order = list(frames)
    rows = tuple(order.index(name) for name in names if name in order)
    return order[rows[0]] if state.is_news(place, key, rows) else None


def _frame(place: Workspace, found: FoundScene) -> tuple[list[list[float]], Any] | None:
    """The corners of a scene and its bounds; None where it has no place on the map."""

    def read() -> tuple[list[list[float]], Any] | tuple[()]:
        scene = read_scene(found.path)
        bounds = lonlat_bounds(scene)
        if bounds is None or not on_mercator(scene):
            return ()
        columns = np.array([0, 1, 1, 0, 0]) * float(scene.width)
        rows = np.array([0, 0, 1, 1, 0]) * float(scene.height)
        at = transformer(scene.crs, WGS84).transform(*transformed(scene.transform, columns, rows))
        return np.column_stack(at).tolist(), bounds

    return cache.kept(place, f"frame {found.artifact.key}", read) or None


def _layers(frames: dict[str, Any], chosen: str) -> list[pdk.Layer]:
    shapes, dots = [], []
    for name, (ring, (west, south, east, north)) in frames.items():
        colour = CHOSEN if name == chosen else OTHER
        properties = {"t": name, "c": colour, "f": [*colour, 190 if name == chosen else 70]}
        geometry = {"type": "Polygon", "coordinates": [ring]}
        shapes.append({"type": "Feature", "properties": properties, "geometry": geometry})
        middle = [(west + east) / 2, (south + north) / 2]
        dots.append({"t": name, "c": colour, "at": middle})
    # The dots are for scenes that are smaller than a pixel here.
    return [
        pdk.Layer("GeoJsonLayer", shapes, id="scenes", pickable=True, auto_highlight=True,
                  stroked=True, filled=True, get_fill_color="properties.f",
                  get_line_color="properties.c", line_width_min_pixels=1.5,
                  highlight_color=[255, 255, 255, 90]),
        pdk.Layer("ScatterplotLayer", dots, id="dots", pickable=True, get_position="at",
                  get_fill_color="c", radius_min_pixels=4, radius_max_pixels=4, get_radius=1),
    ]  # fmt: skip


def _view(bounds: tuple[float, float, float, float]) -> pdk.ViewState:
    """All scenes at once; deck.gl counts zooms by worlds of 512 pixels."""
    west, south, east, north = bounds
    top, low = (math.asinh(math.tan(math.radians(at))) / (2 * math.pi) for at in (north, south))
    across, down = max((east - west) / 360, 1e-9), max(top - low, 1e-9)
    zoom = min(math.log2(WIDTH / 512 / across), math.log2(HEIGHT / 512 / down)) - 0.5
    middle = math.degrees(math.atan(math.sinh(math.pi * (top + low))))
    return pdk.ViewState(longitude=(west + east) / 2, latitude=middle, zoom=zoom)
