"""Routes that serve the map's tiles and texts by key, from the app's own origin, else a 404.

A key refers to something that a page of this server has registered, so no path, URL or file name
is ever taken from a request.
"""

import logging
import os
import re
from threading import BoundedSemaphore

from starlette.requests import Request
from starlette.responses import Response

from app.map import tile_shelf
from core.errors import ChipscapeError

# Streamlit's own files share the server's threads, so only some threads may draw tiles.
_DRAWING = BoundedSemaphore(max(2, os.cpu_count() or 2))
# A request that waits holds a thread, so after this time it is answered with a 503.
MAX_WAIT_SECONDS = 10
# The content of a key never changes, so it can be cached. Other origins may not embed it.
HEADERS = {
    "Cache-Control": "private, max-age=86400, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# No tile number has more digits at any zoom, and Python refuses to parse thousands of digits.
WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
log = logging.getLogger(__name__)


def serve_tile(request: Request) -> Response:
    """Return a tile of a scene, ``/chipscape/tiles/{key}/{z}/{x}/{y}``; a 503 if all are busy."""
    key = request.path_params["key"]
    numbers = [str(request.path_params[name]) for name in "zxy"]
    scene = tile_shelf.scenes.get(key)
    if scene is None or not all(WHOLE_NUMBER.fullmatch(number) for number in numbers):
        return serve_nothing(request)
    name = "/".join((key, *numbers))
    tile = tile_shelf.tiles.get(name)
    if tile is None:
        if not _DRAWING.acquire(timeout=MAX_WAIT_SECONDS):
            headers = {"Cache-Control": "no-store", "Retry-After": str(MAX_WAIT_SECONDS)}
            return Response("busy", 503, media_type="text/plain", headers=headers)
        try:
            tile = scene.tile(*map(int, numbers))
        except ChipscapeError as error:
            log.info("no tile %s: %s", name, error)
            return serve_nothing(request)
        finally:
            _DRAWING.release()
        tile_shelf.tiles.put(name, tile, len(tile))
    return Response(tile, media_type="image/webp", headers=HEADERS)


def serve_text(request: Request) -> Response:
    """Return a text, such as the outlines of footprints, ``/chipscape/texts/{key}``."""
    text = tile_shelf.texts.get(request.path_params["key"])
    if text is None:
        return serve_nothing(request)
    return Response(text, media_type="application/json", headers=HEADERS)


def serve_nothing(_: Request) -> Response:
    """Return a 404 without details."""
    headers = {"Cache-Control": "no-store"}
    return Response("not found", 404, media_type="text/plain", headers=headers)
