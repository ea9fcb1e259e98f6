"""Charts of the scores and confusion matrices of land cover models."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.widgets.charts import base_layout, name_rows
from app.widgets.colouring import interpolate_colours
from app.widgets.markup import escape_hover, format_number
from app.widgets.theme import chart_colours, text_colour
from core.land.data.nomenclature import FLAIR, Legend
from core.land.evaluation.protocols import Protocol
from core.land.evaluation.published_results import OfficialTest
from core.land.evaluation.scorers import Scorer
from core.types import AnyArray

ORANGE = "#D55E00"
PROTOCOL_SYMBOLS: Mapping[Protocol, str] = {"domains": "circle", "patches": "diamond", "test": "x"}
POINTS = {"mode": "markers", "hoverinfo": "text", "showlegend": False}
SHARE_COLOURS = {
    "light": ((0.0, "#FFFFFF"), (0.15, "#D9E8F2"), (0.5, "#6CA6CD"), (1.0, "#0B3C5D")),
    "dark": ((0.0, "#14191E"), (0.15, "#1B3444"), (0.5, "#3A7CA5"), (1.0, "#C3E2F5")),
}
DIFFERENCE_COLOURS = {
    "light": ((0.0, "#B2182B"), (0.5, "#FFFFFF"), (1.0, "#2166AC")),
    "dark": ((0.0, "#E8735F"), (0.5, "#14191E"), (1.0, "#5FA8E0")),
}


@dataclass(frozen=True)
class ScoreRow:
    """One row of `score_axis`: a run with its mIoU and the 95 % interval from `low` to `high`."""

    name: str
    miou: float
    low: float | None
    high: float | None
    baseline: bool = False


def score_axis(
    rows: Sequence[ScoreRow], scorer: Scorer, official: OfficialTest | None = None
) -> go.Figure:
    """Return a chart of mIoU, one row per run; `official` adds the scores published for it."""
    figure, theme = go.Figure(), chart_colours()
    above = [(row.high or row.miou) - row.miou for row in rows]
    below = [row.miou - (row.low or row.miou) for row in rows]
    bars = _error_bars(above, below, color=theme.muted, thickness=1.4, width=4)
    colours = [theme.baseline if row.baseline else theme.accent for row in rows]
    style = {"marker": {"size": 9, "color": colours}, "error_x": bars, **POINTS}
    hovers = [f"{escape_hover(row.name)}: mIoU {row.miou:.3f}" for row in rows]
    x, y = [row.miou for row in rows], list(range(len(rows)))
    figure.add_scatter(x=x, y=y, hovertext=hovers, **style)
    published = official.results if official else ()
    for result in published:
        miou = result.miou
        figure.add_vline(x=miou, line={"color": theme.warning, "width": 1.2, "dash": "dot"})
        text = {"text": escape_hover(str(result)), "font": {"color": theme.warning}}
        anchor = {"yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(x=miou, y=1, textangle=-35, showarrow=False, **text, **anchor)
    highest = max([row.high or row.miou for row in rows] + [r.miou for r in published] + [0.1])
    _name_runs(figure, [row.name for row in rows], highest, top=74 if official else 8)
    bars_text = (
        "; bars: 95 % interval over areas" if any(row.low is not None for row in rows) else ""
    )
    return figure.update_xaxes(title_text=f"{axis_title(scorer)}{bars_text}")


def axis_title(scorer: Scorer) -> str:
    """Return the title of an axis of mIoU, which names the scorer and its classes."""
    return f"mIoU, {scorer.title} (classes 1 to {scorer.n_scored})"


def protocol_chart(
    rows: Sequence[tuple[str, Mapping[Protocol, float], bool]],
    names: Mapping[Protocol, str],
    scorer: Scorer,
) -> go.Figure:
    """Return a chart of mIoU by protocol, one row per model.

    Each of `rows` holds a model's name, its mIoU by protocol, and True for a chance baseline;
    `names` are the titles of the protocols.
    """
    figure, theme = go.Figure(), chart_colours()
    inks = {"domains": theme.accent, "patches": ORANGE, "test": theme.ink}
    for protocol, symbol in PROTOCOL_SYMBOLS.items():
        evaluated = [(row, *run) for row, run in enumerate(rows) if protocol in run[1]]
        if not evaluated:
            continue
        colours = [theme.baseline if baseline else inks[protocol] for *_, baseline in evaluated]
        name, marker = names[protocol], {"size": 9, "symbol": symbol, "color": colours}
        x = [scores[protocol] for _, _, scores, _ in evaluated]
        y, titles = [row for row, *_ in evaluated], [title for _, title, *_ in evaluated]
        named = zip(titles, x, strict=True)
        hovers = [f"{escape_hover(title)}<br>{name}: mIoU {miou:.3f}" for title, miou in named]
        figure.add_scatter(x=x, y=y, name=name, marker=marker, hovertext=hovers, **POINTS)
        # The legend shows the protocol's colour, even if the first row is a baseline.
        _add_legend_entry(figure, name, size=9, symbol=symbol, color=inks[protocol])
    _add_legend_entry(figure, "chance baselines", size=9, color=theme.baseline)
    highest = max((max(scores.values()) for _, scores, _ in rows), default=0.1)
    _name_runs(figure, [title for title, *_ in rows], highest, top=34)
    legend = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}
    figure.update_layout(legend=legend).update_xaxes(title_text=axis_title(scorer))
    return figure.update_yaxes(range=[len(rows) - 0.4, -0.6], autorange=None)


def timing_chart(
    names: Sequence[str], seconds: Sequence[float | None], notebook: Sequence[float]
) -> go.Figure:
    """Return a chart of the time per patch of each configuration, in seconds, on a log axis.

    `seconds` are Chipscape's times per patch; `notebook` are those of the original notebook.
    """
    figure, theme = go.Figure(), chart_colours()
    y = list(range(len(names)))
    series = (
        ("Chipscape, this machine", [*seconds], theme.accent, "circle"),
        ("the notebook, 8 cores", [*notebook], theme.baseline, "diamond"),
    )
    for name, x, colour, symbol in series:
        hovers = [
            f"{escape_hover(title)}<br>{name}: {value:.2g} s per patch" if value else ""
            for title, value in zip(names, x, strict=True)
        ]
        marker = {"color": colour, "size": 9, "symbol": symbol}
        figure.add_scatter(x=x, y=y, name=name, mode="markers", marker=marker, hovertext=hovers)
    figure.update_traces(hoverinfo="text")
    _name_runs(figure, names, 1, top=34)
    legend = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}
    ticks = [0.01, 0.1, 1, 10, 100, 1000]
    figure.update_layout(legend=legend).update_xaxes(type="log", autorange=True, range=None)
    figure.update_xaxes(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    figure.update_xaxes(title_text="seconds per patch of 512 x 512 pixels")
    return figure.update_yaxes(range=[len(names) - 0.4, -0.6], autorange=None)


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
    figure.update_xaxes(range=[0, highest * 1.06], gridcolor=chart_colours().rule)
    name_rows(figure, [escape_hover(name) for name in names]).update_yaxes(
        gridcolor=chart_colours().rule
    )


def short_names(legend: Legend) -> list[str]:
    """Return the names of the reduced classes, without words that all land covers share."""
    return [re.sub(" (surface|vegetation|land)$", "", cover.name) for cover in legend.reduced]


def matrix_chart(
    values: AnyArray,
    counts: AnyArray,
    order: Sequence[int],
    picked: tuple[int, int] | None,
    *,
    legend: Legend = FLAIR,
    difference: bool = False,
    shares: bool = True,
) -> go.Figure:
    """Return a confusion matrix: a row per true class, a column per predicted class.

    The `values`, float (n, n) with NaN for empty rows, are shares of each row, or numbers of
    pixels if `shares` is False; `counts` are numbers of pixels for the hover texts. `order` lists
    the displayed classes; `picked` is the row and column of the marked cell, from 0. With
    `difference`, the colour scale diverges at 0.
    """
    cells, n = np.ix_(order, order), len(order)
    figure = go.Figure(_heatmap(values[cells], difference=difference, shares=shares))
    figure.add_trace(_click_targets(counts[cells], [legend.reduced[i].name for i in order]))
    layout = base_layout(height=44 * n + 90)
    # The last slanted name extends beyond the cells, and Plotly omits names that do not fit.
    layout["margin"] = {"l": 8, "r": 84, "t": 8, "b": 8}
    figure.update_layout(layout, dragmode=False, clickmode="event+select")
    axis = {"tickvals": list(range(n)), "ticks": "", "showgrid": False}
    short = short_names(legend)
    names = [escape_hover(short[i]) for i in order]
    top = {"side": "top", "tickangle": -40, "ticktext": names, "title_text": ""}
    figure.update_xaxes(range=[-0.5, n - 0.5], **axis, **top)
    figure.update_yaxes(range=[n - 0.5, -0.5], ticktext=[f"{name}  " for name in names], **axis)
    if picked is not None and {*picked} <= {*order}:
        row, column = (list(order).index(i) for i in picked)
        corners = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        figure.add_shape(type="rect", line={"color": chart_colours().ink, "width": 3}, **corners)
    return figure


def _heatmap(values: AnyArray, *, difference: bool, shares: bool) -> go.Heatmap:
    finite = np.isfinite(values)
    highest = float(np.nanmax(np.abs(values))) if finite.any() else 1.0
    scales = DIFFERENCE_COLOURS if difference else SHARE_COLOURS
    stops = scales[chart_colours().scheme]
    low, high = -highest if difference else 0.0, max(highest, 1e-9)
    positions = (np.where(finite, values, 0) - low) / (high - low)
    cells = interpolate_colours(stops, positions).round().astype(int)
    texts = [
        [
            # Plotly would write in dark grey on cells of medium brightness.
            f"<span style='color:{text_colour('#{:02X}{:02X}{:02X}'.format(*cell))}'>"
            f"{_cell_text(value, shares=shares, signed=difference)}</span>"
            for value, cell in zip(row, cell_row, strict=True)
        ]
        for row, cell_row in zip(values, cells, strict=True)
    ]
    labels = {"text": texts, "texttemplate": "%{text}", "textfont": {"size": 11}}
    span = {"zmin": low, "zmax": high, "colorscale": [list(stop) for stop in stops]}
    style = {"showscale": False, "hoverinfo": "skip", "xgap": 1, "ygap": 1}
    return go.Heatmap(z=np.where(finite, values, 0).tolist(), **span, **labels, **style)


def _click_targets(counts: AnyArray, names: Sequence[str]) -> go.Scatter:
    """Return invisible markers on the cells, because cells of a heatmap cannot be selected."""
    n, texts = len(names), []
    rows, columns = np.divmod(np.arange(n * n), n)
    for row, column in zip(rows, columns, strict=True):
        truth, predicted = names[row], names[column]
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
