"""`chipscape flair grid`: the configurations of the original notebook."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from core.cli.console import reporter, show_result
from core.cli.land import result_texts as texts
from core.cli.land.land_options import LandSession, ScorerOption, scorer_choice, with_land_session
from core.cli.land.method_commands import require_result, run_outcome
from core.cli.land.result_texts import Outcome
from core.cli.shared_options import option, require_choice
from core.errors import ChipscapeError, SettingsError
from core.land.context.extra_features import shorten_extras
from core.land.evaluation.protocols import TITLES, Protocol, possible_protocols
from core.land.evaluation.scorers import ScorerName
from core.land.models.classifier_table import CHANCE_BASELINES
from core.land.models.classifiers import MethodSettings
from core.land.models.configurations import NOTEBOOK_PATCHES, GridCell, grid_configurations
from core.land.models.features import FeatureSpec, SentinelScaling
from core.pipeline.land.cell_results import CellResult
from core.pipeline.land.run_titles import series_titles, training_title
from core.pipeline.land.study_cells import CELLS, StudyRun

ALL = "all"


@with_land_session
def run_grid_command(
    session: LandSession,
    protocol: Annotated[str, option(f"One of {', '.join((*TITLES, ALL))}.")] = "",
    scorer: ScorerOption = "",
) -> None:
    """Run the notebook's 24 configurations; finished ones are not run again.

    Finished results by other protocols are printed next to them.
    """
    if protocol:
        require_choice(protocol, (*TITLES, ALL), "--protocol")
    chosen = scorer_choice(scorer)
    cells = _grid_cells(session)
    possible = possible_protocols(session.dataset())
    every = protocol == ALL and bool(possible)
    default = "patches" if cells[0].spec.preset_notebook else ""
    study = session.study(possible[0] if every else protocol or default)
    other_studies = [session.study(name) for name in possible if name != study.settings.protocol]
    settings, smoothing = session.method(), session.regularisation()
    outcomes: list[Outcome] = []
    other_results: list[dict[Protocol, CellResult]] = []
    with reporter() as listen:
        report = listen("grid")
        for cell in cells:
            method = replace(settings, method=cell.method)
            outcomes.append(run_outcome(StudyRun(study, method, cell.spec, smoothing), chosen))
            runs = {
                other.settings.protocol: StudyRun(other, method, cell.spec, smoothing)
                for other in other_studies
            }
            other_results.append(_other_results(runs, chosen, compute=every))
            report(len(outcomes), len(cells), cell.name)
        baselines = {
            name: run_outcome(StudyRun(study, MethodSettings(name), FeatureSpec()), chosen)
            for name in CHANCE_BASELINES
        }
    require_result(outcomes)
    rows = list(zip(cells, outcomes, strict=True))
    notes = texts.outcome_notes({cell.name: outcome for cell, outcome in rows})
    floors = {name: texts.result_table(outcome) for name, outcome in baselines.items()}
    table = [
        texts.grid_row(cell, outcome, other)
        for (cell, outcome), other in zip(rows, other_results, strict=True)
    ]
    training = training_title(StudyRun(study, settings, cells[0].spec))
    extras = shorten_extras(cells[0].spec.extras)
    series = series_titles(cells[-1].spec)
    added = ", ".join(filter(None, (*extras, *series, smoothing.title)))
    added = f"with {added}" if added else ""
    lines = [", ".join(filter(None, (TITLES[study.settings.protocol], added, training)))]
    lines += [
        f"{cell.name:<40} {_grid_text(cell, outcome)}{texts.other_protocols_text(other)}"
        for (cell, outcome), other in zip(rows, other_results, strict=True)
    ]
    lines += [
        f"{f'chance, {name}':<40} {texts.result_line(o, brief=True)}"
        for name, o in baselines.items()
    ]
    lines += [*texts.note_lines(notes), session.credit]
    result = {
        "training": training,
        "extras": extras,
        "season": cells[-1].spec.season,
        "interpolation": cells[-1].spec.interpolation,
        "cells": table,
        "floors": floors,
        "notes": notes,
    }
    show_result(session.as_json, result, lines)


def _grid_cells(session: LandSession) -> list[GridCell]:
    """Return the grid's configurations; the table `features` sets options that they share."""
    spec = session.features()
    for name in texts.GRID_FEATURES:
        if getattr(spec, name) != getattr(FeatureSpec(), name):
            raise SettingsError(
                "the grid varies this setting itself",
                where=f"settings.features.{name}",
                remedy="Remove it, or use `chipscape flair run` for one configuration.",
            )
    scaling: SentinelScaling = "intensity" if spec.preset_notebook else spec.sentinel_scaling
    return grid_configurations(
        preset_notebook=spec.preset_notebook,
        sentinel_scaling=scaling,
        extras=spec.extras,
        season=spec.season,
        interpolation=spec.interpolation,
    )


def _other_results(
    runs: Mapping[Protocol, StudyRun], scorer: ScorerName | None, *, compute: bool
) -> dict[Protocol, CellResult]:
    """Return the results by other protocols: those that exist, or all if they are computed."""
    if compute:
        outcomes = {name: run_outcome(run, scorer) for name, run in runs.items()}
        return texts.successful_results(outcomes)
    stored = {name: CELLS.read(run.study.workspace.store, run) for name, run in runs.items()}
    return {
        name: replace(result, scorer_name=scorer)
        for name, result in stored.items()
        if result is not None
    }


def _grid_text(cell: GridCell, outcome: Outcome) -> str:
    if isinstance(outcome, ChipscapeError):
        return "failed, see the notes"
    per_patch = outcome.seconds / max(1, len(outcome.patches))
    notebook = cell.notebook_minutes * 60 / NOTEBOOK_PATCHES
    seconds = f"{per_patch:8.2f} s per patch (notebook {notebook:.1f} s)"
    remark = texts.notebook_remark(cell.spec)
    clusters = texts.cluster_count_text(outcome)
    line = f"{texts.result_line(outcome, brief=True)}{clusters}, {len(outcome.patches)} patches"
    return f"{line} {seconds}{remark}"
