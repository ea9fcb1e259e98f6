"""Modules of the first page, imported while the browser still loads the scripts of Streamlit."""

from importlib import import_module
from threading import Thread

# The page itself is not imported, because importing it would draw it. These import the others.
MODULES = (
    "app.navigation",
    "app.clusters.assignment_panel",
    "app.explore.chip_groups",
    "app.explore.chip_plot",
    "app.explore.projections",
    "app.explore.similar_chips",
    "app.export.export_panel",
    "app.session.chip_links",
    "app.widgets.chip_panel.chip_panel",
    "app.widgets.selection_bar",
    "app.widgets.sliders.cluster_sliders",
    # Imported by functions that the page calls.
    "pyarrow.parquet",
)


def preload_modules() -> None:
    """Start to import the modules of the Explore page in a thread."""
    Thread(target=_import_all, name="preloading", daemon=True).start()


def _import_all() -> None:
    for name in MODULES:
        import_module(name)
