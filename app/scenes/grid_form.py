"""Chips on a grid, offered where scenes have no annotations."""

import dataclasses
from collections.abc import Sequence

import streamlit as st

from app.session import stage_jobs, state
from app.widgets.markup import counted, number, plain
from core.input_settings import GridSettings
from core.pipeline.workspace import Workspace
from core.raster.annotations.footprint_grid import count, fitting_stride, too_many
from core.raster.scene_report import SceneReport

# Beyond this t-SNE takes minutes, and pictures are drawn of a part.
MANY = 20_000


def bare(reports: Sequence[SceneReport]) -> list[SceneReport]:
    """Scenes that a grid would be laid over, or is."""
    return [r for r in reports if r.ok and not r.annotation_file]


def offer(place: Workspace, reports: Sequence[SceneReport]) -> None:
    """Choose the grid, and see what it would make before anything runs."""
    without = bare(reports)
    now = state.wanted(place).scenes.grid
    names = ", ".join(report.name for report in without[:3])
    more = f" and {len(without) - 3} more" if len(without) > 3 else ""
    have = "have" if len(without) > 1 else "has"
    st.markdown(plain(f"{names}{more} {have} no annotations: squares on a grid can be their "
                      "chips."))  # fmt: skip
    asked = _form(place, now)
    squares = sum(_squares(report, asked) for report in without)
    refused = _too_many(without, asked)
    st.markdown(refused or _words(without, asked, squares))
    with st.container(horizontal=True):
        idle = stage_jobs.busy(place) is not None or not squares or refused or asked == now
        if st.button("Cut this grid", key="cs.grid", type="primary", disabled=bool(idle)):
            _start(place, asked)
        if now.size and st.button("Remove the grid", key="cs.grid off",
                                  help="Its chips stay in the workspace."):  # fmt: skip
            scenes = dataclasses.replace(state.wanted(place).scenes, grid=GridSettings())
            state.revert(place, dataclasses.replace(state.wanted(place), scenes=scenes))
            st.rerun()


def _form(place: Workspace, now: GridSettings) -> GridSettings:
    size_now = now.size or state.wanted(place).chips.size
    first, second, third = st.columns(3, gap="medium")
    size = first.number_input("Side of a square (px)", 8, 4096, step=8,
                              key=state.widget(place, "grid size", size_now))  # fmt: skip
    stride = second.number_input(
        "From one to the next (px)", 1, 4096, step=8,
        # Another key for another side, so that squares go on touching.
        key=state.widget(place, f"grid stride {size}",
                         now.stride if now.stride and size == now.size else size),
        help="As much as the side: squares touch. Less: they overlap. More: gaps stay.",
    )  # fmt: skip
    coverage = third.slider("Valid pixels at least (%)", 0, 100, step=5,
                            key=state.widget(place, "grid coverage", round(100 * now.coverage)),
                            help="Squares with less are left out.")  # fmt: skip
    return GridSettings(size, 0 if stride == size else stride, coverage / 100)


def _squares(report: SceneReport, asked: GridSettings) -> int:
    return count(report.width, report.height, asked)


def _too_many(reports: Sequence[SceneReport], asked: GridSettings) -> str:
    """Why a grid is refused, and the step that all scenes allow; empty if it is not."""
    wrong = [r for r in reports if too_many(r.width, r.height, asked)]
    if not wrong:
        return ""
    stride = max(fitting_stride(r.width, r.height, asked) for r in wrong)
    words = too_many(wrong[0].width, wrong[0].height, asked)
    return plain(f"{wrong[0].name}: {words}. From one to the next it takes {stride} px or more.")


def _words(reports: Sequence[SceneReport], asked: GridSettings, squares: int) -> str:
    if not squares:
        return "The squares are larger than the scenes: no chip."
    sides = {round(report.gsd * asked.size, 1) for report in reports if report.gsd}
    ground = f", {number(sides.pop(), 'm')} on the ground" if len(sides) == 1 else ""
    most = "At most " if asked.coverage else ""
    less = f"; squares with under {asked.coverage:.0%} valid pixels are left out"
    many = "  \nMany: a wider step makes fewer." if squares > MANY else ""
    said = f"{asked.size} px{plain(ground)}{plain(less) if asked.coverage else ''}"
    return f"{most}**{counted(squares, 'chip')}** of {said}.{many}"


def _start(place: Workspace, asked: GridSettings) -> None:
    settings = state.wanted(place)
    scenes = dataclasses.replace(settings.scenes, grid=asked)
    settings = dataclasses.replace(settings, scenes=scenes)
    stage_jobs.start_first(place, settings, "chips", "Cutting a grid of chips")
    st.rerun()
