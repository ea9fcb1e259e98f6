"""The server: `streamlit run app/main.py`. st.App and its routes, nothing else.

The page body is another file, because it would otherwise run once when this one is imported.
"""

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def in_words(error: Exception) -> bool:
    """Show an error that nobody caught in words; imported late, after script.py's own check."""
    from app.messages import show

    return show(error)


def tile(request: Request) -> Response:
    """A tile of a scene on the map; imported late, as above."""
    from app.map import tile_routes

    return tile_routes.tile(request)


def text(request: Request) -> Response:
    """Outlines or a style of the map."""
    from app.map import tile_routes

    return tile_routes.text(request)


def nothing(request: Request) -> Response:
    """Anything else under the map's prefix, which Streamlit would answer with its own page."""
    from app.map import tile_routes

    return tile_routes.nothing(request)


app = st.App(
    "script.py",
    routes=[
        Route("/chipscape/tiles/{key}/{z}/{x}/{y}", tile),
        Route("/chipscape/texts/{key}", text),
        Route("/chipscape/{rest:path}", nothing),
    ],
    on_script_error=in_words,
)
