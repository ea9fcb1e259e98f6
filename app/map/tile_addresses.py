"""A scene on the map: its tiles by key, and the style that draws them."""

import json
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from app.map import tile_shelf
from app.map.tile_routes import PREFIX
from core.input_settings import DisplaySettings
from core.pipeline.scene_survey import FoundScene
from core.pipeline.workspace import Workspace
from core.raster.geodesy import GEOD
from core.raster.map_placement import map_bounds, map_zooms
from core.raster.scene import Scene

PAPER = "#EEF0F3"
BASEMAP = "tile.openstreetmap.org"
_FIRST = Lock()


@dataclass(frozen=True)
class OnMap:
    """A scene whose tiles can be asked for.

    Attributes
    ----------
    key : str
        In the address of its tiles.
    scene : Scene
    mercator : bool
        True where it is drawn at its place on the Earth.
    bounds : tuple of float
        West, south, east, north on the map.
    zooms : tuple of int
        Of tiles: one that shows all, and the one at which each pixel shows.
    across : float
        What the bounds span from west to east: metres on the ground, or pixels of the scene.
    quick : bool
        False where small scales are read from the whole file.
    """

    key: str
    scene: Scene
    mercator: bool
    bounds: tuple[float, float, float, float]
    zooms: tuple[int, int]
    across: float
    quick: bool


@dataclass(frozen=True)
class Drawer:
    """What the tile route draws with."""

    source: Any

    @property
    def scene(self) -> Scene:
        """What is drawn."""
        found: Scene = self.source.scene
        return found

    def tile(self, z: int, x: int, y: int) -> bytes:
        """One tile; see `core.raster.tiles.draw_map_tile`."""
        from core.raster.tiles import draw_map_tile

        return draw_map_tile(self.source, z, x, y)


def on_map(place: Workspace, found: FoundScene, display: DisplaySettings) -> OnMap:
    """Lay a scene down for the tile route.

    Raises
    ------
    SceneError
        If the scene cannot be read, or has no such bands.
    """
    # The first import of rio-tiler on two threads at once fails.
    with _FIRST:
        from core.pipeline import overview_stage
    quick = overview_stage.has_overviews(place, found, display)
    told = f"{place.root}|{found.artifact.key}|{display}|{quick}"
    key = sha256(told.encode()).hexdigest()[:24]
    drawer = tile_shelf.scenes.get(key)
    if drawer is None:
        drawer = tile_shelf.scenes.put(
            key, Drawer(overview_stage.tile_source(place, found, display))
        )
    scene: Scene = drawer.scene
    return OnMap(
        key=key,
        scene=scene,
        mercator=drawer.source.mercator,
        bounds=map_bounds(scene),
        zooms=map_zooms(scene),
        across=_across(drawer.source),
        quick=quick,
    )


def _across(source: Any) -> float:
    if not source.mercator:
        return float(source.scene.width)
    west, south, east, north = map_bounds(source.scene)
    middle = (south + north) / 2
    return float(GEOD.inv(west, middle, east, middle)[2])


def origin() -> str:
    """Where this app is reached, as the browser says: MapLibre wants whole addresses."""
    parts = urlsplit(st.context.url or "")
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{parts.scheme}://{parts.netloc}" + (f"/{base}" if base else "")


def lay(text: str) -> str:
    """Lay a text down for the text route; gives its key."""
    written = text.encode()
    key = sha256(written).hexdigest()[:24]
    if tile_shelf.texts.get(key) is None:
        tile_shelf.texts.put(key, written, len(written))
    return key


def address(key: str) -> str:
    """Where the browser finds a text."""
    return f"{origin()}{PREFIX}/texts/{key}"


def tiles(shown: OnMap) -> str:
    """The address of a scene's tiles, with places for z, x and y."""
    return f"{origin()}{PREFIX}/tiles/{shown.key}/{{z}}/{{x}}/{{y}}"


def paper() -> str:
    """The address of a map style with nothing on it: deck.gl would ask for a foreign one."""
    layer = {"id": "paper", "type": "background", "paint": {"background-color": PAPER}}
    return address(lay(json.dumps({"version": 8, "sources": {}, "layers": [layer]})))
