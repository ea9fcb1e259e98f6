"""Finished runs of land cover models, and the original notebook's grid (see docs/land_cover.md)."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import score_charts
from app.land_cover.land_data import Land, list_runs, run_result
from app.land_cover.land_jobs import land_job_button
from app.land_cover.land_widgets import download_button, land_choice, show_table
from app.land_cover.score_charts import timing_chart
from app.widgets.charts import show_chart
from app.widgets.markup import count_noun, escape_markdown, format_number
from core.land.evaluation.protocols import Protocol, has_official_test, possible_protocols
from core.land.models.classifier_table import CHANCE_BASELINES
from core.land.models.classifiers import Classifier, MethodSettings
from core.land.models.configurations import GridCell, grid_configurations
from core.land.models.features import FeatureSpec
from core.pipeline.land import run_titles, study_results
from core.pipeline.land.run_titles import PROTOCOLS
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun

ALL = "all"
COLUMNS: dict[Protocol, str] = {
    name: title.partition(" (")[0].capitalize() for name, title in PROTOCOLS.items()
}
RELIABILITY = {
    "reliability": "Reliability",
    "weighted_reliability": "Reliability, weighted",
    "reliability_after_knn": "After kNN",
    "weighted_reliability_after_knn": "After kNN, weighted",
}
MOST_ROWS, MOST_NOTES = 14, 10
EVALUATION, TRAINING, OTHER = "Evaluated on", "Training pixels", 'Trained with "other"'
SMOOTHING = "Smoothing"
SCORES = ("mIoU", "95 % from", "95 % to", "The notebook's mIoU", "Overall accuracy", "Seconds")


def runs_panel(land: Land, runs: Sequence[StudyRun]) -> None:
    """Show finished runs in a chart and a table, for one protocol or for all of them."""
    protocols = {run.settings.protocol for run in runs}
    options: dict[str, str] = {name: PROTOCOLS[name] for name in PROTOCOLS if name in protocols}
    if len(options) > 1:
        options = {ALL: "all protocols"} | options
    choice = land_choice(land, "Runs evaluated on", options, "shown protocol")
    chosen = [run for run in runs if choice in (ALL, run.settings.protocol)]
    if choice == ALL:
        _protocol_panel(land, runs)
        table = protocol_table(land, runs)
    else:
        axis_panel(land, chosen, choice)
        table = run_table(land, chosen)
    show_table(_drop_constant(table), MOST_ROWS, wide=("Features",))
    download_button(land, "Download all runs (CSV)", run_table(land, runs), "flair-runs.csv")
    pairs = other_class_table(land, chosen)
    if len(pairs):
        st.markdown('**Trained with and without "other"**')
        show_table(pairs)
    notes = dict.fromkeys(note for run in chosen for note in run_result(land, run).notes)
    for note in shorten_notes(list(notes)):
        st.caption(escape_markdown(note))


def shorten_notes(notes: Sequence[str]) -> list[str]:
    """Return the first notes, and a line that states the number of remaining notes."""
    n = len(notes) - MOST_NOTES
    more = f"... and {format_number(n)} more; `chipscape flair run` prints them all."
    return [*notes[:MOST_NOTES], *([more] if n > 0 else [])]


def _protocol_panel(land: Land, runs: Sequence[StudyRun]) -> None:
    rows = []
    for group in study_results.group_by_protocol(runs):
        scores = {protocol: run_result(land, run).scores.miou for protocol, run in group.items()}
        run = next(iter(group.values()))
        rows.append((run_titles.configuration_title(run), scores, run.is_chance))
    rows.sort(key=lambda row: (row[2], -max(row[1].get("domains", 0), row[1].get("test", 0))))
    show_chart(score_charts.protocol_chart(rows, COLUMNS), "cs.land.together")
    st.caption(
        'mIoU by protocol. The line between "domains left out" and "training patches" shows how '
        "optimistic an evaluation on training patches is. The optimism gap in the table is the "
        'same difference, computed without the pixels of "other".'
    )
    _baseline_button(land, runs)


def protocol_table(land: Land, runs: Sequence[StudyRun]) -> pd.DataFrame:
    """Return the mIoU for each protocol and the optimism gap, one row per configuration."""
    rows = []
    for group in study_results.group_by_protocol(runs):
        results = {protocol: run_result(land, run) for protocol, run in group.items()}
        row = _model_columns(next(iter(group.values()))) | dict.fromkeys(COLUMNS.values(), np.nan)
        row |= {COLUMNS[protocol]: result.scores.miou for protocol, result in results.items()}
        rows.append(row | {"Optimism gap": study_results.optimism_gap(results)})
    table = pd.DataFrame(rows).astype({"Optimism gap": float}).dropna(axis=1, how="all")
    scored = [title for title in COLUMNS.values() if title in table]
    return table.sort_values(scored, ascending=False, kind="stable")


def other_class_table(land: Land, runs: Sequence[StudyRun]) -> pd.DataFrame:
    """Return the scores of runs that were trained both without and with "other"."""
    rows = []
    for pair in study_results.pair_by_other(runs):
        without, included = (run_result(land, run).scores for run in pair)
        rows.append(
            {
                "Method and features": run_titles.model_title(pair[0]),
                EVALUATION: PROTOCOLS[pair[0].settings.protocol],
                "mIoU without": without.miou,
                "mIoU with": included.miou,
                "Difference": included.miou - without.miou,
                "Accuracy without": without.overall_accuracy,
                "Accuracy with": included.overall_accuracy,
                'IoU of "other", with': float(included.iou[-1]),
            }
        )
    return pd.DataFrame(rows)


def axis_panel(land: Land, runs: Sequence[StudyRun], protocol: str) -> None:
    """Show the runs of one protocol from best to worst, chance baselines last."""
    rows = []
    for run in runs:
        result = run_result(land, run)
        miou, interval = result.scores.miou, result.interval
        low, high = (interval.low, interval.high) if interval else (None, None)
        rows.append(
            score_charts.ScoreRow(
                run_titles.configuration_title(run), miou, low, high, run.is_chance
            )
        )
    official = protocol == "test" and has_official_test(land.dataset)
    rows.sort(key=lambda row: (row.baseline, -row.miou))
    show_chart(score_charts.score_axis(rows, official=official), "cs.land.axis")
    if not official:
        published = ", ".join(f"{name} {miou:.4f}" for name, miou in score_charts.PUBLISHED)
        text = f"Published scores apply to FLAIR's official test set only: {published}."
        st.caption(escape_markdown(text))
    _baseline_button(land, runs)


def _baseline_button(land: Land, runs: Sequence[StudyRun]) -> None:
    """Draw a button that runs the chance baselines for the protocols that lack them."""
    finished = {run.settings.protocol for run in runs if run.is_chance}
    missing = [p for p in dict.fromkeys(run.settings.protocol for run in runs) if p not in finished]
    if missing:
        label, title = "Run the chance baselines", "Running chance baselines"
        commands = baseline_commands(*missing)
        land_job_button(land.workspace, label, title, *commands, primary=False)


def baseline_commands(*protocols: str) -> list[tuple[str, ...]]:
    """Return the commands that run the chance baselines for each protocol."""
    pairs = itertools.product(protocols, CHANCE_BASELINES)
    return [("run", "--method", method, "--protocol", protocol) for protocol, method in pairs]


def _model_columns(run: StudyRun) -> dict[str, Any]:
    sample = run.settings.sample
    return {
        "Method": run_titles.method_title(run.method),
        "Features": "none" if run.is_chance else run_titles.spec_title(run.spec),
        SMOOTHING: run.regularisation.title or "none",
        TRAINING: run_titles.DRAWS[sample.draw],
        OTHER: "yes" if sample.other else "no",
    }


def _drop_constant(table: pd.DataFrame) -> pd.DataFrame:
    """Drop empty columns, and settings whose value is the same in all rows and is not "yes"."""
    constant = [
        name
        for name in (EVALUATION, TRAINING, OTHER, SMOOTHING)
        if name in table and table[name].nunique() == 1 and table[name].iloc[0] != "yes"
    ]
    return table.drop(columns=constant).dropna(axis=1, how="all")


def run_table(land: Land, runs: Sequence[StudyRun]) -> pd.DataFrame:
    """Return a table of the settings and scores of runs, best run first."""
    rows = []
    for run in runs:
        model = _model_columns(run)
        training = {name: model.pop(name) for name in (SMOOTHING, TRAINING, OTHER)}
        protocol = {EVALUATION: PROTOCOLS[run.settings.protocol]}
        rows.append(model | score_columns(land, run) | protocol | training)
    return pd.DataFrame(rows).sort_values("mIoU", ascending=False, kind="stable")


def score_columns(land: Land, run: StudyRun) -> dict[str, Any]:
    """Return the scores of a run as a table row: values by column title."""
    result = run_result(land, run)
    scores, interval, folds = result.scores, result.interval, result.about["folds"]
    return {
        "mIoU": round(scores.miou, 4),
        "95 % from": round(interval.low, 4) if interval else None,
        "95 % to": round(interval.high, 4) if interval else None,
        "Areas": interval.n_units if interval else 1,
        "Classes averaged": scores.n_classes,
        "Overall accuracy": round(scores.overall_accuracy, 4),
        "Kappa": round(scores.kappa, 4),
        "The notebook's mIoU": round(scores.notebook_miou, 4),
        **{title: round(result.fold_mean(name), 4) for name, title in RELIABILITY.items()},
        "Labels used": sum(fold["n_labels"] for fold in folds),
        "Seconds": round(result.seconds, 1),
    }


def grid_panel(land: Land) -> None:
    """Show the scores and times of the configurations in the original notebook's grid."""
    options = {protocol: PROTOCOLS[protocol] for protocol in possible_protocols(land.dataset)}
    protocol = land_choice(land, "Evaluated on", options, "grid on")
    finished = list_runs(land)
    study = Study(land.workspace, StudySettings(protocol), land.dataset)
    cells = grid_configurations()

    def find(method: Classifier, spec: FeatureSpec) -> StudyRun | None:
        return study_results.find_run(finished, StudyRun(study, MethodSettings(method), spec))

    grid = [find(cell.method, cell.spec) for cell in cells]
    runs = [run for run in grid if run is not None]
    st.markdown(
        f"**Configurations that have been run: {len(runs)} of {len(cells)}.** These are the "
        "configurations of the original notebook, the analysis with which this project began. They "
        "combine two methods, aerial bands with and without Sentinel, and features that are "
        "original (O) or robustly scaled (R), optionally normalised (N), and optionally with the "
        "intensity appended (I)."
    )
    if len(runs) < len(cells):
        commands = (*baseline_commands(protocol), ("grid", "--protocol", protocol))
        label = "Run the missing configurations"
        land_job_button(land.workspace, label, "Running the grid", *commands)
    if not runs:
        return
    baselines = [find(name, FeatureSpec()) for name in CHANCE_BASELINES]
    axis_panel(land, [*runs, *(run for run in baselines if run is not None)], protocol)
    _show_grid(land, study, cells, grid)
    st.header("Time")
    seconds = [run_result(land, run).seconds if run else None for run in grid]
    minutes = [cell.notebook_minutes for cell in cells]
    figure = timing_chart([cell.name for cell in cells], seconds, minutes)
    show_chart(figure, "cs.land.times")
    total = sum(value for value in seconds if value is not None) / 60
    n_patches = len(run_result(land, runs[0]).patches)
    st.caption(
        f"Chipscape: {format_number(total, 'min')} for {count_noun(len(runs), 'configuration')} on "
        f"{count_noun(n_patches, 'patch', 'patches')}. The notebook: 31.8 hours on about 200 "
        "patches and 8 cores. The amount of work differs, so compare only the relative lengths of "
        "the bars, or the time per patch."
    )


