"""Chips that may not be worth keeping: shown by reason, left out only where the user says so."""

import dataclasses

import numpy as np
import pandas as pd
import streamlit as st

from app.session import cache, stage_jobs, state
from app.widgets import chip_panels, palette
from app.widgets.markup import counted, plain
from core.chips.chip_set import ChipSet
from core.chips.screening import BLANK, BLURRED, CUT, DUPLICATE, FLAGS, NODATA, SATURATED
from core.input_settings import ScreenSettings
from core.pipeline.plan import Plan
from core.pipeline.screening_stage import left_out
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

A_PAGE = 20
WIDTH = 132


def note(ready: Plan, settings: RunSettings) -> str:
    """How many of the chips are left out, in words; empty where none are."""
    wanted = settings.screen.leave_out
    if not wanted or "chips" not in ready.artifacts:
        return ""
    n = left_out(ready.artifacts["chips"])
    return plain(f"{counted(n, 'chip')} left out: {', '.join(wanted)}.")


def section(place: Workspace, settings: RunSettings) -> None:
    """Flags of all chips, left out or not, with a switch for each reason.

    Parameters
    ----------
    place : Workspace
    settings : RunSettings
        Of the chips that the page shows.
    """
    whole = dataclasses.replace(settings, screen=ScreenSettings())
    plan = cache.plan(place, whole)
    chips = cache.chips(place, plan)
    if chips is None:
        return
    st.subheader("Screening")
    table = cache.flags(place, plan)
    if table is None:
        st.markdown("Find chips that are blank, mostly nodata, saturated, blurred, cut off or "
                    "alike. Nothing is left out unless you say so.")  # fmt: skip
        if st.button(
            "Screen the chips", key="cs.screen", disabled=stage_jobs.busy(place) is not None
        ):
            stage_jobs.screen(place, whole)
            st.rerun()
        return
    asked = state.wanted(place).screen.leave_out
    counts = {f: int(table[f].sum()) for f in FLAGS if table[f].any() or f in asked}
    if not counts:
        st.markdown(f"None of {counted(len(table), 'chip')} is blank, mostly nodata, saturated, "
                    "blurred, cut off or like another one.")  # fmt: skip
        return
    _switches(place, table, counts)
    _gallery(place, chips, table, counts)


def _switches(place: Workspace, table: pd.DataFrame, counts: dict[str, int]) -> None:
    now = state.wanted(place).screen.leave_out
    st.markdown("Leave out, for all that follows:")
    with st.container(horizontal=True, gap="large"):
        chosen = tuple(
            flag for flag, n in counts.items()
            if st.toggle(f"{flag} ({n})", key=state.widget(place, f"leave {flag}", flag in now))
        )  # fmt: skip
    state.want(place, screen=ScreenSettings(chosen))
    n = int(table[list(chosen)].any(axis=1).sum())
    words = "Nothing is left out."
    if chosen:
        words = (f"That leaves out {n} of {counted(len(table), 'chip')}. They stay in the "
                 "workspace: a switch brings them back.")  # fmt: skip
    st.caption(plain(words))


def _gallery(place: Workspace, chips: ChipSet, table: pd.DataFrame, counts: dict[str, int]) -> None:
    first = next(iter(counts))
    flag = st.segmented_control(
        "Flagged as", list(counts), format_func=lambda name: f"{name} ({counts[name]})",
        required=True, key=state.widget(place, "flag", first),
    )  # fmt: skip
    flag = flag if flag in counts else first
    rows = _alike(table) if flag == DUPLICATE else np.flatnonzero(table[flag]).tolist()
    start = chip_panels.pager(place, f"flag {flag}", len(rows), A_PAGE)
    shown = rows[start : start + A_PAGE]
    colours = _colours(table, shown) if flag == DUPLICATE else [palette.RULE] * len(shown)
    words = [_words(flag, table.iloc[row]) for row in shown]
    chip_panels.chip_gallery(chips, shown, colours, words, WIDTH)


def _alike(table: pd.DataFrame) -> list[int]:
    """Each first one, then those that look like it."""
    row_of = {chip: row for row, chip in enumerate(table["chip_id"])}
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(table[DUPLICATE]):
        groups.setdefault(_first(table, row_of, int(row)), []).append(int(row))
    return [row for first, others in sorted(groups.items()) for row in (first, *others)]


def _first(table: pd.DataFrame, row_of: dict[str, int], row: int) -> int:
    """The chip at the beginning of a chain of likes."""
    while table["duplicate_of"].iloc[row]:
        row = row_of[table["duplicate_of"].iloc[row]]
    return row


def _colours(table: pd.DataFrame, rows: list[int]) -> list[str]:
    """One colour a group, the next one where a group begins."""
    begins = np.cumsum([not table[DUPLICATE].iloc[row] for row in rows])
    return [palette.colour(int(group)) for group in begins]


def _words(flag: str, chip: "pd.Series[object]") -> str:
    """The measured value behind a flag."""
    return {
        BLANK: f"varies by {chip['spread']:.1%}",
        NODATA: f"{chip['valid_fraction']:.0%} valid",
        SATURATED: f"{chip['saturated_share']:.0%} black or white",
        BLURRED: f"sharpness {chip['sharpness']:.4f}",
        CUT: "by the scene's edge",
        DUPLICATE: "like the one before" if chip[DUPLICATE] else "the first",
    }[flag]
