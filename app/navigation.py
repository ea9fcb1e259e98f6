"""Which pages there are, the sidebar around them, and where a visitor lands."""

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from app import messages, welcome
from app.session import cache, stage_jobs, state
from app.widgets.markup import stages
from core.pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "app" / "static"
PAGES = (("scenes", "Scenes"), ("chips", "Chips"), ("embeddings", "Embeddings"),
         ("clusters", "Clusters"), ("explore", "Explore"), ("map", "Map"))  # fmt: skip
LAND_PAGES = (
    ("land_cover_data", "Data"),
    ("land_cover_pixels", "Pixels"),
    ("land_cover_models", "Models"),
    ("land_cover_confusion", "Confusion"),
)
SIDEBAR_WIDTH = 236
NAMES = {state.DEMO: "Demo", state.MINE: "My scenes"}
SHOWN_STAGES = {
    "chips": "Chips",
    "embeddings": "Embeddings",
    "clusters": "Clusters",
    "projection": "Projection",
}


def run() -> None:
    """Draw the frame, then the page."""
    st.set_page_config(
        "Chipscape", str(STATIC / "icon.png"), layout="wide", initial_sidebar_state=SIDEBAR_WIDTH
    )
    st.html(STATIC / "style.css")
    st.logo(str(STATIC / "logo.svg"), icon_image=str(STATIC / "icon.png"), size="large")
    pages = {
        name: st.Page(ROOT / "pages" / f"{name}.py", title=title, url_path=_address(name))
        for name, title in (*PAGES, *LAND_PAGES)
    }
    land = [pages[name] for name, _ in LAND_PAGES]
    # A default page loses its own address, so the default is one that only shows the way.
    door = st.Page(_no_page, title="Chipscape", default=True, visibility="hidden")
    chips = [door, *(pages[name] for name, _ in PAGES)]
    page = st.navigation({"Chips": chips, "Land cover": land})
    cache.fresh()
    state.enter(page.url_path)
    with messages.guard():
        place, slot = _sidebar()
        if page in land:
            _watched(place, page)
            return
        state.settle(place, lambda settings: cache.plan(place, settings).ready)
        if welcome.needed(place):
            _status(place, slot)
            welcome.show(place)
            return
        if state.awaits_demo() and page is not pages["explore"]:
            st.switch_page(pages["explore"])
        if page.url_path == "":
            st.switch_page(pages["explore" if _finished(place) else "scenes"])
        try:
            _watched(place, page)
        finally:
            _status(place, slot)
        # Only now: what the sliders need must not slow down the first sight of the landscape.
        if state.awaited_demo():
            stage_jobs.prepare(place, state.wanted(place))
            st.rerun()


def _watched(place: Workspace, page: StreamlitPage) -> None:
    """The page, with what is running in the sidebar and what failed above it."""
    with st.sidebar:
        stage_jobs.watch(place)
    with st.container():
        stage_jobs.told(place)
    page.run()


def _address(name: str) -> str:
    """The page's path in the browser: land cover keeps the one that bookmarks know."""
    return name.replace("land_cover_", "flair_")


def _no_page() -> None:
    """Never seen: `run` leads on before it."""


def _sidebar() -> tuple[Workspace, DeltaGenerator]:
    with st.sidebar:
        chosen = st.segmented_control(
            "Workspace",
            options=list(NAMES),
            format_func=lambda name: NAMES[name],
            key=state.chooser(),
            width="stretch",
            required=True,
        )
        state.choose(chosen or state.choice())
        place = state.workspace()
        return place, st.empty()


def _status(place: Workspace, slot: DeltaGenerator) -> None:
    """The state of each stage; after the page, whose forms may have changed the settings."""
    job = stage_jobs.busy(place)
    slot.html(stages(_states(place, job.stage if job else "")))


def _states(place: Workspace, at_work: str) -> list[tuple[str, str, str]]:
    asked = state.wanted(place)
    plan = cache.plan(place, asked)
    ready = plan.ready | {"clusters": cache.labelling(place, plan, asked) is not None}
    entries = []
    for stage, label in SHOWN_STAGES.items():
        if stage == at_work:
            entries.append((label, "running", "running"))
        elif ready[stage]:
            entries.append((label, "done", "done"))
        elif state.showing(place, stage):
            entries.append((label, "stale", "changed"))
        else:
            entries.append((label, "none", "not yet"))
    return entries


def _finished(place: Workspace) -> bool:
    return cache.plan(place, state.wanted(place)).ready["projection"]
