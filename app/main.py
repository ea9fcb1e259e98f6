"""The server, started by `streamlit run app/main.py`: an st.App and its routes.

The pages are drawn by script.py, because importing this file would execute it a second time.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from importlib import import_module
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp


def import_late(module: str, name: str) -> Callable[[Any], Any]:
    """Return a wrapper that imports a function of the app only when the wrapper is called.

    Before any import, script.py must check that the packages are Chipscape's.
    """

    def call(argument: Any) -> Any:
        return getattr(import_module(module), name)(argument)

    return call


def import_if_ours(module: str) -> Any:
    """Import a module of the app; None if `app` is not Chipscape's, which script.py reports."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        return None


def check_requests(app: ASGIApp) -> ASGIApp:
    """Refuse the requests of other sites; see app/server/request_check.py."""
    checks = import_if_ours("app.server.request_check")
    return checks.RequestCheck(app) if checks else app


def server_lifespan(server: st.App) -> AbstractAsyncContextManager[None]:
    """Return the lifespan of the server, which preloads modules first and ends jobs last.

    See app/server/preloading.py and app/session/job_shutdown.py.
    """
    if preloading := import_if_ours("app.server.preloading"):
        preloading.preload_modules()
    shutdown = import_if_ours("app.session.job_shutdown")
    return shutdown.end_jobs_with_server(server) if shutdown else nullcontext()


# Streamlit puts the prefix of a reverse proxy before its own routes only.
BASE = str(st.get_option("server.baseUrlPath") or "").strip("/")
PREFIX = f"/{BASE}" if BASE else ""
TILES, POINTS = "app.map.tile_routes", "app.explore.point_routes"
ROUTES = {
    "health": ("app.server.health_route", "serve_health"),
    "tiles/{key}/{z}/{x}/{y}": (TILES, "serve_tile"),
    "texts/{key}": (TILES, "serve_text"),
    "numbers/{key}": (POINTS, "serve_numbers"),
    "points/{key}/{row}": (POINTS, "serve_point"),
    "scans/{key}/{kind}/{number}": ("app.scan.scan_pictures", "serve_picture"),
    "changes/{key}/{kind}/{date}/{row}": ("app.changes.change_pictures", "serve_change"),
    "downloads/{key}": ("app.server.downloads", "serve_download"),
    "sprites/{key}": ("app.contact_sheet.sprites", "serve_sprite"),
    # Without this route, Streamlit would answer any other path with its own page.
    "{rest:path}": (TILES, "serve_nothing"),
}
app = st.App(
    "script.py",
    routes=[
        Route(f"{PREFIX}/chipscape/{path}", import_late(*function))
        for path, function in ROUTES.items()
    ],
    middleware=[Middleware(check_requests)],
    lifespan=server_lifespan,
    on_script_error=import_late("app.messages", "show_error"),
)
