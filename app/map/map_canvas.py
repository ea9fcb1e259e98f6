"""The map itself: a component of our own on a canvas; docs/decisions says why not deck.gl."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

from app.map import footprint_shapes, tile_addresses
from app.map.footprint_shapes import Shapes
from app.map.tile_addresses import BASEMAP, OnMap
from core.pipeline.workspace import Workspace

STATIC = Path(__file__).resolve().parents[1] / "static"
SCRIPTS = ("map_shapes.js", "map.js", "map_hand.js")
HEIGHT = 600
LAYERS = ("Image", "Footprints", "Basemap")
CREDIT = "© OpenStreetMap contributors"
# The marks on the buttons: closer, farther, all of the scene.
MARKS = {
    "in": ("Zoom in", "M8 3v10M3 8h10"),
    "out": ("Zoom out", "M3 8h10"),
    "all": ("Show the whole scene", "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"),
}


def draw(
    place: Workspace,
    shown: OnMap,
    shapes: Shapes | None,
    row: int | None,
    layers: Sequence[str],
    opacity: float,
    chips_key: str,
) -> int | None:
    """Draw the map; gives the chip whose footprint has just been clicked.

    Parameters
    ----------
    place : Workspace
    shown : OnMap
    shapes : Shapes or None
    row : int or None
        The picked chip: marked, and gone to where it was picked on another page.
    layers : sequence of str
        Those of `LAYERS` that are on.
    opacity : float
        Of the image, 0..1.
    chips_key : str
        What `row` counts in.
    """
    outlines, paint = footprint_shapes.addresses(shapes) if shapes is not None else ("", "")
    basemap = f"https://{BASEMAP}/{{z}}/{{x}}/{{y}}.png" if "Basemap" in layers else ""
    data = {
        "label": f"Map of {shown.scene.name}",
        "scene": f"{place.root}|{shown.scene.name}",
        "chips": chips_key,
        "bounds": list(shown.bounds),
        "zooms": list(shown.zooms),
        "metres": shown.across,
        "unit": "m" if shown.mercator else "px",
        "tiles": tile_addresses.tiles(shown),
        "image": "Image" in layers,
        "opacity": opacity,
        "footprints": "Footprints" in layers,
        "basemap": basemap if shown.mercator else "",
        "credit": CREDIT,
        "shapes": outlines,
        "paint": paint,
        "picked": row,
    }
    # Not the path itself: Streamlit refuses keys of components with two underscores in a row.
    name = sha256(str(place.root).encode()).hexdigest()[:12]
    result = _component()(
        data=data, key=f"cs.map:{name}", height=HEIGHT, on_picked_change=lambda: None
    )
    clicked = result.picked
    known = isinstance(clicked, int) and shapes is not None and clicked in shapes.rows
    return int(clicked) if known else None


@cache
def _component() -> Callable[..., Any]:
    """The component, registered once for the server."""
    script = "\n".join((STATIC / name).read_text("utf-8") for name in SCRIPTS)
    buttons = "".join(
        f'<button class="{name}" type="button" title="{title}" aria-label="{title}">'
        f'<svg viewBox="0 0 16 16"><path d="{path}"/></svg></button>'
        for name, (title, path) in MARKS.items()
    )
    html = (
        '<div class="map" data-ready="false"><canvas tabindex="0" role="application"></canvas>'
        f'<div class="tools">{buttons}</div><div class="scale"></div>'
        '<div class="credit"></div><div class="tip" hidden></div></div>'
    )
    renderer: Callable[..., Any] = st.components.v2.component(
        "chipscape_map", html=html, css=(STATIC / "map.css").read_text("utf-8"), js=script
    )
    return renderer
