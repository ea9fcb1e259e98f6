"""Charts of the results over all values of a slider; this module does not use Streamlit."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.widgets.charts import base_layout
from app.widgets.theme import chart_colours
from core.clusters.evaluation.component_sweep import ComponentSweep
from core.clusters.evaluation.size_sweep import Cliff, SizeSweep
from core.types import AnyArray

CLIFF_COLOUR, INTERVAL_COLOUR = "rgba(230, 159, 0, 0.22)", "rgba(0, 158, 115, 0.18)"
TICKS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)
# The charts are too small for any button other than the image download.
CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]]}


def size_chart(sweep: SizeSweep, cliffs: Sequence[Cliff], current: int) -> go.Figure:
    """Return a chart of results over min_cluster_size; cliffs (abrupt changes) are shaded."""
    rows: dict[str, AnyArray] = {
        "clusters": sweep.n_clusters,
        "noise": sweep.noise_fraction,
        "validity": sweep.validity,
        "persistence": sweep.persistence,
    }
    figure = _stacked_lines(sweep.sizes, rows, "minimum cluster size (chips)")
    style = {"fillcolor": CLIFF_COLOUR, "line_width": 0, "layer": "below"}
    for cliff in cliffs:
        figure.add_vrect(x0=cliff.lower, x1=cliff.upper, **style)
    figure.add_vline(x=current, line={"color": chart_colours().accent, "width": 1.5})
    ticks = [tick for tick in TICKS if tick <= sweep.sizes[-1]]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[str(tick) for tick in ticks])
    return figure


def component_chart(sweep: ComponentSweep, current: int) -> go.Figure:
    """Return a chart of held-out likelihood, BIC and AIC; the current number is marked."""
    rows = {"held out": sweep.held_out, "BIC": sweep.bic, "AIC": sweep.aic}
    figure = _stacked_lines(sweep.n_components, rows, "clusters")
    x, line = sweep.n_components.tolist(), {"color": chart_colours().quiet, "width": 1}
    style = {"mode": "lines", "line": line, "hoverinfo": "skip", "row": 2, "col": 1}
    for number, bic in enumerate(sweep.bics.T, 1):
        figure.add_scatter(x=x, y=bic.tolist(), name=f"seed {number}", **style)
    # The lines of the seeds are drawn behind the criteria.
    figure.data = figure.data[len(rows) :] + figure.data[: len(rows)]
    lowest, highest = sweep.interval
    style = {"fillcolor": INTERVAL_COLOUR, "line_width": 0, "layer": "below"}
    figure.add_vrect(x0=lowest - 0.3, x1=highest + 0.3, row=1, col=1, **style)
    figure.add_vline(x=current, line={"color": chart_colours().accent, "width": 1.5})
    return figure


def _stacked_lines(x: AnyArray, rows: Mapping[str, AnyArray], title: str) -> go.Figure:
    """Return small line charts, one per row, over a shared horizontal axis."""
    colours = chart_colours()
    figure = make_subplots(len(rows), 1, shared_xaxes=True, vertical_spacing=0.09)
    style = {
        "mode": "lines+markers",
        "line": {"color": colours.ink, "width": 1.2},
        "marker": {"size": 3},
    }
    small = {"size": 11, "color": colours.muted}
    corner = {"x": 0, "y": 1, "xref": "x domain", "yref": "y domain"}
    anchor = {"xanchor": "left", "yanchor": "bottom", "showarrow": False}
    for number, (name, values) in enumerate(rows.items(), 1):
        cell, y_format = {"row": number, "col": 1}, ".0%" if name == "noise" else ".4~g"
        hover = f"%{{x}}: {name} %{{y:{y_format}}}<extra></extra>"
        y = [float(value) if np.isfinite(value) else None for value in values]
        figure.add_scatter(x=x.tolist(), y=y, hovertemplate=hover, **style, **cell)
        figure.add_annotation(text=name, font=small, **corner, **anchor, **cell)
        if name == "noise":
            figure.update_yaxes(tickformat=".0%", **cell)
    figure.update_layout(base_layout(height=64 * len(rows) + 56), showlegend=False)
    figure.update_layout(margin={"l": 4, "r": 6, "t": 16, "b": 40})
    axes = {
        "gridcolor": colours.rule,
        "zeroline": False,
        "tickfont": {"size": 10, "color": colours.muted},
    }
    figure.update_yaxes(nticks=3, automargin=True, **axes)
    figure.update_xaxes(**axes)
    figure.update_xaxes(title={"text": title, "font": small}, row=len(rows), col=1)
    return figure
