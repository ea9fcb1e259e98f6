"""How a clustering method appears in the app, and functions that draw sliders for its settings."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.session import jobs
from app.session.state import widget_key
from app.session.views import request_settings
from app.widgets.markup import count_noun
from app.widgets.setting_labels import setting_label
from core.clusters.methods.method_table import METHODS
from core.pipeline.run_stages import with_settings
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import RunSettings


@dataclass(frozen=True)
class SliderRow:
    """The five columns in which the sliders are drawn; the first holds the method selector.

    The columns are either stacked, with a comparison below its slider, or next to each other.
    """

    columns: Sequence[Any]
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
    the job that computes it. Some methods have a condensed tree that the Clusters page can draw.
    """

    label: str
    draw: Callable[[View, SliderRow], View]
    missing: Callable[[RunSettings], str]
    prepare_label: str = f"Fit 2 to {jobs.MOST_CLUSTERS} clusters"
    prepare: Callable[[Workspace, RunSettings], None] = jobs.start_count_sweep
    has_tree_chart: bool = False


def count_slider(view: View, row: SliderRow, method: str, help_text: str) -> View:
    """Draw the slider of a method's number of clusters; return the view with its value."""
    record = METHODS[method]
    current = record.n_clusters(view.settings)
    bounds = (min(2, current), max(jobs.MOST_CLUSTERS, current))
    view = setting_slider(view, record.table, record.count, bounds, help_text)
    if record.n_clusters(view.settings) > row.n_chips:
        chips, clusters = count_noun(row.n_chips, "chip"), count_noun(row.n_chips, "cluster")
        st.caption(f"{chips} can form at most {clusters}.")
    return view


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
