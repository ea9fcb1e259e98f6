"""The router: checks that the packages are ours, then hands over to the page asked for."""

import importlib
from importlib.util import find_spec
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
REMEDY = f'Run this once, then start again: pip install -e "{ROOT}"'


def foreign() -> str:
    """Why the packages that would be imported are not Chipscape's; empty where they are.

    `app`, `core` and `pages` are names that another project may have installed too.
    """
    for name in ("core", "app"):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            return f"The package {name!r} of Chipscape is not installed. {REMEDY}"
        if Path(spec.origin).resolve().parent != ROOT / name:
            return f"Another package named {name!r} comes first: {spec.origin}. {REMEDY}"
    if getattr(importlib.import_module("core"), "PROJECT", "") != "chipscape":
        return f"{ROOT / 'core'} is not Chipscape's. {REMEDY}"
    return ""


if wrong := foreign():
    st.title("Chipscape cannot start")
    st.text(wrong)
    st.stop()

importlib.import_module("app.navigation").run()
