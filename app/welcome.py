"""The first start: the demo is made while the visitor watches, then Explore opens."""

import streamlit as st

from app.session import cache, stage_jobs, state
from app.session.job_board import core_command
from app.widgets.markup import plain
from core.pipeline.workspace import Workspace

TITLE = "Preparing the demo"
# Clusters are live: what a slider asks for and nobody fitted is offered on the page.
NEEDED = ("chips", "embeddings", "projection")


def needed(place: Workspace) -> bool:
    """True while the demo's first run is not complete."""
    if state.choice() != state.DEMO or state.value(place, "demo was ready", default=False):
        return False
    ready = cache.plan(place, state.wanted(place)).ready
    complete = all(ready.get(stage) for stage in NEEDED)
    if complete:
        state.keep(place, "demo was ready", chosen=True)
    return not complete


def show(place: Workspace) -> None:
    """Start the demo's job, unless it failed before, and show how far it is."""
    key = f"{stage_jobs.prefix(place)}demo"
    job = cache.board().get(key)
    st.title("Chipscape")
    st.markdown(
        "Chipscape cuts a chip around every annotation of your scenes, describes each chip by "
        "numbers, groups what looks alike and lays it out as a landscape that you can explore."
    )
    if job is None:
        where = ("--workspace", place.root, "--json")
        settings = state.for_job(place, state.wanted(place))
        commands = (
            core_command("demo", *where),
            core_command("run", *where, "--settings", settings),
        )
        job = cache.board().start(key, TITLE, *commands)
    if job.state == "running":
        st.markdown("**A small demo is being prepared:** a harbour with boats and buildings, "
                    "drawn by the computer. It takes about half a minute, once.")  # fmt: skip
        state.await_demo()
    stage_jobs.watch(place)
    stage_jobs.told(place)
    if job.state in ("failed", "cancelled"):
        st.button("Try again", on_click=cache.board().forget, args=(key,))
    own_data()


def own_data() -> None:
    """How to bring scenes of one's own."""
    st.markdown("##### Your own scenes")
    st.markdown(
        "Choose **My scenes** on the left and drop them there, or put each GeoTIFF and a vector "
        "file of the same name (`quay.tif` and `quay.geojson`) into this folder:"
    )
    st.code(str(state.home().raw), language=None)


def notice(otherwise: str) -> None:
    """One quiet line under a title: that this is the demo, or what the page says itself."""
    if state.choice() == state.MINE:
        st.caption(plain(otherwise))
    else:
        st.caption(
            "This is the demo, an invented harbour. For your own data choose My scenes on the "
            f"left, and drop it there or put it into {plain(state.home().raw)}."
        )
