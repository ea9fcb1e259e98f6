"""Scenes: import files, and see what was found in each scene."""

import streamlit as st

from app import welcome
from app.scenes import grid_form, import_panel, scene_notices, scene_panel, scene_tables
from app.session.state import choice_key, current_workspace, keep_choice
from app.session.views import displayed_view, requested_view
from app.widgets import stage_forms
from app.widgets.markup import escape_markdown

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
    scene_notices.removal_notice(workspace)
if not survey.scenes:
    import_panel.import_panel(workspace)
    st.stop()
st.dataframe(scene_tables.scene_table(survey.reports), hide_index=True, placeholder="")
for report in survey.reports:
    if not report.ok:
        st.error(escape_markdown(report.error))
if displayed_view(workspace, "projection") is None and survey.usable:
    label, title = "Run all stages", "Running all stages"
    stage_forms.run_button(workspace, "projection", label, title, width="content")
with st.expander("Add scenes and annotations"):
    import_panel.import_panel(workspace)
bare = grid_form.scenes_without_chips(survey.reports, view.settings.scenes.grid)
if bare:
    st.info(escape_markdown(grid_form.grid_question(bare)))
if grid_form.scenes_without_annotations(survey.reports):
    with st.expander("Chips on a grid", expanded=bool(bare)):
        grid_form.grid_form(workspace, survey.reports)

scenes = {scene.report.name: scene for scene in survey.scenes if scene.report.ok}
if not scenes:
    st.stop()
names = list(scenes)
with st.container(horizontal=True, vertical_alignment="bottom"):
    key = choice_key(workspace, "scene", names[0], names)
    name = keep_choice(workspace, "scene", st.selectbox("Scene", names, key=key, width=320))
    scene_notices.removal_button(workspace, scenes[name])
scene_panel.scene_panel(view, scenes[name])
