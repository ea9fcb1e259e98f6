"""Scores of land cover models as figures; no streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.widgets.charts import ACCENT, INK, MUTED, RULE, base
from app.widgets.markup import hover, number
from core.flair.data.dataset import Dataset
from core.flair.data.nomenclature import REDUCED
from core.flair.evaluation.label_economy import Point
from core.flair.evaluation.protocols import Protocol
from core.types import AnyArray

# The official test set: Garioud et al. (2023), arXiv:2310.13336, tables of U-Net and U-T&T; the
# winner's figure is that of the challenge's final board.
PUBLISHED = (("U-Net", 0.5470), ("U-T&T", 0.5758), ("challenge winner", 0.6413))
# FLAIR #2's test set: of 77,762 patches, 61,712 are for training and validation; 10 domains, same
# paper. Toy sets hold a few of them, and their scores are no match for the published ones.
OFFICIAL_PATCHES, OFFICIAL_DOMAINS = 16_050, 10
FLOOR = "#8A94A0"
SERIES = {"knn": ("labelled pixels, kNN", ACCENT), "hdbscan": ("HDBSCAN clusters", "#D55E00"),
          "kmeans": ("k-means clusters", "#CC79A7")}  # fmt: skip
SYMBOLS = {"one look": "circle", "3 pixels": "diamond", "10 pixels": "square", "every": "x"}
STOPS = [[0.0, "#FFFFFF"], [0.15, "#D9E8F2"], [0.5, "#6CA6CD"], [1.0, "#0B3C5D"]]
APART = [[0.0, "#B2182B"], [0.5, "#FFFFFF"], [1.0, "#2166AC"]]
SHORT = ("building", "pervious", "impervious", "bare soil", "water", "coniferous", "deciduous",
         "brushwood", "vineyard", "herbaceous", "agricultural", "plowed", "other")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One run on the axis of scores.

    Attributes
    ----------
    name : str
    miou : float
    low, high : float or None
        The 95 % interval.
    floor : bool
        Chance.
    """

    name: str
    miou: float
    low: float | None
    high: float | None
    floor: bool = False


def is_official(dataset: Dataset) -> bool:
    """True if the test patches are all of FLAIR #2's."""
    test = [dataset.patches[index] for index in dataset.of("test")]
    domains = {patch.domain for patch in test}
    return (len(test), len(domains)) == (OFFICIAL_PATCHES, OFFICIAL_DOMAINS)


def axis(rows: Sequence[Row], *, official: bool) -> go.Figure:
    """Every run on one axis of mIoU, the published figures where they may stand."""
    figure = go.Figure()
    at = list(range(len(rows)))
    figure.add_scatter(
        x=[row.miou for row in rows], y=at, mode="markers",
        marker={"size": 9, "color": [FLOOR if row.floor else ACCENT for row in rows]},
        error_x={
            "type": "data", "symmetric": False, "color": MUTED, "thickness": 1.4, "width": 4,
            "array": [(row.high or row.miou) - row.miou for row in rows],
            "arrayminus": [row.miou - (row.low or row.miou) for row in rows],
        },
        hovertext=[f"{hover(row.name)}: mIoU {row.miou:.3f}" for row in rows], hoverinfo="text",
        showlegend=False,
    )  # fmt: skip
    if official:
        for name, value in PUBLISHED:
            figure.add_vline(x=value, line={"color": "#B0413E", "width": 1.2, "dash": "dot"})
            figure.add_annotation(x=value, y=1, yref="paper", yanchor="bottom", textangle=-35,
                                  text=f"{hover(name)} {value:.4f}", showarrow=False,
                                  xanchor="left", font={"color": "#B0413E"})  # fmt: skip
    highest = max([row.high or row.miou for row in rows] + [0.66 if official else 0.1])
    figure.update_layout(base(height=24 * max(3, len(rows)) + (130 if official else 60)))
    figure.update_layout(margin={"l": 8, "r": 8, "t": 74 if official else 8, "b": 8})
    figure.update_xaxes(range=[0, highest * 1.06], gridcolor=RULE,
                        title_text="mIoU (classes 1 to 12), bars: 95 % over areas")  # fmt: skip
    figure.update_yaxes(tickvals=at, ticktext=[f"{hover(row.name)}  " for row in rows],
                        autorange="reversed", ticks="", gridcolor="#F0F2F5")  # fmt: skip
    return figure


