"""The choice of bands for the picked chip and its surroundings: colours, or a spectral index."""

from dataclasses import replace

import streamlit as st

from app.session.scene_images import Lens
from app.session.state import choice_key, keep_choice
from app.session.views import requested_display
from app.widgets.markup import escape_markdown
from core.chips.chip_set import ChipSet
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.raster.rendering import RGB, displayed_band_positions, guess_display_bands
from core.raster.spectral.spectral_indices import (
    DIVERGING,
    INDEX_FORMULAS,
    SpectralIndex,
    available_indices,
)

TRUE_COLOUR, THREE_BANDS = "True colour", "Three bands…"
SELECTOR_WIDTH, BAND_WIDTH = 170, 96
SAME, DIFFERENCE = "As in the galleries", "Two-band index…"


def choose_lens(view: View, chips: ChipSet, row: int) -> Lens | None:
    """Draw the selector of the bands; return the choice, None for that of the galleries and map."""
    workspace, bands = view.workspace, _scene_bands(view, str(chips.facts["scene"].iloc[row]))
    if len(bands) < 2:
        return None
    display, indices = requested_display(workspace), available_indices(bands)
    options, colours = [SAME], tuple(bands[i] for i in guess_display_bands(bands))
    is_named = all(colour in name for colour, name in zip(RGB, colours, strict=False))
    is_true_colour = is_named and len(colours) == len(RGB)
    displayed = tuple(bands[i] for i in displayed_band_positions(bands, display))
    titles = {SAME: TRUE_COLOUR if is_true_colour and displayed == colours else SAME}
    if is_true_colour and displayed != colours:
        options.append(TRUE_COLOUR)
    options += [THREE_BANDS, *indices, DIFFERENCE]
    titles |= {formula.name: f"{formula.name}, {formula.subject}" for formula in INDEX_FORMULAS}
    key = choice_key(workspace, "lens", SAME, options)
    choice = st.selectbox(
        "Bands",
        options,
        format_func=lambda option: titles.get(option, option),
        key=key,
        width=SELECTOR_WIDTH,
    )
    keep_choice(workspace, "lens", choice)
    if choice in indices:
        return indices[choice]
    if choice == TRUE_COLOUR:
        return replace(display, bands=colours)
    if choice == THREE_BANDS:
        start = (displayed * 3)[:3]
        names = [("Red", start[0]), ("Green", start[1]), ("Blue", start[2])]
        return replace(display, bands=_choose_bands(workspace, bands, names))
    if choice == DIFFERENCE:
        first, second = _choose_bands(workspace, bands, [("A", bands[0]), ("B", bands[1])])
        return SpectralIndex("(A − B) / (A + B)", (first, second))
    return None


def lens_caption(lens: Lens | None) -> None:
    """Draw the formula, source and colour scale of a spectral index."""
    if not isinstance(lens, SpectralIndex):
        return
    first, second = lens.bands
    source = {formula.name: f" ({formula.source})" for formula in INDEX_FORMULAS}
    formula = f"({first} − {second}) / ({first} + {second}){source.get(lens.name, '')}"
    colours = ", ".join(f"rgb{stop}" for stop in DIVERGING)
    scale = f'<i style="background:linear-gradient(to right, {colours})"></i>'
    st.html(f'<div class="cs-scale"><span>−1</span>{scale}<span>1</span></div>')
    st.caption(escape_markdown(f"{lens.name}: {formula}, from stored values"))


def _choose_bands(
    workspace: Workspace, bands: tuple[str, ...], names: list[tuple[str, str]]
) -> tuple[str, ...]:
    choices = []
    for name, start in names:
        key = choice_key(workspace, f"lens {name}", start, bands)
        choice = st.selectbox(name, bands, key=key, width=BAND_WIDTH)
        choices.append(keep_choice(workspace, f"lens {name}", choice))
    return tuple(choices)


def _scene_bands(view: View, scene: str) -> tuple[str, ...]:
    reports = (survey.report for survey in view.survey.scenes)
    return next((report.bands for report in reports if report.name == scene), ())
