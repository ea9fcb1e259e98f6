"""The panel of the original notebook's grid of configurations (see docs/land_cover.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.land_cover.land_data import Land, list_runs, run_result
from app.land_cover.land_jobs import land_job_button
from app.land_cover.land_widgets import download_button, land_choice, show_table
from app.land_cover.run_panels import axis_panel, baseline_commands, protocol_columns, score_columns
from app.land_cover.score_charts import timing_chart
from app.widgets.charts import show_chart
from app.widgets.markup import count_noun, escape_markdown, format_number
from core.land.evaluation.protocols import Protocol, possible_protocols
from core.land.models.classifier_table import CHANCE_BASELINES
from core.land.models.classifiers import Classifier, MethodSettings
from core.land.models.configurations import NOTEBOOK_PATCHES, GridCell, grid_configurations
from core.land.models.features import FeatureSpec
from core.pipeline.estimates.land_estimate import LandJob, baseline_jobs
from core.pipeline.land import study_results
from core.pipeline.land.cell_results import CellResult
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun

SCORES = ("mIoU", "95 % from", "95 % to", "Clusters", "The notebook's mIoU", "Overall accuracy")


def grid_panel(land: Land) -> None:
    """Show the scores and times of the configurations in the original notebook's grid."""
    options = {
        protocol: land.protocol_titles[protocol] for protocol in possible_protocols(land.dataset)
    }
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
        estimated = [
            LandJob(StudyRun(study, MethodSettings(cell.method), cell.spec), exists=False)
            for cell, run in zip(cells, grid, strict=True)
            if run is None
        ]
        estimated += baseline_jobs(study, exists=False)
        title = "Running the grid"
        land_job_button(land.workspace, label, title, *commands, estimated=estimated)
    if not runs:
        return
    baselines = [find(name, FeatureSpec()) for name in CHANCE_BASELINES]
    axis_panel(land, [*runs, *(run for run in baselines if run is not None)], protocol)
    _show_grid(land, study, cells, grid)
    st.header("Time")
    total = sum(run_result(land, run).seconds for run in runs) / 60
    n_patches = len(run_result(land, runs[0]).patches)
    seconds = [_seconds_per_patch(run_result(land, run)) if run else None for run in grid]
    notebook = [cell.notebook_minutes * 60 / NOTEBOOK_PATCHES for cell in cells]
    show_chart(timing_chart([cell.name for cell in cells], seconds, notebook), "cs.land.times")
    st.caption(
        "Time for sampling, training and prediction, divided by the number of evaluated patches. "
        "Training takes part of it, so the time per patch also depends on the number of patches. "
        f"The notebook's times are for about {NOTEBOOK_PATCHES} patches on another computer. "
        f"All {count_noun(len(runs), 'configuration')} together took {format_number(total, 'min')} "
        f"here, for {count_noun(n_patches, 'patch', 'patches')}."
    )


def _seconds_per_patch(result: CellResult) -> float | None:
    return result.seconds / len(result.patches) if result.patches else None


def _grid_columns(
    land: Land, run: StudyRun, groups: Sequence[Mapping[Protocol, StudyRun]]
) -> dict[str, Any]:
    """Return the scores of a run, and the mIoU of the same model by the other protocols."""
    group = next(group for group in groups if run.key in {other.key for other in group.values()})
    by_protocol = {
        protocol_columns(land)[protocol]: _score_text(run_result(land, other))
        for protocol, other in group.items()
        if protocol != run.settings.protocol
    }
    seconds = _seconds_per_patch(run_result(land, run))
    return score_columns(land, run) | by_protocol | {"Seconds per patch": seconds}


def _score_text(result: CellResult) -> str:
    """Return the mIoU with the numbers of clusters, such as "0.023 (2 clusters)"."""
    clusters = ", ".join(map(str, result.n_clusters))
    return f"{result.scores.miou:.3f}" + (f" ({clusters} clusters)" if clusters else "")


def _show_grid(
    land: Land, study: Study, cells: Sequence[GridCell], grid: Sequence[StudyRun | None]
) -> None:
    results = [run_result(land, run) if run else None for run in grid]
    counts = [len(result.patches) if result else 0 for result in results]
    reasons = study_results.unjudged_patches(study, [result for result in results if result])
    n_expected, rows = sum(len(fold.test) for fold in study.folds), []
    groups = study_results.group_by_protocol(list_runs(land))
    for cell, run, n in zip(cells, grid, counts, strict=True):
        notebook = cell.notebook_minutes * 60 / NOTEBOOK_PATCHES
        row = {"Configuration": cell.name, "The notebook, per patch": notebook}
        evaluated = {"Evaluated patches": f"{n} of {n_expected}"}
        rows.append(row | evaluated | _grid_columns(land, run, groups) if run else row)
    protocols = [
        title for p, title in protocol_columns(land).items() if p != study.settings.protocol
    ]
    times = ["Seconds per patch", "The notebook, per patch"]
    columns = ["Configuration", "Evaluated patches", *SCORES, *protocols, *times]
    table = pd.DataFrame(rows).reindex(columns=columns).dropna(axis=1, how="all")
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
