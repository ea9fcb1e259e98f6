"""`chipscape flair run`, `grid` and `score`: train classifiers, and score predictions."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from core.cli.console import reporter, show_result
from core.cli.land import result_texts as texts
from core.cli.land.land_options import LandSession, ProtocolOption, with_land_session
from core.cli.land.result_texts import Outcome
from core.cli.shared_options import MinClusterSizeOption, MinSamplesOption, option, require_choice
from core.errors import ChipscapeError, DegenerateError, SceneError, SettingsError, TooFewError
from core.land.context.extra_features import shorten_extras
from core.land.data.dataset import Problem
from core.land.data.nomenclature import FLAIR
from core.land.evaluation.confusion import bootstrap_miou, score_confusion, sum_by_area
from core.land.evaluation.protocols import TITLES, Protocol, possible_protocols
from core.land.models.classifier_table import CHANCE_BASELINES
from core.land.models.classifiers import MethodSettings
from core.land.models.configurations import GridCell, grid_configurations
from core.land.models.features import FeatureSpec, SentinelScaling
from core.pipeline.land.cell_results import CellResult
from core.pipeline.land.run_titles import configuration_title, training_title
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import optimism_gap
from core.progress import Progress, silent

# The values of --other, each with the ways of training that it stands for.
_OTHER = {"without": ("without",), "with": ("with",), "both": ("without", "with")}


@with_land_session
def run_protocol_command(
    session: LandSession,
    method: Annotated[str | None, option("Classifier, such as knn, hdbscan or gmm.")] = None,
    fusion: Annotated[bool | None, option("Add Sentinel to the aerial bands.")] = None,
    robust: Annotated[bool | None, option("Scale with RobustScaler.")] = None,
    normalised: Annotated[bool | None, option("Divide spectra by intensity.")] = None,
    intensity: Annotated[bool | None, option("Add intensity as a feature.")] = None,
    k: Annotated[int | None, option("Number of neighbours that vote.")] = None,
    min_cluster_size: MinClusterSizeOption = None,
    min_samples: MinSamplesOption = None,
    n_clusters: Annotated[int | None, option("Clusters for gmm and kmeans.")] = None,
    protocol: ProtocolOption = "",
    other: Annotated[
        str, option('Train with "other": without, with, or both. [default: as in the settings]')
    ] = "",
    maps: Annotated[Path | None, option("Folder for class maps (GeoTIFF).")] = None,
) -> None:
    """Train a classifier, evaluate it by each protocol, and compute the optimism gap."""
    parameters = {"min_cluster_size": min_cluster_size, "min_samples": min_samples}
    settings = session.method(method=method, k=k, n_clusters=n_clusters, **parameters)
    features = {"robust": robust, "normalised": normalised, "intensity": intensity}
    spec, smoothing = session.features(fusion=fusion, **features), session.regularisation()
    if other:
        require_choice(other, _OTHER, "--other")
    if protocol:
        require_choice(protocol, TITLES, "--protocol")
        protocols = [cast(Protocol, protocol)]
    else:
        # Without training patches, the protocol "patches" reports that they are missing.
        protocols = possible_protocols(session.dataset()) or ["patches"]

    titles: dict[str, str] = {}

    def evaluate(training: str) -> dict[Protocol, Outcome]:
        """Return the result or the error of each protocol; raise the first error if all fail."""
        outcomes: dict[Protocol, Outcome] = {}
        for name in protocols:
            with reporter() as listen:
                run = StudyRun(session.study(name, training), settings, spec, smoothing)
                titles[training] = configuration_title(run)
                outcomes[name] = _run_outcome(run, listen(name))
                if maps is not None and isinstance(outcomes[name], CellResult):
                    run.write_maps(maps / name / training, listen("maps"))
        _require_result(outcomes.values())
        return outcomes

    by_training = {training: evaluate(training) for training in _OTHER.get(other, ("",))}
    about = {"method": settings.method, "features": spec.title, **texts.preset_field(spec)}
    # With both ways of training, the results of the second are in a separate field.
    first, *second = (
        {"title": titles[training], **_run_table(outcomes)}
        for training, outcomes in by_training.items()
    )
    more: dict[str, Any] = {"with_other": second[0]} if second else {}
    more |= {"maps": str(maps) if maps else None, "attribution": session.credit}
    lines = []
    for training, outcomes in by_training.items():
        # The title mentions training with "other" only.
        trained = ', trained without "other"' if training == "without" else ""
        lines.append(f"{titles[training]}{trained}{texts.notebook_remark(spec)}")
        lines += _outcome_lines(outcomes)
    show_result(session.as_json, {**about, **first, **more}, [*lines, session.credit])


@with_land_session
def grid_command(session: LandSession, protocol: ProtocolOption = "") -> None:
    """Run the notebook's 24 configurations; finished ones are not run again."""
    cells = _grid_cells(session)
    study = session.study(protocol or ("patches" if cells[0].spec.preset_notebook else ""))
    settings, smoothing = session.method(), session.regularisation()
    outcomes: list[Outcome] = []
    with reporter() as listen:
        report = listen("grid")
        for cell in cells:
            run = StudyRun(study, replace(settings, method=cell.method), cell.spec, smoothing)
            outcomes.append(_run_outcome(run))
            report(len(outcomes), len(cells), cell.name)
        baselines = {
            name: _run_outcome(StudyRun(study, MethodSettings(name), FeatureSpec()))
            for name in CHANCE_BASELINES
        }
    _require_result(outcomes)
    rows = list(zip(cells, outcomes, strict=True))
    notes = texts.outcome_notes({cell.name: outcome for cell, outcome in rows})
    floors = {name: texts.result_table(outcome) for name, outcome in baselines.items()}
    table = [texts.grid_row(cell, outcome) for cell, outcome in rows]
    training = training_title(StudyRun(study, settings, cells[0].spec))
    extras = shorten_extras(cells[0].spec.extras)
    added = ", ".join(filter(None, (*extras, smoothing.title)))
    added = f"with {added}" if added else ""
    lines = [", ".join(filter(None, (TITLES[study.settings.protocol], added, training)))]
    lines += [f"{cell.name:<40} {_grid_text(cell, outcome)}" for cell, outcome in rows]
    lines += [f"{f'chance, {name}':<40} {texts.result_line(o)}" for name, o in baselines.items()]
    lines += [*texts.note_lines(notes), session.credit]
    result = {
        "training": training,
        "extras": extras,
        "cells": table,
        "floors": floors,
        "notes": notes,
    }
    show_result(session.as_json, result, lines)


