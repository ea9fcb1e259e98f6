"""Comparison of two runs: agreement, flow of chips, both plots with one selection, moved chips."""

from collections.abc import Callable
from dataclasses import fields
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from app.runs.flow_chart import flow_chart, run_look
from app.runs.linked_plots import linked_plots
from app.session import cache
from app.session.state import choice_key, keep_choice, pick_chip, widget_value
from app.widgets.charts import show_chart
from app.widgets.chip_tables import csv_button
from app.widgets.markup import count_noun, escape_markdown
from app.widgets.palette import Look
from app.widgets.setting_labels import choice_label, list_differences
from app.widgets.sliders.cluster_sliders import lost_edits_note
from core.clusters.labelling_comparison import ABSENT, LabellingComparison
from core.pipeline.results.run_comparison import StoredRun, compare_runs, open_run
from core.pipeline.results.run_records import RunRecord
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

# Steinley (2004), "Properties of the Hubert-Arabie adjusted Rand index", Psychological Methods 9.
AGREEMENT = ((0.9, "excellent"), (0.8, "good"), (0.65, "moderate"), (-1.0, "poor"))
MOST_ROWS = 420


def run_comparison_panel(workspace: Workspace, records: list[RunRecord]) -> None:
    """Draw the choice of two runs and their comparison."""
    if len(records) < 2:
        st.caption("To compare runs, compute a second one: change a setting or the encoder.")
        return
    first, second = _choose_runs(workspace, records)
    if first.run_id == second.run_id:
        st.caption("Choose two different runs.")
        return
    first_run, second_run = (_open_cached(workspace, record) for record in (first, second))
    key = f"comparison {_key(workspace, first)} {_key(workspace, second)}"
    comparison = cache.cached_result(key, partial(compare_runs, first_run, second_run))
    assert comparison is not None
    looks = tuple(run_look(run.edited.names, run.edited.colours) for run in (first_run, second_run))
    st.markdown(describe_agreement(comparison))
    st.markdown(describe_settings(first.settings, second.settings))
    for run in (first_run, second_run):
        lost_edits_note(run.problems, f"the clusters of {run.record.name}")
    figure, n_left_out = flow_chart(comparison, *looks)
    st.subheader("Where the chips went")
    left, right = st.columns(2)
    left.caption(escape_markdown(first.name))
    right.container(horizontal_alignment="right").caption(
        escape_markdown(second.name), text_alignment="right"
    )
    show_chart(figure, key="cs_flow")
    if n_left_out:
        st.caption(f"{count_noun(n_left_out, 'chip')} in small flows are not drawn.")
    st.subheader("Both plots")
    linked_plots(workspace, (first_run, second_run), looks)
    st.subheader("Chips that moved")
    _moved_table(workspace, comparison, (first.name, second.name), looks)


def describe_agreement(comparison: LabellingComparison) -> str:
    """Return sentences, as Markdown, on the agreement of two runs."""
    if comparison.ari is None or comparison.ami is None:
        return "The runs have no chips in common, so they cannot be compared."
    word = next(word for least, word in AGREEMENT if comparison.ari >= least)
    n_shared, n_only = comparison.n_shared, len(comparison.chip_ids) - comparison.n_shared
    verb = "is" if comparison.n_moved == 1 else "are"
    shared, scores = count_noun(n_shared, "chip"), f"{comparison.ari:.2f}, AMI {comparison.ami:.2f}"
    sentences = [
        f"**ARI {scores}**: {word} agreement.",
        "1 means the same clusters, 0 no more agreement than by chance.",
        f"Of the {shared} in both runs, {comparison.n_moved} {verb} in another cluster.",
    ]
    n_first = int((comparison.second == ABSENT).sum())
    for n, run in ((n_first, "first"), (n_only - n_first, "second")):
        if n:
            sentences.append(
                f"{count_noun(n, 'chip')} {'is' if n == 1 else 'are'} only in the {run} run."
            )
    return " ".join(sentences)


def describe_settings(first: RunSettings, second: RunSettings) -> str:
    """Return a sentence, as Markdown, on the settings in which two runs differ."""
    tables = [field.name for field in fields(RunSettings)]
    before, after = (list_differences(*pair, tables) for pair in ((first, second), (second, first)))
    phrases = [f"{a} → {b.partition(': ')[2]}" for a, b in zip(before, after, strict=True)]
    if first.method != second.method:
        phrases.insert(0, f"method: {choice_label(first.method)} → {choice_label(second.method)}")
    if not phrases:
        return "The runs have the same settings; they differ in scenes, chips or edits."
    return f"Settings, first → second: {escape_markdown('; '.join(phrases))}."


def _choose_runs(workspace: Workspace, records: list[RunRecord]) -> tuple[RunRecord, RunRecord]:
    by_id = {record.run_id: record for record in records}
    ids, chosen = list(by_id), []
    columns = st.columns(2, gap="medium")
    for column, name, default in zip(columns, ("First run", "Second run"), (1, 0), strict=True):
        key = choice_key(workspace, name, ids[default], ids)
        with column:
            run_id = st.selectbox(
                name, ids, format_func=lambda run_id: _title(by_id[run_id]), key=key
            )
        chosen.append(by_id[keep_choice(workspace, name, run_id)])
    return chosen[0], chosen[1]


def _title(record: RunRecord) -> str:
    return f"{record.name} · {record.finished[:16].replace('T', ' ')}"


def _key(workspace: Workspace, record: RunRecord) -> str:
    """Return a key that changes with the edits of a run."""
    return f"{workspace.root} {record.run_id} {record.path.stat().st_mtime_ns}"


def _open_cached(workspace: Workspace, record: RunRecord) -> StoredRun:
    key = f"run {_key(workspace, record)}"
    run = cache.cached_result(key, partial(open_run, workspace, record))
    assert run is not None
    return run


def _moved_table(
    workspace: Workspace,
    comparison: LabellingComparison,
    names: tuple[str, str],
    looks: tuple[Look, ...],
) -> None:
    rows = np.flatnonzero(comparison.moved)
    if not len(rows):
        st.caption("No chip moved.")
        return
    labels = [f"{n} {side}" for n, side in zip(names, ("(first)", "(second)"), strict=True)]
    table = pd.DataFrame({"Chip": [comparison.chip_ids[row] for row in rows]})
    for label, ids, look in zip(labels, (comparison.first, comparison.second), looks, strict=True):
        table[label] = [look.name(int(i)) for i in ids[rows]]
    key = f"cs.moved:{workspace.root}:{hash(tuple(rows.tolist()))}"
    st.dataframe(
        table,
        hide_index=True,
        height=min(MOST_ROWS, 38 + 35 * len(table)),
        key=key,
        on_select=_row_picker(workspace, key, table["Chip"].tolist()),
        selection_mode="single-row",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        csv_button("Download the table (CSV)", table, "moved_chips.csv", key="cs.csv:moved")
        st.page_link("../pages/explore.py", label="Open the picked chip on the Explore page")


def _row_picker(workspace: Workspace, key: str, chips: list[str]) -> Callable[[], None]:
    """Return the function that picks the chip of the selected row."""

    def pick() -> None:
        rows = (widget_value(key) or {}).get("selection", {}).get("rows", [])
        if rows:
            pick_chip(workspace, chips[rows[0]])

    return pick
