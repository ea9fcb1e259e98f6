"""The map component, which draws on a canvas; docs/decisions/0013-map.md explains why."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

from app.map.footprint_shapes import Shapes, shape_addresses
from app.map.tile_shelf import MapScene, tile_address
from core.pipeline.workspace import Workspace
from core.raster.map_placement import map_zooms

STATIC = Path(__file__).resolve().parents[1] / "static"
FILES = ("map.html", "map.css", "map_shapes.js", "map.js", "map_hand.js")
HEIGHT = 600
LAYERS = ("Image", "Footprints", "Basemap")
BASEMAP = "tile.openstreetmap.org"
CREDIT = "© OpenStreetMap contributors"


def draw_map(
    workspace: Workspace,
    map_scene: MapScene,
    shapes: Shapes | None,
    chip_id: str | None,
    layers: Sequence[str],
    opacity: float,
) -> str | None:
    """Draw the map; return the chip whose footprint has just been clicked.

    The picked chip, `chip_id`, is marked, and the map moves to it if it was picked on another
    page. `layers` are the visible layers, from `LAYERS`; `opacity` is the image's opacity, 0..1.
    """
    outlines, paint = shape_addresses(shapes) if shapes else ("", "")
    has_basemap = "Basemap" in layers and map_scene.source.mercator
    scene = map_scene.source.scene
    data = {
        "label": f"Map of {scene.name}",
        "scene": f"{workspace.root}|{scene.name}",
        "bounds": list(map_scene.bounds),
        "zooms": list(map_zooms(scene)),
        "width": map_scene.width,
        "unit": "m" if map_scene.source.mercator else "px",
        "tiles": tile_address(map_scene),
        "image": "Image" in layers,
        "opacity": opacity,
        "footprints": "Footprints" in layers,
        "basemap": f"https://{BASEMAP}/{{z}}/{{x}}/{{y}}.png" if has_basemap else "",
        "credit": CREDIT,
        "shapes": outlines,
        "paint": paint,
        "picked": chip_id,
    }
    # Streamlit rejects component keys with two underscores in a row, so the key contains a hash.
    key = f"cs.map:{sha256(str(workspace.root).encode()).hexdigest()[:12]}"
    map_state = _component()(data=data, key=key, height=HEIGHT, on_picked_change=lambda: None)
    return map_state.picked if shapes and map_state.picked in shapes.chip_ids else None


@cache
def _component() -> Callable[..., Any]:
    """Return the component, which is registered once per server."""
    html, css, *scripts = ((STATIC / name).read_text("utf-8") for name in FILES)
    component: Callable[..., Any] = st.components.v2.component(
        "chipscape_map", html=html, css=css, js="\n".join(scripts)
    )
    return component
