"""`chipscape flair run`, `grid` and `score`: train classifiers, and score predictions."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from core.cli.console import emit, reporter, say
from core.cli.flair import result_texts as texts
from core.cli.flair.flair_options import FlairSession, ProtocolOption, with_flair_session
from core.cli.flair.result_texts import Outcome, result_line, say_notes, successful_results
from core.cli.shared_options import option
from core.errors import ChipscapeError, DegenerateError, SceneError, SettingsError, TooFewError
from core.flair.data.nomenclature import REDUCED
from core.flair.evaluation.confusion import bootstrap_miou, score_confusion, sum_by_area
from core.flair.evaluation.protocols import TITLES, Protocol, possible_protocols
from core.flair.models.classifier_table import CHANCE_BASELINES
from core.flair.models.classifiers import MethodSettings
from core.flair.models.configurations import GridCell, grid_configurations
from core.flair.models.features import FeatureSpec, SentinelScaling
from core.pipeline.flair.run_comparison import optimism_gap
from core.pipeline.flair.study_cells import CELLS, CellResult, StudyRun
from core.progress import Progress, silent

# The values of --other, each with the ways to train that it asks for.
_OTHER = {"": ("",), "without": ("without",), "with": ("with",), "both": ("without", "with")}


@with_flair_session
def run_protocol_command(
    session: FlairSession,
    method: Annotated[str | None, typer.Option(help="knn, hdbscan, gmm, kmeans ...")] = None,
    fusion: Annotated[bool | None, typer.Option(help="Add Sentinel to the aerial bands.")] = None,
    robust: Annotated[bool | None, typer.Option(help="RobustScaler.")] = None,
    normalised: Annotated[bool | None, typer.Option(help="Divide spectra by intensity.")] = None,
    intensity: Annotated[bool | None, typer.Option(help="Append the intensity.")] = None,
    k: Annotated[int | None, typer.Option(help="Number of neighbours that vote.")] = None,
    min_cluster_size: Annotated[int | None, typer.Option(help="Smallest cluster.")] = None,
    min_samples: Annotated[int | None, typer.Option(help="Not counting the pixel itself.")] = None,
    n_clusters: Annotated[int | None, typer.Option(help="Clusters of gmm and kmeans.")] = None,
    protocol: ProtocolOption = "",
    other: Annotated[
        str, option('Train with "other": without, with, or both. [default: as in the settings]')
    ] = "",
    maps: Annotated[Path | None, typer.Option(help="Folder for class maps, GeoTIFF.")] = None,
) -> None:
    """Train a classifier and evaluate it by each protocol, with the optimism gap."""
    parameters = {"min_cluster_size": min_cluster_size, "min_samples": min_samples}
    settings = session.method(method=method, k=k, n_clusters=n_clusters, **parameters)
    spec = session.features(
        fusion=fusion, robust=robust, normalised=normalised, intensity=intensity
    )
    if other not in _OTHER:
        raise SettingsError(f"{other!r} is not one of without, with, both", where="--other")
    protocols = _chosen_protocols(session, protocol)

    def evaluate(training: str) -> dict[Protocol, Outcome]:
        """Return the outcome by protocol; one that fails has its error, unless all of them do."""
        outcomes: dict[Protocol, Outcome] = {}
        for name in protocols:
            with reporter() as listen:
                run = StudyRun(session.study(name, training), settings, spec)
                outcomes[name] = _run_outcome(run, listen(name))
                if maps is not None and isinstance(outcomes[name], CellResult):
                    run.write_maps(maps / name / training, listen("maps"))
        _require_result(outcomes.values())
        return outcomes

    by_training = {training: evaluate(training) for training in _OTHER[other]}
    if session.as_json:
        about = {"method": settings.method, "features": spec.title, **texts.preset_field(spec)}
        # Trained both ways, the second has a field of its own.
        first, *second = map(_run_table, by_training.values())
        more = {"with_other": second[0]} if second else {}
        folder = str(maps) if maps else None
        emit({**about, **first, **more, "maps": folder, "attribution": session.credit})
        return
    for training, outcomes in by_training.items():
        title = f"{settings.method}, {spec.title}"
        trained = f', trained {training} "other"' if training else ""
        say(f"{title}{trained}{texts.notebook_remark(spec)}")
        _say_outcomes(outcomes)
    say(session.credit)


@with_flair_session
def grid_command(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Run the notebook's 24 configurations; finished ones are not run again."""
    cells = _grid_cells(session)
    is_notebook = cells[0].spec.preset_notebook
    study = session.study(protocol or ("patches" if is_notebook else ""))
    settings = session.method()
    outcomes: list[Outcome] = []
    with reporter() as listen:
        report = listen("grid")
        for cell in cells:
            run = StudyRun(study, replace(settings, method=cell.method), cell.spec)
            outcomes.append(_run_outcome(run))
            report(len(outcomes), len(cells), cell.name)
        baselines = {
            name: _run_outcome(StudyRun(study, MethodSettings(name), FeatureSpec()))
            for name in CHANCE_BASELINES
        }
    _require_result(outcomes)
    rows = list(zip(cells, outcomes, strict=True))
    notes = texts.outcome_notes({cell.name: outcome for cell, outcome in rows})
    if session.as_json:
        floors = {name: texts.result_table(outcome) for name, outcome in baselines.items()}
        table = [texts.grid_row(cell, outcome) for cell, outcome in rows]
        emit({"cells": table, "floors": floors, "notes": notes})
        return
    say(TITLES[study.settings.protocol])
    for cell, outcome in rows:
        say(f"{cell.name:<40} {_grid_text(cell, outcome)}")
    for name, outcome in baselines.items():
        say(f"{f'chance, {name}':<40} {result_line(outcome)}")
    say_notes(notes, session.credit)


