"""The choices of this session, under keys that are kept across pages.

This is the only module that uses `st.session_state`. Streamlit drops the value of a widget when
another page runs, so each widget starts with the value stored here and stores its new value here.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any, cast

import streamlit as st

from app.session.recent_workspaces import (
    forget_last_folder,
    last_folder,
    recent_folders,
    remember_folder,
)
from core.chips.chip_set import ChipSet
from core.pipeline.land.land_workspace import has_land_cover
from core.pipeline.results.current_file import current_path
from core.pipeline.workspace import VARIABLE, Workspace
from core.raster.sidecars import RASTER_SUFFIXES

MINE, DEMO = "mine", "demo"


def drawer(name: str, workspace: Workspace) -> dict[str, Any]:
    """Return the dictionary of the session's values of one kind for one workspace."""
    return cast("dict[str, Any]", st.session_state.setdefault(f"cs.{name}:{workspace.root}", {}))


def home_workspace() -> Workspace:
    """Return the user's workspace: CHIPSCAPE_WORKSPACE, or the repository's data folder."""
    return Workspace.at()


def current_workspace() -> Workspace:
    """Return the workspace that this session displays."""
    home, choice = home_workspace(), workspace_choice()
    if choice in (MINE, DEMO):
        return home.demo if choice == DEMO else home
    return Workspace(Path(choice))


def session_token() -> str:
    """Return a text that distinguishes this session from all others."""
    return str(st.session_state.setdefault("cs.session", token_hex(8)))


def workspace_choice() -> str:
    """Return ``"mine"``, ``"demo"`` or the path of another workspace.

    A new session starts with the folder that was opened last. If there is none, it starts with the
    demo, unless the user's own workspace has data or was named by CHIPSCAPE_WORKSPACE. A workspace
    that was named but has nothing except the demo starts with the demo.
    """
    if "cs.workspace" not in st.session_state:
        folder = last_folder(home_workspace())
        home = home_workspace()
        is_named = bool(os.environ.get(VARIABLE)) and not home.demo.root.is_dir()
        default = MINE if has_data(home) or is_named else DEMO
        st.session_state["cs.workspace"] = str(folder or default)
    return str(st.session_state["cs.workspace"])


def choose_workspace(choice: str) -> None:
    """Display a workspace. A visitor who leaves the demo stops waiting for it."""
    if choice == workspace_choice():
        return
    st.session_state.pop("cs.awaits demo", None)
    st.session_state["cs.workspace"] = choice
    if choice in (MINE, DEMO):
        forget_last_folder(home_workspace())
    else:
        remember_folder(home_workspace(), Path(choice))


def switch_workspace(choice: str) -> None:
    """Display a workspace that was chosen outside the sidebar, and update the sidebar's widget."""
    choose_workspace(choice)
    st.session_state["cs.chooser"] = choice


def workspace_choices() -> list[str]:
    """Return the workspaces that can be chosen: the demo, the user's own, and recent folders."""
    folders = [str(folder) for folder in recent_folders(home_workspace())]
    return list(dict.fromkeys([DEMO, MINE, *folders, workspace_choice()]))


def workspace_widget_key() -> str:
    """Return the key of the widget that chooses the workspace."""
    return _with_start_value("cs.chooser", workspace_choice())


def has_data(workspace: Workspace) -> bool:
    """Return True if the workspace has scenes, results of scenes moved away, or land cover."""
    has_result = current_path(workspace).is_file()
    return has_scenes(workspace) or has_result or has_land_cover(workspace)


def has_scenes(workspace: Workspace) -> bool:
    """Return True if the workspace's raw folder has a file that may be a scene."""
    raw = workspace.raw
    return raw.is_dir() and any(path.suffix.lower() in RASTER_SUFFIXES for path in raw.iterdir())


def begin_script_run(page: str) -> None:
    """Remember which page is open, and which new widgets the last script run may not have shown."""
    st.session_state["cs.page"] = page
    st.session_state["cs.lost widgets"] = st.session_state.pop("cs.new widgets", set())


def current_page() -> str:
    """Return the address of the open page, such as ``"explore"``."""
    return str(st.session_state.get("cs.page", ""))


def end_script_run() -> None:
    """Record that the script ran to its end, so that the browser receives all of its widgets."""
    st.session_state["cs.new widgets"] = set()


def widget_key(workspace: Workspace, name: str, current: Any) -> str:
    """Return the key of a widget; a new widget starts with the current choice.

    The page is part of the key, because Streamlit drops the value of a widget whose key is also
    used on another page.
    """
    version, page = drawer("settings", workspace).get("version", 0), current_page()
    return _with_start_value(f"cs.widget:{page}:{workspace.root}:{version}:{name}", current)


def _with_start_value(key: str, value: Any) -> str:
    """Return the key of a widget, which starts with the value if it is new."""
    lost_widgets = st.session_state.get("cs.lost widgets", set())
    if key not in st.session_state or key in lost_widgets:
        # If a script run is interrupted, its last elements do not reach the browser. Streamlit then
        # sends the widget again without its value, the browser shows the smallest value and returns
        # that as the user's choice. Setting the value here makes Streamlit send it again.
        st.session_state[key] = st.session_state.get(key, value)
        st.session_state.setdefault("cs.new widgets", set()).add(key)
        lost_widgets.discard(key)
    return key


