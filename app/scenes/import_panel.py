"""Import of files that are dropped on the page or copied from a folder, with a verdict on each."""

import shutil
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import messages
from app.session import cache, jobs, state
from app.widgets.markup import count_noun, escape_markdown, format_bytes
from core.errors import ChipscapeError, WorkspaceError
from core.pipeline.workspace import Workspace
from core.raster.importing import file_import
from core.raster.importing.file_import import Existing, ImportVerdict
from core.raster.importing.file_placement import SUFFIXES

DECISIONS: dict[Existing, tuple[str, str]] = {
    "keep": ("Keep the existing files", "Files that do not exist yet are still imported."),
    "rename": ("Import under another name", "A scene and its annotations stay together."),
    "replace": ("Replace the existing files", "They are moved to replaced/, not deleted."),
}


def receive_uploads(workspace: Workspace) -> None:
    """Import the files that have just been dropped, before the page reads its scenes."""
    files = state.widget_value(_uploader_key(workspace)) or []
    if not files:
        return
    # A new key empties the uploader, whose files have been received.
    state.keep_choice(workspace, "uploads", state.page_choice(workspace, "uploads", 0) + 1)
    with st.spinner("Checking the files"):
        import_uploads(workspace, files)
    # This run of the script read the workspace before the import, so its views are out of date.
    st.rerun()


def import_verdicts(workspace: Workspace) -> None:
    """Draw the outcome of the last import, and buttons for any decision that the user must make."""
    by_state: defaultdict[str, list[ImportVerdict]] = defaultdict(list)
    for verdict in _last_verdicts(workspace):
        by_state[verdict.state].append(verdict)
    if not by_state:
        return
    with st.container(border=True, key="cs_verdicts"):
        if imported := by_state["taken"]:
            names = ", ".join(v.path.name if v.path else v.name for v in imported)
            st.markdown(escape_markdown(f"{count_noun(len(imported), 'file')} imported: {names}."))
        for verdict in imported:
            if "The previous file" in verdict.words:
                st.caption(escape_markdown(verdict.words))
        for verdict in by_state["refused"]:
            st.error(escape_markdown(verdict.words))
        for outcome, reason in (("same", "identical files exist"), ("kept", "they exist already")):
            if names := ", ".join(verdict.name for verdict in by_state[outcome]):
                st.caption(escape_markdown(f"Not imported, because {reason}: {names}."))
        for verdict in by_state["there"]:
            st.warning(escape_markdown(verdict.words))
        with st.container(horizontal=True):
            for existing, (label, help_text) in DECISIONS.items() if by_state["there"] else ():
                decide = partial(apply_decision, workspace, existing)
                st.button(label, f"cs.there:{existing}", help_text, on_click=decide)
            forget = partial(_remember_import, workspace, [], [])
            st.button("Close", f"cs.told:{workspace.root}", on_click=forget)


def import_panel(workspace: Workspace) -> None:
    """Draw the widgets for importing files."""
    if state.workspace_choice() == state.DEMO:
        st.markdown("This is the demo. Your own scenes belong in a separate workspace.")
        switch = partial(state.switch_workspace, state.MINE)
        st.button("Open My scenes", "cs.mine", on_click=switch)
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.file_uploader(
            "Drop scenes and their annotations",
            # Streamlit, like a browser, only looks at what follows the last dot: xml, not aux.xml.
            sorted({suffix.rpartition(".")[2] for suffix in SUFFIXES}),
            accept_multiple_files=True,
            key=_uploader_key(workspace),
            help="You can drop several files at once: a GeoTIFF, the files that belong to it "
            "(.msk, .ovr, .aux.xml, .tfw) and the vector file of the same name, including all "
            "parts of a Shapefile. A file whose content does not match its name is refused.",
        )
    with right, messages.show_errors():
        _folder_form(workspace)
    st.caption(
        escape_markdown(
            "You can also copy files into this folder yourself, each GeoTIFF with a vector file of "
            f"the same name (quay.tif and quay.geojson), and reload this page: {workspace.raw}"
        )
    )


