"""Files in: dropped on the page or copied from another folder, with a verdict on each."""

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import messages
from app.session import cache, stage_jobs, state
from app.widgets.markup import counted, number, plain
from core.errors import ChipscapeError, WorkspaceError
from core.pipeline.workspace import Workspace
from core.raster.importing.file_import import (
    Existing,
    Offered,
    Source,
    Verdict,
    offered,
    take_in_all,
)
from core.raster.importing.file_placement import SUFFIXES

CHOICES: dict[Existing, tuple[str, str]] = {
    "keep": ("Keep the old", "Files that are not there yet are still taken in."),
    "rename": ("Take under another name", "A scene and its annotations stay together."),
    "replace": ("Replace the old", "The old one is moved to replaced/, not deleted."),
}


def receive(place: Workspace) -> None:
    """Take in what was just dropped, before the page looks at its scenes."""
    files = state.entered(_uploader(place)) or []
    if not files:
        return
    # A new uploader: an empty one, since what was dropped is dealt with.
    state.keep(place, "uploads", state.value(place, "uploads", 0) + 1)
    with st.spinner("Looking at the files"):
        _take(place, files, "ask")
    # What this turn knows of the workspace is from before.
    st.rerun()


def verdicts(place: Workspace) -> None:
    """What became of the files that came in last, and what is to be decided."""
    told, folder = _told(place)
    if not told:
        return
    with st.container(border=True, key="cs_verdicts"):
        taken = [v for v in told if v.state == "taken"]
        if taken:
            names = ", ".join(v.path.name if v.path else v.name for v in taken)
            st.markdown(plain(f"{counted(len(taken), 'file')} taken in: {names}."))
            for moved in (v for v in taken if "The old one" in v.words):
                st.caption(plain(moved.words))
        for verdict in told:
            if verdict.state == "refused":
                st.error(plain(verdict.words))
        for named, words in (("same", "There already, with the same content"),
                             ("kept", "As they were")):  # fmt: skip
            if names_of := [v.name for v in told if v.state == named]:
                st.caption(plain(f"{words}: {', '.join(names_of)}."))
        waiting = [v for v in told if v.state == "there"]
        for verdict in waiting:
            st.warning(plain(verdict.words))
        with st.container(horizontal=True):
            if waiting:
                _decision(place, folder)
            st.button("Close", key=f"cs.told:{place.root}", on_click=_forget, args=(place,))


def panel(place: Workspace) -> None:
    """Where files come in."""
    if state.choice() == state.DEMO:
        st.markdown("This is the demo. Scenes of your own go into a workspace of their own.")
        st.button("Open My scenes", key="cs.mine", on_click=state.switch, args=(state.MINE,))
        return
    here, there = st.columns(2, gap="large")
    with here:
        st.file_uploader(
            "Drop scenes and their annotations",
            # Streamlit, like a browser, goes by what follows the last dot: xml, not aux.xml.
            sorted({suffix.rpartition(".")[2] for suffix in SUFFIXES}), accept_multiple_files=True,
            key=_uploader(place),
            help="Several at once: a GeoTIFF, what lies beside it (.msk, .ovr, .aux.xml, .tfw) and "
            "the vector file of the same name; all parts of a Shapefile. Each file is looked at; "
            "one that is not what it says is refused.",
        )  # fmt: skip
    with there, messages.guard():
        _folder(place)
    st.caption(
        plain(
            "Or put them there yourself, each GeoTIFF beside a vector file of the same "
            f"name (quay.tif and quay.geojson), and reload this page: {place.raw}"
        )
    )


def _uploader(place: Workspace) -> str:
    return f"cs.upload:{place.root}:{state.value(place, 'uploads', 0)}"


