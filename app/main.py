"""The server: `streamlit run app/main.py`; only st.App with its routes.

The pages are drawn by script.py, because this file runs once more when it is imported.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import streamlit as st
from starlette.routing import Route


def import_late(module: str, name: str) -> Callable[[Any], Any]:
    """Return a function of the app that is imported when it is first called.

    script.py must check first that the packages are Chipscape's.
    """

    def call(argument: Any) -> Any:
        return getattr(import_module(module), name)(argument)

    return call


TILES = "app.map.tile_routes"
app = st.App(
    "script.py",
    routes=[
        Route("/chipscape/tiles/{key}/{z}/{x}/{y}", import_late(TILES, "serve_tile")),
        Route("/chipscape/texts/{key}", import_late(TILES, "serve_text")),
        # Without this route, Streamlit would answer any other path with its own page.
        Route("/chipscape/{rest:path}", import_late(TILES, "serve_nothing")),
    ],
    on_script_error=import_late("app.messages", "show_error"),
)
