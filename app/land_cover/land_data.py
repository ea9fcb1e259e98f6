"""Land cover in a workspace: what is there, the first use without data, credit and licence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import streamlit as st

from app.land_cover import land_jobs
from app.session import cache, state
from app.session import stage_jobs as jobs
from app.widgets.markup import number, plain
from core.flair.data.dataset import Dataset, Patch
from core.flair.data.download import FetchSettings
from core.flair.data.file_discovery import discover
from core.flair.data.nomenclature import ATTRIBUTION, CITATION, LICENCE, attribution
from core.pipeline.flair import study_results
from core.pipeline.flair.flair_workspace import folder_of, is_look_alike, is_there
from core.pipeline.flair.study_cells import CellResult, open_cell
from core.pipeline.flair.study_results import Configuration, Survey
from core.pipeline.workspace import Workspace

PATCHES = 12
ROWS_SHOWN = 26
COARSE = ("Seconds", "The notebook's minutes")


@dataclass(frozen=True)
class Land:
    """A FLAIR data set that a page shows.

    Attributes
    ----------
    place : Workspace
    dataset : Dataset
    look_alike : bool
    mark : str
        Another one where the files may have changed: part of every cache key.
    """

    place: Workspace
    dataset: Dataset
    look_alike: bool
    mark: str


def enter(title: str, words: str) -> Land:
    """Title and data of a page; where there are none, the way to get them, and the page ends."""
    place = state.workspace()
    st.title(title)
    st.markdown(words)
    if not is_there(place):
        _first_use(place)
        st.stop()
    mark = _mark(place)
    dataset = cache.kept(place, f"land {mark}", lambda: discover(folder_of(place)))
    assert dataset is not None
    found = Land(place, dataset, is_look_alike(place), mark)
    if found.look_alike:
        own = place != state.home() and is_there(state.home())
        more = " Land cover of your own lies under **My scenes**, on the left." if own else ""
        st.caption("This is a look-alike in FLAIR's exact layout, painted by the computer: good "
                   f"for trying everything, no measure of the real thing.{more}")  # fmt: skip
    return found


def credit(land: Land) -> None:
    """Citation and licence, below every page."""
    st.divider()
    about = "The layout and the classes are those of" if land.look_alike else "Data:"
    st.caption(f"{about} FLAIR #2, IGN. {plain(CITATION)} {plain(LICENCE)}")


def show(
    table: pd.DataFrame,
    most: int = ROWS_SHOWN,
    narrow: Sequence[str] = (),
    wide: Sequence[str] = (),
) -> None:
    """A table with all its rows, up to `most`, fractions with equal digits, gaps left empty."""
    config = st.column_config
    columns = {
        name: config.NumberColumn(format=f"%.{1 if name in COARSE else 3}f",
                                  width="small" if name in narrow else None)
        for name in table.select_dtypes("float").columns
    }  # fmt: skip
    columns |= {
        name: config.NumberColumn(width="small" if name in narrow else None)
        for name in table.select_dtypes("integer").columns
    }
    columns |= {name: config.TextColumn(width="medium") for name in wide if name in table}
    height: int | Literal["content"] = most * 35 + 38 if len(table) > most else "content"
    st.dataframe(table, hide_index=True, column_config=columns, height=height, placeholder="")


def download(land: Land, label: str, table: pd.DataFrame, name: str) -> None:
    """A button that gives a table as CSV, with citation and licence below the rows."""

    def text() -> bytes:
        credit_line = attribution(look_alike=land.look_alike)
        return f"{table.to_csv(index=False)}# {credit_line}\n".encode()

    st.download_button(label, text, name, "text/csv", on_click="ignore")


def patch(land: Land) -> int:
    """The index of the patch that all land cover pages look at, as the user chooses."""
    patches = land.dataset.patches
    kept = min(int(state.value(land.place, "patch", 0)), len(patches) - 1)
    key = state.widget(land.place, f"patch of {land.mark}", kept)
    chosen = st.selectbox("Patch", range(len(patches)), key=key, width=360,
                          format_func=lambda i: called(patches[i]))  # fmt: skip
    return int(state.keep(land.place, "patch", chosen))


def called(one: Patch) -> str:
    """A patch's name with its place and its split."""
    return f"{one.name} · {one.place} · {one.split}"


def survey(land: Land) -> Survey | None:
    """What reading every file gave; a button makes it where it is missing."""
    place = land.place
    found = cache.kept(place, f"survey {land.mark}",
                        lambda: study_results.survey(place, land.dataset))  # fmt: skip
    if found is None:
        n = number(len(land.dataset.patches))
        st.markdown(f"Class shares and spectra need every file to be read once ({n} patches).")
        land_jobs.button(place, "Read every file", "Reading every file", ("survey",))
    return found


