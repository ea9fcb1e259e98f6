"""Widgets of the land cover pages: choices that are remembered, tables, and downloads."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar, get_args

import pandas as pd
import streamlit as st

from app.land_cover.land_data import Land, class_map_folder, readable_patch
from app.land_cover.land_jobs import land_job_button
from app.session.cache import cached_result
from app.session.state import keep_choice, page_choice, widget_key
from app.widgets.chip_tables import csv_button
from app.widgets.choices import remembered_widget
from app.widgets.markup import count_noun, escape_markdown, format_number
from core.land.data.data_summary import FileSurvey
from core.land.data.nomenclature import Nomenclature
from core.land.data.patch_reading import ReadablePatch
from core.pipeline.estimates.land_estimate import estimate_file_survey
from core.pipeline.land.run_titles import run_title
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.land.study_results import find_file_survey

T = TypeVar("T")
Bounds = tuple[float, float]
WIDTH = 380
MOST_ROWS = 26
ONE_DECIMAL = ("Seconds", "The notebook, per patch")


def land_choice(
    land: Land, label: str, titles: Mapping[T, str], name: str, start: T | None = None
) -> T:
    """Draw a row of buttons for a few values with titles; the choice is remembered."""
    draw = partial(st.segmented_control, label, required=True)
    return _remembered_option(land, draw, titles, name, start)


def land_select(
    land: Land, label: str, titles: Mapping[T, str], name: str, start: T | None = None
) -> T:
    """Draw a drop-down list of values with titles; the choice is remembered."""
    return _remembered_option(land, partial(st.selectbox, label, width=WIDTH), titles, name, start)


def _remembered_option(
    land: Land, draw: Callable[..., T | None], titles: Mapping[T, str], name: str, start: T | None
) -> T:
    """Draw a widget for one of several values, and remember the choice.

    It starts at the remembered value. Without one, it starts at `start`, or at the first value.
    """
    value: T = page_choice(land.workspace, name, start)
    if value not in titles:
        value = next(iter(titles)) if start is None else start
    key = widget_key(land.workspace, f"{name} {'|'.join(map(str, titles))}", value)
    choice = draw(list(titles), key=key, format_func=titles.__getitem__)
    chosen: T = keep_choice(land.workspace, name, value if choice is None else choice)
    return chosen


def land_multiselect(
    land: Land, label: str, options: Sequence[str], name: str, start: Sequence[str], most: int
) -> list[str]:
    """Draw a list to choose up to `most` options; remembered values not among them are dropped."""
    values = [value for value in page_choice(land.workspace, name, start) if value in options]
    key = widget_key(land.workspace, f"{name} {'|'.join(options)}", values)
    choice = st.multiselect(label, options, key=key, max_selections=most)
    return list(keep_choice(land.workspace, name, choice))


def land_slider(
    land: Land, label: str, bounds: Bounds, step: float, name: str, start: float, text: str = "%.2f"
) -> float:
    """Draw a slider for a remembered number; `text` formats it, for example "%.0f %%"."""
    low, high = bounds
    value = min(max(float(page_choice(land.workspace, name, start)), low), high)
    key = widget_key(land.workspace, f"{name} {high}", value)
    value = st.slider(label, low, high, step=step, key=key, format=text)
    return float(keep_choice(land.workspace, name, value))


def land_toggle(land: Land, label: str, name: str, *, start: bool = False) -> bool:
    """Draw a remembered switch."""
    return bool(remembered_widget(land.workspace, name, start, st.toggle, label))


def choose_nomenclature(land: Land) -> Nomenclature:
    """Draw the switch between the nomenclatures, if they differ."""
    if not land.legend.has_other:
        return "full"
    counts = {name: len(land.legend.select(name)) for name in get_args(Nomenclature)}
    titles = {name: f"{name.capitalize()}, {n} classes" for name, n in counts.items()}
    chosen: Nomenclature = land_choice(land, "Nomenclature", titles, "nomenclature")
    return chosen


def choose_patch(land: Land) -> int:
    """Draw the list of patches; return the index of the chosen one, which all pages share."""
    patches = land.dataset.patches
    start = min(int(page_choice(land.workspace, "patch", 0)), len(patches) - 1)
    key = widget_key(land.workspace, f"patch of {land.version}", start)
    areas = [patch.domain if patch.window else patch.area_id for patch in patches]
    titles = [f"{p.name} · {area} · {p.split}" for p, area in zip(patches, areas, strict=True)]
    title, rows = titles.__getitem__, range(len(patches))
    index = st.selectbox(land.adapt("Patch"), rows, key=key, width=WIDTH, format_func=title)
    return int(keep_choice(land.workspace, "patch", index))


def choose_patch_and_opacity(
    land: Land, label: str, widths: tuple[int, int]
) -> tuple[ReadablePatch, float]:
    """Draw the list of patches, and a slider for the opacity of the classes over the image."""
    left, right = st.columns(widths, vertical_alignment="bottom")
    with left:
        index = choose_patch(land)
    with right:
        opacity = land_slider(land, label, (0.0, 1.0), 0.05, "opacity", 0.5)
    return show_patch_problems(land, index), opacity


def choose_run(land: Land, label: str, name: str, runs: Sequence[StudyRun]) -> StudyRun:
    """Draw a list of runs; it starts at the latest run, preferably one with class maps."""
    titles = {run.key: run_title(run) for run in runs}
    mapped = [run.key for run in runs if class_map_folder(land, run)]
    draw, start = partial(st.selectbox, label, width="stretch"), (mapped or list(titles))[-1]
    key = _remembered_option(land, draw, titles, name, start)
    return next(run for run in runs if run.key == key)


def require_survey(land: Land) -> FileSurvey | None:
    """Return the survey of all files; if there is none yet, draw a button that reads the files."""
    home = land.workspace, land.dataset
    read = partial(find_file_survey, *home)
    survey = cached_result(land.key("survey"), read)
    if survey is None:
        n = format_number(len(land.dataset.patches))
        st.markdown(
            land.adapt(f"Class shares and spectra require reading every file once ({n} patches).")
        )
        label, estimate = "Read every file", partial(estimate_file_survey, *home)
        title = "Reading every file"
        land_job_button(land.workspace, label, title, ("survey",), estimate=estimate)
    return survey


def show_patch_problems(land: Land, index: int) -> ReadablePatch:
    """Return the readable parts of a patch, and warn of the other parts."""
    patch = readable_patch(land, index)
    for problem in patch.problems:
        st.warning(escape_markdown(problem))
    return patch


def show_table(
    table: pd.DataFrame, most: int = MOST_ROWS, narrow: Sequence[str] = (), wide: Sequence[str] = ()
) -> None:
    """Show a table with a fixed number of decimals; more than `most` rows are scrolled."""
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
    """Draw a button that downloads a table as CSV, with the citation and licence at the end."""
    credit = land.credit
    csv_button(label, table, name, footer=f"# {credit}\n")


def describe_split(land: Land, summary: Mapping[str, Any]) -> str:
    """Return the numbers of patches, areas and domains of a split, and of classes per patch."""
    n, spread = summary["unreadable"], summary["classes_per_patch"]
    patches = count_noun(summary["patches"], "patch", "patches")
    patches += f" ({n} of them could not be read)" if n else ""
    domains = count_noun(len(summary["domains"]), "domain")
    classes = f"{spread['min']} to {spread['max']} classes, {spread['mean']:.1f} on average"
    areas = "" if land.is_own else count_noun(summary["areas"], "area") + " of "
    return land.adapt(f"{patches} in {areas}{domains}. A patch contains {classes}.")
