"""Plots whose points can be picked: the only module that calls streamlit-plotly-events.

docs/decisions/0003 says why this package is used and what would replace it. The package bundles
plotly.js 1.58 and is not maintained, so plots are limited to what that version reads: plain lists,
an explicit template, one trace. With a fixed key and `uirevision`, the zoom survives every change
of colours.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamlit_plotly_events import plotly_events

MARKERS_AT_MOST = 20_000
HEIGHT = 590
CONFIG = {
    "displaylogo": False,
    "scrollZoom": True,
    "responsive": True,
    "doubleClick": "reset",
    "modeBarButtonsToRemove": [
        "autoScale2d",
        "toggleSpikelines",
        "hoverCompareCartesian",
        "hoverClosestCartesian",
        "zoom2d",
    ],
    "toImageButtonOptions": {"filename": "chipscape", "scale": 2},
}


@dataclass(frozen=True)
class Picture:
    """A plot in the terms of plotly.js: data and layout, as plain lists and numbers."""

    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]

    def to_json(self) -> str:
        """Return the plot as JSON; streamlit-plotly-events calls this as a figure's method."""
        plot = {"data": self.data, "layout": self.layout, "config": CONFIG, "frames": []}
        return json.dumps(plot, allow_nan=False)


def pick_points(picture: Picture, key: str) -> tuple[int, ...]:
    """Draw a plot and return the indices of the markers that were clicked or selected last.

    The key must change when the positions of the points change, and only then.
    """
    size = {"override_height": HEIGHT, "override_width": "100%"}
    return _indices(plotly_events(picture, click_event=True, select_event=True, key=key, **size))


def last_points(stored: str | None) -> tuple[int, ...]:
    """Return the result of `pick_points` from its stored value, before the plot is drawn."""
    return _indices(json.loads(stored or "[]"))


def _indices(points: Sequence[Mapping[str, Any]] | None) -> tuple[int, ...]:
    return tuple(int(point["pointIndex"]) for point in points or ())


def pick_cell(picture: Picture, key: str, height: int) -> tuple[int, int] | None:
    """Draw a plot of cells and return the column and row of the cell that was clicked last."""
    size = {"override_height": height, "override_width": "100%"}
    points = plotly_events(picture, click_event=True, key=key, **size)
    return (round(points[0]["x"]), round(points[0]["y"])) if points else None
