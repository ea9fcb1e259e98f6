"""Chips that may not be worth keeping: a switch for each flag, and a gallery of flagged chips."""

import dataclasses
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.session import cache, jobs, views
from app.session.state import widget_key
from app.widgets import palette
from app.widgets.chip_display import chip_gallery
from app.widgets.chip_panel.chip_panel import chip_opener
from app.widgets.choices import button_choice, gallery_pager
from app.widgets.job_status import estimate_line
from app.widgets.markup import count_noun, escape_markdown
from core.chips import screening
from core.chips.chip_set import ChipSet
from core.chips.screening import DUPLICATE, FLAGS
from core.input_settings import ScreenSettings
from core.pipeline.estimates.fit_estimate import estimate_screening
from core.pipeline.view import View
from core.pipeline.workspace import Workspace

PAGE_SIZE, CHIP_WIDTH = 20, 132


def screening_section(view: View) -> None:
    """Draw a switch for each flag, and the flagged chips, including those that are left out."""
    workspace = view.workspace
    view = views.find_view(workspace, dataclasses.replace(view.settings, screen=ScreenSettings()))
    chips = cache.chips(view)
    if chips is None:
        return
    st.header("Screening")
    flags = cache.flags(view)
    if flags is None:
        st.markdown(
            "Find chips that are blank, mostly nodata, saturated, blurred, cut off, or nearly the "
            "same as another chip. No chip is left out unless you choose to."
        )
        disabled = jobs.running_job(workspace) is not None
        if st.button("Screen the chips", key="cs.screen", disabled=disabled):
            jobs.start_screening(workspace, view.settings)
            st.rerun()
        estimate_line(workspace, partial(estimate_screening, view))
        return
    leave_out = views.requested_settings(workspace).screen.leave_out
    counts = {f: int(flags[f].sum()) for f in FLAGS if flags[f].any() or f in leave_out}
    if not counts:
        st.markdown(
            f"None of the {count_noun(len(flags), 'chip')} is blank, mostly nodata, saturated, "
            "blurred, cut off, or nearly the same as another chip."
        )
        return
    _flag_switches(workspace, flags, counts)
    _flagged_gallery(view, chips, flags, counts)


def _flag_switches(workspace: Workspace, flags: pd.DataFrame, counts: dict[str, int]) -> None:
    current = views.requested_settings(workspace).screen.leave_out
    st.markdown("Leave out of all further stages:")
    with st.container(horizontal=True, gap="large"):
        leave_out = tuple(
            flag
            for flag, n in counts.items()
            if st.toggle(
                f"{flag} ({n})", key=widget_key(workspace, f"leave {flag}", flag in current)
            )
        )
    views.request_settings(workspace, screen=ScreenSettings(leave_out))
    text = "No chips are left out."
    if leave_out:
        n_left_out = int(flags[list(leave_out)].any(axis=1).sum())
        text = (
            f"{n_left_out} of {count_noun(len(flags), 'chip')} will be left out. They stay in the "
            "workspace and return when the switch is turned off."
        )
    st.caption(escape_markdown(text))


def _flagged_gallery(
    view: View, chips: ChipSet, flags: pd.DataFrame, counts: dict[str, int]
) -> None:
    workspace = view.workspace
    titles, first = {flag: f"{flag} ({n})" for flag, n in counts.items()}, next(iter(counts))
    flag = button_choice(workspace, "Flagged as", titles, "flag", first)
    flag = flag if flag in counts else first
    if flag == DUPLICATE:
        groups = screening.near_duplicate_groups(flags)
        colours = {
            row: palette.cluster_colour(i) for i, group in enumerate(groups) for row in group
        }
    else:
        colours = dict.fromkeys(np.flatnonzero(flags[flag]).tolist(), palette.RULE)
    start = gallery_pager(workspace, f"flag {flag}", len(colours), PAGE_SIZE)
    rows = list(colours)[start : start + PAGE_SIZE]
    texts = [_describe_flag(flag, flags.iloc[row]) for row in rows]
    chip_gallery(
        chips,
        rows,
        [colours[row] for row in rows],
        texts,
        CHIP_WIDTH,
        name="flagged",
        label="Flagged chips",
        open_chip=chip_opener(view, chips, None),
    )


def _describe_flag(flag: str, chip: "pd.Series[Any]") -> str:
    """Return the measured value that led to a chip's flag, as text."""
    return {
        screening.BLANK: f"grey varies by {chip['spread']:.1%}",
        screening.NODATA: f"{chip['valid_fraction']:.0%} valid",
        screening.SATURATED: f"{chip['saturated_share']:.0%} black or white",
        screening.BLURRED: f"sharpness {chip['sharpness']:.4f}",
        screening.CUT: "cut by the scene's edge",
        DUPLICATE: "similar to the first" if chip[DUPLICATE] else "first of its group",
    }[flag]
