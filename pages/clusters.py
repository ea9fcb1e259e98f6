"""Clusters: what the groups are, how good they are, and what sets them apart."""

import streamlit as st

from app.clusters.assignment_panel import assignment_panel
from app.clusters.cluster_editor import editor_panel
from app.clusters.cluster_profile import overview_panel, profile_panel, tree_panel, uncertain_panel
from app.clusters.report_card_panel import agreement_panel, confounder_notice, report_card_panel
from app.export.export_panel import export_panel, page_heading
from app.session import cache
from app.session.chip_links import sync_chip_link
from app.session.displayed_clusters import displayed_clusters
from app.session.state import choice_key, current_workspace, keep_choice
from app.session.views import displayed_view
from app.widgets.selection_bar import describe_chips, finder_notes, selection_row
from app.widgets.sliders.cluster_sliders import (
    cluster_notes,
    cluster_sliders,
    describe_clusters,
    has_tree_chart,
    preparation_notice,
)
from app.widgets.stage_forms import run_button, space_form, stale_notice

TABS = {
    "Overview": overview_panel,
    "Tree": tree_panel,
    "Report card": report_card_panel,
    "Agreement with an attribute": agreement_panel,
    "Explain": profile_panel,
    "Uncertain chips": uncertain_panel,
    "Edit": editor_panel,
}

workspace = current_workspace()
view = displayed_view(workspace, "reduction")
chips = None if view is None else cache.chips(view)
heading, export_slot = page_heading("Clusters")
st.markdown(
    "Groups of chips with similar embeddings. Gaussian mixtures, k-means and Ward's hierarchy "
    "assign every chip to a group; you choose the number of groups. HDBSCAN finds dense groups and "
    "leaves the remaining chips as noise."
)
form, result = st.columns([5, 13], gap="large")
with form:
    if view is not None:
        view = cluster_sliders(view, len(chips or ()))
    with st.expander("Clustering space", expanded=view is None):
        space_form(workspace)
        run_button(workspace, "clusters", "Find clusters", "Finding clusters")
if view is None or chips is None:
    result.info("There are no clusters yet. They are found in the embeddings of your chips.")
    st.stop()

with result:
    stale_notice(view, "reduction", "clusters")
    assignment_panel(workspace)
    clusters = displayed_clusters(view)
    preparation_notice(view, clusters)
    export_panel(export_slot, clusters)
    if clusters is None:
        st.stop()
    heading.caption(describe_chips(chips))
    sync_chip_link(workspace, chips)
    selection_row(workspace, chips, clusters)
    finder_notes(workspace, chips, clusters)
    st.header(describe_clusters(clusters))
    cluster_notes(clusters)
    confounder_notice(clusters, chips)
    tabs = [tab for tab in TABS if tab != "Tree" or has_tree_chart(clusters)]
    key = choice_key(workspace, "view", "Overview", tabs)
    tab = st.segmented_control("View", tabs, key=key, required=True, label_visibility="collapsed")
    TABS[keep_choice(workspace, "view", tab or "Overview")](clusters, chips)
