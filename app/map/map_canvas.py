"""The map component, which draws on a canvas; docs/decisions/0013-map.md explains why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from app.components import app_component
from app.map.footprint_shapes import Highlight, Shapes, selection_address, shape_addresses
from app.map.tile_shelf import MapScene, tile_address
from core.pipeline.workspace import Workspace
from core.raster.map_placement import map_zooms

SCRIPTS = ("pointer.js", "map_shapes.js", "map.js", "map_hand.js", "map_keys.js")
LAYERS = ("Image", "Footprints", "Basemap")
BASEMAP = "tile.openstreetmap.org"
CREDIT = "© OpenStreetMap contributors"


@dataclass(frozen=True)
class MapEvent:
    """An act of the user on the map.

    Either the chip whose footprint was clicked, the bounds (west, south, east, north) of a box in
    degrees on the map, the chip to add to the selection or remove from it, or none of these: the
    Escape key, which clears the selection.
    """

    picked: str | None = None
    toggled: str | None = None
    box: tuple[float, float, float, float] | None = None


def draw_map(
    workspace: Workspace,
    map_scenes: Mapping[str, MapScene],
    shapes: Shapes | None,
    highlight: Highlight,
    layers: Sequence[str],
    opacity: float,
) -> MapEvent | None:
    """Draw scenes, by name, in one map; return what the user has just done on it, or None.

    The highlighted chips are marked, and the map moves to the picked one if it was picked on
    another page. `layers` are the visible layers, from `LAYERS`; `opacity` is the image's opacity,
    0..1. All scenes are in web mercator, or there is one scene.
    """
    outlines, paint = shape_addresses(shapes) if shapes else ("", "")
    has_basemap = "Basemap" in layers and all(s.source.mercator for s in map_scenes.values())
    title = next(iter(map_scenes)) if len(map_scenes) == 1 else f"{len(map_scenes)} scenes"
    scenes = [
        {
            "bounds": list(map_scene.bounds),
            "zooms": list(map_zooms(map_scene.source.scene)),
            "width": map_scene.width,
            "tiles": tile_address(map_scene),
        }
        for map_scene in map_scenes.values()
    ]
    data = {
        "label": f"Map of {title}",
        "scene": f"{workspace.root}|{'|'.join(map_scenes)}",
        "scenes": scenes,
        "unit": "m" if all(s.source.mercator for s in map_scenes.values()) else "px",
        "image": "Image" in layers,
        "opacity": opacity,
        "footprints": "Footprints" in layers,
        "basemap": f"https://{BASEMAP}/{{z}}/{{x}}/{{y}}.png" if has_basemap else "",
        "credit": CREDIT,
        "shapes": outlines,
        "paint": paint,
        "picked": highlight.picked,
        "signs": list(highlight.signs.items()),
        "selected": selection_address(shapes, highlight.selected) if shapes else "",
    }
    # Streamlit rejects component keys with two underscores in a row, so the key contains a hash.
    key = f"cs.map:{sha256(str(workspace.root).encode()).hexdigest()[:12]}"
    event = app_component("map", SCRIPTS)(data=data, key=key, on_event_change=lambda: None).event
    return None if event is None or shapes is None else _read_event(event, shapes)


def _read_event(event: Mapping[str, Any], shapes: Shapes) -> MapEvent | None:
    """Return an event from the browser; None if it refers to chips that are not on the map."""
    chip_id, corners = event.get("chip"), event.get("box")
    if event.get("kind") == "box" and isinstance(corners, list) and len(corners) == 4:
        return MapEvent(box=tuple(float(value) for value in corners))  # type: ignore[arg-type]
    if event.get("kind") == "clear":
        return MapEvent()
    if chip_id not in shapes.chip_ids:
        return None
    return MapEvent(toggled=chip_id) if event.get("kind") == "toggle" else MapEvent(picked=chip_id)
