"""The script behind every page: checks that the packages are Chipscape's, then draws the app."""

import importlib
from importlib.util import find_spec
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
REMEDY = f'Run this once, then start again: pip install -e "{ROOT}"'


def find_foreign_package() -> str:
    """Return an error message if the packages to import are not Chipscape's; else an empty string.

    Another installed project may also have packages named `app` and `core`.
    """
    for name in ("core", "app"):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            return f"The package {name!r} of Chipscape is not installed. {REMEDY}"
        if Path(spec.origin).resolve().parent != ROOT / name:
            return f"Another package named {name!r} is imported instead: {spec.origin}. {REMEDY}"
    if getattr(importlib.import_module("core"), "PROJECT", "") != "chipscape":
        return f"{ROOT / 'core'} does not belong to Chipscape. {REMEDY}"
    return ""


if problem := find_foreign_package():
    st.title("Chipscape cannot start")
    st.text(problem)
    st.stop()

importlib.import_module("app.navigation").draw_app()
