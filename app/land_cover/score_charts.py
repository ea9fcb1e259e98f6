"""Charts of the scores and confusion matrices of land cover models."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.widgets.charts import ACCENT, INK, MUTED, RULE, base_layout, name_rows
from app.widgets.markup import escape_hover, format_number
from core.flair.data.nomenclature import REDUCED
from core.flair.evaluation.label_economy import EconomyPoint
from core.flair.evaluation.protocols import Protocol
from core.types import AnyArray

# mIoU on the official test set: U-Net and U-T&T from the tables of Garioud et al. (2023),
# arXiv:2310.13336; the winner from the final ranking of the challenge.
PUBLISHED = (("U-Net", 0.5470), ("U-T&T", 0.5758), ("challenge winner", 0.6413))
BASELINE_COLOUR, PUBLISHED_COLOUR, QUIET = "#8A94A0", "#B0413E", "#C2C9D2"
PROTOCOL_MARKERS: Mapping[Protocol, tuple[str, str]] = {
    "domains": (ACCENT, "circle"),
    "patches": ("#D55E00", "diamond"),
    "test": (INK, "x"),
}
SERIES = {
    "knn": ("labelled pixels, kNN", ACCENT),
    "hdbscan": ("HDBSCAN clusters", "#D55E00"),
    "kmeans": ("k-means clusters", "#CC79A7"),
}
POINTS = {"mode": "markers", "hoverinfo": "text", "showlegend": False}
# Marker symbols by the rule for labelling clusters; a "look" is the inspection of one pixel.
SYMBOLS = {
    "one look per cluster": "circle",
    "3 pixels per cluster": "diamond",
    "10 pixels per cluster": "square",
    "every training label": "x",
}
SHARE_COLOURS = [[0.0, "#FFFFFF"], [0.15, "#D9E8F2"], [0.5, "#6CA6CD"], [1.0, "#0B3C5D"]]
DIFFERENCE_COLOURS = [[0.0, "#B2182B"], [0.5, "#FFFFFF"], [1.0, "#2166AC"]]
SHORT_NAMES = [re.sub(" (surface|vegetation|land)$", "", cover.name) for cover in REDUCED]


@dataclass(frozen=True)
class ScoreRow:
    """One row of `score_axis`: a run with its mIoU and the 95 % interval from `low` to `high`."""

    name: str
    miou: float
    low: float | None
    high: float | None
    baseline: bool = False


def score_axis(rows: Sequence[ScoreRow], *, official: bool) -> go.Figure:
    """Return a chart of mIoU, one row per run; `official` adds published test set scores."""
    figure = go.Figure()
    above = [(row.high or row.miou) - row.miou for row in rows]
    below = [row.miou - (row.low or row.miou) for row in rows]
    bars = _error_bars(above, below, color=MUTED, thickness=1.4, width=4)
    colours = [BASELINE_COLOUR if row.baseline else ACCENT for row in rows]
    style = {"marker": {"size": 9, "color": colours}, "error_x": bars, **POINTS}
    hovers = [f"{escape_hover(row.name)}: mIoU {row.miou:.3f}" for row in rows]
    x, y = [row.miou for row in rows], list(range(len(rows)))
    figure.add_scatter(x=x, y=y, hovertext=hovers, **style)
    for name, miou in PUBLISHED if official else ():
        figure.add_vline(x=miou, line={"color": PUBLISHED_COLOUR, "width": 1.2, "dash": "dot"})
        text = {"text": f"{escape_hover(name)} {miou:.4f}", "font": {"color": PUBLISHED_COLOUR}}
        anchor = {"yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(x=miou, y=1, textangle=-35, showarrow=False, **text, **anchor)
    highest = max([row.high or row.miou for row in rows] + [0.66 if official else 0.1])
    _name_runs(figure, [row.name for row in rows], highest, top=74 if official else 8)
    return figure.update_xaxes(title_text="mIoU (classes 1 to 12); bars: 95 % interval over areas")


def protocol_chart(
    rows: Sequence[tuple[str, Mapping[Protocol, float], bool]], names: Mapping[Protocol, str]
) -> go.Figure:
    """Return a chart of mIoU by protocol, one row per model; a line spans the optimism gap.

    Each of `rows` holds a model's name, its mIoU by protocol, and True for a chance baseline;
    `names` are the titles of the protocols.
    """
    figure = go.Figure()
    for row, (_, scores, _) in enumerate(rows):
        if {"domains", "patches"} <= scores.keys():
            x, line = [scores["domains"], scores["patches"]], {"color": QUIET, "width": 4}
            quiet = {"hoverinfo": "skip", "showlegend": False}
            figure.add_scatter(x=x, y=[row, row], mode="lines", line=line, **quiet)
    for protocol, (colour, symbol) in PROTOCOL_MARKERS.items():
        evaluated = [(row, *run) for row, run in enumerate(rows) if protocol in run[1]]
        if not evaluated:
            continue
        colours = [BASELINE_COLOUR if baseline else colour for *_, baseline in evaluated]
        name, marker = names[protocol], {"size": 9, "symbol": symbol, "color": colours}
        x = [scores[protocol] for _, _, scores, _ in evaluated]
        y, titles = [row for row, *_ in evaluated], [title for _, title, *_ in evaluated]
        named = zip(titles, x, strict=True)
        hovers = [f"{escape_hover(title)}<br>{name}: mIoU {miou:.3f}" for title, miou in named]
        figure.add_scatter(x=x, y=y, name=name, marker=marker, hovertext=hovers, **POINTS)
        # The legend shows the protocol's colour, even if the first row is a baseline.
        _add_legend_entry(figure, name, size=9, symbol=symbol, color=colour)
    _add_legend_entry(figure, "chance baselines", size=9, color=BASELINE_COLOUR)
    highest = max((max(scores.values()) for _, scores, _ in rows), default=0.1)
    _name_runs(figure, [title for title, *_ in rows], highest, top=34)
    legend = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}
    figure.update_layout(legend=legend).update_xaxes(title_text="mIoU (classes 1 to 12)")
    return figure.update_yaxes(range=[len(rows) - 0.4, -0.6], autorange=None)


def timing_chart(
    names: Sequence[str], seconds: Sequence[float | None], notebook_minutes: Sequence[float]
) -> go.Figure:
    """Return a bar chart of minutes per configuration, on a log axis.

    `seconds` are Chipscape's times; `notebook_minutes` are the times of the original notebook.
    """
    figure, titles = go.Figure(), [escape_hover(name) for name in names]
    minutes = [None if value is None else value / 60 for value in seconds]
    series = ("Chipscape", minutes, ACCENT), ("the notebook", [*notebook_minutes], QUIET)
    for name, x, colour in series:
        hover, marker = f"%{{y}}<br>{name}: %{{x:.3~g}} min<extra></extra>", {"color": colour}
        bar = {"orientation": "h", "name": name, "marker": marker, "hovertemplate": hover}
        figure.add_bar(x=x, y=titles, **bar)
    layout = base_layout(height=23 * len(names) + 90)
    layout["legend"] = {"orientation": "h", "y": 1.04, "x": 0}
    figure.update_layout(layout, barmode="group", bargap=0.25)
    ticks = [0.01, 0.1, 1, 10, 100, 1000]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    figure.update_xaxes(title_text="minutes", gridcolor=RULE)
    return figure.update_yaxes(autorange="reversed", ticks="", ticksuffix="  ")


def economy_chart(points: Sequence[EconomyPoint]) -> go.Figure:
    """Return a chart of the mIoU by number of labels, with the range over random draws of labels.

    The range is an area for labelled pixels, and a whisker at each point for named clusters.
    """
    figure = go.Figure()
    curves: dict[str, list[EconomyPoint]] = {point.method: [] for point in points}
    for point in sorted(points, key=lambda point: point.n_labels):
        curves[point.method].append(point)
    titles = set()
    for method, curve in curves.items():
        title, colour = next(SERIES[name] for name in SERIES if method.startswith(name))
        is_knn = method == "knn"
        symbols = [SYMBOLS.get(point.rule, "circle") for point in curve]
        hovers = [
            f"{escape_hover(f'{method}: {p.rule}')}<br>{format_number(p.n_labels)} labels, "
            f"mIoU {p.miou:.3f}, range {p.low:.3f} to {p.high:.3f}"
            for p in curve
        ]
        above = [point.high - point.miou for point in curve]
        below = [point.miou - point.low for point in curve]
        style = {"name": title, "legendgroup": title, "showlegend": title not in titles}
        style |= {"line": {"color": colour, "width": 2.4 if is_knn else 1}, "mode": "lines+markers"}
        style |= {"marker": {"size": 5 if is_knn else 8, "color": colour, "symbol": symbols}}
        bars = None if is_knn else _error_bars(above, below, thickness=1, width=3)
        x, y = [point.n_labels for point in curve], [point.miou for point in curve]
        figure.add_scatter(x=x, y=y, error_y=bars, hovertext=hovers, hoverinfo="text", **style)
        titles.add(title)
    for title, symbol in SYMBOLS.items():
        _add_legend_entry(figure, title, symbol=symbol, color=MUTED, size=8)
    pixels = curves["knn"]
    x = [point.n_labels for point in pixels]
    y = [point.high for point in pixels] + [point.low for point in reversed(pixels)]
    area = {"fill": "toself", "fillcolor": "rgba(107, 118, 131, 0.22)", "mode": "none"}
    figure.add_scatter(x=x + x[::-1], y=y, hoverinfo="skip", name="range of draws", **area)
    figure.update_layout(base_layout(height=440), legend={"orientation": "h", "y": -0.2, "x": 0})
    figure.update_xaxes(type="log", title_text="number of labels", gridcolor=RULE)
    figure.update_yaxes(title_text="mIoU on held-out pixels", gridcolor=RULE)
    return figure.update_yaxes(rangemode="tozero")


def _error_bars(
    above: Sequence[float], below: Sequence[float], **style: object
) -> dict[str, object]:
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **style}


def _add_legend_entry(figure: go.Figure, name: str, **marker: object) -> None:
    figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker=marker)


def _name_runs(figure: go.Figure, names: Sequence[str], highest: float, top: int) -> None:
    """Lay out a figure of mIoU with one named row per run; `top` is the top margin in pixels."""
    layout = base_layout(height=24 * max(3, len(names)) + 60 + top)
    figure.update_layout(layout | {"margin": {"l": 8, "r": 8, "t": top, "b": 8}})
    figure.update_xaxes(range=[0, highest * 1.06], gridcolor=RULE)
    name_rows(figure, [escape_hover(name) for name in names]).update_yaxes(gridcolor="#F0F2F5")


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

    The `values`, float (13, 13) with NaN for empty rows, are shares of each row, or numbers of
    pixels if `shares` is False; `counts` are numbers of pixels for the hover texts. `order` lists
    the displayed classes; `picked` is the row and column of the marked cell, from 0. With
    `difference`, the colour scale diverges at 0.
    """
    cells, n = np.ix_(order, order), len(order)
    figure = go.Figure(_heatmap(values[cells], difference=difference, shares=shares))
    figure.add_trace(_click_targets(counts[cells], order))
    layout = base_layout(height=44 * n + 90)
    # The last slanted name extends beyond the cells, and Plotly omits names that do not fit.
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
    """Return invisible markers on the cells, because cells of a heatmap cannot be selected."""
    n, texts = len(order), []
    rows, columns = np.divmod(np.arange(n * n), n)
    for row, column in zip(rows, columns, strict=True):
        truth, predicted = REDUCED[order[row]].name, REDUCED[order[column]].name
        title = f"{truth}, correct" if row == column else f"{truth} predicted as {predicted}"
        texts.append(f"{escape_hover(title)}: {format_number(int(counts[row, column]))} pixels")
    marker = {"size": 30, "opacity": 0, "symbol": "square", "color": "#FFFFFF"}
    states = {state: {"marker": {"opacity": 0}} for state in ("selected", "unselected")}
    x, y = columns.tolist(), rows.tolist()
    return go.Scatter(x=x, y=y, marker=marker, hovertext=texts, **states, **POINTS)


def _cell_text(value: float, *, shares: bool, signed: bool) -> str:
    """Return a value as a short text: shares in percent, counts of 1000 or more in thousands."""
    if not np.isfinite(value) or value == 0:
        return ""
    sign = "+" if signed else ""
    if shares:
        return "·" if abs(value) < 0.005 else f"{value:{sign}.0%}"
    if abs(value) >= 1_000:
        return f"{value / 1000:{sign}.{0 if abs(value) >= 9_500 else 1}f}k"
    return f"{value:{sign}.0f}"
