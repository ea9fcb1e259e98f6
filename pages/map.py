"""Map: the scenes with the footprint of every chip; the Explore page shows the same picked chip."""

import streamlit as st

from app import welcome
from app.map import footprint_shapes, map_canvas, map_controls, overview_map, tile_shelf
from app.session import cache
from app.session.displayed_clusters import displayed_clusters
from app.session.state import current_workspace, pick_chip, picked_row
from app.session.views import requested_display
from app.widgets import chip_tables, display_form
from app.widgets.colouring import CLUSTER
from app.widgets.markup import count_noun, legend_html

workspace = current_workspace()
st.title("Map")
view = map_controls.map_view(workspace)
scenes = [scene for scene in view.survey.scenes if scene.report.ok]
if not scenes:
    st.markdown("There are no readable scenes yet. Add one on the Scenes page.")
    st.stop()
chips = cache.chips(view)
clusters = displayed_clusters(view) if view.has("reduction") else None
row = None if chips is None else picked_row(workspace, chips)
picked = None if chips is None or row is None else chips.facts.iloc[row]
chip_id = None if picked is None else str(picked["chip_id"])
welcome.demo_notice(f"{count_noun(len(scenes), 'scene')} in this workspace")

scene_column, colour_column, layer_column, opacity_column = st.columns([4, 3, 4, 3], gap="medium")
with scene_column:
    scene = map_controls.choose_scene(workspace, scenes, picked)
with colour_column:
    label = CLUSTER if chips is None else chip_tables.choose_colouring(workspace, chips)
with layer_column:
    layers = map_controls.choose_layers(workspace)
with opacity_column:
    opacity = map_controls.choose_image_opacity(workspace)
display = requested_display(workspace)
map_scene = tile_shelf.register_scene(workspace, scene, display)
if chips is None:
    shapes = footprint_shapes.annotation_shapes(scene, map_scene)
else:
    if label == CLUSTER and clusters is None:
        label = chip_tables.class_attribute(chips) or label
    colouring = chip_tables.chip_colouring(chips, label, clusters)
    shapes = footprint_shapes.chip_shapes(scene, map_scene, chips, colouring)

name = scene.report.name
left, right = st.columns([14, 5], gap="medium")
with left:
    map_controls.map_notes(workspace, map_scene, layers)
    clicked = map_canvas.draw_map(workspace, map_scene, shapes, chip_id, layers, opacity)
    if shapes is not None:
        st.html(legend_html(shapes.entries))
    with st.expander("Bands and stretch of the image"):
        display_form.display_form(workspace, scene.report.bands)
with right:
    clicked_scene = overview_map.draw_overview_map(workspace, scenes, name)
    if chips is not None and row is not None:
        map_controls.map_chip_panel(view, chips, row, clusters, name)
    elif chips is not None:
        st.markdown("**Click a footprint** to see its chip here and on the Explore page.")
    else:
        st.markdown("Footprints can be clicked once their chips have been cut.")
if clicked is not None and clicked != chip_id:
    pick_chip(workspace, clicked)
    st.rerun()
if clicked_scene is not None and clicked_scene != name:
    map_controls.show_scene(workspace, clicked_scene)
    st.rerun()
if requested_display(workspace) != display:
    st.rerun()
