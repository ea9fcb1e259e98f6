"""Jobs on the page: started, watched, cancelled."""

import dataclasses
from collections.abc import Sequence
from hashlib import sha256

import streamlit as st

from app.session import cache, state
from app.session.job_board import Job, core_command
from app.widgets.markup import plain
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

STAGES = {
    "demo": "Drawing the demo harbour",
    "intake": "Copying files",
    "scenes": "Reading scenes",
    "chips": "Cutting chips",
    "screen": "Looking for chips not worth keeping",
    "embeddings": "Embedding chips",
    "reduction": "Reducing dimensions",
    "clusters": "Finding clusters",
    "mixtures": "Fitting",
    "appearance": "Looking at the chips",
    "stability": "Clustering resamples",
    "card": "Measuring",
    "confounders": "Looking for confounders",
    "components": "Comparing mixtures",
    "projection": "Projecting to two dimensions",
    "estimate": "Measuring encoders",
    "comparison": "Comparing encoders",
    "land cover": "Painting the look-alike",
    "download": "Downloading",
    "unpack": "Unpacking",
    "survey": "Reading every file",
    "sample": "Drawing pixels for the charts",
    "domains": "Predicting domains left out",
    "patches": "Predicting the training patches",
    "test": "Predicting the test patches",
    "maps": "Writing class maps",
    "grid": "Running the grid",
    "tree": "Building the tree",
    "cut": "Cutting the tree",
    "overviews": "Building overviews",
    "economy": "Spending labels",
}
REFRESH_SECONDS = 0.6
MOST_COMPONENTS = 20


def prefix(place: Workspace) -> str:
    """What the keys of this workspace's jobs start with."""
    return f"{place.root}::"


def jobs(place: Workspace) -> list[Job]:
    """The jobs of a workspace, whichever session started them."""
    return cache.board().jobs(prefix(place))


def busy(place: Workspace) -> Job | None:
    """A job that is running in this workspace."""
    return next((job for job in jobs(place) if job.state == "running"), None)


def start(place: Workspace, settings: RunSettings, until: str, title: str) -> None:
    """Compute a stage, and those before it, that are not there yet."""
    state.expect(place, settings, until)
    _run(place, settings, until, title)


def start_first(place: Workspace, settings: RunSettings, until: str, title: str) -> None:
    """Compute a stage, and ask for these settings of the scenes once it is there.

    The page itself would otherwise lay a grid over every scene before it can show anything.
    """
    job = _run(place, settings, until, title)
    state.later(place)[job.key] = settings


def take_in(place: Workspace, folder: str, existing: str) -> Job:
    """Copy another folder's scenes and annotations into raw/."""
    command = core_command("take-in", folder, "--existing", existing, "--workspace", place.root,
                           "--json")  # fmt: skip
    return _start(place, f"take-in {folder}", "Copying files", command)


def screen(place: Workspace, settings: RunSettings) -> None:
    """Flag the chips that may not be worth keeping."""
    _start(place, f"screen {settings}", "Screening", _command(place, settings, "screen"))


def _run(place: Workspace, settings: RunSettings, until: str, title: str) -> Job:
    command = _command(place, settings, "run", "--until", until)
    return _start(place, f"{until} {settings}", title, command)


def refit(place: Workspace, settings: RunSettings) -> None:
    """Learn the encoder anew from all scenes, and embed every chip again."""
    anew = dataclasses.replace(settings, embed=dataclasses.replace(settings.embed, refit=True))
    start(place, anew, "embeddings", "Learning the encoder anew")


def sweep(place: Workspace, settings: RunSettings) -> None:
    """Fit a mixture for each number of components, so that the slider answers at once."""
    _start(place, f"sweep {settings}", "Fitting 2 to 20", _sweep(place, settings))


def grow(place: Workspace, settings: RunSettings) -> None:
    """Build HDBSCAN's tree, so that its sliders answer at once."""
    _start(place, f"tree {settings}", "Building the tree", _grow(place, settings))


def prepare(place: Workspace, settings: RunSettings) -> None:
    """Both, one after the other."""
    commands = (_grow(place, settings), _sweep(place, settings))
    _start(place, f"prepare {settings}", "Preparing the sliders", *commands)


def estimate(place: Workspace, settings: RunSettings, encoders: Sequence[str]) -> None:
    """Measure what encoders would take, on a few of the chips."""
    command = _command(place, settings, "estimate", "--encoders", ",".join(encoders))
    _start(place, f"estimate {encoders} {settings}", "Measuring encoders", command)


def compare(
    place: Workspace, settings: RunSettings, encoders: Sequence[str], property_name: str
) -> None:
    """Embed the chips with several encoders and score each on a property."""
    asked = ("--encoders", ",".join(encoders), f"--property={property_name}")
    command = _command(place, settings, "compare", *asked)
    what = f"compare {encoders} {property_name} {settings}"
    _start(place, what, "Comparing encoders", command)


