"""The choices of this session, under keys that outlive a page.

This is the only module that uses `st.session_state`. Streamlit drops the value of a widget when
another page runs, so widgets start from the values kept here, and their values are kept here.
"""

from typing import Any

import streamlit as st

from core.pipeline.flair.flair_workspace import has_land_cover
from core.pipeline.workspace import Workspace

MINE, DEMO = "mine", "demo"


def drawer(name: str, workspace: Workspace) -> dict[str, Any]:
    """Return the values that the session keeps on one subject for one workspace."""
    values: dict[str, Any] = st.session_state.setdefault(f"cs.{name}:{workspace.root}", {})
    return values


def home_workspace() -> Workspace:
    """Return the user's workspace: CHIPSCAPE_WORKSPACE, or the repository's data folder."""
    return Workspace.at()


def current_workspace() -> Workspace:
    """Return the workspace that this session displays."""
    home = home_workspace()
    return home.demo if workspace_choice() == DEMO else home


def workspace_choice() -> str:
    """Return ``"mine"`` or ``"demo"``; by default the demo, unless the user has data."""
    if "cs.workspace" not in st.session_state:
        st.session_state["cs.workspace"] = MINE if has_data(home_workspace()) else DEMO
    choice: str = st.session_state["cs.workspace"]
    return choice


def choose_workspace(choice: str) -> None:
    """Display a workspace. A visitor who leaves the demo no longer waits for it."""
    if choice == MINE and workspace_choice() == DEMO:
        st.session_state.pop("cs.awaits demo", None)
    st.session_state["cs.workspace"] = choice


def switch_workspace(choice: str) -> None:
    """Display a workspace from elsewhere than the sidebar, whose widget follows."""
    choose_workspace(choice)
    st.session_state["cs.chooser"] = choice


def workspace_widget_key() -> str:
    """Return the key of the widget that chooses the workspace."""
    st.session_state.setdefault("cs.chooser", workspace_choice())
    return "cs.chooser"


def has_data(workspace: Workspace) -> bool:
    """Return True if the workspace has scenes or land cover."""
    return has_scenes(workspace) or has_land_cover(workspace)


def has_scenes(workspace: Workspace) -> bool:
    """Return True if the workspace's raw folder has a file that may be a scene."""
    suffixes, raw = (".tif", ".tiff"), workspace.raw
    return raw.is_dir() and any(path.suffix.lower() in suffixes for path in raw.iterdir())


def enter_page(page: str) -> None:
    """Remember which page is open."""
    st.session_state["cs.page"] = page


def widget_key(workspace: Workspace, name: str, current: Any) -> str:
    """Return the key of a widget; a new widget starts with the current choice.

    The page is part of the key, because Streamlit drops the value of a widget whose key is also
    used on another page.
    """
    version = drawer("settings", workspace).get("version", 0)
    page = st.session_state.get("cs.page", "")
    key = f"cs.widget:{page}:{workspace.root}:{version}:{name}"
    if key not in st.session_state:
        st.session_state[key] = current
    return key


def widget_value(key: str) -> Any:
    """Return the value of a widget, also before it is drawn; None if it is new."""
    return st.session_state.get(key)


def renew_widgets(workspace: Workspace) -> None:
    """Give every widget of a workspace a new key, so that it starts with the current choice."""
    settings = drawer("settings", workspace)
    settings["version"] = settings.get("version", 0) + 1


def page_choice(workspace: Workspace, name: str, default: Any) -> Any:
    """Return a small choice of a page, such as what colours the points."""
    return drawer("values", workspace).get(name, default)


def keep_choice(workspace: Workspace, name: str, choice: Any) -> Any:
    """Remember a small choice and return it."""
    drawer("values", workspace)[name] = choice
    return choice


def is_first_report(job_key: str) -> bool:
    """Return True the first time that the end of a job is reported to this visitor."""
    reported: set[str] = st.session_state.setdefault("cs.told", set())
    first = job_key not in reported
    reported.add(job_key)
    return first


def await_demo() -> None:
    """Remember that this visitor is waiting for the demo."""
    st.session_state["cs.awaits demo"] = True


def awaits_demo() -> bool:
    """Return True if this visitor is waiting for the demo."""
    return bool(st.session_state.get("cs.awaits demo", False))


def end_demo_wait() -> bool:
    """Stop waiting for the demo; return True if this visitor was waiting."""
    return bool(st.session_state.pop("cs.awaits demo", False))


def views_of_run() -> dict[Any, Any]:
    """Return the views that have been looked up in this run of the script, by key."""
    views: dict[Any, Any] = st.session_state.setdefault("cs.plans", {})
    return views
