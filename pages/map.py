"""Map: scenes with the footprint of every chip; picked and selected chips are those of Explore."""

import streamlit as st

from app import welcome
from app.explore import similar_chips
from app.export.export_panel import export_panel, page_heading
from app.map import map_controls, overview_map
from app.scenes.scene_notices import page_notices
from app.session import cache
from app.session.chip_links import sync_chip_link
from app.session.chip_search import find_search
from app.session.displayed_clusters import displayed_clusters
from app.session.state import current_workspace, picked_row
from app.session.views import requested_display
from app.widgets import chip_tables, display_form, selection_bar
from app.widgets.colouring import CLUSTER
from app.widgets.markup import count_noun, legend_html

workspace = current_workspace()
heading, export_slot = page_heading("Map")
view = map_controls.map_view(workspace)
scenes = [scene for scene in view.survey.scenes if scene.report.ok and scene.present]
if not scenes:
    page_notices(workspace)
    st.markdown(map_controls.explain_empty_map(view))
    st.stop()
chips = cache.chips(view)
clusters = displayed_clusters(view) if view.has("reduction") else None
export_panel(export_slot, clusters)
if chips is not None:
    sync_chip_link(workspace, chips)
row = None if chips is None else picked_row(workspace, chips)
picked = None if chips is None or row is None else chips.facts.iloc[row]
with heading:
    welcome.demo_notice(f"{count_noun(len(scenes), 'scene')} in this workspace")

scene_column, colour_column, layer_column, opacity_column = st.columns([4, 3, 4, 3], gap="medium")
bar = st.container()
left, right = st.columns([14, 5], gap="medium")
with right:
    page_notices(workspace)
with scene_column:
    chosen = map_controls.choose_scenes(workspace, scenes, picked)
with colour_column:
    search = find_search(view, chips)
    label = CLUSTER if chips is None else chip_tables.choose_colouring(workspace, chips, search)
with layer_column:
    layers = map_controls.choose_layers(workspace)
with opacity_column:
    opacity = map_controls.choose_image_opacity(workspace)
display = requested_display(workspace)
placed, notes = map_controls.place_scenes(workspace, chosen, display)
shapes = map_controls.coloured_shapes(placed, chips, label, clusters, search)

if chips is not None:
    with bar:
        selection_bar.selection_row(workspace, chips, clusters, *map_controls.SELECTION_HINTS)
name = chosen[0].report.name if len(chosen) == 1 else None
with left:
    event = map_controls.draw_scenes(workspace, placed, shapes, layers, opacity)
    if shapes is not None:
        st.html(legend_html(shapes.entries))
    map_controls.map_notes(workspace, placed, shapes, notes, layers)
    with st.expander("Bands and stretch of the image"):
        display_form.display_form(workspace, chosen[0].report.bands)
with right:
    if chips is not None:
        selection_bar.finder_notes(workspace, chips, clusters)
    clicked_scene = overview_map.draw_overview_map(workspace, scenes, name)
    map_controls.map_chip_panel(view, chips, row, clusters, name)
    similar_chips.similar_panel(view, chips, search, clusters)
if event is not None and shapes is not None:
    map_controls.apply_map_event(workspace, event, shapes)
    st.rerun()
if clicked_scene is not None and clicked_scene != name:
    map_controls.show_scene(workspace, clicked_scene)
    st.rerun()
if requested_display(workspace) != display:
    st.rerun()
