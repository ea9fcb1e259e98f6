"""The one place that calls streamlit-plotly-events; docs/decisions says why and what if not.

The package carries plotly.js 1.58 and is not maintained, so it is fed what that version reads:
plain lists, an explicit template, one trace. With a fixed key and `uirevision` the zoom survives
every recolour.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamlit_plotly_events import plotly_events

MARKERS_AT_MOST = 20_000
HEIGHT = 590


@dataclass(frozen=True)
class Picture:
    """What the picker draws: data and layout in the words of plotly.js, lists and numbers only."""

    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]

    def to_json(self) -> str:
        """Called by streamlit-plotly-events in place of a plotly figure's method."""
        config = {
            "displaylogo": False,
            "scrollZoom": True,
            "responsive": True,
            "doubleClick": "reset",
            "modeBarButtonsToRemove": ["autoScale2d", "toggleSpikelines", "hoverCompareCartesian",
                                       "hoverClosestCartesian", "zoom2d"],
            "toImageButtonOptions": {"filename": "chipscape", "scale": 2},
        }  # fmt: skip
        return json.dumps(
            {"data": self.data, "layout": self.layout, "config": config, "frames": []},
            allow_nan=False,
        )


def pick(picture: Picture, key: str, height: int = HEIGHT) -> tuple[int, ...]:
    """Draw the picture; give the indices of the markers clicked, boxed or lassoed last.

    Parameters
    ----------
    picture : Picture
    key : str
        Fixed while the positions are the same: what was picked belongs to them.
    height : int
        In CSS pixels.
    """
    points = plotly_events(
        picture,
        click_event=True,
        select_event=True,
        override_height=height,
        override_width="100%",
        key=key,
    )
    return _indices(points)


def picked_before(stored: str | None) -> tuple[int, ...]:
    """What `pick` is going to give, from its stored value, before the picture is drawn."""
    return _indices(json.loads(stored or "[]"))


def _indices(points: Sequence[Mapping[str, Any]] | None) -> tuple[int, ...]:
    return tuple(int(point["pointIndex"]) for point in points or ())


def place(picture: Picture, key: str, height: int) -> tuple[int, int] | None:
    """Draw a picture of cells; give the column and row of the cell clicked last."""
    points = plotly_events(
        picture, click_event=True, override_height=height, override_width="100%", key=key
    )
    if not points:
        return None
    return round(points[0]["x"]), round(points[0]["y"])
