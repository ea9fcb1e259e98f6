"""The chart of a label economy: the mIoU by number of labels, one curve for each use of labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.widgets.charts import base_layout
from app.widgets.markup import escape_hover, format_number
from app.widgets.theme import chart_colours
from core.land.evaluation.cluster_labels import EVERY_LABEL
from core.land.evaluation.economy_verdict import KIND_TITLES, TITLES, describe_point
from core.land.evaluation.label_economy import EconomyPoint, Kind


@dataclass(frozen=True)
class CurveStyle:
    """The look of a curve; an empty colour is the accent colour of the theme.

    The title is that of clusters; other methods have the titles of `TITLES`.
    """

    title: str = ""
    colour: str = ""
    dash: str = "solid"
    symbol: str = "circle"
    width: float = 1.6


# By the beginning of the method's name. Colours of Okabe and Ito (2008).
STYLES = {
    "knn": CurveStyle(dash="dot", symbol="circle-open"),
    "1nn": CurveStyle(dash="dash", symbol="square-open"),
    "logistic": CurveStyle(width=2.6),
    "boosting": CurveStyle(dash="dashdot", symbol="diamond"),
    "medoids logistic": CurveStyle(dash="longdashdot", symbol="triangle-down"),
    "medoids": CurveStyle(dash="longdash", symbol="triangle-up"),
    "hdbscan": CurveStyle("HDBSCAN clusters", "#D55E00", symbol="circle"),
    "kmeans": CurveStyle("k-means clusters", "#CC79A7", symbol="square"),
    "semi-supervised": CurveStyle(colour="#E69F00", symbol="diamond", width=2),
    "spreading": CurveStyle(colour="#CC79A7", symbol="square-open"),
    "self-training": CurveStyle(colour="#E69F00", symbol="diamond-open"),
    "active regions": CurveStyle(colour="#56B4E9", symbol="triangle-up"),
    "active": CurveStyle(colour="#D55E00", symbol="star", width=2.6),
    "regions": CurveStyle(colour="#7B8794", dash="dash", symbol="triangle-up-open"),
}
_OTHER = CurveStyle("other", "#7B8794")


def economy_chart(points: Sequence[EconomyPoint], kind: Kind) -> go.Figure:
    """Return a chart of the simple alternatives and of the points of another kind.

    The ranges of draws are whiskers. Cuts of one clustering are markers of the same colour, joined
    by thin lines.
    """
    figure = go.Figure()
    curves: dict[str, list[EconomyPoint]] = {}
    for point in sorted(points, key=lambda point: point.n_labels):
        if point.kind in ("simple", kind) and point.rule != EVERY_LABEL:
            curves.setdefault(point.method, []).append(point)
    titles: set[str] = set()
    for method, curve in sorted(curves.items(), key=lambda item: _position(item[0])):
        title = curve_title(method)
        figure.add_trace(_curve(curve, title, is_first=title not in titles))
        titles.add(title)
    every = [p for p in points if p.rule == EVERY_LABEL and kind == "clusters"]
    if every:
        figure.add_trace(_markers(every))
    layout = base_layout(height=520)
    layout["legend"] = {"orientation": "v", "x": 1.02, "y": 1, "groupclick": "toggleitem"}
    figure.update_layout(layout | {"hovermode": "closest"})
    rule = chart_colours().rule
    ticks = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000, 1_000_000]
    figure.update_xaxes(type="log", title_text="number of labels", gridcolor=rule)
    figure.update_xaxes(tickvals=ticks, ticktext=[format_number(tick) for tick in ticks])
    figure.update_yaxes(title_text="mIoU on held-out pixels", gridcolor=rule)
    return figure.update_yaxes(rangemode="tozero")


def curve_style(method: str) -> CurveStyle:
    """Return the style of a method, by the beginning of its name."""
    return next((STYLES[name] for name in STYLES if method.startswith(name)), _OTHER)


def curve_title(method: str) -> str:
    """Return the title of a method's curve in the legend."""
    return TITLES.get(method) or curve_style(method).title


def _position(method: str) -> int:
    names = list(STYLES)
    return next((i for i, name in enumerate(names) if method.startswith(name)), len(names))


def _curve(curve: Sequence[EconomyPoint], title: str, *, is_first: bool) -> go.Scatter:
    style, group = curve_style(curve[0].method), _group_title(curve[0].kind)
    colour = style.colour or chart_colours().accent
    # Cuts of one clustering are not a curve of their own.
    width = 0.8 if curve[0].n_clusters else style.width
    line = {"color": colour, "dash": style.dash, "width": width}
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [point.high - point.miou for point in curve],
        "arrayminus": [point.miou - point.low for point in curve],
        "color": chart_colours().baseline if curve[0].kind == "simple" else colour,
        "thickness": 1,
        "width": 2,
    }
    return go.Scatter(
        x=[point.n_labels for point in curve],
        y=[point.miou for point in curve],
        error_y=bars,
        mode="lines+markers",
        line=line,
        marker={"size": 7, "color": colour, "symbol": style.symbol},
        hovertext=[_hover(point) for point in curve],
        hoverinfo="text",
        name=title,
        showlegend=is_first,
        legendgroup=group,
        legendgrouptitle={"text": f"<b>{group}</b>"},
    )


def _markers(every: Sequence[EconomyPoint]) -> go.Scatter:
    """Return the clusters that are named by all labels, which save no labelling."""
    colours = [curve_style(point.method).colour for point in every]
    return go.Scatter(
        x=[point.n_labels for point in every],
        y=[point.miou for point in every],
        mode="markers",
        marker={"size": 8, "symbol": "x-thin", "line": {"width": 2, "color": colours}},
        hovertext=[_hover(point) for point in every],
        hoverinfo="text",
        name="named by all labels",
        legendgroup=_group_title("clusters"),
        legendgrouptitle={"text": f"<b>{_group_title('clusters')}</b>"},
    )


def _group_title(kind: Kind) -> str:
    return KIND_TITLES[kind].capitalize()


def _hover(point: EconomyPoint) -> str:
    return (
        f"{escape_hover(describe_point(point))}<br>{format_number(point.n_labels)} labels, mIoU "
        f"{point.miou:.3f}, range {point.low:.3f} to {point.high:.3f}"
    )
