"""Land cover data as figures; no streamlit here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.widgets.charts import ACCENT, INK, MUTED, RULE, base
from app.widgets.markup import hover
from core.flair.data.nomenclature import LandCover
from core.flair.data.pixel_table import SIDE
from core.flair.data.sentinel import BLOCK, SuperPatch
from core.flair.models.features import ndvi
from core.types import AnyArray, BoolArray

DROPPED = "#D55E00"
PALE = "#9AA5B1"


def distribution(splits: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Share of each class, train beside test, in FLAIR's colours."""
    figure = go.Figure()
    for split, said in splits.items():
        kinds = list(said["classes"])
        test = split == "test"
        figure.add_bar(
            x=[hover(kind["name"]) for kind in kinds],
            y=[kind["share"] for kind in kinds],
            name=split,
            marker={
                "color": [kind["colour"] for kind in kinds],
                "line": {"color": "#5A6572", "width": 0.7},
                "pattern": {"shape": "/" if test else "", "fgcolor": "#FFFFFF", "size": 6},
            },
            hovertext=[f"{hover(kind['name'])}, {split}: {kind['share']:.2%} in "
                       f"{kind['patches']} patches" for kind in kinds],
            hoverinfo="text",
            text=[f"{kind['share']:.1%}" if kind["share"] >= 0.0005 else "" for kind in kinds],
            textposition="outside", textfont={"size": 10, "color": MUTED}, cliponaxis=False,
        )  # fmt: skip
    figure.update_layout(base(height=380), barmode="group", bargap=0.25, showlegend=False)
    figure.update_yaxes(tickformat=".0%", gridcolor=RULE, title_text="share of pixels")
    figure.update_xaxes(tickangle=-35)
    words = "plain bars: train" + (", hatched bars: test" if len(splits) > 1 else "")
    figure.add_annotation(text=words, x=1, y=1, xref="paper", yref="paper", xanchor="right",
                          yanchor="top", showarrow=False, font={"color": MUTED})  # fmt: skip
    return figure


