"""Widgets of the land cover pages: choices that are remembered, tables, and downloads."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from app.land_cover.land_data import Land, class_map_folder, find_survey
from app.land_cover.land_jobs import land_job_button
from app.land_cover.run_titles import run_title
from app.session.state import keep_choice, page_choice, widget_key
from app.widgets.markup import escape_markdown, format_number
from core.flair.data.data_summary import FileSurvey
from core.flair.data.nomenclature import attribution_text
from core.flair.data.readable_patch import ReadablePatch
from core.pipeline.flair.study_cells import StudyRun

WIDTH = 380
MOST_ROWS = 26
ONE_DECIMAL = ("Seconds", "The notebook's minutes")


def land_choice(
    land: Land, label: str, options: Mapping[str, str], name: str, start: str = ""
) -> str:
    """Draw a remembered choice between a few values, as buttons in a row."""
    key, start = _seed(land, options, name, start)
    title = options.__getitem__
    choice = st.segmented_control(label, list(options), key=key, required=True, format_func=title)
    return str(keep_choice(land.workspace, name, choice or start))


def land_select(
    land: Land,
    label: str,
    options: Mapping[str, str],
    name: str,
    start: str = "",
    width: int | Literal["stretch"] = WIDTH,
) -> str:
    """Draw a remembered choice from a list."""
    key, _ = _seed(land, options, name, start)
    title = options.__getitem__
    choice = st.selectbox(label, list(options), key=key, width=width, format_func=title)
    return str(keep_choice(land.workspace, name, choice))


def land_multiselect(
    land: Land, label: str, options: Sequence[str], name: str, start: Sequence[str], most: int
) -> list[str]:
    """Draw a remembered choice of up to `most` values; those that are no options are left out."""
    values = [value for value in page_choice(land.workspace, name, start) if value in options]
    key = widget_key(land.workspace, f"{name} {'|'.join(options)}", values)
    choice = st.multiselect(label, options, key=key, max_selections=most)
    return list(keep_choice(land.workspace, name, choice))


def land_slider(
    land: Land,
    label: str,
    bounds: tuple[float, float],
    step: float,
    name: str,
    start: float,
    text: str = "%.2f",
) -> float:
    """Draw a slider for a remembered number; `text` formats it, for example "%.0f %%"."""
    low, high = bounds
    value = min(max(float(page_choice(land.workspace, name, start)), low), high)
    key = widget_key(land.workspace, f"{name} {high}", value)
    value = st.slider(label, low, high, step=step, key=key, format=text)
    return float(keep_choice(land.workspace, name, value))


def land_number(land: Land, label: str, name: str, start: int, bounds: tuple[int, int]) -> int:
    """Draw a field for a remembered whole number."""
    key = widget_key(land.workspace, name, page_choice(land.workspace, name, start))
    return int(keep_choice(land.workspace, name, st.number_input(label, *bounds, key=key)))


def land_toggle(land: Land, label: str, name: str, *, start: bool = False) -> bool:
    """Draw a remembered switch."""
    key = widget_key(land.workspace, name, page_choice(land.workspace, name, start))
    return bool(keep_choice(land.workspace, name, st.toggle(label, key=key)))


def choose_patch(land: Land) -> int:
    """Draw the choice of the patch that all land cover pages show, and return its index."""
    patches = land.dataset.patches
    start = min(int(page_choice(land.workspace, "patch", 0)), len(patches) - 1)
    key = widget_key(land.workspace, f"patch of {land.version}", start)
    titles = [f"{patch.name} · {patch.area_id} · {patch.split}" for patch in patches]
    title, rows = titles.__getitem__, range(len(patches))
    index = st.selectbox("Patch", rows, key=key, width=WIDTH, format_func=title)
    return int(keep_choice(land.workspace, "patch", index))


def choose_run(land: Land, label: str, name: str, runs: Sequence[StudyRun]) -> StudyRun:
    """Draw the choice of a run; it starts with the latest that has class maps, or the latest."""
    titles = {run.key: run_title(run) for run in runs}
    mapped = [run.key for run in runs if class_map_folder(land, run)]
    key = land_select(land, label, titles, name, (mapped or list(titles))[-1], "stretch")
    return next(run for run in runs if run.key == key)


def choose_opacity(land: Land, label: str) -> float:
    """Draw the slider of the opacity of classes over an image."""
    return land_slider(land, label, (0.0, 1.0), 0.05, "opacity", 0.5)


def require_survey(land: Land) -> FileSurvey | None:
    """Return what reading every file gave; if that has not been done, draw a button for it."""
    survey = find_survey(land)
    if survey is None:
        n = format_number(len(land.dataset.patches))
        st.markdown(f"Class shares and spectra require reading every file once ({n} patches).")
        land_job_button(land.workspace, "Read every file", "Reading every file", ("survey",))
    return survey


def patch_problems(patch: ReadablePatch) -> None:
    """Say which parts of a patch cannot be read."""
    for problem in patch.problems:
        st.warning(escape_markdown(problem))


def show_table(
    table: pd.DataFrame, most: int = MOST_ROWS, narrow: Sequence[str] = (), wide: Sequence[str] = ()
) -> None:
    """Show a table, up to `most` rows without scrolling; a column of fractions has equal digits."""
    config = st.column_config
    columns: dict[str, Any] = {name: config.TextColumn(width="medium") for name in wide}
    for name, dtype in table.select_dtypes("number").dtypes.items():
        digits = "%.1f" if name in ONE_DECIMAL else "%.3f"
        columns[str(name)] = config.NumberColumn(
            format=digits if dtype.kind == "f" else None, width="small" if name in narrow else None
        )
    height: int | Literal["content"] = most * 35 + 38 if len(table) > most else "content"
    st.dataframe(table, hide_index=True, column_config=columns, height=height, placeholder="")


def download_button(land: Land, label: str, table: pd.DataFrame, name: str) -> None:
    """Draw a button that downloads a table as CSV, ending with the citation and the licence."""

    def text() -> bytes:
        credit = attribution_text(look_alike=land.look_alike)
        return f"{table.to_csv(index=False)}# {credit}\n".encode()

    st.download_button(label, text, name, "text/csv", on_click="ignore")


def _seed(land: Land, options: Mapping[str, str], name: str, start: str) -> tuple[str, str]:
    """Return the key of a widget with options and its first value: remembered, or a default.

    The default is the first option, unless `start` names another one.
    """
    value = page_choice(land.workspace, name, start)
    value = value if value in options else start or next(iter(options))
    return widget_key(land.workspace, f"{name} {'|'.join(options)}", value), value
