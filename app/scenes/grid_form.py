"""The form for a grid of chips, offered for scenes without annotations."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Literal

import streamlit as st

from app.session import jobs, views
from app.session.state import widget_key
from app.widgets.job_status import estimate_line
from app.widgets.markup import count_noun, escape_markdown, format_number
from core.input_settings import GridSettings
from core.pipeline.estimates.output_estimate import estimate_grid
from core.pipeline.workspace import Workspace
from core.raster.annotations import footprint_grid
from core.raster.scene_report import SceneReport
from core.settings import RunSettings

# With more chips than this, t-SNE takes minutes.
MANY_CHIPS = 20_000


def scenes_without_annotations(reports: Sequence[SceneReport]) -> list[SceneReport]:
    """Return the reports of readable scenes without annotations, which can have a grid."""
    return [report for report in reports if report.ok and not report.annotation_file]


def grid_form(workspace: Workspace, reports: Sequence[SceneReport]) -> None:
    """Draw the form; it displays the number of chips before anything is computed."""
    bare = {report.path: report for report in scenes_without_annotations(reports)}
    requested = views.requested_settings(workspace)
    current = requested.scenes.grid
    names = _choose_scenes(workspace, list(bare), current)
    grid = dataclasses.replace(_grid_inputs(workspace, requested), scenes=tuple(sorted(names)))
    text, is_possible = describe_grid([bare[name] for name in names], grid)
    st.markdown(text)
    covered = tuple(name for name in sorted(bare) if current.covers(name))
    is_current = grid == dataclasses.replace(current, scenes=covered)
    with st.container(horizontal=True):
        disabled = not is_possible or is_current or jobs.running_job(workspace) is not None
        # With annotated scenes, the page's main act is to run all stages.
        has_annotations = any(report.annotation_file for report in reports)
        kind: Literal["primary", "secondary"] = "secondary" if has_annotations else "primary"
        if st.button("Cut chips on this grid", key="cs.grid", type=kind, disabled=disabled):
            settings = _with_grid(requested, grid)
            jobs.start_grid_run(workspace, settings, "chips", "Cutting a grid of chips")
            st.rerun()
        help_text = "Chips that have been cut stay in the workspace."
        if not disabled:
            chosen = [bare[name] for name in names]
            estimate_line(workspace, partial(estimate_grid, workspace, chosen, requested, grid))
        if current.size and st.button("Remove the grid", key="cs.grid off", help=help_text):
            views.reset_settings(workspace, _with_grid(requested, GridSettings()))
            st.rerun()


def scenes_without_chips(reports: Sequence[SceneReport], grid: GridSettings) -> list[str]:
    """Return the file names of scenes without annotations that the grid was not chosen for."""
    return [r.path for r in scenes_without_annotations(reports) if not grid.covers(r.path)]


def grid_question(names: Sequence[str]) -> str:
    """Return the question whether scenes without annotations are to be cut on a grid."""
    has, it = ("has", "it") if len(names) == 1 else ("have", "them")
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return (
        f"{listed} {has} no annotations, so there are no chips of {it} yet. Add annotations, or "
        f"cut {it} on a grid of squares?"
    )


def describe_grid(reports: Sequence[SceneReport], grid: GridSettings) -> tuple[str, bool]:
    """Return the number and size of a grid's chips as Markdown, and whether they can be cut."""
    if not reports:
        return "Select at least one scene.", False
    n_squares, strides, problems = 0, [], []
    for report in reports:
        n_squares += footprint_grid.count_grid_squares(report.width, report.height, grid)
        if problem := footprint_grid.grid_limit_message(report.width, report.height, grid):
            problems.append(f"{report.name}: {problem}.")
            strides.append(footprint_grid.smallest_stride(report.width, report.height, grid))
    if problems:
        text = f"{problems[0]} Use a step of {max(strides)} px or more."
        return escape_markdown(text), False
    if not n_squares:
        return "The squares are larger than the scenes, so there would be no chips.", False
    sides = {round(report.gsd * grid.size, 1) for report in reports if report.gsd}
    size = f"{grid.size} px"
    if len(sides) == 1:
        size += f", {format_number(sides.pop(), 'm')} on the ground"
    text = f"**{count_noun(n_squares, 'chip')}** of {escape_markdown(size)}."
    if grid.coverage:
        text = f"At most {text} Squares with under {grid.coverage:.0%} valid pixels are left out."
    if n_squares > MANY_CHIPS:
        text += "  \nWith this many chips, t-SNE takes minutes. A larger step gives fewer chips."
    return text, True


def _choose_scenes(workspace: Workspace, names: Sequence[str], grid: GridSettings) -> list[str]:
    """Draw the list of scenes for the grid; it starts with those that already have one.

    Without a grid it starts with all scenes that have no annotations.
    """
    covered = [name for name in names if grid.covers(name)] if grid.size else list(names)
    # The key depends on the names, so that the list is up to date after an import.
    return st.multiselect(
        "Scenes to cut on the grid",
        names,
        key=widget_key(workspace, f"grid scenes {len(covered)} {names}", covered),
        help="Only scenes without annotations are listed. Scenes that you add later are not cut "
        "on the grid unless you select them here.",
    )


def _grid_inputs(workspace: Workspace, requested: RunSettings) -> GridSettings:
    current = requested.scenes.grid
    left, middle, right = st.columns(3, gap="medium")
    key = widget_key(workspace, "grid size", current.size or requested.chips.size)
    size = left.number_input("Side of a square (px)", 8, 4096, step=8, key=key)
    stride = current.stride if current.stride and size == current.size else size
    # The key depends on the side, so that squares touch again after the side has changed.
    key = widget_key(workspace, f"grid stride {size}", stride)
    help_text = "Squares touch if the step equals their side; they overlap if it is smaller."
    stride = middle.number_input("Step (px)", 1, 4096, step=8, key=key, help=help_text)
    key = widget_key(workspace, "grid coverage", round(100 * current.coverage))
    help_text = "Squares with fewer valid pixels are left out."
    percent = right.slider("Minimum valid pixels (%)", 0, 100, step=5, key=key, help=help_text)
    return GridSettings(size, 0 if stride == size else stride, percent / 100)


def _with_grid(settings: RunSettings, grid: GridSettings) -> RunSettings:
    scenes = dataclasses.replace(settings.scenes, grid=grid)
    return dataclasses.replace(settings, scenes=scenes)