@with_flair_session
def score_protocol_command(
    session: FlairSession,
    predictions: Annotated[Path, typer.Option(help="Folder of prediction rasters.")],
    masks: Annotated[
        Path | None, typer.Option(help="Folder of masks. [default: those of the data set]")
    ] = None,
    first: Annotated[str, typer.Option(help="Value of class 1: 0, 1 or auto.")] = "auto",
) -> None:
    """Score prediction rasters against masks, as the FLAIR challenge does."""
    from core.flair.evaluation import prediction_rasters as rasters

    if first not in get_args(rasters.First):
        raise SettingsError(f"{first!r} is not one of auto, 0, 1", where="--first")
    if masks is None:
        dataset = session.dataset()
        truth, areas = rasters.dataset_masks(dataset), rasters.dataset_areas(dataset)
    else:
        truth, areas = rasters.rasters_by_number(masks)[0], {}
    counted = rasters.judge_rasters(predictions, truth, first)  # type: ignore[arg-type]
    scores = score_confusion(counted.counts.sum(axis=0))
    if masks is None:
        by_area = sum_by_area(counted.counts, [areas[number] for number in counted.numbers])
        interval, unit, resampled = bootstrap_miou(by_area), "area", "areas"
    else:
        interval, unit = bootstrap_miou(counted.counts, unit="patches"), "patch"
        resampled = "patches; areas are not known"
    iou = {cover.name: texts.json_number(v) for cover, v in zip(REDUCED, scores.iou, strict=True)}
    table = {
        "patches": len(counted.names),
        "first": counted.first,
        "assumed": counted.assumption,
        "unjudged_pixels": counted.n_unscored,
        **texts.score_fields(scores),
        "interval": asdict(interval) if interval else None,
        "interval_over": resampled,
        "iou": iou,
        "problems": [str(problem) for problem in counted.problems],
        "attribution": session.credit,
    }
    if session.as_json:
        emit(table)
        return
    for name, value in (table | {"interval": texts.interval_text(interval, unit)}).items():
        if name not in ("problems", "iou", "attribution", "assumed"):
            say(f"{name:<18} {value}")
    for name, value in iou.items():
        say(f"    {name:<22} {'absent' if value is None else f'{value:.3f}'}")
    assumptions = [counted.assumption] if counted.assumption else []
    texts.say_notes(assumptions, *(f"problem: {problem}" for problem in counted.problems))


COMMANDS = {"run": run_protocol_command, "grid": grid_command, "score": score_protocol_command}


def _chosen_protocols(session: FlairSession, protocol: str) -> list[Protocol]:
    """Return the protocol that was chosen, or all that the data allow."""
    if not protocol:
        # Without training patches, the notebook's protocol reports what is missing.
        return possible_protocols(session.dataset()) or ["patches"]
    if chosen := [name for name in get_args(Protocol) if name == protocol]:
        return chosen
    raise SettingsError(f"{protocol!r} is not one of {', '.join(TITLES)}", where="--protocol")


def _grid_cells(session: FlairSession) -> list[GridCell]:
    """Return the grid's configurations; the table `features` sets what the grid does not vary."""
    spec = session.features()
    for name in (*texts.GRID_FEATURES, "extras"):
        if getattr(spec, name) != getattr(FeatureSpec(), name):
            raise SettingsError(
                "the grid sets this itself",
                where=f"settings.features.{name}",
                remedy="Remove it, or use `chipscape flair run` for one configuration.",
            )
    scaling: SentinelScaling = "intensity" if spec.preset_notebook else spec.sentinel_scaling
    return grid_configurations(preset_notebook=spec.preset_notebook, sentinel_scaling=scaling)


def _run_outcome(run: StudyRun, report: Progress = silent) -> Outcome:
    """Return the result of a run, or its error, so that other runs can go on."""
    try:
        return CELLS.open(run.make(CELLS, report))
    except (SceneError, TooFewError, DegenerateError) as error:
        return error


def _require_result(outcomes: Iterable[Outcome]) -> None:
    """Raise the first error if there is no result at all."""
    outcomes = list(outcomes)
    errors = [outcome for outcome in outcomes if isinstance(outcome, ChipscapeError)]
    if errors and len(errors) == len(outcomes):
        raise errors[0]


def _run_table(outcomes: Mapping[Protocol, Outcome]) -> dict[str, Any]:
    results = successful_results(outcomes)
    return {
        "protocols": {name: texts.result_table(outcome) for name, outcome in outcomes.items()},
        "optimism_gap": optimism_gap(results),
        "notes": texts.result_notes(results.values()),
    }


def _say_outcomes(outcomes: Mapping[Protocol, Outcome]) -> None:
    results = successful_results(outcomes)
    for protocol, outcome in outcomes.items():
        say(f"{protocol:<8} {result_line(outcome)}  ({TITLES[protocol]})")
        if protocol in results and (clusters := texts.cluster_line(results[protocol])):
            say(f"{'':<8} {clusters}")
    gap = optimism_gap(results)
    if gap is not None:
        say(f"optimism gap (training patches minus domains left out): {gap:+.3f}")
    say_notes(texts.result_notes(results.values()))


def _grid_text(cell: GridCell, outcome: Outcome) -> str:
    if isinstance(outcome, ChipscapeError):
        return "failed, see the notes"
    seconds = f"{outcome.seconds:8.1f} s (notebook {cell.notebook_minutes:.0f} min)"
    remark = texts.notebook_remark(cell.spec)
    return f"{result_line(outcome)}, {len(outcome.patches)} patches {seconds}{remark}"
