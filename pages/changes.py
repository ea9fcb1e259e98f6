"""Changes: two scenes of the same ground compared, footprint by footprint."""

import streamlit as st

from app import messages
from app.changes.change_viewer import change_viewer
from app.changes.pair_form import pair_form, read_changes
from app.clusters.assignment_panel import current_reference
from app.session.state import current_workspace

workspace = current_workspace()
st.title("Changes")
reference = current_reference(workspace)
if reference is None:
    st.markdown(
        "Compare two scenes of the same ground. This needs a complete result: compute clusters "
        "and projection first."
    )
    st.stop()
with messages.show_errors():
    pair = pair_form(reference.view)
    changes = None if pair is None else read_changes(pair)
    if changes is not None:
        change_viewer(changes)
    else:
        st.markdown(
            "The chip of each footprint is cut from both scenes. The score is the distance between "
            "the two chips, compared with that of most other footprints, which are assumed to be "
            "unchanged: differences in light that all of them share do not count."
        )