def widget_value(key: str) -> Any:
    """Return the value of a widget, even before it is drawn; None if it is new."""
    return st.session_state.get(key)


def set_widget_value(key: str, value: Any) -> None:
    """Let a widget that is drawn later in this run of the script display a value."""
    st.session_state[key] = value


def renew_widgets(workspace: Workspace) -> None:
    """Give every widget of a workspace a new key, so that it starts with the current choice."""
    settings = drawer("settings", workspace)
    settings["version"] = settings.get("version", 0) + 1


def choice_key(workspace: Workspace, name: str, default: Any, options: Sequence[Any] = ()) -> str:
    """Return the key of a widget that starts with the choice saved by `keep_choice`, or a default.

    A widget with options gets a new key whenever its options change.
    """
    last = page_choice(workspace, name, default)
    start = last if last in options or not options else default
    return widget_key(workspace, f"{name} {options}" if options else name, start)


def page_choice(workspace: Workspace, name: str, default: Any) -> Any:
    """Return a remembered choice of a page, such as the column that colours the points."""
    return drawer("values", workspace).get(name, default)


def keep_choice(workspace: Workspace, name: str, choice: Any) -> Any:
    """Remember a choice of a page and return it."""
    drawer("values", workspace)[name] = choice
    return choice


def pop_choice(workspace: Workspace, name: str, default: Any) -> Any:
    """Return a remembered choice and forget it, such as a message that is displayed once."""
    return drawer("values", workspace).pop(name, default)


def pick_chip(workspace: Workspace, chip_id: str | None) -> None:
    """Remember the chip that was clicked; None for no chip."""
    drawer("picked", workspace)["chip"] = chip_id


def select_chips(workspace: Workspace, chip_ids: Sequence[str]) -> None:
    """Remember the chips that were selected on a plot, a map or in a table, each once."""
    drawer("selected", workspace)["chips"] = tuple(dict.fromkeys(chip_ids))


def clear_selection(workspace: Workspace) -> None:
    """Select no chips; the picked chip stays."""
    select_chips(workspace, ())


def clear_chips(workspace: Workspace) -> None:
    """Pick and select no chips."""
    pick_chip(workspace, None)
    clear_selection(workspace)


def mark_chips(workspace: Workspace, added: Sequence[str], removed: Collection[str] = ()) -> None:
    """Add chips to the selection, and remove others from it."""
    removed = frozenset(removed)
    remaining = [chip_id for chip_id in selected_chips(workspace) if chip_id not in removed]
    select_chips(workspace, [*remaining, *added])


def picked_chip(workspace: Workspace) -> str | None:
    """Return the id of the picked chip; None if no chip is picked."""
    return cast("str | None", drawer("picked", workspace).get("chip"))


def selected_chips(workspace: Workspace) -> tuple[str, ...]:
    """Return the ids of the selected chips."""
    return cast("tuple[str, ...]", drawer("selected", workspace).get("chips", ()))


def picked_row(workspace: Workspace, chips: ChipSet) -> int | None:
    """Return the row of the picked chip; None if it is not one of these chips."""
    chip_id = picked_chip(workspace)
    return None if chip_id is None else chips.row_by_id.get(chip_id)


def selected_rows(workspace: Workspace, chips: ChipSet) -> tuple[int, ...]:
    """Return the rows of the selected chips; chips not in the chip set are left out."""
    chip_ids = selected_chips(workspace)
    return tuple(chips.row_by_id[chip_id] for chip_id in chip_ids if chip_id in chips.row_by_id)


def forget_missing_chips(workspace: Workspace, chips: ChipSet) -> None:
    """Drop the chips that no longer exist from the selection, so that no action applies to them.

    If another workspace was displayed before, nothing stays picked or selected.
    """
    root = str(workspace.root)
    if st.session_state.setdefault("cs.chips of", root) != root:
        st.session_state["cs.chips of"] = root
        clear_chips(workspace)
    chip_ids = selected_chips(workspace)
    present = [chip_id for chip_id in chip_ids if chip_id in chips.row_by_id]
    if len(present) < len(chip_ids):
        select_chips(workspace, present)
    if picked_row(workspace, chips) is None:
        pick_chip(workspace, None)


def link_memory() -> dict[str, Any]:
    """Return what is known of the chip in the page's address; see `app.session.chip_links`."""
    return cast("dict[str, Any]", st.session_state.setdefault("cs.link", {}))


def is_new_event(workspace: Workspace, plot_key: str, points: tuple[int, ...]) -> bool:
    """Return True if an event of a plot is new; a plot reports its last event at every run."""
    events = drawer("seen", workspace)
    is_new = bool(points) and events.get(plot_key) != points
    events[plot_key] = points
    return is_new


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
    return cast("dict[Any, Any]", st.session_state.setdefault("cs.plans", {}))