def protocols(
    rows: Sequence[tuple[str, Mapping[Protocol, float], bool]], names: Mapping[Protocol, str]
) -> go.Figure:
    """Runs judged by several protocols: a row each, a line over its optimism.

    Parameters
    ----------
    rows : sequence of name, mIoU by protocol, and True for chance
    names : mapping
        What the protocols are called.
    """
    figure = go.Figure()
    for at, (_, scores, _) in enumerate(rows):
        if {"domains", "patches"} <= scores.keys():
            figure.add_scatter(x=[scores["domains"], scores["patches"]], y=[at, at], mode="lines",
                               line={"color": "#C2C9D2", "width": 4}, hoverinfo="skip",
                               showlegend=False)  # fmt: skip
    looks: Mapping[Protocol, tuple[str, str]] = {
        "domains": (ACCENT, "circle"), "patches": ("#D55E00", "diamond"), "test": (INK, "x"),
    }  # fmt: skip
    for protocol, (colour, symbol) in looks.items():
        mine = [(at, name, scores[protocol], floor)
                for at, (name, scores, floor) in enumerate(rows) if protocol in scores]  # fmt: skip
        if mine:
            figure.add_scatter(
                x=[score for _, _, score, _ in mine], y=[at for at, *_ in mine], mode="markers",
                name=names[protocol],
                marker={"size": 9, "symbol": symbol,
                        "color": [FLOOR if floor else colour for *_, floor in mine]},
                hovertext=[f"{hover(name)}<br>{names[protocol]}: mIoU {score:.3f}"
                           for _, name, score, _ in mine],
                hoverinfo="text", showlegend=False,
            )  # fmt: skip
            # In the legend it keeps its colour, whatever the first row is.
            figure.add_scatter(x=[None], y=[None], mode="markers", name=names[protocol],
                               marker={"size": 9, "symbol": symbol, "color": colour})  # fmt: skip
    figure.add_scatter(x=[None], y=[None], mode="markers", name="grey: chance",
                       marker={"size": 9, "color": FLOOR})  # fmt: skip
    highest = max((max(scores.values()) for _, scores, _ in rows), default=0.1)
    figure.update_layout(base(height=24 * max(3, len(rows)) + 100))
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
                         margin={"l": 8, "r": 8, "t": 34, "b": 8})  # fmt: skip
    figure.update_xaxes(range=[0, highest * 1.06], gridcolor=RULE,
                        title_text="mIoU (classes 1 to 12)")  # fmt: skip
    figure.update_yaxes(tickvals=list(range(len(rows))), range=[len(rows) - 0.4, -0.6], ticks="",
                        ticktext=[f"{hover(name)}  " for name, *_ in rows],
                        gridcolor="#F0F2F5")  # fmt: skip
    return figure


def timings(names: Sequence[str], ours: Sequence[float | None], theirs: Sequence[float]
) -> go.Figure:  # fmt: skip
    """Minutes of each configuration beside the notebook's, on a logarithmic axis."""
    figure = go.Figure()
    parts = (("ours", [None if s is None else s / 60 for s in ours], ACCENT),
             ("the notebook's", list(theirs), "#C2C9D2"))  # fmt: skip
    for name, minutes, colour in parts:
        figure.add_bar(
            y=[hover(one) for one in names], x=minutes, orientation="h", name=name,
            marker={"color": colour},
            hovertemplate=f"%{{y}}<br>{name}: %{{x:.3~g}} min<extra></extra>",
        )  # fmt: skip
    figure.update_layout(base(height=23 * len(names) + 90), barmode="group", bargap=0.25,
                         legend={"orientation": "h", "y": 1.04, "x": 0})  # fmt: skip
    figure.update_xaxes(type="log", title_text="minutes", gridcolor=RULE,
                        tickvals=[0.01, 0.1, 1, 10, 100, 1000],
                        ticktext=["0.01", "0.1", "1", "10", "100", "1000"])  # fmt: skip
    figure.update_yaxes(autorange="reversed", ticks="", ticksuffix="  ")
    return figure


