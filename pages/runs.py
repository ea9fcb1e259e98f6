"""Runs: the saved results of the workspace, to load again, to compare and to delete."""

import streamlit as st

from app import messages
from app.runs import comparison_panel, run_list
from app.session.state import current_workspace

workspace = current_workspace()
st.title("Runs")
st.markdown(
    "Each run is a result with its settings, cluster names and other edits. Loading a run makes it "
    "the current result on all pages, in all windows, for exports and for the command line."
)
run_list.save_form(workspace)
records = run_list.listed_runs(workspace)
if not records:
    st.markdown("There are no runs yet. A run is saved whenever results have been computed.")
run_list.run_list(workspace, records)
if records:
    run_list.cleaning_button(workspace)
    st.header("Compare two runs")
    with messages.show_errors():
        comparison_panel.run_comparison_panel(workspace, records)
