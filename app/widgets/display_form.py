"""How scenes and chips show: which bands as red, green and blue, stretched how."""

from collections.abc import Sequence

import streamlit as st

from app.session import state
from app.widgets.markup import plain
from core.input_settings import DisplaySettings
from core.pipeline.workspace import Workspace
from core.raster.rendering import display_bands, shown_bands

BANDS = {"guessed": "as guessed", "three": "three bands", "one": "one band, grey"}
STRETCHES = {"auto": "usual", "percentiles": "by percentiles"}


def form(place: Workspace, bands: Sequence[str]) -> None:
    """Choose bands and stretch; what is chosen holds for every scene that has these bands."""
    now = state.display(place)
    chosen = _bands(place, tuple(bands), now.bands)
    stretch = st.segmented_control(
        "Stretch", list(STRETCHES), format_func=STRETCHES.get, required=True,
        key=state.widget(place, "stretch", now.stretch),
        help="Usual: uint8 as it is, anything else from 2 to 98 % of the picture's pixels.",
    ) or now.stretch  # fmt: skip
    low, high = now.low, now.high
    if stretch == "percentiles":
        low = st.slider("Black up to (% of the pixels)", 0.0, 49.0, step=0.5, format="%g",
                        key=state.widget(place, "stretch low", now.low))  # fmt: skip
        high = st.slider("White from (% of the pixels)", 51.0, 100.0, step=0.5, format="%g",
                         key=state.widget(place, "stretch high", now.high))  # fmt: skip
    st.caption("For scenes, chips and their surroundings. Nothing that is computed depends on it.")
    state.show_as(place, DisplaySettings(chosen, stretch, low, high))


def words(place: Workspace, bands: Sequence[str]) -> str:
    """Which bands of a scene show, and whose choice that is; as Markdown."""
    names, asked = tuple(bands), state.display(place)
    shown = [names[i] for i in shown_bands(names, asked)]
    said = f"{shown[0]} as grey" if len(shown) == 1 else ", ".join(shown)
    if asked.bands and not set(asked.bands) <= set(names):
        lacking = ", ".join(name for name in asked.bands if name not in names)
        said += f" (guessed: this scene has no {lacking})"
    elif not asked.bands:
        said += " (guessed)"
    stretched = f", stretched from {asked.low:g} to {asked.high:g} %"
    return plain(f"Shown: {said}{stretched if asked.stretch == 'percentiles' else ''}.")


def _bands(place: Workspace, bands: tuple[str, ...], now: tuple[str, ...]) -> tuple[str, ...]:
    """The bands to show; what another scene's bands were chosen as stays in the list."""
    if len(bands) == 1 and not now:
        return ()
    kind = {0: "guessed", 1: "one", 3: "three"}[len(now)]
    how = st.segmented_control(
        "Bands", list(BANDS), format_func=BANDS.get, required=True,
        key=state.widget(place, "display bands", kind),
    ) or kind  # fmt: skip
    if how == "guessed":
        return ()
    options = list(dict.fromkeys([*bands, *now]))
    guess = [bands[i] for i in display_bands(bands)]
    start = now if len(now) == len(guess) else (guess * 3)[:3]
    if how == "one":
        first = now[0] if len(now) == 1 else guess[0]
        return (st.selectbox("Shown as grey", options,
                             key=state.widget(place, "grey", first)),)  # fmt: skip
    with st.container(horizontal=True):
        return tuple(
            st.selectbox(colour, options, key=state.widget(place, f"show {colour}", name))
            for colour, name in zip(("Red", "Green", "Blue"), start, strict=True)
        )
