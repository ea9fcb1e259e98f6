"""Charts, and the function that puts them on a page; text is escaped, as Plotly reads some HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.widgets import palette
from app.widgets.colouring import Colouring, Counts
from app.widgets.markup import escape_hover, format_number
from app.widgets.plot_picker import Picture
from core.types import AnyArray

FONT = '"Source Sans", "Source Sans Pro", "Segoe UI", Helvetica, Arial, sans-serif'
INK = "#1F2933"
MUTED = "#6B7683"
RULE = palette.RULE
PAPER = "#FFFFFF"
ACCENT = "#0B6E6E"
TEXT = {"family": FONT, "size": 13, "color": INK}
# Vector markers need no WebGL and look sharper, but a plot with more than these is slow to pan.
VECTOR_MARKERS_AT_MOST = 2_500
# By default, plotly.js writes hover text in the marker's colour, which is hard to read on white.
LABEL = {"font": TEXT, "bgcolor": PAPER, "bordercolor": RULE}
EXPORT = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


def show_chart(
    figure: go.Figure, key: str | None = None, config: Mapping[str, Any] = EXPORT
) -> None:
    """Put a figure on the page; it zooms, pans and can be saved as an image."""
    st.plotly_chart(figure, theme=None, key=key, config=dict(config))


def projection_chart(
    points: AnyArray, colouring: Colouring, hovers: Sequence[str], picked: int | None, revision: str
) -> Picture:
    """Return the t-SNE plot of n points, (n, 2), as one trace.

    `hovers` are the second lines of the hover texts, as plain text; an arrow points at the picked
    marker. The zoom is kept while the revision stays the same.
    """
    n = len(points)
    size = 8.0 if n <= 1_000 else 7.0 if n <= 5_000 else 5.0 if n <= 12_000 else 4.0
    marker: dict[str, Any] = {
        "color": list(colouring.values),
        "colorscale": [list(stop) for stop in colouring.stops],
        "cmin": colouring.low,
        "cmax": colouring.high,
        "size": [size * 0.75 if faint else size for faint in colouring.faint],
        "opacity": [0.5 if faint else 0.9 for faint in colouring.faint],
        "line": {"width": 0.5, "color": PAPER},
        "showscale": colouring.numeric,
    }
    if colouring.numeric:
        title = {"text": escape_hover(colouring.title), "side": "right"}
        bar = {"thickness": 10, "len": 0.6, "outlinewidth": 0, "ticks": "", "x": 1.0, "xpad": 4}
        marker["colorbar"] = {"title": title, **bar}
    if colouring.symbols:
        marker["symbol"] = list(colouring.symbols)
    trace = {
        "type": "scatter" if n <= VECTOR_MARKERS_AT_MOST else "scattergl",
        "mode": "markers",
        "x": np.round(points[:, 0].astype(float), 4).tolist(),
        "y": np.round(points[:, 1].astype(float), 4).tolist(),
        "text": [
            f"<b>{escape_hover(text)}</b><br>{escape_hover(hover)}"
            for text, hover in zip(colouring.texts, hovers, strict=True)
        ],
        "hoverinfo": "text",
        "hoverlabel": LABEL | {"align": "left"},
        "marker": marker,
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 0.18}},
    }
    arrows = [] if picked is None else [_arrow(*points[picked].tolist())]
    return Picture([trace], _projection_layout(arrows, revision))


def _projection_layout(arrows: Sequence[Mapping[str, Any]], revision: str) -> Mapping[str, Any]:
    hidden = dict.fromkeys(("showgrid", "zeroline", "showticklabels", "showline"), False)
    axis = {**hidden, "ticks": ""}
    return {
        "template": {},
        "font": TEXT,
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "margin": dict.fromkeys("lrtb", 4),
        "hovermode": "closest",
        "dragmode": "pan",
        "showlegend": False,
        "uirevision": revision,
        "selectionrevision": revision,
        "xaxis": axis,
        "yaxis": axis | {"scaleanchor": "x"},
        "annotations": arrows,
        "modebar": {"bgcolor": "rgba(255,255,255,0.8)", "color": MUTED, "activecolor": ACCENT},
    }


def _arrow(x: float, y: float) -> Mapping[str, Any]:
    """Return an arrow that points at a position from above."""
    head = {"arrowhead": 2, "arrowsize": 1.1, "arrowwidth": 2, "arrowcolor": INK, "standoff": 5}
    return {"x": x, "y": y, "text": "", "showarrow": True, "ax": 0, "ay": -30, **head}


def count_bars(entries: Counts, unit: str = "chips") -> go.Figure:
    """Return a bar chart of groups: the name on the left, count and share next to the bar."""
    names = [escape_hover(name) for _, name, _ in entries]
    counts = [count for _, _, count in entries]
    texts, total = [format_number(count) for count in counts], max(1, sum(counts))
    labels = [
        f"{text}  <span style='color:{MUTED}'>{count / total:.0%}</span>"
        for text, count in zip(texts, counts, strict=True)
    ]
    hovers = [f"{name}: {text} {unit}" for name, text in zip(names, texts, strict=True)]
    style = {"orientation": "h", "marker": {"color": [colour for colour, _, _ in entries]}}
    label = {"text": labels, "textposition": "outside", "cliponaxis": False}
    hover = {"hovertext": hovers, "hoverinfo": "text"}
    figure = go.Figure().add_bar(x=counts, y=list(range(len(counts))), **style, **label, **hover)
    figure.update_layout(base_layout(height=26 * max(2, len(entries)) + 20), bargap=0.28)
    figure.update_xaxes(visible=False, range=[0, 1.4 * max(counts, default=1)])
    return name_rows(figure, names)


def name_rows(figure: go.Figure, names: Sequence[str]) -> go.Figure:
    """Label the rows of a chart with names, which must be escaped; the first row is at the top."""
    texts = [f"{name}  " for name in names]
    rows = list(range(len(names)))
    return figure.update_yaxes(tickvals=rows, ticktext=texts, autorange="reversed", ticks="")


def distribution_chart(values: AnyArray, title: str) -> go.Figure:
    """Return a histogram of one number per chip; missing values are left out."""
    numbers = np.asarray(values, dtype=float)
    finite = numbers[np.isfinite(numbers)].tolist()
    figure = go.Figure()
    figure.add_histogram(x=finite, nbinsx=40, marker={"color": ACCENT, "opacity": 0.85})
    figure.update_traces(hovertemplate="%{x}: %{y} chips<extra></extra>")
    figure.update_layout(base_layout(height=220), bargap=0.06)
    figure.update_xaxes(title_text=title, gridcolor=RULE)
    return figure.update_yaxes(title_text="chips", gridcolor=RULE)


def base_layout(height: int) -> dict[str, Any]:
    """Return the layout that all figures share."""
    title = {"font": {"size": 13, "color": MUTED}, "standoff": 8}
    axis = {"automargin": True, "zeroline": False, "title": title}
    return {
        "template": "none",
        "height": height,
        "font": TEXT,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": dict.fromkeys("lrtb", 8),
        "xaxis": axis,
        "yaxis": dict(axis),
        "hoverlabel": LABEL,
        "colorway": list(palette.COLOURS),
    }
