"""The panel of the notebook's 24 configurations of land cover models."""

from collections.abc import Sequence
from typing import cast

import pandas as pd
import streamlit as st

from app.land_cover.land_data import Land, list_runs, run_result
from app.land_cover.land_jobs import land_job_button
from app.land_cover.land_widgets import download_button, land_choice, show_table
from app.land_cover.models.run_table import axis_panel, baseline_commands, score_columns
from app.land_cover.run_titles import PROTOCOLS
from app.land_cover.score_charts import timing_chart
from app.widgets.charts import show_chart
from app.widgets.markup import count_noun, escape_markdown, format_number
from core.flair.evaluation.protocols import Protocol, possible_protocols
from core.flair.models.classifier_table import CHANCE_BASELINES
from core.flair.models.classifiers import Classifier, MethodSettings
from core.flair.models.configurations import GridCell, grid_configurations
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.run_comparison import find_run, unjudged_patches
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.flair.study_cells import StudyRun

SCORES = ("mIoU", "95 % from", "95 % to", "The notebook's mIoU", "Overall accuracy", "Seconds")


def grid_panel(land: Land) -> None:
    """Show the scores and the times of the notebook's configurations."""
    options: dict[str, str] = {p: PROTOCOLS[p] for p in possible_protocols(land.dataset)}
    protocol = land_choice(land, "Evaluated on", options, "grid on")
    finished = list_runs(land)
    study = Study(land.workspace, StudySettings(cast(Protocol, protocol)), land.dataset)
    cells = grid_configurations()

    def find(method: Classifier, spec: FeatureSpec) -> StudyRun | None:
        return find_run(finished, StudyRun(study, MethodSettings(method), spec))

    grid = [find(cell.method, cell.spec) for cell in cells]
    runs = [run for run in grid if run is not None]
    st.markdown(
        f"**{len(runs)} of {len(cells)} configurations have been run.** They combine two methods, "
        "with and without Sentinel, and features that are original (O) or robustly scaled (R), "
        "normalised (N), and extended by the intensity (I)."
    )
    if len(runs) < len(cells):
        commands = (*baseline_commands(protocol), ("grid", "--protocol", protocol))
        label = "Run the missing configurations"
        land_job_button(land.workspace, label, "Running the grid", *commands)
    if not runs:
        return
    baselines = [find(name, FeatureSpec()) for name in CHANCE_BASELINES]
    axis_panel(land, [*runs, *(run for run in baselines if run is not None)], protocol)
    _show_table(land, study, cells, grid)
    st.subheader("Time")
    seconds = [run_result(land, run).seconds if run else None for run in grid]
    minutes = [cell.notebook_minutes for cell in cells]
    figure = timing_chart([cell.name for cell in cells], seconds, minutes)
    show_chart(figure, "cs.land.times")
    total = sum(value for value in seconds if value is not None) / 60
    n_patches = len(run_result(land, runs[0]).patches)
    st.caption(
        f"Chipscape: {format_number(total, 'min')} for {count_noun(len(runs), 'configuration')} on "
        f"{count_noun(n_patches, 'patch', 'patches')}. The notebook: 31.8 hours on about 200 "
        "patches and 8 cores. The amount of work differs, so compare the pattern of the bars and "
        "the time per patch."
    )


def _show_table(
    land: Land, study: Study, cells: Sequence[GridCell], grid: Sequence[StudyRun | None]
) -> None:
    results = [run_result(land, run) if run else None for run in grid]
    counts = [len(result.patches) if result else 0 for result in results]
    reasons = unjudged_patches(study, [result for result in results if result])
    n_expected, rows = sum(len(fold.test) for fold in study.folds), []
    for cell, run, n in zip(cells, grid, counts, strict=True):
        row = {"Configuration": cell.name, "The notebook's minutes": cell.notebook_minutes}
        evaluated = {"Evaluated patches": f"{n} of {n_expected}"}
        rows.append(row | evaluated | score_columns(land, run) if run else row)
    columns = ["Configuration", "Evaluated patches", *SCORES, "The notebook's minutes"]
    table = pd.DataFrame(rows)[columns]
    # All rows of the second column are alike unless a patch was left out.
    show_table(table if reasons else table.drop(columns="Evaluated patches"))
    if reasons:
        parts = [
            f"{name} by {count_noun(len(notes), 'configuration')}: {notes[-1].rstrip('.')}"
            for name, notes in reasons.items()
        ]
        text = f"Left out: {'; '.join(parts)}."
        if len(set(counts) - {0}) > 1:
            text += " Rows that were evaluated on fewer patches cannot be compared with the others."
        st.warning(escape_markdown(text))
    download_button(land, "Download the grid (CSV)", table, "flair-grid.csv")
