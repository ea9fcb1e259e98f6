"""Scenes: files in, and what was found in each, in facts and in words."""

import streamlit as st

from app import (
    cached,
    charts,
    controls,
    display,
    gridding,
    imagery,
    intake,
    reports,
    state,
    welcome,
)
from app.markup import facts, plain

TALLEST, SHORTEST = 560, 160

place = state.workspace()
st.title("Scenes")
intake.receive(place)
plan = cached.plan(place, state.wanted(place))
found = plan.found
welcome.notice(f"{reports.summary(found.reports)} in {place.raw}" if found.scenes else
               "There are no scenes in this workspace yet.")  # fmt: skip
with st.container():
    intake.verdicts(place)
if not found.scenes:
    intake.panel(place)
    st.stop()
st.dataframe(reports.scene_table(found.reports), hide_index=True)
reports.scene_errors(found.reports)
if not plan.ready["projection"] and found.usable:
    controls.run_button(place, "projection", "Run all stages", "Running all stages", wide=False)
with st.expander("Add scenes and annotations"):
    intake.panel(place)
if gridding.bare(found.reports):
    with st.expander("Chips on a grid", expanded=not found.usable):
        gridding.offer(place, found.reports)

names = [report.name for report in found.reports if report.ok]
if not names:
    st.stop()
name = st.selectbox("Scene", names, key=state.widget(place, "scene", names[0]), width=320)
scene = next(one for one in found.scenes if one.report.name == name)
report = scene.report
image, about = st.columns([5, 3], gap="large")
with image:
    with st.expander("Bands and stretch"):
        display.form(place, report.bands)
    with st.spinner("Reading the scene"):
        view = cached.overview(place, plan, name)
    width, height = view.width, view.height
    # As high as the scene is in the column: no empty band under a wide one.
    high = round(min(TALLEST, max(SHORTEST, 660 * height / width)))
    figure = imagery.picture(view.uri, width, height, high, "left")
    rings = [ring for shape in view.footprints for ring in shape]
    imagery.outline(figure, rings, imagery.FOOTPRINT, "footprint", 1.2)
    imagery.scale_bar(figure, width, height, view.gsd)
    st.plotly_chart(figure, theme=None, config=dict(charts.EXPORT), key="cs.overview")
    footprints = "Footprints in yellow. " if rings else ""
    st.caption(f"{display.words(place, report.bands)} {footprints}Scroll to zoom, drag to move.")
with about:
    st.html(facts(reports.scene_facts(report)))
    reports.remarks(report)
    columns, guess = cached.columns(place, scene)
    if columns and not report.grid:
        controls.class_form(place, columns, guess)
        if report.classes:
            st.plotly_chart(charts.sizes(reports.class_counts(report.classes), "annotations"),
                            theme=None, config=dict(charts.EXPORT))  # fmt: skip
        else:
            st.caption(plain("No property of the annotations says what kind each one is."))
