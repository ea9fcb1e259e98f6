"""Scenes: what was found in raw/, in facts and in words."""

import streamlit as st

from app import cached, charts, controls, imagery, reports, state, welcome
from app.markup import counted, plain

place = state.workspace()
plan = cached.plan(place, state.wanted(place))
found = plan.found
st.title("Scenes")
if not found.scenes:
    st.markdown("There are no scenes in this workspace yet.")
    welcome.own_data()
    st.stop()
total = sum(report.annotations for report in found.reports)
welcome.notice(f"{counted(len(found.reports), 'scene')} with {counted(total, 'annotation')} "
               f"in {place.raw}")  # fmt: skip
st.dataframe(reports.scene_table(found.reports), hide_index=True)
reports.scene_warnings(found.reports)
if not plan.ready["projection"] and found.usable:
    controls.run_button(place, "projection", "Run all stages", "Running all stages", wide=False)

names = [report.name for report in found.reports if report.ok]
if not names:
    st.stop()
st.subheader("Overview")
name = st.selectbox("Scene", names, key=state.widget(place, "scene", names[0]), width=320)
report = next(report for report in found.reports if report.name == name)
image, classes = st.columns([5, 3], gap="large")
with image:
    with st.spinner("Reading the scene"):
        view = cached.overview(place, plan, name)
    width, height = view.width, view.height
    figure = imagery.picture(view.uri, width, height, 600, "left")
    rings = [ring for shape in view.footprints for ring in shape]
    imagery.outline(figure, rings, imagery.FOOTPRINT, "footprint", 1.2)
    imagery.scale_bar(figure, width, height, view.gsd)
    st.plotly_chart(figure, theme=None, config=dict(charts.EXPORT), key="cs.overview")
    st.caption(plain(f"{name}: footprints in yellow. Scroll to zoom, drag to move."))
with classes:
    if report.classes:
        st.markdown(f"**By {plain(report.class_property)}**")
        st.plotly_chart(charts.sizes(reports.class_counts(report.classes), "annotations"),
                        theme=None, config=dict(charts.EXPORT))  # fmt: skip
