"""Labels: label the chips that matter most, accept suggestions, and find wrong labels."""

import streamlit as st

from app import messages
from app.labels import label_panels, label_state
from app.labels.next_chip import next_chip_panel
from app.session.chip_links import sync_chip_link
from app.session.state import choice_key, current_workspace, keep_choice, pick_chip, picked_row
from app.session.views import displayed_view
from app.widgets.stage_forms import stale_notice

TABS = {
    "Progress": label_panels.progress_panel,
    "Suggestions": label_panels.suggestion_panel,
    "Doubtful labels": label_panels.doubt_panel,
    "Near-duplicates": label_panels.duplicate_panel,
}

workspace = current_workspace()
view = displayed_view(workspace, "reduction")
st.title("Labels")
if view is None:
    st.info("There is nothing to label yet. Find clusters on the Clusters page first.")
    st.stop()
stale_notice(view, "reduction", "clusters")
with messages.show_errors():
    task = label_state.label_task(view)
    sync_chip_link(workspace, task.chips)
    st.markdown(
        f"{label_panels.describe_task(task)}. Label the chip on the left with the buttons or the "
        "keys 1 to 9. The other chips get suggestions, which improve with each label."
    )
    label_state.show_refusal(view)
    left, right = st.columns([9, 11], gap="large")
    picked, proposed = picked_row(workspace, task.chips), label_state.proposed_chip(view, task)
    row = picked if picked is not None else proposed.row if proposed else None
    with left:
        if row is None:
            st.success("Every chip has a label or was skipped.")
        else:
            suggestions = label_state.label_suggestions(view, task)
            next_chip_panel(view, task, None if picked is not None else proposed, row, suggestions)
            if picked is not None and proposed is not None:
                back = "Back to the proposed chip"
                st.button(back, key="cs.label back", on_click=pick_chip, args=(workspace, None))
    with right:
        key = choice_key(workspace, "label tab", "Progress", list(TABS))
        tab = st.segmented_control(
            "View", list(TABS), key=key, required=True, label_visibility="collapsed"
        )
        with messages.show_errors():
            TABS[keep_choice(workspace, "label tab", tab or "Progress")](view, task)
