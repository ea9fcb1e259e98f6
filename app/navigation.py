"""The pages of the app, the sidebar next to them, and the start page."""

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from app import messages, welcome
from app.scenes.scene_notices import page_notices
from app.scenes.workspace_chooser import workspace_form, workspace_title
from app.server.busy_timers import skip_timers_of_busy_sessions
from app.server.garbage import freeze_modules
from app.server.sign_in import require_sign_in
from app.session import cache, displayed_clusters, jobs, state, views
from app.widgets.images import file_uri
from app.widgets.job_status import show_ended_jobs, show_finished_jobs, show_running_jobs
from app.widgets.markup import stages_html
from app.widgets.theme import watch_theme
from core.pipeline.run_stages import RUN_STAGES
from core.pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "app" / "static"
PAGES = (
    "scenes",
    "chips",
    "embeddings",
    "clusters",
    "explore",
    "contact_sheet",
    "map",
    "scan",
    "changes",
    "labels",
    "runs",
)
TITLES = {"scan": "Find in scenes"}
LAND_COVER_PAGES = ("data", "pixels", "models", "confusion")
# These pages draw the notices next to their picture, which would otherwise move.
OWN_NOTICES = ("explore", "map", "scan")
SLIDER_PAGES = ("explore", "clusters")
SIDEBAR_WIDTH = 236
# Time after which a page notices that another window has changed the result.
FOLLOW_SECONDS = 4


def draw_app() -> None:
    """Draw the sidebar and the page."""
    skip_timers_of_busy_sessions()
    icon = file_uri(STATIC / "icon.png")
    st.set_page_config("Chipscape", icon, layout="wide", initial_sidebar_state=SIDEBAR_WIDTH)
    st.html(STATIC / "style.css")
    st.logo(str(STATIC / "logo.svg"), icon_image=icon, size="large")
    require_sign_in()
    pages = {name: _page(name, name) for name in PAGES}
    # The land cover pages keep these addresses, because bookmarks use them.
    land_cover_pages = [_page(f"land_cover_{name}", f"flair_{name}") for name in LAND_COVER_PAGES]
    # The default page has no address of its own, so it is an empty page that redirects to another.
    start = st.Page(_draw_nothing, title="Chipscape", default=True, visibility="hidden")
    groups = {"Chips": [start, *pages.values()], "Land cover": land_cover_pages}
    page = st.navigation(groups, expanded=True)
    views.forget_views()
    state.begin_script_run(page.url_path)
    with messages.show_errors():
        workspace, job_slot, stage_slot = _draw_sidebar()
        if page in land_cover_pages:
            with st.container():
                show_ended_jobs(workspace)
            _draw_page(workspace, page, job_slot)
        else:
            _draw_chip_page(workspace, page, (job_slot, stage_slot), start, pages)
    state.end_script_run()
    freeze_modules()


def _draw_chip_page(
    workspace: Workspace,
    page: StreamlitPage,
    slots: tuple[DeltaGenerator, DeltaGenerator],
    start: StreamlitPage,
    pages: dict[str, StreamlitPage],
) -> None:
    job_slot, stage_slot = slots
    jobs.resume_requested_settings(workspace)
    if views.follow_current(workspace):
        st.toast("The result was changed in another window or by a command.")
    views.remember_ready_stages(workspace)
    if welcome.is_demo_pending(workspace):
        _show_stages(workspace, stage_slot)
        welcome.demo_progress(workspace)
        return
    if state.awaits_demo() and page is not pages["explore"]:
        st.switch_page(pages["explore"])
    if page is start:
        has_results = views.displayed_view(workspace, "projection") is not None
        st.switch_page(pages["explore" if has_results else "scenes"])
    try:
        if jobs.apply_pending_settings(workspace):
            st.rerun()
        with st.container():
            if page.url_path not in OWN_NOTICES:
                page_notices(workspace)
        _draw_page(workspace, page, job_slot)
        displayed_clusters.keep_requested_result(workspace)
        if page.url_path in SLIDER_PAGES:
            displayed_clusters.prepare_next_cut(workspace)
    finally:
        _show_stages(workspace, stage_slot)
    views.remember_result_stamp(workspace)
    _follow_other_windows(workspace)
    # This follows the page, because the preparation of the sliders must not delay the first plot.
    if state.end_demo_wait():
        jobs.prepare_sliders(workspace, views.requested_settings(workspace))
        st.rerun()


@st.fragment(run_every=FOLLOW_SECONDS)
def _follow_other_windows(workspace: Workspace) -> None:
    """Draw the page again if another window or a command has changed the current result."""
    if views.is_result_changed(workspace):
        st.rerun()


def _page(name: str, address: str) -> StreamlitPage:
    words = name.removeprefix("land_cover_").replace("_", " ")
    title = TITLES.get(name, words.capitalize())
    return st.Page(ROOT / "pages" / f"{name}.py", title=title, url_path=address)


def _draw_page(workspace: Workspace, page: StreamlitPage, job_slot: DeltaGenerator) -> None:
    """Draw the page, with jobs in the sidebar."""
    with job_slot:
        show_running_jobs(workspace)
        watch_theme()
        show_finished_jobs(workspace)
    page.run()


def _draw_nothing() -> None:
    """Draw nothing: the app switches to another page before this one is drawn."""


def _draw_sidebar() -> tuple[Workspace, DeltaGenerator, DeltaGenerator]:
    """Draw the workspace selector; return the workspace, and slots for jobs and for the stages."""
    with st.sidebar:
        workspace = workspace_form()
        title = workspace_title(state.workspace_choice())
        # The title of the browser's tab, which distinguishes tabs with different workspaces.
        st.set_page_config(f"{title} · Chipscape")
        return workspace, st.container(), st.empty()


def _show_stages(workspace: Workspace, slot: DeltaGenerator) -> None:
    """Show the state of each stage; called after the page, whose forms may change the settings."""
    view, job = views.requested_view(workspace), jobs.running_job(workspace)
    entries = []
    for stage in RUN_STAGES:
        if not stage.needs:
            continue
        # A cut of a tree has no artifact of its own, but its reduction has one.
        result = "reduction" if stage.name == "clusters" else stage.name
        displayed = views.displayed_view(workspace, result)
        state_and_words = "none", "not yet"
        if job is not None and job.stage == stage.name:
            state_and_words = "running", "running"
        elif cache.is_ready(view, stage.name):
            state_and_words = "done", "done"
        elif displayed is not None and cache.is_ready(displayed, stage.name):
            state_and_words = "stale", "changed"
        entries.append((stage.title, *state_and_words))
    slot.html(stages_html(entries))
