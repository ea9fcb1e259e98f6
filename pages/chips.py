"""Chips: how a small image is cut around each annotation, and which are worth keeping."""

import streamlit as st

from app.chips import screening_gallery
from app.session import cache, state
from app.widgets import charts, chip_panels, palette, stage_forms
from app.widgets.markup import counted, plain

A_PAGE = 60

place = state.workspace()
plan = cache.plan(place, state.wanted(place))
bands = list(dict.fromkeys(b for scene in plan.found.usable for b in scene.report.bands))
st.title("Chips")
st.markdown("A chip is a square image cut around one annotation and brought to one size.")
form, result = st.columns([1, 3], gap="large")
with form:
    stage_forms.chip_form(place, bands)
    # Pressed after the switches below have said what is left out.
    press = st.container()
# The form may ask for what is there already.
state.settle(place, lambda settings: cache.plan(place, settings).ready)
showing = state.showing(place, "chips")
if showing is None:
    with press:
        stage_forms.run_button(place, "chips", "Cut the chips", "Cutting chips")
    result.info("No chips are cut yet." if plan.found.usable else
                "There are no scenes with annotations yet: see the page Scenes.")  # fmt: skip
    st.stop()

with result:
    notice = st.container()
    ready = cache.plan(place, showing.settings)
    chips = cache.chips(place, ready)
    if chips is None:
        st.stop()
    for note in chips.notes:
        st.info(plain(note))
    st.subheader(plain(f"{counted(len(chips), 'chip')} of {chips.size} × {chips.size} px, "
                       f"bands {', '.join(chips.bands)}"))  # fmt: skip
    if left_out := screening_gallery.note(ready, showing.settings):
        st.caption(left_out)
    column = chip_panels.class_of(chips)
    rows = chip_panels.filtered(place, chips, column) if column else range(len(chips))
    rows = chip_panels.cross_section(chips, rows, A_PAGE)
    start = chip_panels.pager(place, "gallery", len(rows), A_PAGE)
    shown = rows[start : start + A_PAGE]
    chip_panels.chip_gallery(
        chips, shown, [palette.RULE] * len(shown), chip_panels.lengths(chips, shown)
    )
    screening_gallery.section(place, showing.settings)
    if not chips.facts["length"].isna().all():
        st.subheader("Sizes on the ground")
        st.plotly_chart(charts.spread(chips.facts["length"].to_numpy(), "length (m)"), theme=None,
                        config=dict(charts.EXPORT))  # fmt: skip
    st.subheader("All facts")
    chip_panels.table(chips)
with notice:
    stage_forms.outdated(place, "chips")
with press:
    stage_forms.run_button(place, "chips", "Cut the chips", "Cutting chips")
