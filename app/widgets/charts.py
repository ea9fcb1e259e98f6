"""Data to figures; no streamlit here, and every text is escaped for Plotly's few tags."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.widgets import palette
from app.widgets.colouring import Colouring
from app.widgets.markup import hover, number
from app.widgets.plot_picker import Picture
from core.types import AnyArray

FONT = '"Source Sans", "Source Sans Pro", "Segoe UI", Helvetica, Arial, sans-serif'
INK = "#1F2933"
MUTED = "#6B7683"
RULE = palette.RULE
PAPER = "#FFFFFF"
ACCENT = "#0B6E6E"
# Vector markers need no WebGL and look finer; beyond this they become slow to pan.
VECTOR_MARKERS_AT_MOST = 2_500
# Without a colour plotly.js takes the marker's, which can't be read on white.
LABEL = {"font": {"family": FONT, "size": 13, "color": INK}, "bgcolor": "#FFFFFF",
         "bordercolor": RULE}  # fmt: skip
EXPORT = {"displaylogo": False, "scrollZoom": True,
          "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}  # fmt: skip


def landscape(
    points: AnyArray, colouring: Colouring, hovers: Sequence[str], picked: int | None, revision: str
) -> Picture:
    """The t-SNE picture as one trace.

    Parameters
    ----------
    points : array, (n, 2)
    colouring : Colouring, of n chips
    hovers : sequence of str, n
        Plain text; escaped here.
    picked : int or None
        The marker that stands out.
    revision : str
        The zoom is kept while this stays the same.
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
        "line": {"width": 0.5, "color": "#FFFFFF"},
        "showscale": colouring.numeric,
    }
    if colouring.numeric:
        marker["colorbar"] = _colorbar(colouring.title)
    if colouring.symbols:
        marker["symbol"] = list(colouring.symbols)
    trace = {
        "type": "scatter" if n <= VECTOR_MARKERS_AT_MOST else "scattergl",
        "mode": "markers",
        "x": np.round(points[:, 0].astype(float), 4).tolist(),
        "y": np.round(points[:, 1].astype(float), 4).tolist(),
        "text": [
            f"<b>{hover(what)}</b><br>{hover(more)}"
            for what, more in zip(colouring.texts, hovers, strict=True)
        ],
        "hoverinfo": "text",
        "hoverlabel": LABEL | {"align": "left"},
        "marker": marker,
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 0.18}},
    }
    return Picture([trace], _landscape_layout(points, picked, revision))


def _landscape_layout(points: AnyArray, picked: int | None, revision: str) -> Mapping[str, Any]:
    axis = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "",
            "showline": False}  # fmt: skip
    arrow = []
    if picked is not None:
        at = points[picked].astype(float)
        arrow = [{"x": at[0], "y": at[1], "text": "", "showarrow": True, "ax": 0, "ay": -30,
                  "arrowhead": 2, "arrowsize": 1.1, "arrowwidth": 2, "arrowcolor": INK,
                  "standoff": 5}]  # fmt: skip
    return {
        "template": {},
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "margin": {"l": 4, "r": 4, "t": 4, "b": 4},
        "hovermode": "closest",
        "dragmode": "pan",
        "showlegend": False,
        "uirevision": revision,
        "selectionrevision": revision,
        "xaxis": axis,
        "yaxis": axis | {"scaleanchor": "x"},
        "annotations": arrow,
        "modebar": {"bgcolor": "rgba(255,255,255,0.8)", "color": MUTED, "activecolor": ACCENT},
    }


def sizes(entries: Sequence[tuple[str, str, int]], unit: str = "chips") -> go.Figure:
    """A bar a group: colour, name and count; names on the left, counts beside the bars."""
    names = [hover(name) for _, name, _ in entries]
    counts = [count for _, _, count in entries]
    total = max(1, sum(counts))
    figure = go.Figure(
        go.Bar(
            x=counts,
            y=list(range(len(entries))),
            orientation="h",
            marker={"color": [colour for colour, _, _ in entries]},
            text=[f"{number(count)}  <span style='color:{MUTED}'>{count / total:.0%}</span>"
                  for count in counts],
            textposition="outside",
            cliponaxis=False,
            hovertext=[f"{name}: {number(count)} {unit}"
                       for name, count in zip(names, counts, strict=True)],
            hoverinfo="text",
        )
    )  # fmt: skip
    figure.update_layout(base(height=26 * max(2, len(entries)) + 20), bargap=0.28)
    figure.update_xaxes(visible=False, range=[0, 1.4 * max(counts, default=1)])
    figure.update_yaxes(
        tickvals=list(range(len(entries))),
        ticktext=[f"{name}  " for name in names],
        autorange="reversed",
        ticks="",
    )
    return figure


def criterion(
    values: Mapping[int, float], groups: Mapping[int, str], chosen: int, title: str
) -> go.Figure:
    """A criterion against the number of components, the chosen one marked.

    Parameters
    ----------
    values : mapping of number of components to criterion
    groups : mapping of number of components to the kind of fit
        Only fits of one kind can be compared, and only those are joined by a line.
    chosen : int
    title : str
    """
    figure = go.Figure()
    for group in dict.fromkeys(groups[k] for k in sorted(values)):
        components = [k for k in sorted(values) if groups[k] == group]
        colours = [ACCENT if k == chosen else "#B8C1CC" for k in components]
        figure.add_scatter(
            x=components,
            y=[values[k] for k in components],
            mode="lines+markers",
            line={"color": MUTED, "width": 1.5},
            marker={"size": 7, "color": colours},
            hovertemplate=f"%{{x}} components, {hover(group)}: %{{y:,.0f}}<extra></extra>",
            showlegend=False,
        )
    if chosen in values:
        figure.add_vline(x=chosen, line={"color": ACCENT, "width": 1, "dash": "dot"})
    figure.update_layout(base(height=250))
    figure.update_xaxes(title_text="components", dtick=2, gridcolor=RULE)
    figure.update_yaxes(title_text=title, gridcolor=RULE, tickformat="~s")
    return figure


def spread(values: AnyArray, title: str) -> go.Figure:
    """How a number is spread over the chips."""
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    figure = go.Figure(
        go.Histogram(x=known.tolist(), nbinsx=40, marker={"color": ACCENT, "opacity": 0.85})
    )
    figure.update_traces(hovertemplate="%{x}: %{y} chips<extra></extra>")
    figure.update_layout(base(height=220), bargap=0.06)
    figure.update_xaxes(title_text=title, gridcolor=RULE)
    figure.update_yaxes(title_text="chips", gridcolor=RULE)
    return figure


def _colorbar(title: str) -> Mapping[str, Any]:
    return {
        "title": {"text": hover(title), "side": "right"},
        "thickness": 10,
        "len": 0.6,
        "outlinewidth": 0,
        "ticks": "",
        "x": 1.0,
        "xpad": 4,
    }


def base(height: int) -> dict[str, Any]:
    """The layout that all figures share."""
    title = {"font": {"size": 13, "color": MUTED}, "standoff": 8}
    axis = {"automargin": True, "zeroline": False, "title": title}
    return {
        "template": "none",
        "height": height,
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "xaxis": axis,
        "yaxis": dict(axis),
        "hoverlabel": LABEL,
        "colorway": list(palette.COLOURS),
    }
