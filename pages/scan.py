"""Find in scenes: more objects like some chips, anywhere in the scenes, reviewed one by one."""

import streamlit as st

from app import messages
from app.clusters.assignment_panel import current_reference
from app.scan.review_panel import find_result, review_panel
from app.scan.search_form import search_form, start_button
from app.scenes.scene_notices import page_notices
from app.session.state import current_workspace

workspace = current_workspace()
st.title("Find in scenes")
reference = current_reference(workspace)
if reference is None:
    page_notices(workspace)
    st.markdown(
        "Search whole scenes for more objects like some of your chips. This needs a complete "
        "result: compute clusters and projection first."
    )
    st.stop()
left, right = st.columns([5, 13], gap="large")
request, result = None, None
with left, messages.show_errors():
    request = search_form(reference)
    if request is not None:
        result = find_result(request.query)
        if result is None:
            start_button(request)
with left:
    page_notices(workspace)
with right, messages.show_errors():
    if result is not None:
        review_panel(result)
    else:
        st.markdown(
            "A window of the examples' size moves over each scene. Every place gets a score for "
            "its similarity to the examples, and you confirm or reject the best places one by one. "
            "The first search of a scene takes minutes; later searches with examples of a similar "
            "size take seconds."
        )
