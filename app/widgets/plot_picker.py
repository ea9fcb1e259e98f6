"""Plots whose points can be picked: the only module that calls streamlit-plotly-events.

docs/decisions/0003 says why this package is used, and 0025 what is added to it. The package bundles
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
# Until the page's style sheet makes the frame as high as the window allows.
HEIGHT = 560
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


def draw_picture(picture: Picture, key: str) -> None:
    """Draw a plot that pans, zooms and draws boxes and lassos, without handling their events.

    The events of the package throw an error at a double click in box mode, so
    `app.explore.plot_companion` listens to the plot itself. The key must change when the positions
    of the points change, and only then.
    """
    size = {"override_height": HEIGHT, "override_width": "100%"}
    plotly_events(picture, click_event=False, select_event=False, key=key, **size)


def pick_cell(picture: Picture, key: str, height: int) -> tuple[int, int] | None:
    """Draw a plot of cells and return the column and row of the cell that was clicked last."""
    size = {"override_height": height, "override_width": "100%"}
    points = plotly_events(picture, click_event=True, key=key, **size)
    return (round(points[0]["x"]), round(points[0]["y"])) if points else None
