"""Figures of the scores of land cover models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.widgets.charts import ACCENT, INK, MUTED, RULE, base_layout, name_rows
from app.widgets.markup import escape_hover, format_number
from core.flair.evaluation.label_economy import EconomyPoint
from core.flair.evaluation.protocols import Protocol

# On the official test set: U-Net and U-T&T from the tables of Garioud et al. (2023),
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
# By the rule of a point: how clusters are labelled.
SYMBOLS = {
    "one look per cluster": "circle",
    "3 pixels per cluster": "diamond",
    "10 pixels per cluster": "square",
    "every training label": "x",
}


@dataclass(frozen=True)
class ScoreRow:
    """One run on the axis of scores: mIoU, its 95 % interval, True for a chance baseline."""

    name: str
    miou: float
    low: float | None
    high: float | None
    baseline: bool = False


def score_axis(rows: Sequence[ScoreRow], *, official: bool) -> go.Figure:
    """Return the runs on one axis of mIoU; published scores only for the official test set."""
    figure = go.Figure()
    above = [(row.high or row.miou) - row.miou for row in rows]
    below = [row.miou - (row.low or row.miou) for row in rows]
    colours = [BASELINE_COLOUR if row.baseline else ACCENT for row in rows]
    figure.add_scatter(
        x=[row.miou for row in rows],
        y=list(range(len(rows))),
        mode="markers",
        marker={"size": 9, "color": colours},
        error_x=_error_bars(above, below, color=MUTED, thickness=1.4, width=4),
        hovertext=[f"{escape_hover(row.name)}: mIoU {row.miou:.3f}" for row in rows],
        hoverinfo="text",
        showlegend=False,
    )
    for name, miou in PUBLISHED if official else ():
        figure.add_vline(x=miou, line={"color": PUBLISHED_COLOUR, "width": 1.2, "dash": "dot"})
        text = {"text": f"{escape_hover(name)} {miou:.4f}", "font": {"color": PUBLISHED_COLOUR}}
        anchor = {"yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(x=miou, y=1, textangle=-35, showarrow=False, **text, **anchor)
    highest = max([row.high or row.miou for row in rows] + [0.66 if official else 0.1])
    _name_runs(figure, [row.name for row in rows], highest, top=74 if official else 8)
    return figure.update_xaxes(title_text="mIoU (classes 1 to 12), bars: 95 % over areas")


def protocol_chart(
    rows: Sequence[tuple[str, Mapping[Protocol, float], bool]], names: Mapping[Protocol, str]
) -> go.Figure:
    """Return runs evaluated by several protocols: a row each, with a line over its optimism.

    A row is a name, the mIoU by protocol, and True for a chance baseline.
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
        name = names[protocol]
        figure.add_scatter(
            x=[scores[protocol] for _, _, scores, _ in evaluated],
            y=[row for row, *_ in evaluated],
            mode="markers",
            name=name,
            marker={"size": 9, "symbol": symbol, "color": colours},
            hovertext=[
                f"{escape_hover(title)}<br>{name}: mIoU {scores[protocol]:.3f}"
                for _, title, scores, _ in evaluated
            ],
            hoverinfo="text",
            showlegend=False,
        )
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
    """Return the minutes of each configuration, here and in the notebook, on a logarithmic axis."""
    figure, titles = go.Figure(), [escape_hover(name) for name in names]
    minutes = [None if value is None else value / 60 for value in seconds]
    series = ("Chipscape", minutes, ACCENT), ("the notebook", [*notebook_minutes], QUIET)
    for name, x, colour in series:
        hover, marker = f"%{{y}}<br>{name}: %{{x:.3~g}} min<extra></extra>", {"color": colour}
        bar = {"orientation": "h", "name": name, "marker": marker, "hovertemplate": hover}
        figure.add_bar(x=x, y=titles, **bar)
    layout, legend = (
        base_layout(height=23 * len(names) + 90),
        {"orientation": "h", "y": 1.04, "x": 0},
    )
    figure.update_layout(layout, barmode="group", bargap=0.25, legend=legend)
    ticks = [0.01, 0.1, 1, 10, 100, 1000]
    texts = [f"{tick:g}" for tick in ticks]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=texts, gridcolor=RULE)
    figure.update_xaxes(title_text="minutes")
    return figure.update_yaxes(autorange="reversed", ticks="", ticksuffix="  ")


def economy_chart(points: Sequence[EconomyPoint]) -> go.Figure:
    """Return the mIoU per number of labels, with the range of the draws.

    The range of labelled pixels is an area, that of named clusters a whisker at each point.
    """
    figure = go.Figure()
    curves: dict[str, list[EconomyPoint]] = {}
    for point in sorted(points, key=lambda point: point.n_labels):
        curves.setdefault(point.method, []).append(point)
    titles = set()
    for method in dict.fromkeys(point.method for point in points):
        curve, is_knn = curves[method], method == "knn"
        title, colour = next(SERIES[name] for name in SERIES if method.startswith(name))
        symbols = [SYMBOLS.get(point.rule, "circle") for point in curve]
        hovers = [
            f"{escape_hover(f'{method}: {p.rule}')}<br>{format_number(p.n_labels)} labels, "
            f"mIoU {p.miou:.3f}, draws {p.low:.3f} to {p.high:.3f}"
            for p in curve
        ]
        above = [point.high - point.miou for point in curve]
        below = [point.miou - point.low for point in curve]
        figure.add_scatter(
            x=[point.n_labels for point in curve],
            y=[point.miou for point in curve],
            mode="lines+markers",
            name=title,
            legendgroup=title,
            showlegend=title not in titles,
            line={"color": colour, "width": 2.4 if is_knn else 1},
            marker={"size": 5 if is_knn else 8, "color": colour, "symbol": symbols},
            error_y=None if is_knn else _error_bars(above, below, thickness=1, width=3),
            hovertext=hovers,
            hoverinfo="text",
        )
        titles.add(title)
    for title, symbol in SYMBOLS.items():
        _add_legend_entry(figure, title, symbol=symbol, color=MUTED, size=8)
    pixels = curves["knn"]
    x = [point.n_labels for point in pixels]
    y = [point.high for point in pixels] + [point.low for point in reversed(pixels)]
    area = {"fill": "toself", "fillcolor": "rgba(107, 118, 131, 0.22)", "mode": "none"}
    figure.add_scatter(x=x + x[::-1], y=y, hoverinfo="skip", name="range of the draws", **area)
    figure.update_layout(base_layout(height=440), legend={"orientation": "h", "y": -0.2, "x": 0})
    figure.update_xaxes(type="log", title_text="labels", gridcolor=RULE)
    figure.update_yaxes(title_text="mIoU on held-out pixels", gridcolor=RULE)
    return figure.update_yaxes(rangemode="tozero")


def _error_bars(
    above: Sequence[float], below: Sequence[float], **style: object
) -> dict[str, object]:
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **style}


def _add_legend_entry(figure: go.Figure, name: str, **marker: object) -> None:
    figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker=marker)


def _name_runs(figure: go.Figure, names: Sequence[str], highest: float, top: int) -> None:
    """Lay out a figure of mIoU with one named row per run; `top` is the margin above them."""
    layout = base_layout(height=24 * max(3, len(names)) + 60 + top)
    figure.update_layout(layout | {"margin": {"l": 8, "r": 8, "t": top, "b": 8}})
    figure.update_xaxes(range=[0, highest * 1.06], gridcolor=RULE)
    name_rows(figure, [escape_hover(name) for name in names]).update_yaxes(gridcolor="#F0F2F5")
