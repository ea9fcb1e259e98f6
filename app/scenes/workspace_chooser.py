"""The choice of the workspace in the sidebar: the demo, the user's own, or any other folder."""

from collections import Counter
from functools import partial
from pathlib import Path

import streamlit as st

from app import messages
from app.session import jobs, state
from app.widgets.markup import escape_markdown
from core.errors import ChipscapeError
from core.pipeline.workspace import Workspace

TITLES = {state.DEMO: "Demo", state.MINE: "My scenes"}
PROBLEM = "problem with the folder"
FOLDER_HELP = (
    "A folder on the machine that Chipscape runs on. Its subfolder raw/ holds the scenes and their "
    "annotations; the results are written next to it. An empty folder becomes a new workspace."
)


def workspace_form() -> Workspace:
    """Draw the list of workspaces and the form that opens another; return the chosen workspace."""
    choices = state.workspace_choices()
    choice = st.selectbox(
        "Workspace",
        choices,
        format_func=partial(workspace_title, folders=tuple(choices)),
        key=state.workspace_widget_key(),
        help="The folder whose scenes and results are displayed. Each browser tab has its own.",
    )
    state.choose_workspace(choice or state.workspace_choice())
    workspace = state.current_workspace()
    # Another key after a folder has been opened closes the form.
    key = f"cs.open form:{workspace.root}"
    icon = ":material/folder_open:"
    with st.popover("Open a folder", icon=icon, width="stretch", key=key):
        _folder_form()
        st.caption(escape_markdown(f"Open now: {workspace.root}"))
    _show_busy_workspaces(workspace)
    if not workspace.root.is_dir() and choice not in TITLES:
        st.error(escape_markdown(f"{workspace.root} no longer exists. Open another workspace."))
    return workspace


def workspace_title(choice: str, folders: tuple[str, ...] = ()) -> str:
    """Return the name of a workspace; of folders with equal names, also the folder above."""
    if choice in TITLES:
        return TITLES[choice]
    path = Path(choice)
    is_unique = Counter(Path(folder).name for folder in folders)[path.name] < 2
    return path.name if is_unique and path.name else f"{path.name} ({path.parent})"


def _show_busy_workspaces(workspace: Workspace) -> None:
    """Offer the other workspaces in which a job is running, for those who return to the app."""
    for root in jobs.busy_workspaces(workspace):
        choice = _choice_of(Path(root))
        label = f"Job running in {escape_markdown(workspace_title(choice))}"
        icon, open_it = ":material/hourglass_top:", state.switch_workspace
        key = f"cs.busy:{root}"
        st.button(label, key, icon=icon, type="tertiary", on_click=open_it, args=(choice,))


def _choice_of(root: Path) -> str:
    home = state.home_workspace()
    return {home.root: state.MINE, home.demo.root: state.DEMO}.get(root, str(root))


def _folder_form() -> None:
    """Draw the field for the path of a workspace, and the reason if it could not be opened."""
    home, key = state.home_workspace(), "cs.open folder"
    st.text_input("Folder of the workspace", key=key, placeholder="/path/to/it", help=FOLDER_HELP)
    label, args = "Open this folder", (key,)
    st.button(label, "cs.open", width="stretch", on_click=_open_folder, args=args)
    if problem := state.page_choice(home, PROBLEM, ""):
        st.error(problem)


def _open_folder(key: str) -> None:
    """Open the folder whose path was entered; a button calls this before the page is drawn."""
    home, problem = state.home_workspace(), ""
    try:
        root = Workspace.open_folder(str(state.widget_value(key) or "")).root
        state.switch_workspace(_choice_of(root))
    except ChipscapeError as error:
        problem = messages.describe_error(error)
    state.keep_choice(home, PROBLEM, problem)
