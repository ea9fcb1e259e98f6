"""The first start: a page shows the progress of the demo, then the Explore page opens."""

import streamlit as st

from app.session import cache, jobs, saved_settings, state
from app.session.job_board import core_command
from app.session.views import requested_settings, requested_view
from app.widgets.job_status import show_ended_jobs, show_running_jobs
from app.widgets.markup import escape_markdown
from core.pipeline.workspace import Workspace

# Clusters are not needed, because the Explore page offers to compute missing clusters.
NEEDED_STAGES = ("chips", "embeddings", "projection")


def is_demo_pending(workspace: Workspace) -> bool:
    """Return True while the first run of the demo is not complete."""
    was_ready = state.page_choice(workspace, "demo was ready", default=False)
    if was_ready or state.workspace_choice() != state.DEMO:
        return False
    view = requested_view(workspace)
    is_ready = all(view.has(stage) for stage in NEEDED_STAGES)
    state.keep_choice(workspace, "demo was ready", is_ready)
    return not is_ready


def demo_progress(workspace: Workspace) -> None:
    """Start the job that prepares the demo, unless it has failed before, and show its progress."""
    key = f"{jobs.job_prefix(workspace)}demo"
    job = cache.job_board().get(key)
    st.title("Chipscape")
    st.markdown(
        "Chipscape cuts a chip around every annotation of your scenes, describes each chip by "
        "numbers, groups similar chips into clusters, and displays all of them in a plot that you "
        "can explore."
    )
    if job is None:
        options = ("--workspace", workspace.root, "--json")
        file = saved_settings.write_job_settings(workspace, requested_settings(workspace))
        demo = core_command("demo", *options)
        run = core_command("run", *options, "--settings", file)
        job = cache.job_board().start(key, "Preparing the demo", demo, run)
    if job.state == "running":
        st.markdown(
            "**A small demo is being prepared:** a synthetic harbour with boats and buildings. "
            "This takes about half a minute and is needed only once."
        )
        state.await_demo()
    show_running_jobs(workspace)
    show_ended_jobs(workspace)
    if job.state in ("failed", "cancelled"):
        st.button("Try again", on_click=cache.job_board().forget, args=(key,))
    st.header("Your own scenes")
    st.markdown(
        "Choose **My scenes** on the left and drop your files there, or put each GeoTIFF and a "
        "vector file of the same name (`quay.tif` and `quay.geojson`) into this folder:"
    )
    st.code(str(state.home_workspace().raw), language=None)


def demo_notice(text: str) -> None:
    """Draw one line under the title: a note in the demo, otherwise `text`."""
    if state.workspace_choice() == state.DEMO:
        text = (
            "This is the demo, a synthetic harbour. To use your own data, choose My scenes on the "
            f"left and drop your files there, or put them into {state.home_workspace().raw}."
        )
    st.caption(escape_markdown(text))