def dates(around: SuperPatch, kept: BoolArray, limit: float) -> go.Figure:
    """Covered share and NDVI of the patch, date by date."""
    row, column = around.centre
    reach = int(SIDE / BLOCK / 2)
    part = (slice(row - reach, row + reach), slice(column - reach, column + reach))
    data = np.asarray(around.series.data)[:, :, *part]
    green = [float(ndvi(d[6], d[2]).mean()) for d in data]
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.1, row_heights=[0.5, 0.5])
    days = list(around.series.dates)
    figure.add_bar(
        x=days, y=around.cover.tolist(), row=1, col=1, width=86_400_000 * 5, showlegend=False,
        marker={"color": [ACCENT if k else DROPPED for k in around.kept]},
        hovertemplate="%{x|%Y-%m-%d}: %{y:.0%} covered<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=limit, line={"color": INK, "width": 1, "dash": "dot"}, row=1, col=1)
    shown = [value if k else None for value, k in zip(green, kept, strict=True)]
    figure.add_scatter(
        x=days, y=green, mode="markers", row=2, col=1, name="every date", showlegend=False,
        marker={"color": PALE, "size": 6, "symbol": "circle-open"},
        hovertemplate="%{x|%Y-%m-%d}: NDVI %{y:.2f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=days, y=shown, mode="lines+markers", row=2, col=1, connectgaps=True, showlegend=False,
        line={"color": ACCENT, "width": 1.5}, marker={"size": 6},
        hovertemplate="%{x|%Y-%m-%d}: NDVI %{y:.2f}, used<extra></extra>",
    )  # fmt: skip
    figure.update_layout(base(height=330), bargap=0.4)
    figure.update_yaxes(title_text="covered", tickformat=".0%", range=[0, 1.02], row=1, col=1)
    figure.update_yaxes(title_text="NDVI of the patch", row=2, col=1)
    figure.update_xaxes(gridcolor=RULE)
    title = {"font": {"size": 13, "color": MUTED}, "standoff": 8}
    figure.update_yaxes(gridcolor=RULE, zeroline=False, automargin=True, title=title)
    return figure


def boxes(values: AnyArray, labels: AnyArray, kinds: Sequence[LandCover], title: str) -> go.Figure:
    """A channel's spread in each class: quartiles, whiskers at 5 and 95 %."""
    figure = go.Figure()
    for kind in kinds:
        mine = values[labels == kind.value]
        if not len(mine):
            continue
        low, first, middle, third, high = np.percentile(mine, (5, 25, 50, 75, 95))
        # On a dark box a dark median would not be seen.
        line = PALE if sum(kind.rgb) < 200 else "#3B4652"
        figure.add_box(
            x=[hover(kind.name)], q1=[first], median=[middle], q3=[third], lowerfence=[low],
            upperfence=[high], name=hover(kind.name), showlegend=False, fillcolor=kind.colour,
            line={"color": line, "width": 1.2}, whiskerwidth=0.4,
        )  # fmt: skip
    figure.update_layout(base(height=430))
    figure.update_yaxes(title_text=hover(title), gridcolor=RULE)
    figure.update_xaxes(tickangle=-35)
    return figure


def spectra(
    parts: Sequence[tuple[LandCover, AnyArray]], wavelengths: Sequence[float], title: str
) -> go.Figure:
    """Median spectrum of classes with the band between their quartiles.

    Parameters
    ----------
    parts : sequence of class and values, (n, bands)
    wavelengths : sequence of float
        Nanometres, rising.
    title : str
        Of the vertical axis.
    """
    figure = go.Figure()
    ticks = list(wavelengths)
    for kind, values in parts:
        if not len(values):
            continue
        low, middle, high = np.percentile(values, (25, 50, 75), axis=0)
        red, green, blue = kind.rgb
        line = kind.colour if red + green + blue < 600 else "#7A6A00"
        figure.add_scatter(
            x=[*ticks, *ticks[::-1]], y=[*high.tolist(), *low[::-1].tolist()], fill="toself",
            fillcolor=f"rgba({red},{green},{blue},0.22)", line={"width": 0}, hoverinfo="skip",
            showlegend=False, mode="lines",
        )  # fmt: skip
        figure.add_scatter(
            x=ticks, y=middle.tolist(), mode="lines+markers", name=hover(kind.name),
            line={"color": line, "width": 2},
            hovertemplate=f"{hover(kind.name)}, %{{x}} nm: %{{y:.3~g}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(base(height=360), legend={"orientation": "h", "y": 1.08, "x": 0})
    figure.update_xaxes(title_text="wavelength (nm)", gridcolor=RULE)
    figure.update_yaxes(title_text=hover(title), gridcolor=RULE, rangemode="tozero")
    return figure


def cloud(
    x: AnyArray, y: AnyArray, labels: AnyArray, kinds: Sequence[LandCover], names: tuple[str, str]
) -> go.Figure:
    """Two channels against each other, a colour a class."""
    figure = go.Figure()
    for kind in kinds:
        mine = labels == kind.value
        if mine.any():
            figure.add_scattergl(
                x=x[mine].tolist(), y=y[mine].tolist(), mode="markers", name=hover(kind.name),
                marker={"size": 4, "opacity": 0.6, "color": kind.colour,
                        "line": {"width": 0.3, "color": "#5A6572"}},
                hovertemplate=f"{hover(kind.name)}<br>%{{x:.3~g}}, %{{y:.3~g}}<extra></extra>",
            )  # fmt: skip
    figure.update_layout(base(height=460), showlegend=False)
    figure.update_xaxes(title_text=hover(names[0]), gridcolor=RULE)
    figure.update_yaxes(title_text=hover(names[1]), gridcolor=RULE)
    return figure
