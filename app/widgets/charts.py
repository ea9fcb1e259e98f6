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
from app.widgets.theme import ChartColours, chart_colours, stands_out
from core.types import AnyArray, BoolArray

FONT = '"Source Sans", "Source Sans Pro", "Segoe UI", Helvetica, Arial, sans-serif'
CLEAR = "rgba(0,0,0,0)"
# Vector markers need no WebGL and look sharper, but a plot with more than these is slow to pan.
VECTOR_MARKERS_AT_MOST = 2_500
EXPORT = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}


def show_chart(
    figure: go.Figure, key: str | None = None, config: Mapping[str, Any] = EXPORT
) -> None:
    """Put a figure on the page; it zooms, pans and can be saved as an image."""
    text = describe_figure(figure)
    st.plotly_chart(figure, theme=None, key=key, config=dict(config), alt=text)


def describe_figure(figure: go.Figure) -> str:
    """Return a text for readers who cannot see a chart: what its axes and its marks stand for."""
    axes = (figure.layout.yaxis.title.text, figure.layout.xaxis.title.text)
    names = dict.fromkeys(trace.name for trace in figure.data if trace.name)
    parts = [" by ".join(filter(None, axes)), ", ".join(names)]
    return ": ".join(["Chart", *filter(None, parts)])


def projection_chart(
    points: AnyArray,
    colouring: Colouring,
    revision: str,
    hidden: BoolArray,
    selected: Sequence[int] = (),
    picked: int | None = None,
    signs: Mapping[int, str] | None = None,
) -> Picture:
    """Return the t-SNE plot of n points, (n, 2), as one trace, and a second one that frames it.

    Points that are `hidden`, (n,), are left out; if rows are `selected`, the others are fainter,
    and a ring marks the picked one. `signs` are written next to points, by row. The zoom is kept
    while the revision stays the same. Tooltips and the legend are added by
    `app.explore.plot_companion`.
    """
    n, colours = len(points), chart_colours()
    size = 8.0 if n <= 1_000 else 7.0 if n <= 5_000 else 5.0 if n <= 12_000 else 4.0
    marker: dict[str, Any] = {
        "color": list(colouring.values),
        "colorscale": [list(stop) for stop in colouring.stops],
        "cmin": colouring.low,
        "cmax": colouring.high,
        "size": [size * 0.75 if faint else size for faint in colouring.faint],
        "opacity": [0.5 if faint else 0.9 for faint in colouring.faint],
        "line": _outlines(colouring, colours),
    }
    if colouring.symbols:
        marker["symbol"] = list(colouring.symbols)
    # Without a position, a point is neither drawn nor selected, and keeps its number.
    positions = np.round(points.astype(float), 4).astype(object)
    positions[hidden] = None
    trace = {
        "type": "scatter" if n <= VECTOR_MARKERS_AT_MOST else "scattergl",
        "mode": "markers",
        "x": positions[:, 0].tolist(),
        "y": positions[:, 1].tolist(),
        "hoverinfo": "skip",
        "marker": marker,
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 0.18}},
    }
    if len(selected):
        trace["selectedpoints"] = list(selected)
    rings = [] if picked is None or hidden[picked] else _rings(points[picked], colours)
    layout = _projection_layout(rings, revision, selected, colours)
    badges = [
        _badge(points[row], sign, colours) for row, sign in (signs or {}).items() if not hidden[row]
    ]
    return Picture([trace, _invisible_corners(points, size)], {**layout, "annotations": badges})


def _badge(position: AnyArray, sign: str, colours: ChartColours) -> Mapping[str, Any]:
    """Return a sign above a position (x, y), dark on light as in the galleries."""
    x, y = position.tolist()
    font = {"family": FONT, "size": 13, "color": colours.paper}
    box = {"bgcolor": colours.ink, "bordercolor": colours.paper, "borderwidth": 1, "borderpad": 1}
    anchor = {"x": x, "y": y, "yshift": 13, "width": 10, "height": 12, "showarrow": False}
    return {"text": f"<b>{sign}</b>", "font": font, **box, **anchor}


def _outlines(colouring: Colouring, colours: ChartColours) -> Mapping[str, Any]:
    """Return the outlines of the markers, on a colour scale of their own."""
    edges = [[stop, outline_colour(colour, colours)] for stop, colour in colouring.stops]
    scale = {"colorscale": edges, "cmin": colouring.low, "cmax": colouring.high}
    return {"width": 0.6, "color": list(colouring.values), **scale}