def import_uploads(workspace: Workspace, files: Sequence[Any], existing: Existing = "ask") -> None:
    """Import uploaded files, and remember the verdicts and the files that wait for a decision."""
    sources = [(file.name, partial(BytesIO, file.getvalue())) for file in files]
    try:
        verdicts = file_import.import_files(workspace.raw, sources, existing, workspace.replaced)
    except ChipscapeError as error:
        verdicts = [ImportVerdict("", "refused", str(error))]
    names = {verdict.name for verdict in verdicts if verdict.state == "there"}
    _remember_import(workspace, verdicts, [file for file in files if file.name in names])


def apply_decision(workspace: Workspace, existing: Existing) -> None:
    """Import the files or the folder that awaited the user's decision, which is `existing`."""
    waiting = state.page_choice(workspace, "waiting", [])
    start = _start_copy if isinstance(waiting, str) else import_uploads
    start(workspace, waiting, existing)


def _uploader_key(workspace: Workspace) -> str:
    return f"cs.upload:{workspace.root}:{state.page_choice(workspace, 'uploads', 0)}"


def _remember_import(
    workspace: Workspace, verdicts: Sequence[ImportVerdict], waiting: Any, job_key: str = ""
) -> None:
    """Remember the verdicts or the job of an import, and the files or folder to decide on."""
    state.keep_choice(workspace, "verdicts", verdicts)
    state.keep_choice(workspace, "waiting", waiting)
    state.keep_choice(workspace, "import job", job_key)


def _last_verdicts(workspace: Workspace) -> Sequence[ImportVerdict]:
    job = cache.job_board().get(state.page_choice(workspace, "import job", ""))
    if job is None:
        verdicts: Sequence[ImportVerdict] = state.page_choice(workspace, "verdicts", [])
        return verdicts
    files = job.result.get("files", ()) if job.state == "done" else ()
    return [ImportVerdict(**verdict) for verdict in files]


def _folder_form(workspace: Workspace) -> None:
    """Draw the form that lists the files of another folder and copies them."""
    text = st.text_input(
        "Or copy from another folder",
        key=state.widget_key(workspace, "folder", ""),
        placeholder="/path/to/a/folder",
        help="A folder on the machine that Chipscape runs on. Its files are copied into raw/; the "
        "folder itself is not changed.",
    ).strip()
    if not text:
        return
    folder = Path(text).expanduser()
    if not folder.is_absolute():
        remedy = "Enter an absolute path, such as /home/me/scenes."
        raise WorkspaceError("this is not an absolute path", where=text, remedy=remedy)
    files, n_others = file_import.list_importable_files(folder, workspace.raw)
    ignored = f" {count_noun(n_others, 'other file')} ignored." if n_others else ""
    if not files:
        st.markdown(f"This folder holds no GeoTIFFs or vector files.{ignored}")
        return
    n_files, n_bytes = count_noun(len(files), "file"), sum(file.n_bytes for file in files)
    n_scenes = count_noun(sum(file.kind == "scene" for file in files), "scene")
    st.markdown(f"{n_files}, including {n_scenes}, {format_bytes(n_bytes)}.{ignored}")
    rows = [
        (file.path.name, file.kind, format_bytes(file.n_bytes), "exists" if file.exists else "")
        for file in files
    ]
    table = pd.DataFrame(rows, columns=["File", "Kind", "Size", "In raw/"])
    st.dataframe(table, hide_index=True, height=min(230, 38 + 35 * len(files)))
    # The raw folder may not exist before the first import.
    disk = next(path for path in (workspace.raw, *workspace.raw.parents) if path.exists())
    n_free = shutil.disk_usage(disk).free
    if n_bytes > n_free:
        st.error(f"There is not enough disk space: only {format_bytes(n_free)} are free.")
    st.button(
        f"Copy {n_files} into raw/",
        key=f"cs.copy:{workspace.root}",
        disabled=n_bytes > n_free or jobs.running_job(workspace) is not None,
        on_click=partial(_start_copy, workspace, str(folder), "ask"),
    )


def _start_copy(workspace: Workspace, folder: str, existing: Existing) -> None:
    job = jobs.start_import(workspace, folder, existing)
    _remember_import(workspace, [], folder, job.key)
