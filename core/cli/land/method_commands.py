"""`chipscape flair run`, `grid` and `score`: train classifiers, and score predictions."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from core.cli.console import reporter, show_result
from core.cli.land import result_texts as texts
from core.cli.land.land_options import (
    LandSession,
    ProtocolOption,
    ScorerOption,
    scorer_choice,
    with_land_session,
)
from core.cli.land.result_texts import Outcome
from core.cli.shared_options import MinClusterSizeOption, MinSamplesOption, option, require_choice
from core.errors import ChipscapeError, DegenerateError, SceneError, SettingsError, TooFewError
from core.land.data.dataset import Problem
from core.land.evaluation.confusion import bootstrap_miou, describe_missing_interval, sum_by_area
from core.land.evaluation.protocols import TITLES, Protocol, possible_protocols
from core.land.evaluation.published_results import find_official_test
from core.land.evaluation.scorers import ScorerName, select_full_counts
from core.pipeline.land.cell_results import CellResult
from core.pipeline.land.repeated_training import MOST_REPEATS, N_REPEATS, Stability, repeat_training
from core.pipeline.land.run_titles import configuration_title
from core.pipeline.land.study_cells import CELLS, StudyRun
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
    scorer: ScorerOption = "",
    maps: Annotated[Path | None, option("Folder for class maps (GeoTIFF).")] = None,
    repeats: Annotated[
        int | None,
        option(
            "Draws of training pixels that measure the stability and the optimism gap; 0 for "
            f"none. [default: {N_REPEATS} without --protocol, 0 with it]"
        ),
    ] = None,
) -> None:
    """Train a classifier, evaluate it by each protocol, and compute the optimism gap."""
    repeats = (0 if protocol else N_REPEATS) if repeats is None else repeats
    if not 0 <= repeats <= MOST_REPEATS:
        raise SettingsError(f"{repeats} is not between 0 and {MOST_REPEATS}", where="--repeats")
    parameters = {"min_cluster_size": min_cluster_size, "min_samples": min_samples}
    settings = session.method(method=method, k=k, n_clusters=n_clusters, **parameters)
    features = {"robust": robust, "normalised": normalised, "intensity": intensity}
    spec, smoothing = session.features(fusion=fusion, **features), session.regularisation()
    chosen = scorer_choice(scorer)
    if other:
        require_choice(other, _OTHER, "--other")
    protocols = _chosen_protocols(session, protocol)
    titles: dict[str, str] = {}
    stabilities: dict[str, Stability | None] = {}

    def evaluate(training: str) -> dict[Protocol, Outcome]:
        """Return the result or the error of each protocol; raise the first error if all fail."""
        outcomes: dict[Protocol, Outcome] = {}
        for name in protocols:
            with reporter() as listen:
                run = StudyRun(session.study(name, training), settings, spec, smoothing)
                titles[training] = configuration_title(run)
                outcomes[name] = run_outcome(run, chosen, listen(name))
                if maps is not None and isinstance(outcomes[name], CellResult):
                    run.write_maps(maps / name / training, listen("maps"))
        require_result(outcomes.values())
        stabilities[training] = None
        name = protocols[0]
        if repeats and name in texts.successful_results(outcomes):
            run = StudyRun(session.study(name, training), settings, spec)
            # With few labels, all of them may be training pixels of this protocol.
            with reporter() as listen, suppress(TooFewError):
                stabilities[training] = repeat_training(run, repeats, listen("repeats"), chosen)
        return outcomes

    by_training = {training: evaluate(training) for training in _OTHER.get(other, ("",))}
    about = {"method": settings.method, "features": spec.title, **texts.preset_field(spec)}
    # With both ways of training, the results of the second are in a separate field.
    first, *second = (
        {"title": titles[training], **_run_table(outcomes, protocols[0], stabilities[training])}
        for training, outcomes in by_training.items()
    )
    more: dict[str, Any] = {"with_other": second[0]} if second else {}
    more |= {"maps": str(maps) if maps else None, "attribution": session.credit}
    lines = []
    for training, outcomes in by_training.items():
        # The title mentions training with "other" only.
        trained = ', trained without "other"' if training == "without" else ""
        lines.append(f"{titles[training]}{trained}{texts.notebook_remark(spec)}")
        lines += _outcome_lines(outcomes, protocols[0], stabilities[training])
    show_result(session.as_json, {**about, **first, **more}, [*lines, session.credit])


def _chosen_protocols(session: LandSession, protocol: str) -> list[Protocol]:
    if protocol:
        require_choice(protocol, TITLES, "--protocol")
        return [cast(Protocol, protocol)]
    # Without training patches, the protocol "patches" reports that they are missing.
    return possible_protocols(session.dataset()) or ["patches"]


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
    scorer: ScorerOption = "",
) -> None:
    """Score prediction rasters against masks, as the FLAIR challenge or FLAIR-HUB does."""
    from core.land.evaluation import prediction_files as files
    from core.land.evaluation.prediction_rasters import First, judge_rasters

    require_choice(first, get_args(First), "--first")
    named = scorer_choice(scorer)
    if masks is None:
        dataset = session.dataset()
        truth, areas = files.dataset_masks(dataset), files.dataset_areas(dataset)
        mask_problems: list[Problem] = []
    else:
        truth, mask_problems = files.rasters_by_number(masks)
        areas = files.mask_areas(truth)
    counted = judge_rasters(predictions, truth, first, skip_nodata)  # type: ignore[arg-type]
    problems = [str(problem) for problem in (*mask_problems, *counted.problems)]
    name = named or ("flair-hub" if counted.is_hub else "flair")
    chosen, counts, covers = select_full_counts(counted.full_counts, name)
    scores = chosen.score(counts.sum(axis=0))
    units, unit = counts, "patches"
    if areas.keys() >= set(counted.numbers):
        units, unit = sum_by_area(counts, [areas[n] for n in counted.numbers]), "areas"
    interval, n_units = bootstrap_miou(units, unit=unit, measure=chosen.miou), len(units)
    notes = list(filter(None, [counted.assumption, counted.nomenclature_note(name)]))
    domains = [areas.get(number, "").partition("/")[0] for number in counted.numbers]
    official = find_official_test(domains, chosen.name)
    pairs = zip(covers, scores.iou, strict=True)
    iou = {cover.name: texts.json_number(value) for cover, value in pairs}
    table = {
        "patches": len(counted.names),
        "first": counted.first,
        "assumed": " ".join(notes),
        "nodata_pixels": counted.n_nodata,
        "unjudged_pixels": counted.n_nodata if skip_nodata else 0,
        **texts.score_fields(scores),
        "interval": asdict(interval) if interval else None,
        "no_interval_because": "" if interval else describe_missing_interval(n_units, unit),
        "interval_over": unit if unit == "areas" else "patches; areas are not known",
        "iou": iou,
        "test_set": official.name if official else None,
        "published": [asdict(result) for result in official.results] if official else [],
        "problems": problems,
        "attribution": session.credit,
    }
    hidden: tuple[str, ...] = ("test_set", "published", "problems", "iou", "attribution", "assumed")
    hidden += ("no_interval_because",)
    fields = table | {"interval": texts.interval_text(interval, n_units, unit)}
    lines = [f"{name:<18} {value}" for name, value in fields.items() if name not in hidden]
    lines += [f"    {n:<22} {'absent' if v is None else f'{v:.3f}'}" for n, v in iou.items()]
    if official:
        lines += [f"published, {official.name}: {r} ({r.source})" for r in official.results]
    lines += texts.note_lines(filter(None, (chosen.rule, *notes)))
    lines += [f"problem: {problem}" for problem in problems]
    show_result(session.as_json, table, lines)


def run_outcome(
    run: StudyRun, scorer: ScorerName | None = None, report: Progress = silent
) -> Outcome:
    """Return the result of a run, or its error, so that other runs can continue."""
    try:
        return replace(CELLS.open(run.make(CELLS, report)), scorer_name=scorer)
    except (SceneError, TooFewError, DegenerateError) as error:
        return error


def require_result(outcomes: Collection[Outcome]) -> None:
    """Raise the first error if there is no result at all."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, ChipscapeError)]
    if errors and len(errors) == len(outcomes):
        raise errors[0]


def _run_table(
    outcomes: Mapping[Protocol, Outcome], repeated: Protocol, stability: Stability | None
) -> dict[str, Any]:
    results = texts.successful_results(outcomes)
    return {
        "protocols": {name: texts.result_table(outcome) for name, outcome in outcomes.items()},
        **texts.stability_fields(stability, repeated),
        "notes": texts.result_notes(results.values()),
    }


def _outcome_lines(
    outcomes: Mapping[Protocol, Outcome], repeated: Protocol, stability: Stability | None
) -> Iterator[str]:
    results = texts.successful_results(outcomes)
    for protocol, outcome in outcomes.items():
        yield f"{protocol:<8} {texts.result_line(outcome)}  ({TITLES[protocol]})"
        if protocol in results:
            details = (texts.cluster_line, texts.regularisation_line)
            yield from (
                f"{'':<8} {line}" for detail in details if (line := detail(results[protocol]))
            )
    if stability is not None:
        smoothed = any(result.unsmoothed is not None for result in results.values())
        words = f"{repeated}, before smoothing" if smoothed else repeated
        yield f"repeated, {words}: {'; '.join(stability.lines)}"
        yield from filter(None, [stability.gap_text])
    yield from texts.note_lines(texts.result_notes(results.values()))
