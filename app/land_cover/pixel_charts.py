"""Charts of land cover pixels: classes, dates, channels and spectra."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.widgets.charts import base_layout
from app.widgets.markup import escape_hover
from app.widgets.theme import chart_colours, visible_colour
from core.land.data.nomenclature import LandCover
from core.land.data.sentinel import SuperPatch
from core.land.models.channels import patch_ndvi
from core.types import AnyArray, BoolArray

DROPPED = "#D55E00"
MOST_BANDS = 300
"""Numbers of bands are below it, wavelengths in nanometres above."""
FIVE_DAYS = 5 * 86_400_000
"""Width of a bar in the time series, milliseconds."""


def class_distribution(splits: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Return a bar chart of the share of each class, train next to test, in FLAIR's colours."""
    figure = go.Figure()
    for split, summary in splits.items():
        table = pd.DataFrame(summary["classes"])
        names, shares = [escape_hover(name) for name in table["name"]], table["share"].tolist()
        rows = zip(names, shares, table["patches"], strict=True)
        pattern = {
            "shape": "/" if split == "test" else "",
            "fgcolor": chart_colours().paper,
            "size": 6,
        }
        outline = {"color": chart_colours().muted, "width": 0.7}
        marker = {"color": table["colour"].tolist(), "line": outline, "pattern": pattern}
        hovers = [f"{name}, {split}: {share:.2%} in {n} patches" for name, share, n in rows]
        texts = [f"{share:.1%}" if share >= 0.0005 else "" for share in shares]
        labels = {
            "textposition": "outside",
            "textfont": {"size": 10, "color": chart_colours().muted},
        }
        bars = {"name": split, "marker": marker, "cliponaxis": False, "hoverinfo": "text"}
        figure.add_bar(x=names, y=shares, text=texts, hovertext=hovers, **labels, **bars)
    figure.update_layout(base_layout(height=380), barmode="group", bargap=0.25, showlegend=False)
    figure.update_yaxes(
        tickformat=".0%", gridcolor=chart_colours().rule, title_text="share of pixels"
    )
    figure.update_xaxes(tickangle=-35)
    text = "plain bars: train" + (", hatched bars: test" if len(splits) > 1 else "")
    corner = {"x": 1, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "right"}
    corner |= {"yanchor": "top", "font": {"color": chart_colours().muted}}
    return figure.add_annotation(text=text, showarrow=False, **corner)


