"""The form for the bands and the stretch with which scenes and chips are displayed."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app.session.state import widget_key
from app.session.views import request_display, requested_display
from app.widgets.choices import button_choice
from app.widgets.markup import escape_markdown
from core.input_settings import DisplaySettings
from core.pipeline.workspace import Workspace
from core.raster.rendering import displayed_band_positions, guess_display_bands

BAND_CHOICES = {"guessed": "as guessed", "three": "three bands", "one": "one band, grey"}
STRETCHES: dict[str, str] = {"auto": "standard", "percentiles": "by percentiles"}


def display_form(workspace: Workspace, bands: Sequence[str]) -> None:
    """Draw the form; it applies to every scene that has the chosen bands."""
    current = requested_display(workspace)
    displayed_bands = _band_choice(workspace, tuple(bands), current.bands)
    note = (
        "Standard: uint8 images are not stretched unless a displayed band is very dark; other "
        "images are stretched between the 2nd and 98th percentiles of all scenes."
    )
    kind = current.stretch
    stretch = button_choice(workspace, "Stretch", STRETCHES, "stretch", kind, help=note)
    low, high = current.low, current.high
    if stretch == "percentiles":
        slider = partial(st.slider, step=0.5, format="%g")
        key = widget_key(workspace, "stretch low", low)
        low = slider("Percentile displayed as black", 0.0, 49.0, key=key)
        key = widget_key(workspace, "stretch high", high)
        high = slider("Percentile displayed as white", 51.0, 100.0, key=key)
    st.caption("Applies to scenes, chips, surroundings and the map. It does not change any result.")
    request_display(workspace, DisplaySettings(displayed_bands, stretch, low, high))


def describe_display(workspace: Workspace, bands: Sequence[str]) -> str:
    """Return the displayed bands of a scene and the stretch as a Markdown sentence."""
    display = requested_display(workspace)
    names = [bands[i] for i in displayed_band_positions(tuple(bands), display)]
    text = f"{names[0]} as grey" if len(names) == 1 else ", ".join(names)
    absent = [name for name in display.bands if name not in bands]
    if absent:
        text += f" (guessed: this scene has no {', '.join(absent)})"
    elif not display.bands:
        text += " (guessed)"
    if display.stretch == "percentiles":
        text += f", stretched between percentiles {display.low:g} and {display.high:g}"
    return escape_markdown(f"Displayed: {text}.")


def _band_choice(
    workspace: Workspace, bands: tuple[str, ...], current: tuple[str, ...]
) -> tuple[str, ...]:
    """Draw the band selectors and return the bands; chosen bands of other scenes stay listed."""
    if len(bands) == 1 and not current:
        return ()
    kind = {0: "guessed", 1: "one", 3: "three"}[len(current)]
    choice = button_choice(workspace, "Bands", BAND_CHOICES, "display bands", kind)
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
