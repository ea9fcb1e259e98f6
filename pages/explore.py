"""Explore: a plot of all chips, in which a click shows the chip and its surroundings."""

import streamlit as st

from app import welcome
from app.clusters import cluster_editor
from app.clusters.assignment_panel import assignment_panel
from app.explore import chip_groups, chip_plot, projections, similar_chips
from app.export.export_panel import export_panel, page_heading
from app.scenes.scene_notices import page_notices
from app.session import cache
from app.session.chip_links import sync_chip_link
from app.session.chip_search import find_search
from app.session.displayed_clusters import displayed_clusters
from app.session.state import current_workspace, picked_row
from app.session.views import displayed_view
from app.widgets import chip_tables, selection_bar, stage_forms
from app.widgets.chip_panel.chip_panel import chip_panel
from app.widgets.sliders import cluster_sliders

workspace = current_workspace()
view = displayed_view(workspace, "projection")
heading, export_slot = page_heading("Explore")
chips = None if view is None else cache.chips(view)
projection = None if view is None else cache.projection(view)
if view is None or chips is None or projection is None:
    page_notices(workspace)
    projections.offer_projection(workspace, view)
    st.stop()
with heading:
    welcome.demo_notice(selection_bar.describe_chips(chips))
# Moving the plot would reset its zoom: notices are on its right, and the bar's height is fixed.
slider_column, colour_column = st.columns([5, 1], gap="small")
bar = st.container(key="cs_selection", height=selection_bar.BAR_HEIGHT, border=False)
left, right = st.columns([11, 9], gap="medium")
notices, panel = right.container(key="cs_notices"), right.container(key="cs_panel")
with notices:
    page_notices(workspace)
with slider_column:
    view = cluster_sliders.cluster_sliders(view, len(chips), panel)
with colour_column:
    search = find_search(view, chips)
    label = chip_tables.choose_colouring(workspace, chips, search)
clusters = displayed_clusters(view)
export_panel(export_slot, clusters)
with notices:
    cluster_sliders.preparation_notice(view, clusters)
    if clusters is not None:
        cluster_sliders.cluster_notes(clusters)
colouring = chip_tables.chip_colouring(chips, label, clusters, search)
sync_chip_link(workspace, chips)
row = picked_row(workspace, chips)
with bar.container(horizontal=True, vertical_alignment="center", gap="small"):
    rows = selection_bar.selection_count(workspace, chips, *chip_groups.SELECTION_HINTS)
    if rows and clusters is not None:
        cluster_editor.selection_actions(clusters, rows)
# The chip is drawn before the plot: otherwise it would wait until the browser has drawn the plot.
with right:
    cluster_editor.excluded_note(clusters, rows)
    selection_bar.chip_finder(workspace, chips, clusters)
    selection_bar.finder_notes(workspace, chips, clusters)
    similar_chips.similar_panel(view, chips, search, clusters)
    if row is not None:
        chip_panel(view, chips, row, clusters)
    elif rows:
        chip_groups.selection_panel(workspace, chips, rows, colouring, clusters)
with left:
    chip_plot.draw_chip_plot(view, chips, projection, colouring, clusters)
    if clusters is not None:
        cluster_editor.history_buttons(clusters)
    chip_groups.all_chips_table(workspace, chips, clusters)
    projections.projection_panel(view)
with notices:
    assignment_panel(workspace, is_open=row is None and not rows)
    stage_forms.stale_notice(view, "projection")
if row is not None:
    chip_groups.selection_panel(workspace, chips, rows, colouring, clusters)
elif not rows:
    with right:
        chip_groups.group_overview(chips, colouring, clusters)
