"""Scenes: files in, and what was found in each, in facts and in words."""

import streamlit as st

from app import welcome
from app.scenes import grid_form, import_panel, scene_tables
from app.session import cache, state
from app.widgets import charts, display_form, image_figures, stage_forms
from app.widgets.markup import facts, plain

TALLEST, SHORTEST = 560, 160

place = state.workspace()
st.title("Scenes")
import_panel.receive(place)
plan = cache.plan(place, state.wanted(place))
found = plan.found
welcome.notice(f"{scene_tables.summary(found.reports)} in {place.raw}" if found.scenes else
               "There are no scenes in this workspace yet.")  # fmt: skip
with st.container():
    import_panel.verdicts(place)
if not found.scenes:
    import_panel.panel(place)
    st.stop()
st.dataframe(scene_tables.scene_table(found.reports), hide_index=True)
scene_tables.scene_errors(found.reports)
if not plan.ready["projection"] and found.usable:
    stage_forms.run_button(place, "projection", "Run all stages", "Running all stages", wide=False)
with st.expander("Add scenes and annotations"):
    import_panel.panel(place)
if grid_form.bare(found.reports):
    with st.expander("Chips on a grid", expanded=not found.usable):
        grid_form.offer(place, found.reports)

names = [report.name for report in found.reports if report.ok]
if not names:
    st.stop()
name = st.selectbox("Scene", names, key=state.widget(place, "scene", names[0]), width=320)
scene = next(one for one in found.scenes if one.report.name == name)
report = scene.report
image, about = st.columns([5, 3], gap="large")
with image:
    with st.expander("Bands and stretch"):
        display_form.form(place, report.bands)
    with st.spinner("Reading the scene"):
        view = cache.overview(place, plan, name)
    width, height = view.width, view.height
    # As high as the scene is in the column: no empty band under a wide one.
    high = round(min(TALLEST, max(SHORTEST, 660 * height / width)))
    figure = image_figures.picture(view.uri, width, height, high, "left")
    rings = [ring for shape in view.footprints for ring in shape]
    image_figures.outline(figure, rings, image_figures.FOOTPRINT, "footprint", 1.2)
    image_figures.scale_bar(figure, width, height, view.gsd)
    st.plotly_chart(figure, theme=None, config=dict(charts.EXPORT), key="cs.overview")
    footprints = "Footprints in yellow. " if rings else ""
    st.caption(
        f"{display_form.words(place, report.bands)} {footprints}Scroll to zoom, drag to move."
    )
with about:
    st.html(facts(scene_tables.scene_facts(report)))
    scene_tables.remarks(report)
    columns, guess = cache.columns(place, scene)
    if columns and not report.grid:
        stage_forms.class_form(place, columns, guess)
        if report.classes:
            st.plotly_chart(charts.sizes(scene_tables.class_counts(report.classes), "annotations"),
                            theme=None, config=dict(charts.EXPORT))  # fmt: skip
        else:
            st.caption(plain("No property of the annotations says what kind each one is."))
