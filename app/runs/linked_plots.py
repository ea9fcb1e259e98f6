"""The plots of two runs next to each other; chips selected in one are marked in both."""

from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.session import cache
from app.session.state import (
    clear_chips,
    pick_chip,
    picked_row,
    select_chips,
    selected_rows,
    widget_value,
)
from app.widgets import charts
from app.widgets.markup import count_noun, escape_hover, escape_markdown
from app.widgets.palette import Look, cluster_symbol
from app.widgets.plot_picker import MARKERS_AT_MOST
from core.pipeline.results.run_comparison import StoredRun
from core.pipeline.workspace import Workspace
from core.types import AnyArray, IntArray

HEIGHT = 420
CONFIG = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["autoScale2d", "zoom2d"],
}


def linked_plots(workspace: Workspace, runs: Sequence[StoredRun], looks: Sequence[Look]) -> None:
    """Draw the plots; a selection in either is the selection of the app."""
    n_selected = 0
    for side, (column, run, look) in enumerate(zip(st.columns(2), runs, looks, strict=True)):
        with column:
            st.caption(escape_markdown(run.record.name))
            chips, projection = cache.chips(run.view), cache.projection(run.view)
            if chips is None or projection is None:
                st.caption("This run has no plot.")
                continue
            rows = sample_rows(len(chips))
            marked = selected_rows(workspace, chips)
            if not marked and (picked := picked_row(workspace, chips)) is not None:
                marked = (picked,)
            n_selected = max(n_selected, len(marked))
            figure = _figure(run, projection.coordinates, rows, look, marked)
            key = f"cs.plot:{side}:{run.record.run_id}"
            chip_ids = [run.chip_ids[row] for row in rows]
            st.plotly_chart(
                figure,
                theme=None,
                key=key,
                on_select=_chip_selector(workspace, key, chip_ids),
                selection_mode=("points", "box", "lasso"),
                config=CONFIG,
            )
            if len(rows) < len(chips):
                n_chips = f"{len(rows):,} of {count_noun(len(chips), 'chip')}"
                st.caption(f"The plot shows {n_chips}, evenly sampled.")
    if n_selected:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{count_noun(n_selected, 'chip')} selected, marked in both plots.")
            st.button(
                "Clear the selection", key="cs.clear", on_click=clear_chips, args=(workspace,)
            )
    else:
        st.caption("Click a point, or draw a box or a lasso: the same chips are marked in both.")


def sample_rows(n: int) -> IntArray:
    """Return the rows to draw: all, or an even sample if there are too many."""
    return np.unique(np.linspace(0, n - 1, min(n, MARKERS_AT_MOST)).astype(np.int32))


def _figure(
    run: StoredRun, points: AnyArray, rows: IntArray, look: Look, marked: Sequence[int]
) -> go.Figure:
    ids = run.ids[rows]
    trace = go.Scatter if len(rows) <= charts.VECTOR_MARKERS_AT_MOST else go.Scattergl
    texts = [
        f"<b>{escape_hover(look.name(int(i)))}</b><br>{escape_hover(run.chip_ids[row])}"
        for i, row in zip(ids, rows, strict=True)
    ]
    positions = np.flatnonzero(np.isin(rows, marked)).tolist()
    figure = go.Figure(
        trace(
            x=points[rows, 0],
            y=points[rows, 1],
            mode="markers",
            marker={
                "color": [look.colour(int(i)) for i in ids],
                "symbol": [cluster_symbol(int(i)) for i in ids],
                "size": 7 if len(rows) <= 5_000 else 4,
                "opacity": 0.9,
            },
            text=texts,
            hovertemplate="%{text}<extra></extra>",
            selectedpoints=positions if positions else None,
            selected={"marker": {"opacity": 1, "size": 10}},
            unselected={"marker": {"opacity": 0.15}},
        )
    )
    figure.update_layout(charts.base_layout(height=HEIGHT), dragmode="pan", uirevision="fixed")
    figure.update_xaxes(visible=False)
    return figure.update_yaxes(visible=False, scaleanchor="x")


def _chip_selector(workspace: Workspace, key: str, chip_ids: Sequence[str]) -> Callable[[], None]:
    """Return the function that makes the points selected in a plot the selection of the app."""

    def select() -> None:
        selection = (widget_value(key) or {}).get("selection", {})
        chips = [chip_ids[i] for i in selection.get("point_indices", []) if i < len(chip_ids)]
        if len(chips) == 1:
            pick_chip(workspace, chips[0])
        select_chips(workspace, chips)

    return select
