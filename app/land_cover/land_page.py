"""Layout of the land cover pages: views, instructions if there are no data, and the credit line."""

from collections.abc import Callable, Mapping
from functools import partial

import streamlit as st

from app import messages
from app.land_cover import land_jobs
from app.land_cover.land_data import Land, open_land
from app.land_cover.land_widgets import land_choice
from app.session import cache, jobs, state
from app.widgets import job_status
from app.widgets.markup import escape_markdown
from core.land.data.download import FetchSettings
from core.land.data.nomenclature import ATTRIBUTION, CITATION, LICENCE
from core.pipeline.land.land_workspace import (
    data_credit,
    flair_folder,
    has_land_cover,
    has_own_images,
    is_look_alike,
)
from core.pipeline.workspace import Workspace

SYNTHETIC_NOTE = (
    "This is a synthetic data set in FLAIR's exact layout. Use it to try out all functions. Scores "
    "on it say nothing about real data."
)
IMPORT_FIELDS = {
    "folder": ("Folder of the images", "A folder on the machine that Chipscape runs on."),
    "labels": (
        "Labels (optional)",
        "A raster or vector file, or a folder of them. By default, files with the images' names.",
    ),
    "classes": (
        "Table of classes (optional)",
        "A CSV file with the columns value, name and colour (#rrggbb). It also limits the classes.",
    ),
    "attribute": (
        "Attribute of the polygons (optional)",
        "The attribute that holds the class. Without it, it is guessed.",
    ),
    "background": (
        "Class of all other pixels (optional)",
        "A name such as *not building*. Without it, pixels without a label have no class.",
    ),
    "bands": (
        "Names of the bands (optional)",
        "Separated by commas, such as red, green, blue, nir. By default, the files' own names.",
    ),
    "series": (
        "Time series of satellite images (optional)",
        "A folder of GeoTIFFs with a date (20210531) in each name. NAME_mask.tif marks clouds.",
    ),
    "series-bands": (
        "Names of the bands of the time series (optional)",
        "Separated by commas, such as B02, B03, B04, B08. By default, the files' own names.",
    ),
}
OWN_IMAGES = (
    "Your own images, divided into windows of at most 512 × 512 pixels. The windows that an "
    "evaluation leaves out together (those of a file, a folder or a block) are a group."
)
WITHOUT_LABELS = ("labels", "files")
"""The views that need no labels, the first one first."""
UNLABELLED_NOTE = (
    "These images have no labels. Label regions on the **Land cover data** page. To evaluate "
    "models here, export the labels there, and import the images again with them."
)
Views = Mapping[str, tuple[str, Callable[[Land], None]]]
"""The title of each view of a page, and the function that draws it."""


def draw_land_cover_page(title: str, introduction: str, name: str, views: Views) -> None:
    """Draw a page whose view is remembered under `name`; without data, offer ways to get data."""
    workspace = state.current_workspace()
    st.title(title)
    if has_own_images(workspace):
        introduction = OWN_IMAGES
    st.markdown(introduction)
    if not has_land_cover(workspace):
        _first_use(workspace)
        return
    land = open_land(workspace)
    if land.is_synthetic:
        home = state.home_workspace()
        is_elsewhere = workspace.root != home.root
        more = " Your own land cover data are under **My scenes**, on the left."
        st.caption(SYNTHETIC_NOTE + (more if is_elsewhere and has_land_cover(home) else ""))
    titles = {view: view_title for view, (view_title, _) in views.items()}
    if land.is_own:
        titles = {view: land.adapt(title) for view, title in titles.items() if view != "series"}
    if not land.dataset.patches:
        titles = {view: titles[view] for view in WITHOUT_LABELS if view in titles}
        if not titles:
            st.info(UNLABELLED_NOTE)
            return
    view = land_choice(land, "View", titles, name)
    with messages.show_errors():
        views[view][1](land)
    st.divider()
    if land.is_own or land.dataset.layout.is_hub:
        if credit := data_credit(workspace):
            st.caption(escape_markdown(credit))
        return
    source = "The layout and the classes are those of" if land.is_synthetic else "Data:"
    st.caption(f"{source} FLAIR #2, IGN. {escape_markdown(CITATION)} {escape_markdown(LICENCE)}")


