"""Content that the map's routes serve: scenes and texts that the pages register, with their URLs.

The routes run in other threads than the pages. Each shelf has a limited size; the entry that was
used least recently is removed first.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlsplit

import streamlit as st

from app.session.cache import shared_rendering
from core.input_settings import DisplaySettings
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.workspace import Workspace
from core.raster.geodesy import GEOD
from core.raster.map_placement import map_bounds

if TYPE_CHECKING:
    from core.raster.tiles import TileSource

T = TypeVar("T")
MEGABYTE = 2**20
PREFIX = "/chipscape"
_FIRST_IMPORT = Lock()


class Shelf(Generic[T]):
    """A cache of values by key with a maximum total weight: a number of values, or of bytes."""

    def __init__(self, max_weight: int) -> None:
        self._max_weight, self._weight = max_weight, 0
        self._entries: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> T | None:
        """Return the value of a key; None if it was never added, or has been removed."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def put(self, key: str, value: T, weight: int = 1) -> T:
        """Add a value and return it; the newest value stays even if it is too heavy."""
        with self._lock:
            _, old_weight = self._entries.pop(key, (None, 0))
            self._entries[key] = (value, weight)
            self._weight += weight - old_weight
            while self._weight > self._max_weight and len(self._entries) > 1:
                _, (_, removed_weight) = self._entries.popitem(last=False)
                self._weight -= removed_weight
        return value


@dataclass(frozen=True)
class MapScene:
    """A scene whose tiles the browser can request; the key is part of their URL.

    Without overviews, tiles at low zooms have to be read from the whole file.
    """

    key: str
    source: "TileSource"
    has_overviews: bool

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north on the map, in degrees."""
        return map_bounds(self.source.scene)

    @property
    def width(self) -> float:
        """Width from west to east: metres on the ground, or pixels if there is no georeference."""
        if not self.source.mercator:
            return float(self.source.scene.width)
        west, south, east, north = self.bounds
        latitude = (south + north) / 2
        return float(GEOD.inv(west, latitude, east, latitude)[2])

    def tile(self, z: int, x: int, y: int) -> bytes:
        """Draw a tile; see `core.raster.tiles.draw_map_tile`."""
        from core.raster.tiles import draw_map_tile

        return draw_map_tile(self.source, z, x, y)


scenes: Shelf[MapScene] = Shelf(64)
texts: Shelf[bytes] = Shelf(96 * MEGABYTE)
tiles: Shelf[bytes] = Shelf(64 * MEGABYTE)


def register_scene(
    workspace: Workspace, scene: SurveyedScene, display: DisplaySettings
) -> MapScene:
    """Make a scene available to the tile route.

    Raises SceneError if the scene cannot be read, or lacks the bands to display.
    """
    # The first import of rio-tiler fails if two threads run it at once.
    with _FIRST_IMPORT:
        from core.pipeline import overview_stage
    has_overviews = overview_stage.has_overviews(workspace, scene, display)
    rendering = shared_rendering(workspace, scene.report.dtype, scene.report.bands, display)
    look = f"{rendering.bands}|{rendering.limits.tolist()}"
    key = shelf_key(f"{workspace.root}|{scene.artifact.key}|{look}|{has_overviews}")
    map_scene = scenes.get(key)
    if map_scene is None:
        source = overview_stage.open_tile_source(workspace, scene, rendering)
        map_scene = scenes.put(key, MapScene(key, source, has_overviews))
    return map_scene


def shelf_key(content: str | bytes) -> str:
    """Return the key, as it appears in a URL, of what a text or bytes describe."""
    return sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:24]


def app_origin() -> str:
    """Return the URL of this app as the browser sees it; MapLibre needs absolute URLs."""
    parts = urlsplit(st.context.url or "")
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"{parts.scheme}://{parts.netloc}" + (f"/{base}" if base else "")


def shelf_address(folder: str, key: str) -> str:
    """Return the URL of the content of a key; `folder` names the route."""
    return f"{app_origin()}{PREFIX}/{folder}/{key}"


def share_value(shelf: Shelf[T], folder: str, inputs: str, value: T) -> str:
    """Put a value on a shelf and return its URL, to which the browser may add a part.

    `inputs` must change with the value, because browsers keep what they have fetched.
    """
    key = shelf_key(inputs)
    shelf.put(key, value)
    return shelf_address(folder, key)


def text_address(inputs: str, write: Callable[[], str]) -> str:
    """Return the URL of a text; `write` is called only if no text is stored for the inputs."""
    key = shelf_key(inputs)
    if texts.get(key) is None:
        text = write().encode()
        texts.put(key, text, len(text))
    return shelf_address("texts", key)


def tile_address(map_scene: MapScene) -> str:
    """Return the URL of a scene's tiles, with placeholders for z, x and y."""
    return shelf_address("tiles", f"{map_scene.key}/{{z}}/{{x}}/{{y}}")


def empty_style_address(colour: str) -> str:
    """Return the URL of a map style without content; MapLibre's default is on another host."""
    layer = {"id": "paper", "type": "background", "paint": {"background-color": colour}}
    style = json.dumps({"version": 8, "sources": {}, "layers": [layer]})
    return text_address(style, lambda: style)
