"""The t-SNE plot on the page, and the effect of a click or a selection in it."""

import numpy as np
import streamlit as st

from app.session.displayed_clusters import Clusters
from app.session.state import is_new_event, picked_row, remember_points, widget_value
from app.widgets.charts import projection_chart
from app.widgets.chip_tables import chip_names
from app.widgets.colouring import Colouring, select_colours
from app.widgets.markup import count_noun, escape_markdown, format_number, legend_html
from app.widgets.plot_picker import MARKERS_AT_MOST, last_points, pick_points
from app.widgets.sliders.cluster_sliders import describe_clusters
from core.chips.chip_set import ChipSet
from core.pipeline.view import View
from core.reduction.tsne import Projection
from core.types import IntArray


def apply_last_event(view: View, chips: ChipSet) -> None:
    """Apply a click or a selection before anything is drawn, so that the page is drawn once."""
    _remember_event(view, chips, last_points(widget_value(_plot_key(view))))


def draw_chip_plot(
    view: View, chips: ChipSet, projection: Projection, colouring: Colouring
) -> None:
    """Draw the plot; a click or a selection is remembered and the page is drawn again."""
    rows = _drawn_rows(len(chips))
    row = picked_row(view.workspace, chips)
    picked = int(np.searchsorted(rows, row)) if row is not None and row in rows else None
    picture = projection_chart(
        projection.coordinates[rows],
        select_colours(colouring, rows),
        chip_names(chips, rows),
        picked,
        view.key("projection"),
    )
    if _remember_event(view, chips, pick_points(picture, _plot_key(view))):
        st.rerun()
    if len(rows) < len(chips):
        counts = f"{format_number(len(rows))} of {format_number(len(chips))} chips"
        st.caption(escape_markdown(f"The plot shows {counts}, evenly sampled."))


def plot_caption(
    projection: Projection, n_chips: int, clusters: Clusters | None, colouring: Colouring
) -> None:
    """Draw the caption and the legend of the plot."""
    summary = f"{describe_clusters(clusters)} · " if clusters else ""
    st.caption(
        escape_markdown(
            f"{summary}{count_noun(n_chips, 'chip')} · t-SNE, perplexity "
            f"{projection.perplexity:g}, KL divergence {projection.kl_divergence:.2f}. "
            "Nearby points are similar; large distances are not meaningful."
        )
    )
    st.html(legend_html(colouring.entries))


def _plot_key(view: View) -> str:
    return f"projection:{view.key('projection')}"


def _drawn_rows(n_chips: int) -> IntArray:
    """Return the rows of the chips to draw: all, or an evenly spaced sample if there are many."""
    n_drawn = min(n_chips, MARKERS_AT_MOST)
    return np.unique(np.linspace(0, n_chips - 1, n_drawn).astype(np.int32))


def _remember_event(view: View, chips: ChipSet, points: tuple[int, ...]) -> bool:
    """Remember the chips that were clicked or selected; return True if the event is new."""
    is_new = is_new_event(view.workspace, view.key("projection"), points)
    if is_new:
        chip_ids = chips.facts["chip_id"].iloc[_drawn_rows(len(chips))[list(points)]]
        remember_points(view.workspace, chip_ids.tolist())
    return is_new
