"""Commands that judge clusters and compare the values of their main setting."""

import dataclasses
import math
from typing import Annotated, Any

import typer

from core.cli.console import emit, remark, reporter, say
from core.cli.shared_options import Session, with_session
from core.clusters.labelling import NOISE
from core.clusters.methods.method_table import METHODS, method_of
from core.errors import SettingsError, TooFewError, unknown_attribute_error
from core.pipeline.run import Run, run_pipeline
from core.progress import Progress, report_step


@with_session
def quality_command(
    session: Session,
    property_name: Annotated[
        str, typer.Option("--property", help="Also compare with an attribute of the annotations.")
    ] = "",
) -> None:
    """Judge the clusters: report card, stability over 20 resamples, confounders."""
    from core.clusters.editing.edited_labelling import compact_labels
    from core.clusters.evaluation.report_card import compare_with_property
    from core.pipeline.quality_stage import judge_run, quality_table

    with reporter() as listen:
        run = run_pipeline(session.workspace, session.settings, listen, "clusters")
        quality, edited, problems = judge_run(run, listen)
    result = quality_table(quality, run, edited, problems)
    if property_name:
        properties = run.chips.properties
        if property_name not in properties:
            raise unknown_attribute_error(property_name, properties.columns)
        values = properties[property_name][~edited.excluded].tolist()
        agreement = compare_with_property(compact_labels(edited), values, property_name)
        table = dataclasses.asdict(agreement) | {"table": agreement.table.tolist()}
        result["against"] = {"property": property_name, **table}
    if session.as_json:
        emit(result)
    else:
        _say_quality(result)


@with_session
def landscape_command(
    session: Session,
    components: Annotated[
        str, typer.Option(help="Numbers of components to compare, such as 2:20.")
    ] = "2:20",
) -> None:
    """Compare values of the main setting: cluster sizes for HDBSCAN, components for mixtures."""
    sweeps = {"hdbscan": _sweep_sizes, "gmm": _sweep_components}
    method = method_of(session.settings)
    with reporter() as listen:
        run = run_pipeline(session.workspace, session.settings, listen, "reduction")
        if method.name not in sweeps:
            raise SettingsError(
                f"{method.title} has no landscape", where="--method", remedy="Use gmm or hdbscan."
            )
        result = sweeps[method.name](run, components, listen("components"))
    if session.as_json:
        emit(result)
        return
    for suggestion in result["suggestions"]:
        say(f"{suggestion['name']}: {suggestion['value']}. {suggestion['reason']}")


COMMANDS = {"quality": quality_command, "landscape": landscape_command}


def describe_noise(run: Run) -> str:
    """Return what the summary says about noise as displayed; empty for methods without noise."""
    labelling, method = run.labelling, method_of(run.settings)
    if labelling is None or not method.has_noise:
        return ""
    treatment = run.settings.noise.method
    if treatment == "keep":
        return f", {labelling.noise_fraction:.0%} noise"

    from core.pipeline.saved_edits import treat_view

    treated = treat_view(run.view, labelling)
    target = "nearest cluster" if treatment == "nearest" else "most likely cluster"
    n_noise = int((treated.original == NOISE).sum())
    return (
        f", {(treated.labels == NOISE).mean():.0%} noise as displayed: {int(treated.moved.sum())} "
        f"of {n_noise} noise chips are assigned to their {target}"
    )


def require_count(method_name: str) -> None:
    """Refuse a range of numbers of clusters for a method that has no such setting.

    Raises
    ------
    SettingsError
        For HDBSCAN.
    """
    if not METHODS[method_name].count:
        counted = [name for name, method in METHODS.items() if method.count]
        raise SettingsError(
            f"{METHODS[method_name].title} has no number of clusters to prepare; any cut of its "
            "tree is live",
            where="--sweep",
            remedy=f"Leave it out, or use {', '.join(counted[:-1])} or {counted[-1]} as --method.",
        )


