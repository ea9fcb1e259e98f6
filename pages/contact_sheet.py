"""Contact sheet: chips in pages, which are named, approved and excluded with the keyboard."""

import streamlit as st

from app.clusters.cluster_editor import cluster_edits, history_buttons
from app.contact_sheet.sheet_canvas import draw_sheet
from app.contact_sheet.sheet_scope import choose_rows
from app.export.export_panel import export_panel, page_heading
from app.session import cache
from app.session.displayed_clusters import displayed_clusters
from app.session.state import current_workspace, page_choice
from app.session.views import displayed_view
from app.widgets.markup import count_noun
from app.widgets.selection_bar import describe_chips
from app.widgets.sliders.cluster_sliders import cluster_notes
from app.widgets.stage_forms import stale_notice

workspace = current_workspace()
view = displayed_view(workspace, "reduction")
chips = None if view is None else cache.chips(view)
heading, export_slot = page_heading("Contact sheet")
clusters = None if view is None or chips is None else displayed_clusters(view)
export_panel(export_slot, clusters)
if view is None or chips is None or clusters is None:
    st.info("There are no clusters yet. Find them on the Clusters page, then name them here.")
    st.stop()
approved = int((clusters.edited.approved_chips & ~clusters.edited.excluded).sum())
with heading:
    st.caption(f"{describe_chips(chips)} · {count_noun(approved, 'chip')} approved")
stale_notice(view, "reduction", "clusters")
cluster_notes(clusters)
sheet = choose_rows(clusters, chips)
scope = page_choice(workspace, "sheet scope", None)
with st.container(horizontal=True, vertical_alignment="center"):
    if isinstance(scope, int) and (clusters.ids == scope).any() and scope >= 0:
        with st.popover("Edit the cluster"):
            cluster_edits(clusters, scope)
    history_buttons(clusters)
if not sheet.rows:
    st.info("There are no such chips.")
    st.stop()
draw_sheet(clusters, chips, sheet)
