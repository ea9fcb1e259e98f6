"""Work in progress on the page: running jobs, failed and cancelled jobs, and short waits."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256

import streamlit as st

from app.session import cache, jobs, state
from app.session.job_board import Job
from app.widgets.markup import escape_markdown
from core.compute.dask_cluster import DASHBOARD
from core.compute.worker_results import NO_WORKER
from core.errors import ChipscapeError
from core.pipeline.estimates.cost_evidence import evidence_stamp
from core.pipeline.estimates.job_estimate import NO_ESTIMATE, CostModel, JobEstimate, cost_model
from core.pipeline.estimates.machine_speed import known_speed
from core.pipeline.estimates.work_amounts import CHIP_READERS, WorkReader
from core.pipeline.workspace import Workspace

# Text for each running stage, by the name under which the stage reports its progress.
ACTIVITIES = {
    "demo": "Drawing the demo harbour",
    "intake": "Copying files",
    "scenes": "Reading scenes",
    "chips": "Cutting chips",
    "screen": "Screening chips",
    "embeddings": "Embedding chips",
    "reduction": "Reducing dimensions",
    "clusters": "Finding clusters",
    "mixtures": "Fitting",
    "appearance": "Measuring the appearance of chips",
    "stability": "Clustering resamples",
    "card": "Measuring the clusters",
    "confounders": "Looking for confounders",
    "corrections": "Comparing corrections",
    "components": "Comparing mixtures",
    "projection": "Projecting to two dimensions",
    "assignment": "Assigning new chips",
    "estimate": "Measuring encoders",
    "comparison": "Comparing encoders",
    "land cover": "Generating the synthetic data set",
    "download": "Downloading",
    "unpack": "Unpacking",
    "survey": "Reading every file",
    "sample": "Sampling pixels for the charts",
    "domains": "Predicting held-out domains",
    "patches": "Predicting the training patches",
    "test": "Predicting the test patches",
    "maps": "Writing class maps",
    "grid": "Running the grid",
    "tree": "Building the tree",
    "cut": "Cutting the tree",
    "overviews": "Building overviews",
    "export": "Writing files",
    "economy": "Measuring the label economy",
    "scan": "Searching scenes",
    "changes": "Comparing two scenes",
}
REFRESH_SECONDS = 0.6
# Name under which a session remembers the jobs that it has seen running.
SEEN_JOBS = "seen jobs"
# The pages that show the result of a command, by the last stage of a run or by the command's name.
# The message on a finished job leads to the first one.
RESULT_PAGES: dict[str, tuple[str, ...]] = {
    "scenes": ("scenes",),
    "chips": ("chips",),
    "screen": ("chips",),
    "embeddings": ("embeddings",),
    "estimate": ("embeddings",),
    "compare": ("embeddings",),
    "reduction": ("clusters", "explore"),
    "clusters": ("clusters", "explore"),
    "cluster": ("explore", "clusters"),
    "landscape": ("explore", "clusters"),
    "quality": ("clusters",),
    "projection": ("explore", "map"),
    "overviews": ("map",),
    "replay": ("explore", "clusters"),
    "assign": ("explore", "clusters"),
    "scan": ("scan",),
    "changes": ("changes",),
}


ESTIMATE_HELP = (
    "Wall time on this machine without other load, with the range it is expected in, and memory at "
    "the peak. It comes from measurements of each step, and from former jobs of this workspace."
)


def estimate_line(
    workspace: Workspace,
    estimate: Callable[[CostModel], JobEstimate] | None,
    readers: Mapping[str, WorkReader] = CHIP_READERS,
) -> None:
    """Draw the estimate of the job that the button next to it starts, in one line.

    Without a basis, or if `estimate` is None, the line says that there is no estimate yet. The
    `readers` are those of `find_corrections`. Draws nothing if nothing has to be computed.
    """
    job = None
    if estimate is not None:
        with suppress(ChipscapeError, OSError):
            # A problem with the data is reported where they are displayed.
            job = estimate(_current_model(workspace, readers))
    if job is None:
        st.caption(f"{NO_ESTIMATE} of time and memory.")
        return
    if not job.pending:
        return
    text = f"{job.sentence}." if job.is_known else f"{NO_ESTIMATE} of time and memory."
    note = ESTIMATE_HELP if job.is_known else job.unknown[0].reason.capitalize()
    st.caption(escape_markdown(text), help=escape_markdown(note))
    for warning in job.warnings:
        st.warning(escape_markdown(warning))


def _current_model(workspace: Workspace, readers: Mapping[str, WorkReader]) -> CostModel:
    """Return the cost model of a workspace, cached until there is a new result."""
    stamp = evidence_stamp(workspace.store, readers)
    key = f"cost model {workspace.root} {[*readers]} {stamp} {known_speed()}"
    model = cache.cached_result(key, lambda: cost_model(workspace.store, readers))
    assert model is not None
    return model


def wait_until(is_ready: Callable[[], bool], caption: str) -> None:
    """Show a caption until something is ready, then run the page again."""

    @st.fragment(run_every=REFRESH_SECONDS)
    def poll() -> None:
        if is_ready():
            st.rerun()
        st.caption(caption)

    poll()


def show_running_jobs(workspace: Workspace) -> None:
    """Show the running jobs; in the sidebar, so that the page does not move when a job ends."""
    running = [job for job in jobs.list_jobs(workspace) if job.state == "running"]
    if not running:
        return
    seen = state.page_choice(workspace, SEEN_JOBS, frozenset())
    state.keep_choice(workspace, SEEN_JOBS, seen | {job.key for job in running})
    with st.container(key="cs_job"):
        for job in running:
            _show_progress(job.key)


def show_finished_jobs(workspace: Workspace) -> None:
    """Show the jobs that have finished, each with a link to its result, until that is opened.

    A job is shown in the sessions that have seen it running, or, if it ended while no page was
    open, in the first session after its end; in the sidebar, so that the page does not move.
    """
    seen = state.page_choice(workspace, SEEN_JOBS, frozenset())
    for job in jobs.list_jobs(workspace):
        if job.state != "done" or (job.key not in seen and job.is_reported):
            continue
        if job.key not in seen:
            seen = state.keep_choice(workspace, SEEN_JOBS, seen | {job.key})
        job.is_reported = True
        pages = result_pages(job)
        if not pages or state.current_page() in pages:
            _forget_job(workspace, job.key)
            continue
        with st.container(border=True, key=f"cs_done_{sha256(job.key.encode()).hexdigest()[:12]}"):
            text = f"{job.title}: done in {job.seconds:.0f} s"
            st.markdown(f":material/check_circle: {escape_markdown(text)}")
            label = f"Open {pages[0].capitalize()}"
            st.page_link(f"../pages/{pages[0]}.py", label=label, icon=":material/arrow_forward:")


def result_pages(job: Job) -> tuple[str, ...]:
    """Return the pages that show the result of a job, the best one first; empty if none does."""
    # A command line is the interpreter, -m, core, the name of the command, and options.
    command = [str(word) for word in job.commands[-1]] if job.commands else []
    name = command[3] if len(command) > 3 else ""
    if name == "run":
        name = command[command.index("--until") + 1] if "--until" in command else "projection"
    return RESULT_PAGES.get(name, ())


def _forget_job(workspace: Workspace, key: str) -> None:
    seen = state.page_choice(workspace, SEEN_JOBS, frozenset())
    state.keep_choice(workspace, SEEN_JOBS, seen - {key})


def show_ended_jobs(workspace: Workspace) -> None:
    """Show the failed and cancelled jobs, until they are dismissed."""
    if jobs.apply_pending_settings(workspace):
        st.rerun()
    for job in jobs.list_jobs(workspace):
        if job.state in ("failed", "cancelled"):
            _show_end(job)


def describe_progress(job: Job) -> str:
    """Return what a job is doing, in one line."""
    if job.waits_for:
        return f"Waiting for: {job.waits_for.title}"
    activity = ACTIVITIES.get(job.stage, "Starting")
    count = f", {job.n_done} of {job.n_total}" if job.n_total > 1 else ""
    note = f" ({job.note})" if job.note else ""
    return f"{activity}{count}{note}"


def describe_cluster(job: Job) -> str:
    """Return a link to the dashboard of the Dask cluster that works on a job, as Markdown.

    If no worker is connected, the text says so. It is empty for a job without a cluster.
    """
    lines = list(job.lines)
    link = next((x.removeprefix(DASHBOARD) for x in lines if x.startswith(DASHBOARD)), "")
    waiting = escape_markdown(lines[-1]) if lines and lines[-1].startswith(NO_WORKER) else ""
    return " ".join(filter(None, (f"[Dask's dashboard]({link})" if link else "", waiting)))


@st.fragment(run_every=REFRESH_SECONDS)
def _show_progress(key: str) -> None:
    job = cache.job_board().get(key)
    if job is None or job.state != "running":
        st.rerun()
    # Each job has its own container, since two containers with the same key break the page.
    with st.container(border=True, key=f"cs_job_{sha256(key.encode()).hexdigest()[:12]}"):
        st.markdown(f"**{escape_markdown(job.title)}** · {job.seconds:.0f} s")
        st.progress(job.fraction or 0.0, text=escape_markdown(describe_progress(job)))
        if text := describe_cluster(job):
            st.caption(text)
        is_stopping = job.stopping.is_set()
        label = "Stopping" if is_stopping else "Cancel"
        st.button(label, key=f"cs.cancel:{key}", disabled=is_stopping, on_click=job.cancel)


def _show_end(job: Job) -> None:
    with st.container(border=True):
        text = st.container()
        if job.state == "cancelled":
            text.info(escape_markdown(f"{job.title}: cancelled. Completed results are kept."))
        else:
            text.error(escape_markdown(f"{job.title}: {job.error}"))
            if state.is_first_report(job.key):
                # The user may have scrolled far below the message.
                note = f"{job.title} failed. The page states the reason, near its top."
                st.toast(escape_markdown(note))
            if job.lines:
                with st.expander("Log of the job"):
                    st.code("\n".join(job.lines), language=None)
        forget = cache.job_board().forget
        st.button("Dismiss", key=f"cs.dismiss:{job.key}", on_click=forget, args=(job.key,))