def prepare_counts(run: Run, counts: list[int], report: Progress) -> str:
    """Fit each number of clusters, so that a slider answers at once.

    The range ends, with a remark, where there are too few chips. Returns what is prepared, in a
    sentence.
    """
    from core.pipeline.cluster_stages import cluster_artifacts
    from core.pipeline.run_stages import make_artifacts, with_settings

    method = method_of(run.settings)
    for position, k in enumerate(counts, 1):
        counted = method.with_n_clusters(run.settings, k)
        change = {method.table: method.settings_in(counted)}
        try:
            make_artifacts(with_settings(run.view, **change), cluster_artifacts)
        except TooFewError as error:
            remark(f"The range ends at {k - 1}. {error}")
            return _describe_prepared(method.plural, counts[: position - 1])
        report_step(report, position, len(counts), f"{k} clusters")
    return _describe_prepared(method.plural, counts)


def parse_range(text: str, where: str) -> list[int]:
    """Return the whole numbers of a range such as "2:20", both ends included.

    Raises
    ------
    SettingsError
        If the text is not such a range.
    """
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit()) or not 0 < int(first) <= int(last):
        raise SettingsError(f"{text!r} is not a range", where=where, remedy="Write it as 2:20.")
    return list(range(int(first), int(last) + 1))


def _describe_prepared(plural: str, counts: list[int]) -> str:
    if not counts:
        return f"{plural}: nothing prepared"
    span = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    return f"{plural} with {span} clusters prepared"


def _sweep_sizes(run: Run, _: str, __: Progress) -> dict[str, Any]:
    from core.clusters.evaluation import size_sweep
    from core.pipeline.cluster_stages import tree_stage

    trees = tree_stage(method_of(run.settings))
    tree = trees.open(trees.make(run.workspace.store, run.view))
    sweep = size_sweep.sweep_sizes(tree, run.settings.cut)
    suggestions = [*size_sweep.suggest_sizes(sweep), *size_sweep.size_presets(sweep)]
    return {
        **_as_lists(sweep),
        "cliffs": [cliff.note for cliff in size_sweep.find_cliffs(sweep)],
        "suggestions": [dataclasses.asdict(suggestion) for suggestion in suggestions],
    }


def _sweep_components(run: Run, components: str, report: Progress) -> dict[str, Any]:
    from core.clusters.evaluation.component_sweep import suggest_components
    from core.pipeline.cluster_stages import COMPONENT_SWEEP, ComponentCounts

    counts = ComponentCounts(run.view, parse_range(components, "--components"))
    sweep = COMPONENT_SWEEP.open(COMPONENT_SWEEP.make(run.workspace.store, counts, report))
    suggestions = [dataclasses.asdict(suggestion) for suggestion in suggest_components(sweep)]
    return {**_as_lists(sweep), "agreement": sweep.agreement, "suggestions": suggestions}


def _as_lists(record: Any) -> dict[str, Any]:
    """A dataclass of arrays as lists; NaN becomes null."""
    return {
        name: _nan_to_none(value.tolist()) if hasattr(value, "tolist") else value
        for name, value in dataclasses.asdict(record).items()
    }


def _nan_to_none(value: Any) -> Any:
    if isinstance(value, list):
        return [_nan_to_none(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _say_quality(result: dict[str, Any]) -> None:
    card = result["card"]
    say(f"{card['n']} chips, {card['n_clusters']} clusters, {card['noise_fraction']:.0%} noise")
    for row in card["clusters"]:
        marks = ", ".join(
            f"{name} {row[name]:.2f}"
            for name in ("silhouette", "dbcv", "persistence", "stability")
            if row[name] is not None
        )
        name = result["names"][row["label"]] or f"cluster {result['ids'][row['label']]}"
        say(f"{name}: {row['size']} chips, {marks}")
    for name in ("ari", "ami", "nmi", "v_measure") if "against" in result else ():
        say(f"{name:<12} {result['against'][name]:.3f}")
    failed = [result["lost"]] if result["lost"] else []
    notes = (*card["notes"], *failed, result["judged"], *result["problems"], *result["alarms"])
    for note in notes:
        say(f"note: {note}")
