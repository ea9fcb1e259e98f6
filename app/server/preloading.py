"""Modules that every page needs, imported while the browser still loads the scripts of Streamlit.

The modules of the app are not among them: when a component of Streamlit is declared outside of a
run of the script, it is not registered.
"""

from importlib import import_module
from threading import Thread

MODULES = ("core.api", "plotly.graph_objects", "pyarrow.parquet")


def preload_modules() -> None:
    """Start to import the modules in a thread."""
    Thread(target=_import_all, name="preloading", daemon=True).start()


def _import_all() -> None:
    for name in MODULES:
        import_module(name)
