"""The Export button of a page: choose formats, write them as a job, and download the files."""

import dataclasses
import mimetypes
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.server.downloads import Download, download_link
from app.session import jobs
from app.session.cluster_results import digest
from app.session.displayed_clusters import Clusters
from app.session.job_board import Job
from app.session.state import current_page, keep_choice, page_choice
from app.session.views import requested_display
from app.widgets.job_status import estimate_line, wait_until
from app.widgets.markup import count_noun, escape_markdown, format_bytes
from core.artifacts.keys import make_key
from core.export.export_formats import FORMATS
from core.pipeline.estimates.output_estimate import estimate_export

GROUPS = tuple(dict.fromkeys(record.group for record in FORMATS.values()))
DEFAULT_FORMATS = ["gpkg"]


def page_heading(title: str) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Draw the title of a page; return the containers of a note and the Export button."""
    heading = st.container(
        horizontal=True, vertical_alignment="center", gap="medium", key="cs_heading"
    )
    heading.title(title, width="content")
    return heading.container(width="stretch"), heading.container(width="content")


def export_panel(container: DeltaGenerator, clusters: Clusters | None) -> None:
    """Draw the Export button with its panel in a container; nothing if there are no clusters."""
    if clusters is not None:
        with container:
            _draw_panel(clusters)


@st.fragment
def _draw_panel(clusters: Clusters) -> None:
    with st.container(horizontal_alignment="right"), st.popover("Export"):
        st.markdown("**Export the clusters as displayed**, with their names and colours")
        formats = [name for group in GROUPS for name in _choose_formats(clusters, group)]
        st.caption("  \n".join(map(_describe_format, formats)) or "Choose one format or more.")
        mark = _export_mark(clusters)
        job = jobs.find_export(clusters.view, formats, mark) if formats else None
        state = "" if job is None else job.state
        label = f"Create {count_noun(len(formats), 'file')}{' again' * (state == 'done')}"
        kind: Literal["primary", "secondary"] = "secondary" if state == "done" else "primary"
        disabled = state == "running" or not formats
        if st.button(label, key="cs.export", type=kind, disabled=disabled):
            jobs.start_export(clusters.view, formats, mark)
            # The sidebar displays the progress of the job.
            st.rerun()
        if formats and not state:
            view = clusters.view
            estimate_line(view.workspace, lambda model: estimate_export(view, model, formats))
        if job is not None:
            _show_job(job)
        st.caption(
            "Excluded chips are left out. On the command line, `chipscape export` writes the same "
            "files."
        )


def _describe_format(name: str) -> str:
    record = FORMATS[name]
    return f"**{escape_markdown(record.title)}**: {escape_markdown(record.purpose)}."


def _choose_formats(clusters: Clusters, group: str) -> list[str]:
    """Draw the formats of a group, and return the chosen ones."""
    workspace = clusters.view.workspace
    options = [name for name, record in FORMATS.items() if record.group == group]
    start = [name for name in DEFAULT_FORMATS if name in options]
    name = f"export {group}"
    # The browser creates the widget only when the panel is opened. It would then not receive a
    # value that was set in an earlier run of the script, but it does receive the default.
    choice = st.pills(
        group,
        options,
        selection_mode="multi",
        format_func=lambda name: FORMATS[name].title,
        default=page_choice(workspace, name, start),
        key=f"cs.{name}:{current_page()}:{workspace.root}",
    )
    return list(keep_choice(workspace, name, list(choice)))


def _show_job(job: Job) -> None:
    """Show the state of an export, and a link to download each of its files."""
    if job.state == "running":
        wait_until(
            lambda: job.state != "running",
            "The files are being written. The sidebar shows the progress.",
        )
        return
    if job.state != "done":
        reason = job.error if job.state == "failed" else "The export was cancelled."
        st.error(escape_markdown(reason))
        return
    files = [Path(name) for name in job.result.get("written", [])]
    with st.container(key="cs_downloads"):
        for path in files:
            if path.is_file():
                _file_link(path)
    for note in job.result.get("notes", []):
        st.caption(escape_markdown(note))


def _file_link(path: Path) -> None:
    mime, status = mimetypes.guess_type(path.name)[0], path.stat()
    label = f"Download {path.name} ({format_bytes(status.st_size)})"
    download = Download(path.name, mime or "application/octet-stream", path)
    download_link(label, download, f"{path}|{status.st_mtime_ns}")


def _export_mark(clusters: Clusters) -> str:
    """Return a text that changes with everything that an export shows and settings do not hold."""
    look, display = clusters.look, requested_display(clusters.view.workspace)
    inputs = {
        "ids": digest(clusters.ids),
        "names": {str(cluster): name for cluster, name in look.names.items()},
        "colours": {str(cluster): colour for cluster, colour in look.colours.items()},
        "display": dataclasses.asdict(display),
    }
    return make_key("export mark", 1, inputs)
