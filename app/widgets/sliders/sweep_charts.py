"""Small figures under sliders, of shares and of spreads; no streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.widgets.charts import ACCENT, INK, MUTED, RULE, base
from app.widgets.markup import hover, number
from core.clusters.evaluation.component_sweep import ComponentLandscape
from core.clusters.evaluation.size_sweep import Cliff, SizeLandscape
from core.clusters.methods.icicle import Icicle
from core.settings import CutSettings
from core.types import AnyArray

CLIFF = "rgba(230, 159, 0, 0.22)"
BARS_AT_MOST = 12
# A strip is too small for more than its picture's download.
CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]]}


def sizes(found: SizeLandscape, cliffs: Sequence[Cliff], present: int) -> go.Figure:
    """What each min_cluster_size gives, in four strips; the present value and cliffs marked."""
    strips: dict[str, AnyArray] = {
        "clusters": found.n_clusters,
        "noise": found.noise_fraction,
        "validity": found.validity,
        "persistence": found.persistence,
    }
    figure = _strips(found.sizes, strips, "smallest cluster (chips)")
    for one in cliffs:
        figure.add_vrect(x0=one.below, x1=one.above, fillcolor=CLIFF, line_width=0, layer="below")
    figure.add_vline(x=present, line={"color": ACCENT, "width": 1.5})
    ticks = [t for t in (2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000) if t <= found.sizes[-1]]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[str(t) for t in ticks])
    return figure


@dataclass(frozen=True)
class Shape:
    """Neighbouring numbers of components, first to last, whose mixtures took the same shape."""

    first: int
    last: int
    covariance: str
    n_dims: int


def shapes(found: ComponentLandscape) -> list[Shape]:
    """The runs of like shape in a comparison."""
    rows = zip(found.n_components.tolist(), found.covariance, found.n_dims.tolist(), strict=True)
    runs: list[Shape] = []
    for k, covariance, d in rows:
        first = k
        if runs and (runs[-1].covariance, runs[-1].n_dims) == (covariance, d):
            first = runs.pop().first
        runs.append(Shape(first, k, covariance, d))
    return runs


def components(found: ComponentLandscape, present: int) -> go.Figure:
    """BIC, AIC and held-out likelihood over the number of components, the present one marked."""
    strips = {"BIC": found.bic, "AIC": found.aic, "held out": found.held_out}
    figure = _strips(found.n_components, strips, "components")
    for at, seed in enumerate(found.bics.T, 1):
        figure.add_scatter(
            x=found.n_components.tolist(), y=seed.tolist(), mode="lines", row=1, col=1,
            line={"color": "#B8C1CC", "width": 1}, hoverinfo="skip", name=f"seed {at}",
        )  # fmt: skip
    figure.data = figure.data[len(strips) :] + figure.data[: len(strips)]
    for before, after in pairwise(shapes(found)):
        figure.add_vline(x=(before.last + after.first) / 2, row=1, col=1,
                         line={"color": MUTED, "width": 1, "dash": "dot"})  # fmt: skip
    figure.add_vline(x=present, line={"color": ACCENT, "width": 1.5})
    return figure


def _strips(x: AnyArray, rows: Mapping[str, AnyArray], title: str) -> go.Figure:
    figure = make_subplots(len(rows), 1, shared_xaxes=True, vertical_spacing=0.09)
    for at, (name, values) in enumerate(rows.items(), 1):
        unit = ".0%" if name == "noise" else ".4~g"
        if name == "noise":
            figure.update_yaxes(tickformat=".0%", row=at, col=1)
        figure.add_scatter(
            x=x.tolist(), y=[float(v) if np.isfinite(v) else None for v in values], row=at, col=1,
            mode="lines+markers", line={"color": INK, "width": 1.2}, marker={"size": 3},
            hovertemplate=f"%{{x}}: {name} %{{y:{unit}}}<extra></extra>", showlegend=False,
        )  # fmt: skip
        figure.add_annotation(
            text=name, x=0, y=1.0, xref="x domain" if at == 1 else f"x{at} domain",
            yref="y domain" if at == 1 else f"y{at} domain", xanchor="left", yanchor="bottom",
            showarrow=False, font={"size": 11, "color": MUTED},
        )  # fmt: skip
    figure.update_layout(base(height=64 * len(rows) + 56), showlegend=False)
    figure.update_layout(modebar={"bgcolor": "rgba(255,255,255,0.8)", "color": MUTED})
    figure.update_layout(margin={"l": 4, "r": 6, "t": 16, "b": 40})
    figure.update_yaxes(nticks=3, gridcolor=RULE, tickfont={"size": 10, "color": MUTED},
                        zeroline=False, automargin=True)  # fmt: skip
    figure.update_xaxes(tickfont={"size": 10, "color": MUTED}, gridcolor=RULE, zeroline=False)
    figure.update_xaxes(title={"text": title, "font": {"size": 11, "color": MUTED}},
                        row=len(rows), col=1)  # fmt: skip
    return figure


def condensed(found: Icicle, looks: Mapping[int, tuple[str, str]], cut: CutSettings) -> go.Figure:
    """The condensed tree: as wide as chips, as deep as they lie near, clusters in their colours.

    Parameters
    ----------
    found : Icicle
    looks : mapping of label to name and colour
    cut : CutSettings
        Its smallest cluster is drawn to scale, its epsilon as a line.
    """
    figure = go.Figure()
    for label in (-1, *looks):
        nodes = np.flatnonzero(found.label == label)
        if not len(nodes):
            continue
        name, colour = looks.get(label, ("in no cluster", "#D5DAE1"))
        x: list[float | None] = []
        y: list[float | None] = []
        for node in nodes:
            x += [*found.outlines[node][:, 0].tolist(), None]
            y += [*found.outlines[node][:, 1].tolist(), None]
        chips = "" if label < 0 else f", {number(int(found.size[nodes].max()))} chips at its start"
        figure.add_scatter(
            x=x, y=y, mode="lines", fill="toself", fillcolor=colour, hoveron="fills",
            line={"color": "#FFFFFF", "width": 1}, name=f"{hover(name)}{chips}", hoverinfo="name",
            showlegend=False,
        )  # fmt: skip
    _to_scale(figure, found, cut)
    figure.update_layout(base(height=430), hoverlabel={"namelength": -1})
    figure.update_layout(margin={"l": 8, "r": 8, "t": 34, "b": 8})
    figure.update_xaxes(title_text="chips", showgrid=False, range=[0, int(found.size[0])])
    figure.update_yaxes(title_text="distance at which chips join", type="log", gridcolor=RULE,
                        dtick="D2", exponentformat="none")  # fmt: skip
    return figure


def _to_scale(figure: go.Figure, found: Icicle, cut: CutSettings) -> None:
    """The smallest cluster as a bar of its width, above; epsilon as a line across."""
    size, n = cut.min_cluster_size, int(found.size[0])
    figure.add_shape(type="rect", x0=0, x1=size, xref="x", y0=1.02, y1=1.045, yref="paper",
                     fillcolor=ACCENT, line={"color": ACCENT, "width": 1})  # fmt: skip
    figure.add_annotation(
        text=f"smallest cluster, {number(size)} chips, to scale", x=min(size, n), y=1.03,
        xref="x", yref="paper", xanchor="left", yanchor="middle", xshift=6, showarrow=False,
        font={"size": 12, "color": ACCENT},
    )  # fmt: skip
    if cut.epsilon > 0:
        figure.add_hline(
            y=cut.epsilon, line={"color": ACCENT, "width": 1, "dash": "dot"},
            annotation={"text": "not split below", "font": {"size": 11, "color": ACCENT}},
        )  # fmt: skip


def shares(
    names: Sequence[str], values: Sequence[str], table: AnyArray, colours: Sequence[str]
) -> go.Figure:
    """A bar a cluster, divided by a property's values; the rarest values are one piece.

    Parameters
    ----------
    names : sequence of str, of the table's rows
    values : sequence of str, of its columns, by falling count
    table : int array, (rows, columns)
        Chips.
    colours : sequence of str, of the values
    """
    kept = values if len(values) <= BARS_AT_MOST else values[: BARS_AT_MOST - 1]
    pieces = [(name, table[:, at], colours[at]) for at, name in enumerate(kept)]
    if len(values) > len(kept):
        rest = table[:, len(kept) :].sum(axis=1)
        pieces.append((f"{len(values) - len(kept)} rarer ones", rest, "#C9CED6"))
    totals = np.maximum(table.sum(axis=1), 1)
    figure = go.Figure()
    for name, counts, colour in pieces:
        figure.add_bar(
            x=(counts / totals).tolist(), y=list(range(len(names))), orientation="h",
            name=hover(name), marker={"color": colour},
            hovertext=[f"{hover(row)}: {number(int(c))} {hover(name)}, {c / t:.0%}"
                       for row, c, t in zip(names, counts, totals, strict=True)],
            hoverinfo="text",
        )  # fmt: skip
    figure.update_layout(base(height=26 * max(2, len(names)) + 76), barmode="stack", bargap=0.28)
    figure.update_layout(legend={"orientation": "h", "y": -0.12, "x": 0, "traceorder": "normal"})
    figure.update_xaxes(tickformat=".0%", range=[0, 1], gridcolor=RULE)
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[f"{hover(name)}  " for name in names],
        autorange="reversed", ticks="",
    )  # fmt: skip
    return figure


def spreads(
    facts: Mapping[str, tuple[AnyArray, AnyArray]], colour: str, one: str, other: str
) -> go.Figure:
    """How facts are spread in a cluster, in its colour, and in what it is compared with, in grey.

    Parameters
    ----------
    facts : mapping of label to values of the cluster and of the others
    colour, one, other : str
        The cluster's colour; what the two are called.
    """
    columns = min(3, max(1, len(facts)))
    rows = -(-len(facts) // columns)
    figure = make_subplots(rows, columns, vertical_spacing=0.34 / max(1, rows),
                           horizontal_spacing=0.06)  # fmt: skip
    for at, (label, (mine, theirs)) in enumerate(facts.items()):
        row, column = at // columns + 1, at % columns + 1
        both = np.concatenate([mine, theirs])
        low, high = np.percentile(both, (0.5, 99.5)) if len(both) else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1, 25)
        for values, name, paint in ((theirs, other, "#C2C9D2"), (mine, one, colour)):
            counts, _ = np.histogram(values, edges)
            share = counts / max(1, len(values))
            figure.add_scatter(
                x=((edges[1:] + edges[:-1]) / 2).tolist(), y=share.tolist(), row=row, col=column,
                mode="lines", line={"shape": "hvh", "width": 1.5, "color": paint},
                fill="tozeroy", fillcolor=_veil(paint), name=hover(name), showlegend=at == 0,
                hovertemplate=f"{hover(name)}, %{{x:.4~g}}: %{{y:.0%}}<extra></extra>",
            )  # fmt: skip
        figure.update_xaxes(title={"text": hover(label), "font": {"size": 12, "color": MUTED}},
                            row=row, col=column)  # fmt: skip
    figure.update_layout(base(height=170 * max(1, rows) + 30))
    figure.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0})
    figure.update_yaxes(showticklabels=False, gridcolor=RULE, zeroline=False)
    figure.update_xaxes(gridcolor=RULE, zeroline=False, tickfont={"size": 11})
    return figure


def _veil(colour: str) -> str:
    """A colour that lets what is behind it show."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.25)"
