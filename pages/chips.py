"""Chips: how a small image is cut around each annotation, and which are worth keeping."""

import streamlit as st

from app import cached, charts, controls, palette, panels, screening, state
from app.markup import counted, plain

A_PAGE = 60

place = state.workspace()
plan = cached.plan(place, state.wanted(place))
bands = list(dict.fromkeys(b for scene in plan.found.usable for b in scene.report.bands))
st.title("Chips")
st.markdown("A chip is a square image cut around one annotation and brought to one size.")
form, result = st.columns([1, 3], gap="large")
with form:
    controls.chip_form(place, bands)
    # Pressed after the switches below have said what is left out.
    press = st.container()
# The form may ask for what is there already.
state.settle(place, lambda settings: cached.plan(place, settings).ready)
showing = state.showing(place, "chips")
if showing is None:
    with press:
        controls.run_button(place, "chips", "Cut the chips", "Cutting chips")
    result.info("No chips are cut yet." if plan.found.usable else
                "There are no scenes with annotations yet: see the page Scenes.")  # fmt: skip
    st.stop()

with result:
    notice = st.container()
    ready = cached.plan(place, showing.settings)
    chips = cached.chips(place, ready)
    if chips is None:
        st.stop()
    for note in chips.notes:
        st.info(plain(note))
    st.subheader(plain(f"{counted(len(chips), 'chip')} of {chips.size} × {chips.size} px, "
                       f"bands {', '.join(chips.bands)}"))  # fmt: skip
    if left_out := screening.note(ready, showing.settings):
        st.caption(left_out)
    column = panels.class_of(chips)
    rows = panels.filtered(place, chips, column) if column else range(len(chips))
    rows = panels.cross_section(chips, rows, A_PAGE)
    start = panels.pager(place, "gallery", len(rows), A_PAGE)
    shown = rows[start : start + A_PAGE]
    panels.chip_gallery(chips, shown, [palette.RULE] * len(shown), panels.lengths(chips, shown))
    screening.section(place, showing.settings)
    if not chips.facts["length"].isna().all():
        st.subheader("Sizes on the ground")
        st.plotly_chart(charts.spread(chips.facts["length"].to_numpy(), "length (m)"), theme=None,
                        config=dict(charts.EXPORT))  # fmt: skip
    st.subheader("All facts")
    panels.table(chips)
with notice:
    controls.outdated(place, "chips")
with press:
    controls.run_button(place, "chips", "Cut the chips", "Cutting chips")