def _take(place: Workspace, files: Sequence[Any], existing: Existing) -> None:
    sources: list[Source] = [(file.name, _opener(file)) for file in files]
    try:
        told = take_in_all(place.raw, sources, existing, place.replaced)
    except ChipscapeError as error:
        told = [Verdict("", "refused", str(error))]
    names = {verdict.name for verdict in told if verdict.state == "there"}
    state.keep(place, "verdicts", told)
    state.keep(place, "waiting", [file for file in files if file.name in names])
    state.keep(place, "copying", "")


def _opener(file: Any) -> Any:
    """Opened anew each time, and left open: one that waits is read again."""

    def opened() -> Any:
        file.seek(0)
        return nullcontext(file)

    return opened


def _told(place: Workspace) -> tuple[list[Verdict], str]:
    """The last verdicts, and the folder that they are about; empty for files that were dropped."""
    key, folder = state.value(place, "copying", ("", "")) or ("", "")
    job = cache.board().get(key) if key else None
    if job is None:
        return state.value(place, "verdicts", []), ""
    if job.state != "done":
        return [], folder
    return [Verdict(**file) for file in job.result.get("files", ())], folder


def _decision(place: Workspace, folder: str) -> None:
    for existing, (label, words) in CHOICES.items():
        st.button(label, key=f"cs.there:{existing}", help=words, on_click=_decide,
                  args=(place, folder, existing))  # fmt: skip


def _decide(place: Workspace, folder: str, existing: Existing) -> None:
    if folder:
        _copy(place, folder, existing)
    else:
        _take(place, state.value(place, "waiting", []), existing)


def _forget(place: Workspace) -> None:
    for name, nothing in (("verdicts", []), ("waiting", []), ("copying", "")):
        state.keep(place, name, nothing)


def _folder(place: Workspace) -> None:
    """Another folder: what it holds, then a copy of it."""
    typed = st.text_input(
        "Or copy from another folder", key=state.widget(place, "folder", ""),
        placeholder="/path/of/a/folder",
        help="On the machine that Chipscape runs on. The files are copied into raw/; the folder "
        "itself stays as it is, and is not looked at again.",
    )  # fmt: skip
    if not typed.strip():
        return
    folder = Path(typed.strip()).expanduser()
    if not folder.is_absolute():
        raise WorkspaceError(
            "is not a full path", where=typed, remedy="Begin at the root of the disk."
        )
    found, others = offered(folder, place.raw)
    more = f" {counted(others, 'other file')} passed over." if others else ""
    if not found:
        st.markdown(f"No GeoTIFFs or vector files there.{more}")
        return
    total = sum(file.n_bytes for file in found)
    n_scenes = sum(file.kind == "scene" for file in found)
    st.markdown(f"{counted(len(found), 'file')}, {counted(n_scenes, 'scene')} among them, "
                f"{_size(total)}.{more}")  # fmt: skip
    st.dataframe(_listed(found), hide_index=True, height=min(230, 38 + 35 * len(found)))
    free = shutil.disk_usage(_nearest(place.raw)).free
    if total > free:
        st.error(f"There is not enough room: {_size(free)} are free.")
    st.button(
        f"Copy {counted(len(found), 'file')} into raw/", key=f"cs.copy:{place.root}",
        disabled=total > free or stage_jobs.busy(place) is not None, on_click=_copy,
        args=(place, str(folder), "ask"),
    )  # fmt: skip


def _copy(place: Workspace, folder: str, existing: Existing) -> None:
    state.keep(place, "verdicts", [])
    job = stage_jobs.take_in(place, folder, existing)
    state.keep(place, "copying", (job.key, folder))


def _listed(found: Sequence[Offered]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "File": [file.path.name for file in found],
            "What": [file.kind for file in found],
            "Size": [_size(file.n_bytes) for file in found],
            "In raw/": ["there already" if file.there else "" for file in found],
        }
    )


def _size(n_bytes: int) -> str:
    for unit, one in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= one:
            return number(n_bytes / one, unit)
    return number(max(1, round(n_bytes / 1e3)), "kB")


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