def outline_colour(colour: str, colours: ChartColours) -> str:
    """Return the background, or muted if markers of a colour would hardly stand out against it.

    Noise and missing values should not stand out.
    """
    is_clear = colour in palette.GREYS or stands_out(colour, colours)
    return colours.paper if is_clear else colours.muted


def _invisible_corners(points: AnyArray, size: float) -> Mapping[str, Any]:
    """Return two invisible markers that keep the ranges of the axes when points are hidden.

    With explicit ranges, plotly.js would forget the zoom whenever the plot is drawn again.
    """
    corners = np.array([points.min(axis=0), points.max(axis=0)], float).round(4)
    x, y = corners.T.tolist()
    invisible = {"marker": {"opacity": 0}}
    style = {"marker": {"size": size, "opacity": 0}, "selected": invisible, "unselected": invisible}
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "hoverinfo": "skip", **style}


def _projection_layout(
    rings: Sequence[Mapping[str, Any]],
    revision: str,
    selected: Sequence[int],
    colours: ChartColours,
) -> Mapping[str, Any]:
    hidden = dict.fromkeys(("showgrid", "zeroline", "showticklabels", "showline"), False)
    axis = {**hidden, "ticks": ""}
    return {
        "template": {},
        "font": _text(colours),
        "paper_bgcolor": colours.paper,
        "plot_bgcolor": colours.paper,
        "margin": dict.fromkeys("lrtb", 4),
        "hovermode": "closest",
        "dragmode": "pan",
        "showlegend": False,
        "uirevision": revision,
        # A selection that was made in the plot is replaced when the session's selection changes.
        "selectionrevision": str(hash(tuple(selected))),
        "xaxis": axis,
        "yaxis": axis | {"scaleanchor": "x"},
        "shapes": rings,
        "modebar": _buttons(colours),
    }


def _rings(position: AnyArray, colours: ChartColours) -> list[Mapping[str, Any]]:
    """Return a ring around a position (x, y), with a margin in the colour of the background."""
    x, y = position.tolist()
    anchor = {"xsizemode": "pixel", "ysizemode": "pixel", "xanchor": x, "yanchor": y}
    size = {"x0": -9, "x1": 9, "y0": -9, "y1": 9}
    lines = ({"color": colours.paper, "width": 5}, {"color": colours.ink, "width": 2.2})
    return [{"type": "circle", "line": line, **anchor, **size} for line in lines]


def _text(colours: ChartColours) -> dict[str, Any]:
    return {"family": FONT, "size": 13, "color": colours.ink}


def _buttons(colours: ChartColours) -> dict[str, str]:
    return {"bgcolor": colours.bar, "color": colours.muted, "activecolor": colours.accent}


def _hover_label(colours: ChartColours) -> dict[str, Any]:
    """By default, plotly.js writes hover text in the marker's colour, which is hard to read."""
    return {"font": _text(colours), "bgcolor": colours.paper, "bordercolor": colours.rule}


def count_bars(entries: Counts, unit: str = "chips") -> go.Figure:
    """Return a bar chart of groups: the name on the left, count and share next to the bar."""
    names = [escape_hover(name) for _, name, _ in entries]
    counts = [count for _, _, count in entries]
    texts, total = [format_number(count) for count in counts], max(1, sum(counts))
    labels = [
        f"{text}  <span style='color:{chart_colours().muted}'>{count / total:.0%}</span>"
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
    figure, colours = go.Figure(), chart_colours()
    figure.add_histogram(x=finite, nbinsx=40, marker={"color": colours.accent, "opacity": 0.85})
    figure.update_traces(hovertemplate="%{x}: %{y} chips<extra></extra>")
    figure.update_layout(base_layout(height=220), bargap=0.06)
    figure.update_xaxes(title_text=title, gridcolor=colours.rule)
    return figure.update_yaxes(title_text="chips", gridcolor=colours.rule)


def base_layout(height: int) -> dict[str, Any]:
    """Return the layout that all figures share."""
    colours = chart_colours()
    title = {"font": {"size": 13, "color": colours.muted}, "standoff": 8}
    axis = {"automargin": True, "zeroline": False, "title": title}
    return {
        "template": "none",
        "height": height,
        "font": _text(colours),
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": dict.fromkeys("lrtb", 8),
        "xaxis": axis,
        "yaxis": dict(axis),
        "hoverlabel": _hover_label(colours),
        "modebar": _buttons(colours),
        "colorway": list(palette.COLOURS),
    }
