"""Commands that judge clusters and look at the landscape under their sliders."""

import dataclasses
from typing import Annotated, Any

import typer

from core.cli.console import emit, remark, reporter, say
from core.cli.shared_options import Session, with_session
from core.clusters.labelling import NOISE, Labelling
from core.errors import SettingsError, TooFewError
from core.pipeline.run import Run, run
from core.progress import Progress, step


@with_session
def quality(
    session: Session,
    property_name: Annotated[
        str, typer.Option("--property", help="Compare with a property of the annotations, too.")
    ] = "",
) -> None:
    """Judge the clusters: report card, stability over 20 resamples, confounders."""
    from core.clusters.editing.edited_labelling import compact
    from core.clusters.evaluation.report_card import against
    from core.pipeline import quality_stage as judging

    with reporter() as listen:
        done = run(session.workspace, session.settings, listen, "clusters")
        found = judging.open_quality(judging.quality(done, listen))
    chip_set = done.clustered()[0]
    seen, problems = judging.shown(done)
    result = judging.as_table(found, done, seen, problems)
    if property_name:
        if property_name not in chip_set.properties:
            known = ", ".join(map(str, chip_set.properties.columns)) or "none"
            raise SettingsError(
                f"no annotation has a property {property_name!r}",
                where="--property",
                remedy=f"Properties there are: {known}.",
            )
        kept = ~seen.excluded
        values = chip_set.properties[property_name][kept].tolist()
        compared = against(compact(seen), values, property_name)
        table = dataclasses.asdict(compared) | {"table": compared.table.tolist()}
        result["against"] = {"property": property_name, **table}
    if session.as_json:
        emit(result)
        return
    _tell(result)


@with_session
def landscape(
    session: Session,
    components: Annotated[
        str, typer.Option(help="Numbers of components to compare, such as 2:20.")
    ] = "2:20",
) -> None:
    """Compare the values of the main slider: sizes for HDBSCAN, components for mixtures."""
    with reporter() as listen:
        done = run(session.workspace, session.settings, listen, "reduction")
        reduced = done.artifacts["reduction"][0]
        if session.settings.method == "hdbscan":
            result = _sizes(session, reduced)
        elif session.settings.method == "gmm":
            result = _components(session, reduced, components, listen("components"))
        else:
            name = {"kmeans": "k-means", "ward": "Ward's hierarchy"}[session.settings.method]
            raise SettingsError(
                f"{name} has no landscape", where="--method", remedy="Take gmm or hdbscan."
            )
    if session.as_json:
        emit(result)
        return
    for one in result["suggestions"]:
        say(f"{one['name']}: {one['value']}. {one['reason']}")


COMMANDS = (quality, landscape)


def noise_in_words(done: Run, labelling: Labelling) -> str:
    """What the summary says of noise as shown, and whether it was treated; "" but for HDBSCAN."""
    if labelling.method != "hdbscan":
        return ""
    treatment = done.settings.noise
    if treatment.method == "keep":
        return f", {labelling.noise_fraction:.0%} noise"

    from core.pipeline.quality_stage import treated

    shown = treated(done)
    how = "nearest cluster" if treatment.method == "nearest" else "likeliest cluster"
    return (
        f", {(shown.labels == NOISE).mean():.0%} noise as shown: {int(shown.moved.sum())} of "
        f"{int((shown.original == NOISE).sum())} noise chips are shown in their {how}"
    )


def require_swept(method: str) -> None:
    """Refuse a range of numbers of clusters where the method has no such number.

    Raises
    ------
    SettingsError
        For HDBSCAN.
    """
    if method == "hdbscan":
        raise SettingsError(
            "HDBSCAN has no number of clusters to prepare; any cut of its tree is live",
            where="--sweep",
            remedy="Leave it out, or take gmm, kmeans or ward as --method.",
        )