@with_land_session
def score_protocol_command(
    session: LandSession,
    predictions: Annotated[Path, typer.Option(help="Folder of prediction rasters.")],
    masks: Annotated[
        Path | None,
        option(
            "Folder of masks. [default: the masks of the workspace's test patches, or of all its "
            "patches if there are no test patches]"
        ),
    ] = None,
    first: Annotated[str, typer.Option(help="Pixel value of class 1: 0, 1 or auto.")] = "auto",
    skip_nodata: Annotated[
        bool,
        option(
            "Leave out pixels with the nodata value of a prediction. [default: they are errors]",
            "--skip-nodata",
        ),
    ] = False,
) -> None:
    """Score prediction rasters against masks, as the FLAIR challenge does."""
    from core.land.evaluation import prediction_files as files
    from core.land.evaluation.prediction_rasters import First, judge_rasters

    require_choice(first, get_args(First), "--first")
    if masks is None:
        dataset = session.dataset()
        truth, areas = files.dataset_masks(dataset), files.dataset_areas(dataset)
        mask_problems: list[Problem] = []
    else:
        truth, mask_problems = files.rasters_by_number(masks)
        areas = files.mask_areas(truth)
    counted = judge_rasters(predictions, truth, first, skip_nodata)  # type: ignore[arg-type]
    problems = [str(problem) for problem in (*mask_problems, *counted.problems)]
    scores = score_confusion(counted.counts.sum(axis=0))
    if areas.keys() >= set(counted.numbers):
        by_area = sum_by_area(counted.counts, [areas[number] for number in counted.numbers])
        interval, unit, resampled = bootstrap_miou(by_area), "area", "areas"
    else:
        interval, unit = bootstrap_miou(counted.counts, unit="patches"), "patch"
        resampled = "patches; areas are not known"
    iou = {
        cover.name: texts.json_number(v) for cover, v in zip(FLAIR.reduced, scores.iou, strict=True)
    }
    table = {
        "patches": len(counted.names),
        "first": counted.first,
        "assumed": counted.assumption,
        "nodata_pixels": counted.n_nodata,
        "unjudged_pixels": counted.n_nodata if skip_nodata else 0,
        **texts.score_fields(scores),
        "interval": asdict(interval) if interval else None,
        "interval_over": resampled,
        "iou": iou,
        "problems": problems,
        "attribution": session.credit,
    }
    hidden = ("problems", "iou", "attribution", "assumed")
    fields = table | {"interval": texts.interval_text(interval, unit)}
    lines = [f"{name:<18} {value}" for name, value in fields.items() if name not in hidden]
    lines += [f"    {n:<22} {'absent' if v is None else f'{v:.3f}'}" for n, v in iou.items()]
    lines += texts.note_lines([counted.assumption] if counted.assumption else [])
    lines += [f"problem: {problem}" for problem in problems]
    show_result(session.as_json, table, lines)


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
        preset_notebook=spec.preset_notebook, sentinel_scaling=scaling, extras=spec.extras
    )


def _run_outcome(run: StudyRun, report: Progress = silent) -> Outcome:
    """Return the result of a run, or its error, so that other runs can continue."""
    try:
        return CELLS.open(run.make(CELLS, report))
    except (SceneError, TooFewError, DegenerateError) as error:
        return error


def _require_result(outcomes: Collection[Outcome]) -> None:
    """Raise the first error if there is no result at all."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, ChipscapeError)]
    if errors and len(errors) == len(outcomes):
        raise errors[0]


def _run_table(outcomes: Mapping[Protocol, Outcome]) -> dict[str, Any]:
    results = texts.successful_results(outcomes)
    return {
        "protocols": {name: texts.result_table(outcome) for name, outcome in outcomes.items()},
        "optimism_gap": optimism_gap(results),
        "notes": texts.result_notes(results.values()),
    }


def _outcome_lines(outcomes: Mapping[Protocol, Outcome]) -> Iterator[str]:
    results = texts.successful_results(outcomes)
    for protocol, outcome in outcomes.items():
        yield f"{protocol:<8} {texts.result_line(outcome)}  ({TITLES[protocol]})"
        if protocol in results:
            details = (texts.cluster_line, texts.regularisation_line)
            yield from (
                f"{'':<8} {line}" for detail in details if (line := detail(results[protocol]))
            )
    gap = optimism_gap(results)
    if gap is not None:
        yield f"optimism gap (training patches minus domains left out): {gap:+.3f}"
    yield from texts.note_lines(texts.result_notes(results.values()))


def _grid_text(cell: GridCell, outcome: Outcome) -> str:
    if isinstance(outcome, ChipscapeError):
        return "failed, see the notes"
    seconds = f"{outcome.seconds:8.1f} s (notebook {cell.notebook_minutes:.0f} min)"
    remark = texts.notebook_remark(cell.spec)
    return f"{texts.result_line(outcome)}, {len(outcome.patches)} patches {seconds}{remark}"
