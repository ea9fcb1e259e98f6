"""`chipscape flair run`: train a classifier, and evaluate it."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast

from core.cli.console import reporter, show_result
from core.cli.land import result_texts as texts
from core.cli.land.land_options import (
    LandSession,
    MethodOption,
    ProtocolOption,
    ScorerOption,
    bounds_text,
    scorer_choice,
    with_land_session,
)
from core.cli.land.result_texts import Outcome
from core.cli.shared_options import MinClusterSizeOption, MinSamplesOption, option, require_choice
from core.errors import ChipscapeError, DegenerateError, SceneError, SettingsError, TooFewError
from core.land.data.dataset import adapt_terms
from core.land.evaluation.protocols import TITLES, Protocol, possible_protocols, protocol_title
from core.land.evaluation.scorers import ScorerName
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
    method: MethodOption = None,
    fusion: Annotated[bool | None, option("Add Sentinel to the aerial bands.")] = None,
    robust: Annotated[bool | None, option("Scale with RobustScaler.")] = None,
    normalised: Annotated[bool | None, option("Divide spectra by intensity.")] = None,
    intensity: Annotated[bool | None, option("Add intensity as a feature.")] = None,
    k: Annotated[int | None, option(f"Number of neighbours that vote, {bounds_text('k')}.")] = None,
    min_cluster_size: MinClusterSizeOption = None,
    min_samples: MinSamplesOption = None,
    n_clusters: Annotated[
        int | None, option(f"Clusters for gmm and kmeans, {bounds_text('n_clusters')}.")
    ] = None,
    protocol: ProtocolOption = "",
    other: Annotated[
        str,
        option('FLAIR: train with "other": without, with, or both. [default: as in the settings]'),
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
        is_own = protocol in results and texts.is_own(results[protocol])
        title = protocol_title(protocol, is_own=is_own)
        yield f"{protocol:<8} {texts.result_line(outcome)}  ({title})"
        if protocol in results:
            details = (texts.cluster_line, texts.regularisation_line)
            yield from (
                f"{'':<8} {line}" for detail in details if (line := detail(results[protocol]))
            )
    if stability is not None:
        smoothed = any(result.unsmoothed is not None for result in results.values())
        words = f"{repeated}, before smoothing" if smoothed else repeated
        is_own = any(map(texts.is_own, results.values()))
        lines = [f": {'; '.join(stability.lines)}", *filter(None, [stability.gap_text])]
        first, *more = (adapt_terms(line, is_own=is_own) for line in lines)
        yield f"repeated, {words}{first}"
        yield from more
    yield from texts.note_lines(texts.result_notes(results.values()))
