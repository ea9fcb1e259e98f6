"""How a clustering method appears in the app, and functions that draw sliders for its settings."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from app.session import jobs
from app.session.state import widget_key
from app.session.views import request_settings, requested_settings, reset_settings
from app.widgets.markup import count_noun
from app.widgets.setting_labels import setting_label
from core.clusters.methods.gmm import CHIPS_PER_GAUSSIAN, supported_clusters
from core.clusters.methods.method_table import METHODS
from core.pipeline.run_stages import with_settings
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

_FEW_CHIPS = (
    f"With fewer than {CHIPS_PER_GAUSSIAN} chips per cluster, clusters are a matter of chance. Use "
    "fewer clusters, annotate more objects, or add scenes."
)


@dataclass(frozen=True)
class SliderRow:
    """The places where sliders are drawn.

    The first four columns, of which the first holds the method selector, are next to each other or
    stacked. The panel holds further widgets and comparisons, if it is open, and short notes.
    """

    columns: Sequence[Any]
    panel: Any
    is_open: bool
    stacked: bool
    n_chips: int

    @property
    def name(self) -> str:
        """The part of widget keys that distinguishes stacked columns from adjacent ones."""
        return "stacked" if self.stacked else "aside"


@dataclass(frozen=True)
class MethodWidget:
    """A clustering method in the app; `label` is its name in the list of methods.

    `draw` draws its sliders and returns the view with their settings. `missing` returns what has
    not been computed yet, as a sentence without a full stop; a button calls `prepare`, which starts
    the job that computes it. In its label, `{most}` stands for the largest number of clusters. Some
    methods have a condensed tree that the Clusters page can draw.
    """

    label: str
    draw: Callable[[View, SliderRow], View]
    missing: Callable[[RunSettings], str]
    prepare_label: str = "Fit 2 to {most} clusters"
    prepare: Callable[[Workspace, RunSettings], None] = jobs.start_count_sweep
    has_tree_chart: bool = False


def count_slider(view: View, row: SliderRow, method: str, help_text: str) -> View:
    """Draw the slider of a method's number of clusters; return the view with its value.

    The number is at most that of the chips. A warning names the number that the chips support.
    """
    record, n = METHODS[method], row.n_chips
    current = min(record.n_clusters(view.settings), n or jobs.MOST_CLUSTERS)
    most = min(jobs.MOST_CLUSTERS, n or jobs.MOST_CLUSTERS)
    least = min(2, current)
    view = change_settings(view, record.table, **{record.count: current})
    bounds = (least, max(most, current, least + 1))
    view = setting_slider(view, record.table, record.count, bounds, help_text)
    count, supported = record.n_clusters(view.settings), supported_clusters(n)
    if n and count > supported:
        text = f"{count_noun(n, 'chip')} are too few for {count_noun(count, 'cluster')}."
        with row.panel.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":orange[:material/warning: {text}]", help=_FEW_CHIPS, width="content")
            use = partial(_use_count, view, method, supported)
            st.button(f"Use {supported}", key=f"cs.supported:{row.name}", on_click=use)
    return view


def _use_count(view: View, method: str, count: int) -> None:
    """Request a number of clusters, and set the slider to it."""
    settings = requested_settings(view.workspace)
    reset_settings(view.workspace, METHODS[method].with_n_clusters(settings, count))


def setting_slider(
    view: View, table: str, name: str, bounds: tuple[float, float], help_text: str, **options: Any
) -> View:
    """Draw the slider of a setting; return the view with its value."""
    current, label = getattr(getattr(view.settings, table), name), setting_label(table, name)
    key = widget_key(view.workspace, f"{table} {name} {bounds}", current)
    value = st.slider(label, *bounds, key=key, help=help_text, **options)
    return change_settings(view, table, **{name: value})


def change_settings(view: View, table: str, **values: Any) -> View:
    """Request new values in a table of settings; return the view with them and existing results."""
    changes = {table: dataclasses.replace(getattr(view.settings, table), **values)}
    request_settings(view.workspace, **changes)
    return with_settings(view, **changes)
