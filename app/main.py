"""The server, started by `streamlit run app/main.py`: an st.App and its routes.

The pages are drawn by script.py, because importing this file would execute it a second time.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import streamlit as st
from starlette.routing import Route


def import_late(module: str, name: str) -> Callable[[Any], Any]:
    """Return a wrapper that imports a function of the app only when the wrapper is called.

    Before any import, script.py must check that the packages are Chipscape's.
    """

    def call(argument: Any) -> Any:
        return getattr(import_module(module), name)(argument)

    return call


TILES, POINTS = "app.map.tile_routes", "app.explore.point_routes"
app = st.App(
    "script.py",
    routes=[
        Route("/chipscape/tiles/{key}/{z}/{x}/{y}", import_late(TILES, "serve_tile")),
        Route("/chipscape/texts/{key}", import_late(TILES, "serve_text")),
        Route("/chipscape/numbers/{key}", import_late(POINTS, "serve_numbers")),
        Route("/chipscape/points/{key}/{row}", import_late(POINTS, "serve_point")),
        # Without this route, Streamlit would answer any other path with its own page.
        Route("/chipscape/{rest:path}", import_late(TILES, "serve_nothing")),
    ],
    on_script_error=import_late("app.messages", "show_error"),
)
