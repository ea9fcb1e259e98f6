"""The flow of chips from the clusters of one run to those of another, as a Sankey diagram."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from app.widgets import charts, palette
from app.widgets.colouring import displayed_order
from app.widgets.markup import escape_hover
from core.clusters.labelling_comparison import ABSENT, LabellingComparison

MOST_FLOWS = 80
# In pixels. The gaps between the nodes take a quarter of the height.
GAP, MIN_HEIGHT = 7, 280


def run_look(names: Mapping[int, str], colours: Mapping[int, str]) -> palette.Look:
    """Return the look of the clusters of a run, with words for chips that it does not have."""
    return palette.Look({ABSENT: "Not in this run", **names}, colours)


def flow_chart(
    comparison: LabellingComparison, first: palette.Look, second: palette.Look
) -> tuple[go.Figure, int]:
    """Return the diagram and the number of chips in flows that are too small to be drawn.

    Links have the colour of their cluster in the first run; chips that stay are fainter.
    """
    flows = comparison.flows()
    drawn = flows.head(MOST_FLOWS)
    left, right = (displayed_order(drawn[side].to_numpy()) for side in ("first", "second"))
    n_rows = max(len(left), len(right))
    positions = [
        *_positions(left, drawn, "first", n_rows),
        *_positions(right, drawn, "second", n_rows),
    ]
    nodes = [(first, i) for i in left] + [(second, i) for i in right]
    labels = [escape_hover(look.name(i)) for look, i in nodes]
    sources = [left.index(i) for i in drawn["first"]]
    targets = [len(left) + right.index(i) for i in drawn["second"]]
    colours = [
        _faded(first.colour(i), 0.5 if moved else 0.25)
        for i, moved in zip(drawn["first"], drawn["moved"], strict=True)
    ]
    texts = [
        f"{labels[source]} → {labels[target]}"
        for source, target in zip(sources, targets, strict=True)
    ]
    figure = go.Figure(
        go.Sankey(
            arrangement="fixed",
            node={
                "label": labels,
                "color": [look.colour(i) for look, i in nodes],
                "x": [0.001] * len(left) + [0.999] * len(right),
                "y": positions,
                "pad": GAP,
                "thickness": 14,
                "line": {"width": 0},
                "hovertemplate": "%{label}: %{value} chips<extra></extra>",
            },
            link={
                "source": sources,
                "target": targets,
                "value": drawn["chips"].tolist(),
                "color": colours,
                "customdata": texts,
                "hovertemplate": "%{customdata}: %{value} chips<extra></extra>",
            },
        )
    )
    height = max(MIN_HEIGHT, 4 * GAP * n_rows)
    figure.update_layout(charts.base_layout(height=height + 16))
    return figure, int(flows["chips"].sum() - drawn["chips"].sum())


def _positions(ids: list[int], flows: pd.DataFrame, side: str, most_nodes: int) -> list[float]:
    """Return the centre of each node, 0..1 from the top, in the order of the ids.

    Plotly scales both sides alike, so that the gaps of the side with most nodes fit.
    """
    gap = GAP / max(MIN_HEIGHT, 4 * GAP * most_nodes)
    sizes = [int(flows.loc[flows[side] == i, "chips"].sum()) for i in ids]
    scale, start, centres = (1 - gap * (most_nodes - 1)) / sum(sizes), 0.0, []
    for size in sizes:
        centres.append(min(0.999, max(0.001, start + size * scale / 2)))
        start += size * scale + gap
    return centres


def _faded(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
