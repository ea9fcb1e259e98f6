"""The app's own components, from the files in app/static."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

STATIC = Path(__file__).resolve().parent / "static"


@cache
def app_component(
    name: str, scripts: tuple[str, ...] = (), more_css: str = ""
) -> Callable[..., Any]:
    """Return the component of a name, which is registered once per server.

    Its style is NAME.css followed by `more_css`. Without `scripts`, names of files that are joined,
    its script is NAME.js. Without a file NAME.html, it is an empty division of the class NAME.
    """
    page = STATIC / f"{name}.html"
    html = page.read_text("utf-8") if page.is_file() else f'<div class="{name}"></div>'
    css = (STATIC / f"{name}.css").read_text("utf-8") + more_css
    script = "\n".join((STATIC / file).read_text("utf-8") for file in scripts or (f"{name}.js",))
    component: Callable[..., Any] = st.components.v2.component(
        f"chipscape_{name}", html=html, css=css, js=script
    )
    return component