def date_chart(super_patch: SuperPatch, used: BoolArray, limit: float) -> go.Figure:
    """Return a chart of a patch's cloud and snow fraction and its NDVI on each date.

    The `used` dates, bool (t,), are joined by a line; a dotted line marks `limit`, the cloud and
    snow fraction, 0..1, from which a date is dropped.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.1, row_heights=[0.5, 0.5])
    dates, vegetation = list(super_patch.series.dates), patch_ndvi(super_patch)
    colours = [chart_colours().accent if usable else DROPPED for usable in super_patch.usable]
    hover = "%{x|%Y-%m-%d}: %{y:.0%} cloud or snow<extra></extra>"
    bar = {"width": FIVE_DAYS, "marker": {"color": colours}, "hovertemplate": hover}
    figure.add_bar(x=dates, y=super_patch.cover.tolist(), row=1, col=1, **bar)
    figure.add_hline(
        y=limit, line={"color": chart_colours().ink, "width": 1, "dash": "dot"}, row=1, col=1
    )
    hover = "%{x|%Y-%m-%d}: NDVI %{y:.2f}"
    marker = {"color": chart_colours().baseline, "size": 6, "symbol": "circle-open"}
    points = {"mode": "markers", "marker": marker, "hovertemplate": f"{hover}<extra></extra>"}
    figure.add_scatter(x=dates, y=vegetation, row=2, col=1, **points)
    joined = [value if use else None for value, use in zip(vegetation, used, strict=True)]
    line = {
        "mode": "lines+markers",
        "connectgaps": True,
        "line": {"color": chart_colours().accent, "width": 1.5},
    }
    line |= {"marker": {"size": 6}, "hovertemplate": f"{hover}, used<extra></extra>"}
    figure.add_scatter(x=dates, y=joined, row=2, col=1, **line)
    layout = base_layout(height=330)
    figure.update_layout(layout, bargap=0.4, showlegend=False)
    figure.update_yaxes(layout["yaxis"], gridcolor=chart_colours().rule)
    figure.update_yaxes(title_text="cloud or snow", tickformat=".0%", range=[0, 1.02], row=1, col=1)
    figure.update_yaxes(title_text="NDVI of the patch", row=2, col=1)
    return figure.update_xaxes(gridcolor=chart_colours().rule)


def box_chart(
    values: AnyArray, labels: AnyArray, classes: Sequence[LandCover], title: str
) -> go.Figure:
    """Return box plots of a channel by class; the whiskers are the 5th and 95th percentiles."""
    figure = go.Figure()
    for cover in classes:
        members = values[labels == cover.value]
        if not len(members):
            continue
        low, first, median, third, high = ([q] for q in np.percentile(members, (5, 25, 50, 75, 95)))
        quartiles = {"q1": first, "median": median, "q3": third}
        whiskers = {"lowerfence": low, "upperfence": high, "whiskerwidth": 0.4}
        # The median line is drawn on the box, and the whiskers on the background.
        line = {"color": chart_colours().baseline, "width": 1.2}
        style = {"fillcolor": cover.colour, "line": line, "showlegend": False}
        name = escape_hover(cover.name)
        figure.add_box(x=[name], name=name, **quartiles, **whiskers, **style)
    figure.update_layout(base_layout(height=430))
    figure.update_yaxes(title_text=escape_hover(title), gridcolor=chart_colours().rule)
    return figure.update_xaxes(tickangle=-35)


def spectrum_chart(
    spectra: Sequence[tuple[LandCover, AnyArray]], wavelengths: Sequence[float], title: str
) -> go.Figure:
    """Return a chart of the median spectrum of each class, with the range between its quartiles.

    `spectra` are classes with their pixels, (n, bands); `wavelengths` are in nanometres, ascending;
    values below MOST_BANDS are numbers of bands.
    """
    figure, ticks = go.Figure(), list(wavelengths)
    is_numbered = max(ticks) < MOST_BANDS
    position = "band %{x}" if is_numbered else "%{x} nm"
    for cover, values in spectra:
        if not len(values):
            continue
        low, median, high = np.percentile(values, (25, 50, 75), axis=0)
        fill = "rgba({},{},{},0.22)".format(*cover.rgb)
        area = {"mode": "lines", "fill": "toself", "fillcolor": fill, "line": {"width": 0}}
        quiet = {"hoverinfo": "skip", "showlegend": False}
        x, y = [*ticks, *ticks[::-1]], [*high.tolist(), *low[::-1].tolist()]
        figure.add_scatter(x=x, y=y, **area, **quiet)
        line = {"color": visible_colour(cover.colour, chart_colours()), "width": 2}
        name = escape_hover(cover.name)
        hover = f"{name}, {position}: %{{y:.3~g}}<extra></extra>"
        curve = {"mode": "lines+markers", "name": name, "line": line, "hovertemplate": hover}
        figure.add_scatter(x=ticks, y=median.tolist(), **curve)
    figure.update_layout(base_layout(height=360), legend={"orientation": "h", "y": 1.08, "x": 0})
    axis = "band" if is_numbered else "wavelength (nm)"
    figure.update_xaxes(title_text=axis, gridcolor=chart_colours().rule)
    if is_numbered:
        figure.update_xaxes(tickvals=ticks)
    return figure.update_yaxes(
        title_text=escape_hover(title), gridcolor=chart_colours().rule, rangemode="tozero"
    )


def scatter_chart(
    points: AnyArray, labels: AnyArray, classes: Sequence[LandCover], titles: tuple[str, str]
) -> go.Figure:
    """Return a scatter plot of two channels, (n, 2), with one colour per class."""
    figure = go.Figure()
    for cover in classes:
        members = labels == cover.value
        if members.any():
            name, outline = escape_hover(cover.name), {"width": 0.4, "color": chart_colours().muted}
            marker = {"size": 4, "opacity": 0.6, "color": cover.colour, "line": outline}
            hover = f"{name}<br>%{{x:.3~g}}, %{{y:.3~g}}<extra></extra>"
            style = {"mode": "markers", "name": name, "marker": marker, "hovertemplate": hover}
            x, y = points[members].T.tolist()
            figure.add_scattergl(x=x, y=y, **style)
    figure.update_layout(base_layout(height=460), showlegend=False)
    figure.update_xaxes(title_text=escape_hover(titles[0]), gridcolor=chart_colours().rule)
    return figure.update_yaxes(title_text=escape_hover(titles[1]), gridcolor=chart_colours().rule)
