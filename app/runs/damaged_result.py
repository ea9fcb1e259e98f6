"""The notice that the file of the current result is damaged, and the button that sets it aside."""

import streamlit as st

from app import messages
from app.session.displayed_clusters import keep_requested_result
from app.session.state import keep_choice, pop_choice
from app.widgets.markup import escape_markdown
from core.errors import ChipscapeError
from core.pipeline.results.current_file import find_damage, set_aside_current
from core.pipeline.workspace import Workspace

CONSEQUENCES = (
    "Computed results and saved runs are not affected, but the pages display the clusters without "
    "your names and other edits, and you cannot edit them. If you set the file aside, it is "
    "renamed and not deleted. Results that are saved as runs then get their names and other edits "
    "back, but those of a result that is no run are lost unless you repair the file."
)


def damaged_result_notice(workspace: Workspace) -> None:
    """Draw why the current result cannot be read, what that means, and the button that helps."""
    if error := pop_choice(workspace, "set aside error", ""):
        st.error(error)
    if path := pop_choice(workspace, "set aside", ""):
        st.success(escape_markdown(f"The damaged file was renamed to {path}."))
    damage = find_damage(workspace)
    if damage is None:
        return
    with st.container(border=True, key="cs_damaged_result"):
        problem = f"{damage.where}: {damage.problem}."
        st.markdown(f":material/warning: {escape_markdown(problem)} {CONSEQUENCES}")
        key = "cs.set aside"
        st.button("Set the file aside", key=key, on_click=_set_aside, args=(workspace,))


def _set_aside(workspace: Workspace) -> None:
    try:
        keep_choice(workspace, "set aside", str(set_aside_current(workspace)))
        # The displayed result becomes the current one now, so that the page lists its run as such.
        keep_requested_result(workspace)
    except ChipscapeError as error:
        keep_choice(workspace, "set aside error", messages.describe_error(error))
