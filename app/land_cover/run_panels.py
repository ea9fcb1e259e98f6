"""Finished runs of land cover models, and the original notebook's grid (see docs/land_cover.md)."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import score_charts
from app.land_cover.land_data import Land, run_result, run_stability
from app.land_cover.land_jobs import land_job_button
from app.land_cover.land_widgets import download_button, land_choice, show_table
from app.widgets.charts import show_chart
from app.widgets.markup import escape_markdown, format_number
from core.land.evaluation.confusion import FEWEST_UNITS
from core.land.evaluation.protocols import Protocol
from core.land.evaluation.published_results import describe_published_results, find_official_test
from core.land.evaluation.scorers import choose_scorer
from core.land.models.classifier_table import CHANCE_BASELINES
from core.pipeline.estimates.land_estimate import baseline_jobs
from core.pipeline.land import run_titles, study_results
from core.pipeline.land.repeated_training import Stability
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun

ALL = "all"
RELIABILITY = {
    "reliability": "Reliability",
    "weighted_reliability": "Reliability, weighted",
    "reliability_after_knn": "After kNN",
    "weighted_reliability_after_knn": "After kNN, weighted",
}
MOST_ROWS, MOST_NOTES = 14, 10
EVALUATION, TRAINING, OTHER = "Evaluated on", "Training pixels", 'Trained with "other"'
SMOOTHING = "Smoothing"


def protocol_columns(land: Land) -> dict[Protocol, str]:
    """Return the title of the column of each protocol."""
    titles = land.protocol_titles.items()
    return {name: title.partition(" (")[0].capitalize() for name, title in titles}


def runs_panel(land: Land, runs: Sequence[StudyRun]) -> None:
    """Show finished runs in a chart and a table, for one protocol or for all of them."""
    protocols = {run.settings.protocol for run in runs}
    options: dict[str, str] = {
        name: title for name, title in land.protocol_titles.items() if name in protocols
    }
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
    results = {run_titles.run_title(run): run_result(land, run) for run in chosen}
    if warning := study_results.describe_collapsed_runs(results):
        st.warning(escape_markdown(warning.removeprefix("warning: ").capitalize()))
    warnings = {note for result in results.values() for note in result.warnings}
    notes = [n for result in results.values() for n in result.notes if n not in warnings]
    notes = list(dict.fromkeys(notes))
    for note in shorten_notes(notes):
        st.caption(escape_markdown(note))


def shorten_notes(notes: Sequence[str]) -> list[str]:
    """Return the first notes, and a line that states the number of remaining notes."""
    n = len(notes) - MOST_NOTES
    more = f"... and {format_number(n)} more; `chipscape flair run` prints them all."
    return [*notes[:MOST_NOTES], *([more] if n > 0 else [])]


def _protocol_panel(land: Land, runs: Sequence[StudyRun]) -> None:
    rows, stabilities = [], {}
    for group in study_results.group_by_protocol(runs):
        scores = {protocol: run_result(land, run).scores.miou for protocol, run in group.items()}
        run = next(iter(group.values()))
        title = run_titles.configuration_title(run)
        rows.append((title, scores, run.is_chance))
        if stability := run_stability(land, group):
            stabilities[title] = stability
    rows.sort(key=lambda row: (row[2], -max(row[1].get("domains", 0), row[1].get("test", 0))))
    columns, scorer = protocol_columns(land), choose_scorer(land.legend)
    show_chart(score_charts.protocol_chart(rows, columns, scorer), "cs.land.together")
    text = (
        "mIoU by protocol. The optimism gap in the table is measured separately, on pixels that "
        "train no model and with equal numbers of training pixels: from all domains, minus from "
        "other domains only. It is available for models that were run by all protocols together."
    )
    st.caption(land.adapt(text))
    negative = [
        f"{title}: {land.adapt(stability.gap_text)}"
        for title, stability in stabilities.items()
        if stability.gap is not None and stability.gap[0] < 0
    ]
    for text in negative:
        st.caption(escape_markdown(text))
    _baseline_button(land, runs)


def protocol_table(land: Land, runs: Sequence[StudyRun]) -> pd.DataFrame:
    """Return the mIoU for each protocol, the stability and the optimism gap of each model."""
    rows, columns = [], protocol_columns(land)
    for group in study_results.group_by_protocol(runs):
        results = {protocol: run_result(land, run) for protocol, run in group.items()}
        row = _model_columns(next(iter(group.values()))) | dict.fromkeys(columns.values(), np.nan)
        row |= {columns[protocol]: result.scores.miou for protocol, result in results.items()}
        clusters = [", ".join(map(str, result.n_clusters)) for result in results.values()]
        row["Clusters, by fold"] = " | ".join(filter(None, clusters)) or None
        rows.append(row | _stability_columns(run_stability(land, group)))
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    scored = [title for title in columns.values() if title in table]
    return table.sort_values(scored, ascending=False, kind="stable")


def _stability_columns(stability: Stability | None) -> dict[str, Any]:
    """Return the spread over draws of the training pixels, and the optimism gap."""
    if stability is None:
        return {}
    scores, clusters = stability.mious, stability.n_clusters
    return {
        "Repeated, from": float(scores.min()),
        "Repeated, to": float(scores.max()),
        "Clusters, repeated": f"{clusters.min()} to {clusters.max()}" if clusters.any() else None,
        "Optimism gap": stability.gap[0] if stability.gap else np.nan,
    }


def other_class_table(land: Land, runs: Sequence[StudyRun]) -> pd.DataFrame:
    """Return the scores of runs that were trained both without and with "other"."""
    rows = []
    for pair in study_results.pair_by_other(runs):
        without, included = (run_result(land, run).scores for run in pair)
        rows.append(
            {
                "Method and features": run_titles.model_title(pair[0]),
                EVALUATION: land.protocol_titles[pair[0].settings.protocol],
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
    scorer, official = choose_scorer(land.legend), None
    if protocol == "test":
        domains = [patch.domain for patch in land.dataset.patches if patch.split == "test"]
        official = find_official_test(domains, scorer.name)
    rows.sort(key=lambda row: (row.baseline, -row.miou))
    show_chart(score_charts.score_axis(rows, scorer, official), "cs.land.axis")
    st.caption(f"{scorer.title}: {scorer.rule}")
    areas = {len(set(run_result(land, run).areas)) for run in runs}
    if min(areas) < FEWEST_UNITS:
        text = f"No 95 % intervals: they need at least {FEWEST_UNITS} areas with held-out pixels; "
        text += f"here there {'is 1' if min(areas) == 1 else f'are {min(areas)}'}."
        st.caption(land.adapt(text))
    if official:
        sources = dict.fromkeys(result.source for result in official.results)
        st.caption(escape_markdown(f"Published scores: {'; '.join(sources)}."))
    elif not land.is_own:
        st.caption(escape_markdown(describe_published_results()))
    _baseline_button(land, runs)


def _baseline_button(land: Land, runs: Sequence[StudyRun]) -> None:
    """Draw a button that runs the chance baselines for the protocols that lack them."""
    finished = {run.settings.protocol for run in runs if run.is_chance}
    missing = [p for p in dict.fromkeys(run.settings.protocol for run in runs) if p not in finished]
    if missing:
        label, title = "Run the chance baselines", "Running chance baselines"
        commands = baseline_commands(*missing)
        studies = [Study(land.workspace, StudySettings(p), land.dataset) for p in missing]
        estimated = [job for study in studies for job in baseline_jobs(study, exists=False)]
        land_job_button(land.workspace, label, title, *commands, primary=False, estimated=estimated)


def baseline_commands(*protocols: str) -> list[tuple[str, ...]]:
    """Return the commands that run the chance baselines for each protocol."""
    pairs = itertools.product(protocols, CHANCE_BASELINES)
    return [("run", "--method", method, "--protocol", protocol) for protocol, method in pairs]


def _model_columns(run: StudyRun) -> dict[str, Any]:
    sample = run.settings.sample
    return {
        "Method": run_titles.method_title(run.method),
        "Features": run_titles.features_title(run),
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
        protocol = {EVALUATION: land.protocol_titles[run.settings.protocol]}
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
        "Areas": len(set(result.areas)),
        "Clusters": ", ".join(map(str, result.n_clusters)) or None,
        "Classes averaged": scores.n_classes,
        "Overall accuracy": round(scores.overall_accuracy, 4),
        "Kappa": round(scores.kappa, 4),
        "The notebook's mIoU": round(scores.notebook_miou, 4),
        **{title: round(result.fold_mean(name), 4) for name, title in RELIABILITY.items()},
        "Labels used": sum(fold["n_labels"] for fold in folds),
        "Seconds": round(result.seconds, 1),
    }