def economy(points: Sequence[Point]) -> go.Figure:
    """The mIoU that labels buy: pixels, and clusters named by looks."""
    figure = go.Figure()
    for method in dict.fromkeys(point.method for point in points):
        mine = sorted((p for p in points if p.method == method), key=lambda p: p.n_labels)
        kind = next(name for name in SERIES if method.startswith(name))
        words, colour = SERIES[kind]
        symbols = [next((s for w, s in SYMBOLS.items() if p.rule.startswith(w)), "circle")
                   for p in mine]  # fmt: skip
        shown = not any(trace.name == words for trace in figure.data)
        figure.add_scatter(
            x=[p.n_labels for p in mine], y=[p.miou for p in mine], mode="lines+markers",
            name=words, legendgroup=words, showlegend=shown,
            line={"color": colour, "width": 2.4 if kind == "knn" else 1},
            marker={"size": 5 if kind == "knn" else 8, "color": colour, "symbol": symbols},
            hovertext=[f"{hover(p.method)}: {hover(p.rule)}<br>{number(p.n_labels)} labels, "
                       f"mIoU {p.miou:.3f}" for p in mine],
            hoverinfo="text",
        )  # fmt: skip
    for words, symbol in SYMBOLS.items():
        title = f"{words} {'label' if words == 'every' else 'per cluster'}"
        figure.add_scatter(x=[None], y=[None], mode="markers", name=title,
                           marker={"symbol": symbol, "color": MUTED, "size": 8})  # fmt: skip
    figure.update_layout(base(height=440), legend={"orientation": "h", "y": -0.2, "x": 0})
    figure.update_xaxes(type="log", title_text="labels that a person gives", gridcolor=RULE)
    figure.update_yaxes(title_text="mIoU on held-out pixels", gridcolor=RULE, rangemode="tozero")
    return figure


def matrix(
    values: AnyArray, counts: AnyArray, order: Sequence[int], picked: tuple[int, int] | None,
    *, apart: bool = False, shares: bool = True,
) -> go.Figure:  # fmt: skip
    """A confusion matrix whose cells can be clicked: truth down, prediction across.

    Parameters
    ----------
    values : float array, (13, 13)
        What is drawn; NaN where there is nothing.
    counts : int array, (13, 13)
        For the hover.
    order : sequence of int
        Rows and columns as they are shown.
    picked : tuple of int, or None
        The chosen cell, as classes counted from 0.
    apart : bool
        True for differences: the colours part at 0.
    shares : bool
        True if the values are shares of their row.
    """
    n, at = len(order), np.array(order)
    shown = values[np.ix_(at, at)]
    named = [[f"{REDUCED[r].name} taken for {REDUCED[c].name}" if r != c
              else f"{REDUCED[r].name}, right" for c in at] for r in at]  # fmt: skip
    top = float(np.nanmax(np.abs(shown))) if np.isfinite(shown).any() else 1.0
    figure = go.Figure(go.Heatmap(
        z=np.where(np.isfinite(shown), shown, 0).tolist(), colorscale=APART if apart else STOPS,
        zmin=-top if apart else 0, zmax=max(top, 1e-9), showscale=False, hoverinfo="skip",
        text=[[_cell(v, shares=shares, signed=apart) for v in row] for row in shown],
        texttemplate="%{text}", textfont={"size": 11}, xgap=1, ygap=1,
    ))  # fmt: skip
    figure.add_scatter(
        x=[c for _ in range(n) for c in range(n)], y=[r for r in range(n) for _ in range(n)],
        mode="markers", showlegend=False,
        marker={"size": 30, "opacity": 0, "symbol": "square", "color": "#FFFFFF"},
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
        hovertext=[f"{hover(named[r][c])}: {number(int(counts[at[r], at[c]]))} pixels"
                   for r in range(n) for c in range(n)],
        hoverinfo="text",
    )  # fmt: skip
    names = [SHORT[i] for i in at]
    figure.update_layout(base(height=44 * n + 90), dragmode=False, clickmode="event+select")
    # The last slanted name reaches beyond the cells, and plotly leaves out what it would cut.
    figure.update_layout(margin={"l": 8, "r": 84, "t": 8, "b": 8})
    figure.update_xaxes(ticks="")
    figure.update_yaxes(ticks="")
    figure.update_xaxes(tickvals=list(range(n)), ticktext=names, side="top", tickangle=-40,
                        title_text="", range=[-0.5, n - 0.5], showgrid=False)  # fmt: skip
    figure.update_yaxes(tickvals=list(range(n)), ticktext=[f"{name}  " for name in names],
                        range=[n - 0.5, -0.5], showgrid=False)  # fmt: skip
    if picked is not None and {*picked} <= {*order}:
        row, column = list(order).index(picked[0]), list(order).index(picked[1])
        figure.add_shape(type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5,
                         y1=row + 0.5, line={"color": INK, "width": 3})  # fmt: skip
    return figure


def _cell(value: float, *, shares: bool, signed: bool) -> str:
    if not np.isfinite(value) or value == 0:
        return ""
    if shares:
        if abs(value) < 0.005:
            return "·"
        return f"{value:+.0%}" if signed else f"{value:.0%}"
    if abs(value) >= 9_500:
        text = f"{value / 1000:+.0f}k" if signed else f"{value / 1000:.0f}k"
    elif abs(value) >= 1_000:
        text = f"{value / 1000:+.1f}k" if signed else f"{value / 1000:.1f}k"
    else:
        text = f"{value:+.0f}" if signed else f"{value:.0f}"
    return text