def judge(place: Workspace, settings: RunSettings) -> None:
    """Make the report card: stability, silhouette, DBCV, confounders."""
    _start(place, f"quality {settings}", "Judging the clusters",
           _command(place, settings, "quality"))  # fmt: skip


def compare_components(place: Workspace, settings: RunSettings) -> None:
    """Compare mixtures over the number of components."""
    _start(place, f"compare {settings}", "Comparing mixtures",
           _command(place, settings, "landscape", "--method", "gmm"))  # fmt: skip


def overviews(place: Workspace, settings: RunSettings, scene: str, bands: Sequence[str]) -> None:
    """Build a scene's overviews, so that the map is quick at every scale."""
    asked = (f"--scene={scene}", f"--shown={','.join(bands)}")
    command = _command(place, settings, "overviews", *asked)
    _start(place, f"overviews {scene} {bands}", "Building overviews", command)


def _start(place: Workspace, what: str, title: str, *commands: tuple[str, ...]) -> Job:
    """Start work in a workspace; it takes its turn after what runs there already."""
    return cache.board().start(prefix(place) + what, title, *commands, after=prefix(place))


def _command(place: Workspace, settings: RunSettings, *words: str) -> tuple[str, ...]:
    # A run may need what the page must not look up itself, such as a grid.
    if words[0] != "run" and cache.plan(place, settings).ready["projection"]:
        state.save(place, settings)
    file = state.for_job(place, settings)
    where = ("--workspace", place.root, "--settings", file, "--json")
    return core_command(words[0], *where, *words[1:])


def _sweep(place: Workspace, settings: RunSettings) -> tuple[str, ...]:
    span = f"2:{MOST_COMPONENTS}"
    method = "kmeans" if settings.method == "kmeans" else "gmm"
    return _command(place, settings, "cluster", "--method", method, "--sweep", span)


def _grow(place: Workspace, settings: RunSettings) -> tuple[str, ...]:
    return _command(place, settings, "cluster", "--method", "hdbscan")


def watch(place: Workspace) -> None:
    """Show what is running; in the sidebar, so that no page jumps when it ends."""
    running = [job for job in jobs(place) if job.state == "running"]
    if not running:
        return
    with st.container(key="cs_job"):
        for job in running:
            _progress(job.key)


def told(place: Workspace) -> None:
    """Show what failed or was stopped, above the page, until it is dismissed."""
    _asked_for_now(place)
    for job in jobs(place):
        if job.state in ("failed", "cancelled"):
            _ended(job)


def _asked_for_now(place: Workspace) -> None:
    """Ask for the settings that waited for a job, where it is done."""
    waiting = state.later(place)
    for key, settings in list(waiting.items()):
        job = cache.board().get(key)
        if job is None or job.state != "running":
            del waiting[key]
        if job is not None and job.state == "done":
            asked = dataclasses.replace(state.wanted(place), scenes=settings.scenes)
            state.revert(place, asked)
            state.save(place, asked)
            st.rerun()


@st.fragment(run_every=REFRESH_SECONDS)
def _progress(key: str) -> None:
    job = cache.board().get(key)
    if job is None or job.state != "running":
        st.rerun()
    # One container for each job: a key that two share breaks the page.
    with st.container(border=True, key=f"cs_job_{sha256(key.encode()).hexdigest()[:12]}"):
        st.markdown(f"**{plain(job.title)}** · {job.seconds:.0f} s")
        st.progress(job.fraction or 0.0, text=plain(line(job)))
        stopping = job.stopping.is_set()
        label = "Stopping" if stopping else "Cancel"
        st.button(label, key=f"cs.cancel:{key}", disabled=stopping, on_click=job.cancel)


def line(job: Job) -> str:
    """What a job is doing, in one line."""
    if ahead := job.waits_for:
        return f"Waiting for: {ahead.title}"
    doing = STAGES.get(job.stage, "Starting")
    count = f", {job.done} of {job.total}" if job.total > 1 else ""
    note = f" ({job.note})" if job.note else ""
    return f"{doing}{count}{note}"


def _ended(job: Job) -> None:
    def forget() -> None:
        cache.board().forget(job.key)

    with st.container(border=True):
        text, button = st.columns([8, 1], vertical_alignment="center")
        if job.state == "cancelled":
            text.info(plain(f"{job.title}: stopped. What was finished is kept."))
        else:
            text.error(plain(f"{job.title}: {job.error}"))
            if state.first_told(job.key):
                # The words stand at the top, and the button may have been far below.
                st.toast(plain(f"{job.title} failed: the reason stands at the top of the page."))
            if job.lines:
                with st.expander("Log of the job"):
                    st.code("\n".join(job.lines), language=None)
        button.button("Dismiss", key=f"cs.dismiss:{job.key}", on_click=forget)
