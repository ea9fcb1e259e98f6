"""Explore: a plot of all chips, in which a click shows the chip and its surroundings."""

import streamlit as st

from app import welcome
from app.clusters import cluster_editor
from app.explore import chip_groups, chip_plot
from app.session import cache
from app.session.displayed_clusters import displayed_clusters
from app.session.state import current_workspace, picked_row, selected_rows
from app.session.views import displayed_view
from app.widgets import chip_tables, stage_forms
from app.widgets.chip_display import chip_panel
from app.widgets.markup import count_noun
from app.widgets.sliders import cluster_sliders

workspace = current_workspace()
view = displayed_view(workspace, "projection")
st.title("Explore")
if view is None:
    st.markdown("There is no plot yet. It is computed from the embeddings of your chips.")
    stage_forms.run_button(
        workspace, "projection", "Create the projection", "Creating the projection", width="content"
    )
    st.stop()

chips, projection = cache.chips(view), cache.projection(view)
if chips is None or projection is None:
    st.stop()
welcome.demo_notice(f"{count_noun(len(chips), 'chip')} of {count_noun(len(chips.parts), 'scene')}")
notice = st.container()

slider_column, colour_column = st.columns([5, 1], gap="small")
with slider_column:
    view = cluster_sliders.cluster_sliders(view, len(chips))
with colour_column:
    label = chip_tables.choose_colouring(workspace, chips)
clusters = displayed_clusters(view)
# In a container, so that a notice that comes or goes does not move the plot, which would reset
# its zoom.
with st.container():
    cluster_sliders.preparation_notice(view, clusters)
    if clusters is not None:
        cluster_sliders.cluster_notes(clusters)
colouring = chip_tables.chip_colouring(chips, label, clusters)

left, right = st.columns([11, 9], gap="large")
chip_plot.apply_last_event(view, chips)
row, rows = picked_row(workspace, chips), selected_rows(workspace, chips)
# The chip is drawn first: otherwise it would wait until the browser has drawn the plot.
with right:
    if row is not None:
        cluster = clusters.look.name(int(clusters.ids[row])) if clusters else None
        chip_panel(view, chips, row, cluster)
    else:
        st.markdown(
            "**Click a point** to see its chip and its surroundings. Select several points with "
            "the box or lasso tool in the upper right of the plot."
        )
        chip_groups.group_overview(workspace, chips, colouring, clusters)
with left:
    chip_plot.draw_chip_plot(view, chips, projection, colouring)
    chip_plot.plot_caption(projection, len(chips), clusters, colouring)
    with st.expander("Settings of the projection"):
        stage_forms.projection_form(workspace)
        stage_forms.run_button(
            workspace, "projection", "Compute again", "Projecting to two dimensions"
        )
with notice:
    stage_forms.stale_notice(view, "projection")
if rows:
    st.subheader(f"{count_noun(len(rows), 'chip')} selected")
    if clusters is not None:
        cluster_editor.selection_actions(clusters, rows)
    chip_groups.selection_panel(workspace, chips, rows, colouring, clusters)
