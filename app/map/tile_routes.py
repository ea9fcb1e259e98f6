"""The map's routes: tiles and texts by key, from this origin; anything else is not found.

A key names something that a page of this server laid on a shelf, so no path, address or file name
ever comes in from outside.
"""

import logging
import os
import re
from threading import BoundedSemaphore

from starlette.requests import Request
from starlette.responses import Response
from streamlit import config

from app.map import tile_shelf
from core.errors import ChipscapeError

PREFIX = "/chipscape"
# Streamlit's own files share the server's threads: tiles take as many as there are cores.
_DRAWING = BoundedSemaphore(max(2, os.cpu_count() or 2))
# A key stands for content, so an answer never changes; other origins may not embed it.
HEADERS = {
    "Cache-Control": "private, max-age=86400, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# No tile of any zoom has more digits; Python refuses to read thousands.
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
log = logging.getLogger(__name__)


def tile(request: Request) -> Response:
    """A tile of a scene, ``/chipscape/tiles/{key}/{z}/{x}/{y}``."""
    key = request.path_params["key"]
    place = [str(request.path_params[name]) for name in "zxy"]
    scene = tile_shelf.scenes.get(key) if _ours(request) else None
    if scene is None or not all(_NUMBER.fullmatch(number) for number in place):
        return nothing(request)
    name = "/".join((key, *place))
    drawn = tile_shelf.tiles.get(name)
    if drawn is None:
        try:
            with _DRAWING:
                drawn = scene.tile(*map(int, place))
        except ChipscapeError as error:
            log.info("no tile %s: %s", name, error)
            return nothing(request)
        tile_shelf.tiles.put(name, drawn, len(drawn))
    return Response(drawn, media_type="image/webp", headers=HEADERS)


def text(request: Request) -> Response:
    """Outlines or a style, ``/chipscape/texts/{key}``."""
    found = tile_shelf.texts.get(request.path_params["key"]) if _ours(request) else None
    if found is None:
        return nothing(request)
    return Response(found, media_type="application/json", headers=HEADERS)


def nothing(_: Request) -> Response:
    """Not found, in a word."""
    return Response(
        "not found", 404, media_type="text/plain", headers={"Cache-Control": "no-store"}
    )


def _ours(request: Request) -> bool:
    """False for a name that a foreign site points at this machine, as at Streamlit's own socket."""
    hosts = [str(host).strip().lower() for host in config.get_option("server.allowedHosts") or ()]
    name = re.sub(r":[0-9]+$", "", request.headers.get("host", "").lower())
    wide = tuple(host[1:] for host in hosts if host.startswith("*."))
    return not hosts or "*" in hosts or name in hosts or (bool(wide) and name.endswith(wide))