def prepare(done: Run, counts: list[int], listening: Progress) -> str:
    """Fit each number of clusters, so that a slider answers at once; Ward's tree is cut.

    The range ends, with a remark, where the chips are too few. Returns what is prepared, in words.
    """
    from core.pipeline.cluster_stages import kmeans, mixture, ward

    reduced, settings = done.artifacts["reduction"][0], done.settings
    for at, k in enumerate(counts, 1):
        try:
            if settings.method == "kmeans":
                wanted = dataclasses.replace(settings.kmeans, n_clusters=k)
                kmeans(done.workspace, reduced, wanted)
            elif settings.method == "ward":
                ward(done.workspace, reduced, dataclasses.replace(settings.ward, n_clusters=k))
            else:
                mixture(done.workspace, reduced, dataclasses.replace(settings.gmm, n_components=k))
        except TooFewError as error:
            remark(f"The range ends at {k - 1}. {error}")
            return _prepared(settings.method, counts[: at - 1])
        step(listening, at, len(counts), f"{k} clusters")
    return _prepared(settings.method, counts)


def _prepared(method: str, counts: list[int]) -> str:
    what = {"kmeans": "k-means", "ward": "Ward's hierarchy"}.get(method, "Gaussian mixtures")
    if not counts:
        return f"{what}: nothing prepared"
    reach = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    return f"{what} with {reach} clusters prepared"


def span(text: str, where: str) -> list[int]:
    """Whole numbers from "2:20", both ends included.

    Raises
    ------
    SettingsError
        For anything else.
    """
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit()) or not 0 < int(first) <= int(last):
        raise SettingsError(f"{text!r} is not a range", where=where, remedy="Write it as 2:20.")
    return list(range(int(first), int(last) + 1))


def _sizes(session: Session, reduced: Any) -> dict[str, Any]:
    from core.clusters.evaluation import size_sweep as sizes
    from core.pipeline.cluster_stages import density_tree, open_tree

    tree = open_tree(density_tree(session.workspace, reduced, session.settings.tree))
    found = sizes.survey_sizes(tree, session.settings.cut)
    told = [*sizes.suggest_sizes(found), *sizes.presets(found)]
    return {
        **_listed(found),
        "cliffs": [one.note for one in sizes.cliffs(found)],
        "suggestions": [dataclasses.asdict(one) for one in told],
    }


def _components(session: Session, reduced: Any, counts: str, listening: Any) -> dict[str, Any]:
    from core.clusters.evaluation.component_sweep import suggest_components
    from core.pipeline import sweep_stage

    made = sweep_stage.components(
        session.workspace, reduced, session.settings.gmm, span(counts, "--components"), listening
    )
    found = sweep_stage.open_components(made)
    told = [dataclasses.asdict(one) for one in suggest_components(found)]
    return {**_listed(found), "agreement": found.agreement, "suggestions": told}


def _listed(found: Any) -> dict[str, Any]:
    """A dataclass of arrays as lists; what is not finite becomes null."""
    lists: dict[str, Any] = {}
    for name, value in dataclasses.asdict(found).items():
        lists[name] = _finite(value.tolist()) if hasattr(value, "tolist") else value
    return lists


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124


def _tell(result: dict[str, Any]) -> None:
    card = result["card"]
    say(f"{card['n']} chips, {card['n_clusters']} clusters, {card['noise_fraction']:.0%} noise")
    for one in card["clusters"]:
        marks = ", ".join(
            f"{name} {one[name]:.2f}"
            for name in ("silhouette", "dbcv", "persistence", "stability")
            if one[name] is not None
        )
        name = result["names"][one["label"]] or f"cluster {result['ids'][one['label']]}"
        say(f"{name}: {one['size']} chips, {marks}")
    for name in ("ari", "ami", "nmi", "v_measure"):
        if "against" in result:
            say(f"{name:<12} {result['against'][name]:.3f}")
    lost = [result["lost"]] if result["lost"] else []
    for note in (*card["notes"], *lost, result["judged"], *result["problems"], *result["alarms"]):
        say(f"note: {note}")