def runs(land: Land) -> list[Configuration]:
    """The finished runs of these data, the oldest first."""
    names = sorted(path.name for path in (land.place.artifacts / "flair-cells").glob("*"))
    key = f"runs {land.mark} {hash(tuple(names))}"
    read = lambda: list(study_results.configurations(land.place, land.dataset))  # noqa: E731
    return cache.kept(land.place, key, read) or []


def result(land: Land, run: Configuration) -> CellResult:
    """What a finished run says."""
    read = lambda: open_cell(run.artifact, run.settings.protocol)  # noqa: E731
    found = cache.kept(land.place, f"cell {run.artifact.key}", read)
    assert found is not None
    return found


def maps(land: Land, run: Configuration) -> Path | None:
    """The folder of a run's class maps, None where none were kept."""
    found = land.place.store.find(study_results.maps_step(run.artifact.key))
    return found.folder if found else None


def _mark(place: Workspace) -> str:
    """Times of the folders that change when files come or go."""
    folder = folder_of(place)
    inner = [path for pattern in ("*", "*/*", "*/*/*") for path in folder.glob(pattern)]
    times = [path.stat().st_mtime_ns for path in (folder, *inner)]
    return f"{len(times)}-{max(times)}"


def _first_use(place: Workspace) -> None:
    key = land_jobs.key(place, "look-alike")
    job = cache.board().get(key)
    if state.choice() == state.DEMO and job is None:
        land_jobs.look_alike(place, PATCHES)
        st.rerun()
    if job is not None and job.state == "running":
        st.markdown(f"**A small look-alike is being painted:** {PATCHES} patches of invented land "
                    "with their labels and Sentinel series, laid out as FLAIR lays them out. It "
                    "takes a few seconds, once.")  # fmt: skip
    else:
        st.markdown("There are no land cover data in this workspace yet.")
        if st.button(f"Paint a look-alike of {PATCHES} patches", key="cs.land:paint"):
            land_jobs.look_alike(place, PATCHES)
            st.rerun()
    bring(place)
    st.divider()
    st.caption(plain(ATTRIBUTION))


def bring(place: Workspace) -> None:
    """Where real FLAIR data go, and the button that fetches the toy set."""
    home = state.home()
    st.markdown("##### Real FLAIR data")
    st.markdown("Unpack FLAIR #2 (whole or toy: the trees `flair_aerial_train`, "
                "`flair_labels_train`, `flair_sen_train` and their test counterparts, with the "
                "two JSON files) into this folder, then choose **My scenes** on the left:"
                )  # fmt: skip
    st.code(str(folder_of(home)), language=None)
    st.markdown("Or fetch the toy set: **this goes to the network**, to IGN's server at "
                "storage.gra.cloud.ovh.net. Its 250 patches and their Sentinel series are about a "
                "gigabyte or more; the progress shows how much, and an interrupted download goes "
                "on from where it stopped.")  # fmt: skip
    if is_look_alike(home):
        st.caption("My scenes holds a look-alike: delete its flair folder first.")
        return
    with st.expander("Another address, or a checksum"):
        url = st.text_input(
            "Address of a zip in FLAIR's layout",
            key=state.widget(home, "fetch url", FetchSettings().url),
        )
        checked = st.text_input("SHA-256 that it must have (may be empty)",
                                key=state.widget(home, "fetch sha256", ""))  # fmt: skip
    more = ("--sha256", checked.strip()) if checked.strip() else ()
    land_jobs.button(home, "Fetch the toy set from the network", "Fetching FLAIR's toy set",
                      ("fetch", "--url", url.strip(), *more))  # fmt: skip
    if home != place:
        job = land_jobs.running(home)
        if job is not None:
            _elsewhere(job.key)
        jobs.told(home)


@st.fragment(run_every=jobs.REFRESH_SECONDS)
def _elsewhere(key: str) -> None:
    """Work in the other workspace, which the sidebar does not show."""
    job = cache.board().get(key)
    if job is None or job.state != "running":
        st.rerun()
    text, button = st.columns([6, 1], vertical_alignment="center")
    text.progress(job.fraction or 0.0, text=plain(f"In My scenes: {jobs.line(job)}"))
    button.button("Cancel", key=f"cs.land.cancel:{key}", on_click=job.cancel,
                  disabled=job.stopping.is_set())  # fmt: skip


def chosen_run(land: Land, label: str, name: str, among: list[Configuration]) -> Configuration:
    """One of some runs; at first the newest that kept class maps, else the newest."""
    titles = {run.artifact.key: land_jobs.title(run) for run in among}
    keys = list(titles)
    mapped = [run.artifact.key for run in among if maps(land, run)]
    start = (mapped or keys)[-1]
    kept = state.value(land.place, name, start)
    widget = state.widget(land.place, f"{name} {hash(tuple(keys))}",
                          kept if kept in titles else start)  # fmt: skip
    chosen = st.selectbox(label, keys, key=widget, format_func=lambda key: titles[key])
    state.keep(land.place, name, chosen)
    return next(run for run in among if run.artifact.key == chosen)
