"""The plot's own component: it adds to a Plotly plot, or draws more points than Plotly can.

docs/decisions/0025-plot.md explains why there are both. The browser fetches the numbers of all
points by URL, so that a new colouring or selection does not send the positions again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from app.components import app_component
from app.explore.point_shelf import number_address
from app.session.state import widget_value
from app.widgets.colouring import Colouring, interpolate_colours
from app.widgets.markup import format_number
from app.widgets.palette import MISSING_COLOUR
from core.types import AnyArray

STATIC = Path(__file__).resolve().parents[1] / "static"
SCRIPTS = (*("pointer.js", "plot_points.js", "plot_canvas.js", "plot_frame.js"), "plot_legend.js")
# Numbers are drawn in this many colours; one more is for missing values.
SHADES = 254


@dataclass(frozen=True)
class PlotContent:
    """What the component needs to know of n points, (n, 2).

    `key` changes with the positions, and only with them; `hidden` holds the codes of the groups
    that are not displayed, `renamable` those that can be renamed; `details` is the URL of the
    descriptions; `signs` are drawn next to points, by row.
    """

    key: str
    points: AnyArray
    colouring: Colouring
    hidden: frozenset[int]
    renamable: frozenset[int]
    selected: Sequence[int]
    picked: int | None
    details: str
    signs: Mapping[int, str] = field(default_factory=dict)


def draw_companion(
    content: PlotContent, on_event: Callable[[Mapping[str, Any]], None], *, draws_points: bool
) -> None:
    """Draw the legend, and the points unless the Plotly plot above this component shows them.

    `on_event` is called before the next run of the script with what the user did: ``kind`` is
    "point", "polygon", "mark", "group", "clear", "isolate", "hide", "rename" or "sheet".
    """
    colouring = content.colouring
    codes, groups = point_groups(colouring, content.hidden)
    coordinates = np.ascontiguousarray(content.points.T, np.float32)
    selected = np.asarray(content.selected, np.uint32)
    data = {
        # The styles of what lies over the points, for the frame of the Plotly plot.
        "style": "" if draws_points else _style(),
        "label": f"Plot of {format_number(len(content.points))} chips",
        "plot": content.key,
        "points": number_address(coordinates),
        "codes": number_address(codes),
        "wide": codes.dtype != np.uint8,
        "groups": groups,
        "selected": number_address(selected) if len(selected) else "",
        "picked": content.picked,
        "signs": list(content.signs.items()),
        "details": content.details,
        "title": colouring.title,
        "legend": _legend(content),
        "scale": _scale(colouring) if colouring.numeric else None,
    }
    # Streamlit rejects component keys with two underscores in a row, so the key contains a hash.
    key = f"cs.plot:{sha256(content.key.encode()).hexdigest()[:12]}"

    def report() -> None:
        event = (widget_value(key) or {}).get("event")
        if isinstance(event, Mapping) and event.get("plot") == content.key:
            on_event(event)

    app_component("plot", SCRIPTS, _style())(data=data, key=key, on_event_change=report)


def point_groups(
    colouring: Colouring, hidden: frozenset[int] = frozenset()
) -> tuple[AnyArray, list[dict[str, Any]]]:
    """Return the code of the group of each point, uint8 or uint16 (n,), and the look by code."""
    values = np.asarray(colouring.values, float)
    if not colouring.numeric:
        codes = values.astype(np.uint8 if len(colouring.entries) <= 256 else np.uint16)
        present, first_rows = np.unique(codes, return_index=True)
        rows = dict(zip(present.tolist(), first_rows.tolist(), strict=True))
        looks = [
            {
                "colour": colour,
                "faint": bool(code in rows and colouring.faint[rows[code]]),
                "symbol": colouring.symbols[rows[code]]
                if colouring.symbols and code in rows
                else "",
                "hidden": code in hidden,
            }
            for code, (colour, _, _) in enumerate(colouring.entries)
        ]
        return codes, looks
    fractions = np.clip((values - colouring.low) / (colouring.high - colouring.low), 0, 1)
    codes = np.where(colouring.faint, SHADES + 1, np.round(fractions * SHADES)).astype(np.uint8)
    shades = interpolate_colours(colouring.stops, np.linspace(0, 1, SHADES + 1)).round()
    colours = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in shades.astype(int).tolist()]
    looks = [{"colour": colour, "faint": False, "hidden": False} for colour in colours]
    return codes, [*looks, {"colour": MISSING_COLOUR, "faint": True, "hidden": False}]


def _legend(content: PlotContent) -> list[dict[str, Any]]:
    return [
        {
            "code": code,
            "colour": colour,
            "name": name,
            "count": count,
            "hidden": code in content.hidden,
            "renamable": code in content.renamable,
        }
        for code, (colour, name, count) in enumerate(content.colouring.entries)
    ]


def _scale(colouring: Colouring) -> dict[str, Any]:
    limits = {"low": format_number(colouring.low), "high": format_number(colouring.high)}
    return {"stops": [list(stop) for stop in colouring.stops], **limits}


@cache
def _style() -> str:
    return (STATIC / "plot_over.css").read_text("utf-8")
