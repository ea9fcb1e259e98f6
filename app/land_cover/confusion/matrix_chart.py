"""The figure of a confusion matrix whose cells can be clicked."""

import re
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.widgets.charts import INK, base_layout
from app.widgets.markup import escape_hover, format_number
from core.flair.data.nomenclature import REDUCED
from core.types import AnyArray

SHARE_COLOURS = [[0.0, "#FFFFFF"], [0.15, "#D9E8F2"], [0.5, "#6CA6CD"], [1.0, "#0B3C5D"]]
DIFFERENCE_COLOURS = [[0.0, "#B2182B"], [0.5, "#FFFFFF"], [1.0, "#2166AC"]]
SHORT_NAMES = [re.sub(" (surface|vegetation|land)$", "", cover.name) for cover in REDUCED]


def matrix_chart(
    values: AnyArray,
    counts: AnyArray,
    order: Sequence[int],
    picked: tuple[int, int] | None,
    *,
    difference: bool = False,
    shares: bool = True,
) -> go.Figure:
    """Return a confusion matrix: a row per true class, a column per predicted class.

    The `values`, float (13, 13) with NaN for empty rows, are shares of their row or other numbers;
    `counts` are pixels for the hover texts. `order` lists the displayed classes, and `picked` is
    row and column of a cell, counted from 0. With `difference`, the colours diverge at 0.
    """
    cells, n = np.ix_(order, order), len(order)
    figure = go.Figure(_heatmap(values[cells], difference=difference, shares=shares))
    figure.add_trace(_click_targets(counts[cells], order))
    layout = base_layout(height=44 * n + 90)
    # The last slanted name extends beyond the cells, and Plotly leaves out what it would clip.
    layout["margin"] = {"l": 8, "r": 84, "t": 8, "b": 8}
    figure.update_layout(layout, dragmode=False, clickmode="event+select")
    axis = {"tickvals": list(range(n)), "ticks": "", "showgrid": False}
    names = [SHORT_NAMES[i] for i in order]
    top = {"side": "top", "tickangle": -40, "ticktext": names, "title_text": ""}
    figure.update_xaxes(range=[-0.5, n - 0.5], **axis, **top)
    figure.update_yaxes(range=[n - 0.5, -0.5], ticktext=[f"{name}  " for name in names], **axis)
    if picked is not None and {*picked} <= {*order}:
        row, column = (list(order).index(i) for i in picked)
        corners = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        figure.add_shape(type="rect", line={"color": INK, "width": 3}, **corners)
    return figure


def _heatmap(values: AnyArray, *, difference: bool, shares: bool) -> go.Heatmap:
    finite = np.isfinite(values)
    highest = float(np.nanmax(np.abs(values))) if finite.any() else 1.0
    texts = [[_cell_text(v, shares=shares, signed=difference) for v in row] for row in values]
    labels = {"text": texts, "texttemplate": "%{text}", "textfont": {"size": 11}}
    colours = DIFFERENCE_COLOURS if difference else SHARE_COLOURS
    span = {"zmin": -highest if difference else 0, "zmax": max(highest, 1e-9)}
    style = {"colorscale": colours, "showscale": False, "hoverinfo": "skip", "xgap": 1, "ygap": 1}
    return go.Heatmap(z=np.where(finite, values, 0).tolist(), **span, **labels, **style)


def _click_targets(counts: AnyArray, order: Sequence[int]) -> go.Scatter:
    """Return invisible markers on the cells, row by row: a heatmap itself cannot be selected."""
    n, texts = len(order), []
    rows, columns = np.divmod(np.arange(n * n), n)
    for row, column in zip(rows, columns, strict=True):
        truth, predicted = REDUCED[order[row]].name, REDUCED[order[column]].name
        title = f"{truth}, correct" if row == column else f"{truth} predicted as {predicted}"
        texts.append(f"{escape_hover(title)}: {format_number(int(counts[row, column]))} pixels")
    marker = {"size": 30, "opacity": 0, "symbol": "square", "color": "#FFFFFF"}
    figure = {"x": columns.tolist(), "y": rows.tolist(), "mode": "markers", "marker": marker}
    invisible = {"marker": {"opacity": 0}}
    states = {"selected": invisible, "unselected": invisible, "showlegend": False}
    return go.Scatter(**figure, **states, hovertext=texts, hoverinfo="text")


def _cell_text(value: float, *, shares: bool, signed: bool) -> str:
    """Return a value in a few characters: shares in percent, counts from 1000 in thousands."""
    if not np.isfinite(value) or value == 0:
        return ""
    sign = "+" if signed else ""
    if shares:
        return "·" if abs(value) < 0.005 else f"{value:{sign}.0%}"
    if abs(value) >= 1_000:
        return f"{value / 1000:{sign}.{0 if abs(value) >= 9_500 else 1}f}k"
    return f"{value:{sign}.0f}"
