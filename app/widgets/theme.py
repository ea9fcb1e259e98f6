"""The colours of charts in the light and the dark theme; config.toml holds those of the pages."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

# Marks with less contrast than this to the background are drawn with an outline.
LEAST_CONTRAST = 1.8
SCRIPT = Path(__file__).resolve().parents[1] / "static" / "theme.js"


@dataclass(frozen=True)
class ChartColours:
    """The colours of a chart in one theme, apart from those of clusters and classes.

    `paper` is the background, `ink` the colour of texts and marks, `muted` that of axis labels,
    `rule` that of grid lines and borders. `quiet` is a grey area or line that recedes, `baseline`
    a grey mark, and `warning` a red line with its text. `empty` is the background of an image, and
    `bar` lies behind the buttons of a chart.
    """

    scheme: str
    paper: str
    ink: str
    muted: str
    rule: str
    accent: str
    quiet: str
    baseline: str
    warning: str
    empty: str
    bar: str


LIGHT = ChartColours(
    scheme="light",
    paper="#FFFFFF",
    ink="#1F2933",
    muted="#5B6672",
    rule="#E3E7EC",
    accent="#0A6767",
    quiet="#C2C9D2",
    baseline="#8A94A0",
    warning="#B0413E",
    empty="#EEF0F3",
    bar="rgba(255, 255, 255, 0.8)",
)
DARK = ChartColours(
    scheme="dark",
    paper="#14191E",
    ink="#E3E8EC",
    muted="#A7B1BB",
    rule="#2C353D",
    accent="#4DB6B0",
    quiet="#4A5561",
    baseline="#8A94A0",
    warning="#E8807C",
    empty="#232B32",
    bar="rgba(20, 25, 30, 0.8)",
)


def chart_colours() -> ChartColours:
    """Return the colours of the theme in the user's browser; the light ones outside of a page."""
    return DARK if st.context.theme.type == DARK.scheme else LIGHT


def watch_theme() -> None:
    """Draw the page again when the user or the system switches the theme.

    Streamlit only restyles its own elements, and leaves charts in the colours of the old theme.
    """
    data = {"drawn": chart_colours().scheme}
    _watcher()(data=data, key="cs.theme", on_switched_change=lambda: None)


@cache
def _watcher() -> Callable[..., Any]:
    """Return the component that watches the theme, which is registered once per server."""
    watcher: Callable[..., Any] = st.components.v2.component(
        "chipscape_theme", js=SCRIPT.read_text("utf-8")
    )
    return watcher


def stands_out(colour: str, colours: ChartColours) -> bool:
    """Return True if marks of a colour can be seen on the background."""
    return contrast_ratio(colour, colours.paper) >= LEAST_CONTRAST


def visible_colour(colour: str, colours: ChartColours) -> str:
    """Return the colour of a line, mixed with that of texts if it would hardly stand out."""
    if stands_out(colour, colours):
        return colour
    pairs = zip(_channels(colour), _channels(colours.ink), strict=True)
    return "#" + "".join(f"{(a + b) // 2:02X}" for a, b in pairs)


def text_colour(background: str) -> str:
    """Return black or white, whichever is easier to read on a background."""
    return max("#000000", "#FFFFFF", key=lambda colour: contrast_ratio(colour, background))


def contrast_ratio(colour: str, background: str) -> float:
    """Return the contrast of two colours, 1..21, as WCAG 2.2 defines it."""
    low, high = sorted((_luminance(colour), _luminance(background)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour, 0..1 (WCAG 2.2)."""
    channels = [value / 255 for value in _channels(colour)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> list[int]:
    """Return red, green and blue, 0..255, of a colour such as ``"#0072b2"``."""
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