def _show_grid(
    land: Land, study: Study, cells: Sequence[GridCell], grid: Sequence[StudyRun | None]
) -> None:
    results = [run_result(land, run) if run else None for run in grid]
    counts = [len(result.patches) if result else 0 for result in results]
    reasons = study_results.unjudged_patches(study, [result for result in results if result])
    n_expected, rows = sum(len(fold.test) for fold in study.folds), []
    for cell, run, n in zip(cells, grid, counts, strict=True):
        row = {"Configuration": cell.name, "The notebook's minutes": cell.notebook_minutes}
        evaluated = {"Evaluated patches": f"{n} of {n_expected}"}
        rows.append(row | evaluated | score_columns(land, run) if run else row)
    columns = ["Configuration", "Evaluated patches", *SCORES, "The notebook's minutes"]
    table = pd.DataFrame(rows)[columns]
    # "Evaluated patches" has the same value in all rows unless a patch was left out.
    show_table(table if reasons else table.drop(columns="Evaluated patches"))
    if reasons:
        parts = [
            f"{name} by {count_noun(len(notes), 'configuration')}: {notes[-1].rstrip('.')}"
            for name, notes in reasons.items()
        ]
        text = f"Patches left out: {'; '.join(parts)}."
        if len(set(counts) - {0}) > 1:
            text += " Rows that were evaluated on fewer patches cannot be compared with the others."
        st.warning(escape_markdown(text))
    download_button(land, "Download the grid (CSV)", table, "flair-grid.csv")
