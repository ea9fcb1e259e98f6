"""Commands that measure the quality of clusters and compare values of their main setting."""

import dataclasses
from collections.abc import Iterator
from itertools import compress
from typing import Annotated, Any

import numpy as np
import typer

from core.cli.console import remark, reporter, show_result
from core.cli.shared_options import Session, option, with_session
from core.clusters.labelling import NOISE
from core.clusters.methods.method_table import METHODS, method_of
from core.errors import SettingsError, TooFewError
from core.pipeline.corrections.correction_comparison import CorrectionComparison
from core.pipeline.run import Reporter, Run, run_pipeline
from core.progress import Progress, report_step


@with_session
def quality_command(
    session: Session,
    property_name: Annotated[
        str, typer.Option("--property", help="Also compare clusters with this attribute.")
    ] = "",
    corrections: Annotated[
        bool,
        option("Cluster again with each correction of a confounder, and compare.", "--corrections"),
    ] = False,
    recut: Annotated[
        bool, option("With --corrections, also cut and embed chips again.", "--recut")
    ] = False,
) -> None:
    """Measure the quality of clusters: report card, stability over 20 resamples, confounders."""
    from core.clusters.editing.edited_labelling import compact_labels
    from core.clusters.evaluation.report_card import compare_with_property
    from core.pipeline.chip_stages import attribute_values
    from core.pipeline.corrections.correction_comparison import best_correction, compare_corrections
    from core.pipeline.quality_stage import judge_run, quality_table

    with reporter() as listen:
        run = run_displayed(session, listen, "clusters")
        quality, edited, problems = judge_run(run, listen)
    result = quality_table(quality, run, edited, problems)
    if property_name:
        values = compress(attribute_values(run.chips, property_name), ~edited.excluded)
        agreement = compare_with_property(compact_labels(edited), [*values], property_name)
        table = dataclasses.asdict(agreement) | {"table": agreement.table.tolist()}
        result["against"] = {"property": property_name, **table}
    lines = [*_quality_lines(result)]
    if corrections or recut:
        with reporter() as listen:
            comparison = compare_corrections(run.view, property_name, listen, recut=recut)
        best = dataclasses.asdict(best_correction(comparison, run.view))
        result["corrections"] = dataclasses.asdict(comparison) | {"best": best}
        lines += ["", *_correction_lines(comparison), best["sentence"]]
    show_result(session.as_json, result, lines)


@with_session
def landscape_command(
    session: Session,
    components: Annotated[
        str, typer.Option(help="Numbers of clusters to compare, such as 2:20.")
    ] = "1:20",
) -> None:
    """Suggest the main setting: a cluster size for HDBSCAN, else the number of clusters."""
    with reporter() as listen:
        run = run_displayed(session, listen, "reduction")
        if method_of(run.view.settings).count:
            result = _sweep_components(run, components, listen("components"))
        else:
            result = _sweep_sizes(run)
    lines = [f"{s['name']}: {s['value']}. {s['reason']}" for s in result["suggestions"]]
    show_result(session.as_json, result, lines)


# Facts of a labelling that may be chosen automatically.
_CHOSEN = ("min_cluster_size", "min_samples")

COMMANDS = {"quality": quality_command, "landscape": landscape_command}


def run_displayed(session: Session, listen: Reporter, until: str) -> Run:
    """Run the stages for the current result, with its scenes, up to and including `until`."""
    from core.pipeline.results.displayed_result import stored_survey

    settings = session.result_settings()
    survey = stored_survey(session.workspace, settings)
    return run_pipeline(session.workspace, settings, listen, until, survey)


def describe_noise(run: Run) -> str:
    """Return a phrase on the displayed share of noise; empty for methods without noise."""
    labelling, method = run.labelling, method_of(run.view.settings)
    if labelling is None or not method.has_noise:
        return ""
    treatment = run.view.settings.noise.method
    if treatment == "keep":
        names = [name for name in _CHOSEN if name in labelling.facts]
        chosen = ", ".join(f"{name} {labelling.facts[name]}" for name in names)
        return f", {labelling.noise_fraction:.0%} noise" + (f" ({chosen})" if chosen else "")

    from core.pipeline.results.displayed_result import treat_view

    treated = treat_view(run.view, labelling)
    target = "nearest cluster" if treatment == "nearest" else "most likely cluster"
    moved = f"{int(treated.moved.sum())} of {int((treated.original == NOISE).sum())} noise chips"
    displayed = f"{(treated.labels == NOISE).mean():.0%} noise as displayed"
    return f", {displayed}: {moved} are assigned to their {target}"


