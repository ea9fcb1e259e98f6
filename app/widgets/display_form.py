"""How scenes and chips are displayed: which bands as red, green and blue, with which stretch."""

from collections.abc import Sequence

import streamlit as st

from app.session.state import widget_key
from app.session.views import request_display, requested_display
from app.widgets.markup import escape_markdown
from core.input_settings import DisplaySettings
from core.pipeline.workspace import Workspace
from core.raster.rendering import displayed_band_positions, guess_display_bands
from core.types import Stretch

BAND_CHOICES = {"guessed": "as guessed", "three": "three bands", "one": "one band, grey"}
STRETCHES: dict[Stretch, str] = {"auto": "standard", "percentiles": "by percentiles"}


def display_form(workspace: Workspace, bands: Sequence[str]) -> None:
    """Draw the choice of bands and stretch; it applies to every scene that has these bands."""
    current = requested_display(workspace)
    displayed_bands = _band_choice(workspace, tuple(bands), current.bands)
    stretch = st.segmented_control(
        "Stretch",
        list(STRETCHES),
        format_func=STRETCHES.__getitem__,
        required=True,
        key=widget_key(workspace, "stretch", current.stretch),
        help="Standard: uint8 pixels are not stretched, others from 2 to 98 % of the image's "
        "pixels.",
    )
    stretch, low, high = stretch or current.stretch, current.low, current.high
    if stretch == "percentiles":
        low = _percentile_slider(workspace, "Black up to", "stretch low", (0.0, 49.0), low)
        high = _percentile_slider(workspace, "White from", "stretch high", (51.0, 100.0), high)
    st.caption("Applies to scenes, chips and their surroundings. No result depends on it.")
    request_display(workspace, DisplaySettings(displayed_bands, stretch, low, high))


def describe_display(workspace: Workspace, bands: Sequence[str]) -> str:
    """Return which bands of a scene are displayed and who chose them, as Markdown."""
    display = requested_display(workspace)
    names = [bands[i] for i in displayed_band_positions(tuple(bands), display)]
    text = f"{names[0]} as grey" if len(names) == 1 else ", ".join(names)
    absent = [name for name in display.bands if name not in bands]
    if absent:
        text += f" (guessed: this scene has no {', '.join(absent)})"
    elif not display.bands:
        text += " (guessed)"
    if display.stretch == "percentiles":
        text += f", stretched from {display.low:g} to {display.high:g} %"
    return escape_markdown(f"Displayed: {text}.")


def _percentile_slider(
    workspace: Workspace, label: str, name: str, bounds: tuple[float, float], current: float
) -> float:
    return st.slider(
        f"{label} (% of the pixels)",
        *bounds,
        step=0.5,
        format="%g",
        key=widget_key(workspace, name, current),
    )


def _band_choice(
    workspace: Workspace, bands: tuple[str, ...], current: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the bands to display; bands that only another scene has stay in the list."""
    if len(bands) == 1 and not current:
        return ()
    kind = {0: "guessed", 1: "one", 3: "three"}[len(current)]
    choice = st.segmented_control(
        "Bands",
        list(BAND_CHOICES),
        format_func=BAND_CHOICES.__getitem__,
        required=True,
        key=widget_key(workspace, "display bands", kind),
    )
    choice = choice or kind
    if choice == "guessed":
        return ()
    options = list(dict.fromkeys([*bands, *current]))
    guess = [bands[i] for i in guess_display_bands(bands)]
    if choice == "one":
        grey = current[0] if len(current) == 1 else guess[0]
        key = widget_key(workspace, "grey", grey)
        return (st.selectbox("Displayed as grey", options, key=key),)
    start = current if len(current) == len(guess) else (guess * 3)[:3]
    with st.container(horizontal=True):
        return tuple(
            st.selectbox(colour, options, key=widget_key(workspace, f"show {colour}", name))
            for colour, name in zip(("Red", "Green", "Blue"), start, strict=True)
        )