def image_import_panel(workspace: Workspace) -> None:
    """Draw the form that imports a folder of the user's own images with labels."""
    st.header("Images and labels of your own")
    if state.workspace_choice() == state.DEMO:
        st.markdown("Your own images belong in a separate workspace.")
        switch = partial(state.switch_workspace, state.MINE)
        st.button("Open My scenes", "cs.land.mine", on_click=switch)
        return
    st.markdown(
        "Enter a folder of GeoTIFFs with any number of bands. Labels are rasters on the grid of "
        "the image, or polygons with a class attribute. The files are not copied."
    )
    left, right = st.columns(2, gap="large")
    texts = {}
    for name, (label, hint) in IMPORT_FIELDS.items():
        key = state.widget_key(workspace, f"import {name}", "")
        with left if name in ("folder", "labels", "classes", "series") else right:
            texts[name] = st.text_input(label, key=key, help=hint).strip()
    key = state.widget_key(workspace, "import unlabelled", False)
    unlabelled = st.toggle("The images have no labels. I will label them here.", key=key)
    words = ["import", texts.pop("folder")]
    for name, text in texts.items():
        words += [f"--{name}", text] if text else []
    words += ["--unlabelled"] if unlabelled else []
    if not words[1]:
        st.caption("Enter a folder to import it.")
        return
    commands = (words,) if unlabelled else (words, ("survey",))
    title = "Importing images and labels"
    land_jobs.land_job_button(workspace, "Import the images", title, *commands)


def fetch_panel(workspace: Workspace) -> None:
    """Explain where to put real FLAIR data, and draw the button that downloads the toy set."""
    home = state.home_workspace()
    st.header("Real FLAIR data")
    st.markdown(
        "Unpack FLAIR #2 (the whole data set or the toy set: the folders `flair_aerial_train`, "
        "`flair_labels_train` and `flair_sen_train`, their test counterparts, and the two JSON "
        "files) into this folder. Then choose **My scenes** on the left."
    )
    st.code(str(flair_folder(home)), language=None)
    st.markdown(
        "Or download the toy set. **This uses the network**: it contacts IGN's server, "
        "storage.gra.cloud.ovh.net. The 250 patches and their Sentinel series take up a gigabyte "
        "or more; the size is shown during the download. An interrupted download continues where "
        "it stopped."
    )
    if is_look_alike(home):
        st.caption("My scenes contains a synthetic data set. Delete its flair folder first.")
        return
    with st.expander("Another address, or a checksum"):
        key = state.widget_key(home, "fetch url", FetchSettings().url)
        url = st.text_input("Address of a zip file in FLAIR's layout", key=key)
        key = state.widget_key(home, "fetch sha256", "")
        checksum = st.text_input("Expected SHA-256 (optional)", key=key).strip()
    words = ("fetch", "--url", url.strip(), *(("--sha256", checksum) if checksum else ()))
    land_jobs.land_job_button(home, "Download the toy set", "Downloading FLAIR's toy set", words)
    if home != workspace:
        if job := jobs.running_job(home):
            _show_home_job(job.key)
        job_status.show_ended_jobs(home)


def _first_use(workspace: Workspace) -> None:
    """Generate a synthetic data set (demo) or offer it, and explain where to put real data."""
    job, n = land_jobs.find_land_job(workspace, name="synthetic data"), land_jobs.SYNTHETIC_PATCHES
    if state.workspace_choice() == state.DEMO and job is None:
        land_jobs.start_synthetic_data(workspace)
        st.rerun()
    if job is not None and job.state == "running":
        st.markdown(
            f"**A small synthetic data set is being generated:** {n} patches with their labels "
            "and Sentinel series, in FLAIR's layout. This takes a few seconds and is needed only "
            "once."
        )
    else:
        st.markdown("There is no land cover data in this workspace yet.")
        if st.button(f"Generate a synthetic data set of {n} patches", key="cs.land:paint"):
            land_jobs.start_synthetic_data(workspace)
            st.rerun()
    image_import_panel(workspace)
    fetch_panel(workspace)
    st.divider()
    st.caption(escape_markdown(ATTRIBUTION))


@st.fragment(run_every=job_status.REFRESH_SECONDS)
def _show_home_job(key: str) -> None:
    """Show a job of the user's own workspace; the sidebar lists only jobs of the displayed one."""
    job = cache.job_board().get(key)
    if job is None or job.state != "running":
        st.rerun()
    text, button = st.columns([6, 1], vertical_alignment="center")
    progress = escape_markdown(f"In My scenes: {job_status.describe_progress(job)}")
    text.progress(job.fraction or 0.0, text=progress)
    stopping = job.stopping.is_set()
    button.button("Cancel", key=f"cs.land.cancel:{key}", on_click=job.cancel, disabled=stopping)