def require_count(method_name: str) -> None:
    """Raise SettingsError for a method, such as HDBSCAN, that has no number of clusters."""
    if not METHODS[method_name].count:
        counted = [name for name, method in METHODS.items() if method.count]
        raise SettingsError(
            f"{METHODS[method_name].title} needs no fits in advance, because every cut of its tree "
            "is fast",
            where="--sweep",
            remedy=f"Leave it out, or use {', '.join(counted[:-1])} or {counted[-1]} as --method.",
        )


def prepare_counts(run: Run, counts: list[int], report: Progress) -> str:
    """Fit each number of clusters in advance, so that a slider responds at once.

    Stops with a message at the first number for which there are too few chips. Returns a sentence
    that says which numbers were fitted.
    """
    from core.pipeline.cluster_stages import cluster_artifacts
    from core.pipeline.run_stages import make_artifacts, with_settings

    method, prepared = method_of(run.view.settings), []
    for k in counts:
        counted = method.with_n_clusters(run.view.settings, k)
        change = {method.table: method.settings_in(counted)}
        try:
            make_artifacts(with_settings(run.view, **change), cluster_artifacts)
        except TooFewError as error:
            remark(f"The range ends at {k - 1}. {error}")
            break
        prepared.append(k)
        report_step(report, len(prepared), len(counts), f"{k} clusters")
    if not prepared:
        return f"{method.plural}: nothing fitted in advance"
    span = f"{prepared[0]} to {prepared[-1]}" if len(prepared) > 1 else f"{prepared[0]}"
    return f"{method.plural} with {span} clusters fitted in advance"


def parse_range(text: str, where: str) -> list[int]:
    """Return the whole numbers of a range such as "2:20", both ends included."""
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit()) or not 0 < int(first) <= int(last):
        raise SettingsError(f"{text!r} is not a range", where=where, remedy="Write it as 2:20.")
    return list(range(int(first), int(last) + 1))


def _sweep_sizes(run: Run) -> dict[str, Any]:
    from core.clusters.evaluation import size_sweep
    from core.pipeline.cluster_stages import tree_stage

    trees = tree_stage(method_of(run.view.settings))
    tree = trees.open(trees.make(run.view.workspace.store, run.view))
    sweep = size_sweep.sweep_sizes(tree, run.view.settings.cut)
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
    sweep = COMPONENT_SWEEP.open(COMPONENT_SWEEP.make(run.view.workspace.store, counts, report))
    suggestions = [dataclasses.asdict(suggestion) for suggestion in suggest_components(sweep)]
    derived = {"agreement": sweep.agreement, "interval": sweep.interval}
    return {**_as_lists(sweep), **derived, "suggestions": suggestions}


def _as_lists(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass with arrays as lists, in which NaN becomes None."""
    return {
        name: np.where(np.isnan(v), np.array(None), v).tolist() if isinstance(v, np.ndarray) else v
        for name, v in dataclasses.asdict(record).items()
    }


def _quality_lines(result: dict[str, Any]) -> Iterator[str]:
    card = result["card"]
    yield f"{card['n']} chips, {card['n_clusters']} clusters, {card['noise_fraction']:.0%} noise"
    for row in card["clusters"]:
        measures = ("silhouette", "dbcv", "persistence", "stability")
        marks = ", ".join(f"{m} {row[m]:.2f}" for m in measures if row[m] is not None)
        name = result["names"][row["label"]] or f"cluster {result['ids'][row['label']]}"
        yield f"{name}: {row['size']} chips, {marks}"
    for name in ("ari", "ami", "nmi", "v_measure") if "against" in result else ():
        yield f"{name:<12} {result['against'][name]:.3f}"
    failed = [result["lost"]] if result["lost"] else []
    notes = (*card["notes"], *failed, result["judged"], *result["problems"], *result["alarms"])
    yield from (f"note: {note}" for note in notes)
    yield from (f"note: {sentence}" for sentence in result["remedies"])


def _correction_lines(comparison: CorrectionComparison) -> list[str]:
    """Return the comparison as lines of text: a table, then warnings and notes."""
    columns = ("clusters", "noise", "scene", "bright.", "sharp.", "silh.", "stab.", "ARI", "AMI")
    lines = [f"{'correction':<32}" + "".join(f"{name:>9}" for name in columns)]
    names = ("scene", "brightness", "sharpness", "silhouette", "stability", "ari", "ami")
    for effect in comparison.effects:
        values = [getattr(effect, name) for name in names]
        numbers = ["-" if value is None else f"{value:.2f}" for value in values]
        cells = [f"{effect.n_clusters}", f"{effect.noise_fraction:.0%}", *numbers]
        lines.append(f"{effect.title:<32}" + "".join(f"{cell:>9}" for cell in cells))
    lines.append(
        "scene, bright., sharp.: share of information that clusters have in common with it, 0 to "
        "1; lower is better"
    )
    lines += [f"warning: {warning}" for warning in comparison.warnings]
    return lines + [f"note: {note}" for note in comparison.notes]
