"""Scenes: import files, and see what was found in each scene."""

import streamlit as st

from app import welcome
from app.scenes import grid_form, import_panel, scene_tables
from app.session import cache
from app.session.state import current_workspace, widget_key
from app.session.views import requested_view
from app.widgets import charts, display_form, images, stage_forms
from app.widgets.colouring import group_counts
from app.widgets.markup import escape_markdown, facts_html

# CSS pixels: bounds of the height of the image, and the width of its column.
MIN_HEIGHT, MAX_HEIGHT, COLUMN_WIDTH = 160, 560, 660

workspace = current_workspace()
st.title("Scenes")
import_panel.receive_uploads(workspace)
view = requested_view(workspace)
survey = view.survey
welcome.demo_notice(
    f"{scene_tables.summarise_scenes(survey.reports)} in {workspace.raw}"
    if survey.scenes
    else "There are no scenes in this workspace yet."
)
with st.container():
    import_panel.import_verdicts(workspace)
if not survey.scenes:
    import_panel.import_panel(workspace)
    st.stop()
st.dataframe(scene_tables.scene_table(survey.reports), hide_index=True, placeholder="")
for report in survey.reports:
    if not report.ok:
        st.error(escape_markdown(report.error))
if not view.has("projection") and survey.usable:
    label, title = "Run all stages", "Running all stages"
    stage_forms.run_button(workspace, "projection", label, title, width="content")
with st.expander("Add scenes and annotations"):
    import_panel.import_panel(workspace)
if grid_form.scenes_without_annotations(survey.reports):
    with st.expander("Chips on a grid", expanded=not survey.usable):
        grid_form.grid_form(workspace, survey.reports)

scenes = {scene.report.name: scene for scene in survey.scenes if scene.report.ok}
if not scenes:
    st.stop()
names = list(scenes)
name = st.selectbox("Scene", names, key=widget_key(workspace, "scene", names[0]), width=320)
report = scenes[name].report
image_column, facts_column = st.columns([5, 3], gap="large")
with image_column:
    with st.expander("Bands and stretch"):
        display_form.display_form(workspace, report.bands)
    with st.spinner("Reading the scene"):
        image = cache.overview(view, name)
    # The figure is as high as the scene at the width of the column, so a wide scene leaves no gap.
    height = round(min(MAX_HEIGHT, max(MIN_HEIGHT, COLUMN_WIDTH * image.height / image.width)))
    figure = images.image_figure(image.uri, image.width, image.height, height, "left")
    rings = [ring for footprint in image.footprints for ring in footprint]
    images.add_outlines(figure, rings, images.FOOTPRINT, "footprint", 1.2)
    images.add_scale_bar(figure, image.width, image.height, image.gsd)
    charts.show_chart(figure, "cs.overview")
    footprints = " Footprints in yellow." if rings else ""
    caption = f"{display_form.describe_display(workspace, report.bands)}{footprints}"
    st.caption(f"{caption} Scroll to zoom, drag to pan.")
with facts_column:
    st.html(facts_html(scene_tables.scene_facts(report)))
    if report.warnings:
        st.markdown("**Remarks**")
        st.markdown("\n".join(f"- {escape_markdown(warning)}" for warning in report.warnings))
    attributes, guess = cache.scene_attributes(scenes[name])
    if attributes and not report.grid:
        stage_forms.class_form(workspace, attributes, guess)
        if report.classes:
            counts = group_counts(report.classes, "classes")
            charts.show_chart(charts.count_bars(counts, "annotations"))
        else:
            st.caption("No attribute of the annotations could be recognised as their class.")
