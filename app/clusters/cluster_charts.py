"""The charts of the Clusters page: condensed tree, shares and distributions, without Streamlit."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.widgets.charts import base_layout, name_rows
from app.widgets.markup import count_noun, escape_hover, format_number
from app.widgets.palette import MISSING_COLOUR
from app.widgets.theme import chart_colours
from core.clusters.methods.density.icicle import Icicle
from core.settings import CutSettings
from core.types import AnyArray

BARS_AT_MOST = 12
N_BINS = 24


def icicle_chart(
    icicle: Icicle, looks: Mapping[int, tuple[str, str]], cut: CutSettings
) -> go.Figure:
    """Return a chart of the condensed tree: widths are in chips, depth is the joining distance.

    `looks` maps each label to the name and the colour of its cluster. The minimum cluster size is
    drawn as a bar to scale, and epsilon as a line.
    """
    figure, colours = go.Figure(), chart_colours()
    for label, (name, colour) in {-1: ("in no cluster", colours.quiet), **looks}.items():
        nodes = np.flatnonzero(icicle.label == label)
        if not len(nodes):
            continue
        # A gap (NaN) after each outline keeps Plotly from connecting the nodes.
        gap = np.full((1, 2), np.nan)
        corners = np.concatenate([part for node in nodes for part in (icicle.outlines[node], gap)])
        x, y = ([None if isnan(value) else value for value in axis] for axis in corners.T.tolist())
        n_chips = count_noun(int(icicle.size[nodes].max()), "chip")
        hover = escape_hover(name) + ("" if label < 0 else f", {n_chips} at its widest")
        style = {"mode": "lines", "fill": "toself", "hoveron": "fills", "hoverinfo": "name"}
        line = {"color": colours.paper, "width": 1}
        figure.add_scatter(x=x, y=y, name=hover, fillcolor=colour, line=line, **style)
    _draw_settings(figure, int(icicle.size[0]), cut)
    layout = {"hoverlabel": {"namelength": -1}, "margin": {"l": 8, "r": 8, "t": 34, "b": 8}}
    figure.update_layout(base_layout(height=430), showlegend=False)
    figure.update_layout(layout)
    figure.update_xaxes(title_text="chips", showgrid=False, range=[0, int(icicle.size[0])])
    axis = {"type": "log", "gridcolor": colours.rule, "dtick": "D2", "exponentformat": "none"}
    return figure.update_yaxes(title_text="distance at which chips join", **axis)


def _draw_settings(figure: go.Figure, n_chips: int, cut: CutSettings) -> None:
    """Draw the minimum cluster size as a bar above the tree, to scale, and epsilon as a line."""
    size, above = cut.min_cluster_size, {"xref": "x", "yref": "paper"}
    accent = chart_colours().accent
    line = {"color": accent, "width": 1}
    bar = {"x0": 0, "x1": size, "y0": 1.02, "y1": 1.045, "fillcolor": accent, "line": line}
    figure.add_shape(type="rect", **bar, **above)
    text = f"minimum cluster size, {format_number(size)} chips, to scale"
    style = {"xanchor": "left", "yanchor": "middle", "xshift": 6, "showarrow": False, **above}
    font = {"size": 12, "color": accent}
    figure.add_annotation(text=text, x=min(size, n_chips), y=1.03, font=font, **style)
    if cut.epsilon > 0:
        note = {"text": "no splits below this distance", "font": {"size": 11, "color": accent}}
        figure.add_hline(y=cut.epsilon, line={**line, "dash": "dot"}, annotation=note)


def share_chart(
    names: Sequence[str], values: Sequence[str], table: AnyArray, colours: Sequence[str]
) -> go.Figure:
    """Return a chart with one bar per cluster, divided by the values of an attribute.

    `table`, (clusters, values), holds numbers of chips. The values are sorted by falling frequency,
    and each has its colour; the rarest values are drawn as one piece.
    """
    names, values = ([escape_hover(text) for text in texts] for texts in (names, values))
    n_pieces = len(values) if len(values) <= BARS_AT_MOST else BARS_AT_MOST - 1
    pieces = list(zip(values[:n_pieces], table.T[:n_pieces], colours[:n_pieces], strict=True))
    if n_rare := len(values) - n_pieces:
        pieces.append((f"{n_rare} rarer values", table[:, n_pieces:].sum(axis=1), MISSING_COLOUR))
    totals = np.maximum(table.sum(axis=1), 1)
    figure = go.Figure()
    for value, counts, colour in pieces:
        shares = (counts / totals).tolist()
        hovers = [
            f"{name}: {format_number(count)} {value}, {share:.0%}"
            for name, count, share in zip(names, counts.tolist(), shares, strict=True)
        ]
        bar = {"y": list(range(len(names))), "orientation": "h", "marker": {"color": colour}}
        figure.add_bar(x=shares, name=value, hovertext=hovers, hoverinfo="text", **bar)
    layout = base_layout(height=26 * max(2, len(names)) + 76)
    figure.update_layout(layout, barmode="stack", bargap=0.28)
    figure.update_layout(legend={"orientation": "h", "y": -0.12, "x": 0, "traceorder": "normal"})
    figure.update_xaxes(tickformat=".0%", range=[0, 1], gridcolor=chart_colours().rule)
    return name_rows(figure, names)


def spread_chart(
    facts: Mapping[str, tuple[AnyArray, AnyArray]], colour: str, name: str, other: str
) -> go.Figure:
    """Return charts of the distributions of facts in a cluster and, in grey, in other chips.

    `facts` maps the label of each fact to its values in the cluster and its values in the other
    chips; the legend calls this group of chips `other`.
    """
    name, other, colours = escape_hover(name), escape_hover(other), chart_colours()
    n_columns = min(3, max(1, len(facts)))
    n_rows = max(1, -(-len(facts) // n_columns))
    figure = make_subplots(
        n_rows, n_columns, vertical_spacing=0.34 / n_rows, horizontal_spacing=0.06
    )
    for number, (label, (values, other_values)) in enumerate(facts.items()):
        cell = {"row": number // n_columns + 1, "col": number % n_columns + 1}
        pooled = np.concatenate([values, other_values])
        low, high = np.percentile(pooled, (0.5, 99.5)) if len(pooled) else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1, N_BINS + 1)
        top = 0.0
        groups = ((other_values, other, colours.quiet), (values, name, colour))
        for sample, title, line_colour in groups:
            # Values beyond the axis count in its first and last bin.
            counts, _ = np.histogram(np.clip(sample, edges[0], edges[-1]), edges)
            shares = (counts / max(1, len(sample))).tolist()
            top = max(top, *shares)
            hover = f"{title}, %{{x:.4~g}}: %{{y:.0%}}<extra></extra>"
            line = {"shape": "hv", "width": 1.5, "color": line_colour}
            fill = {"fill": "tozeroy", "fillcolor": _translucent(line_colour)}
            style: dict[str, Any] = {"mode": "lines", "line": line, "hovertemplate": hover, **fill}
            style["showlegend"] = number == 0
            # Each step starts at the lower edge of its bin, and the last one ends at the axis.
            figure.add_scatter(x=edges.tolist(), y=[*shares, 0], name=title, **style, **cell)
        margin = (edges[-1] - edges[0]) * 0.03
        shape = {
            "title_text": escape_hover(label),
            "range": [edges[0] - margin, edges[-1] + margin],
        }
        figure.update_xaxes(shape, **cell)
        figure.update_yaxes(range=[0, top * 1.08 or 1], **cell)
    figure.update_layout(base_layout(height=170 * n_rows + 30))
    figure.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0})
    figure.update_yaxes(showticklabels=False, gridcolor=colours.rule, zeroline=False)
    axis_title = {"font": {"size": 12, "color": colours.muted}, "standoff": 6}
    axis = {"gridcolor": colours.rule, "zeroline": False, "automargin": True, "title": axis_title}
    return figure.update_xaxes(tickfont={"size": 11}, **axis)


def _translucent(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.25)"
