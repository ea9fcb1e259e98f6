"""`chipscape scan`: search whole scenes for more objects like some chips."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.artifacts.formats import write_atomically
from core.cli.console import counted, reporter, show_result
from core.cli.shared_options import JsonOption, WorkspaceOption, list_names, option
from core.errors import SettingsError
from core.pipeline.search.chip_examples import load_examples
from core.pipeline.workspace import Workspace

if TYPE_CHECKING:
    from core.pipeline.scene_search.candidates import SearchResult
    from core.pipeline.view import View

# Candidates listed on the terminal.
_LISTED = 20


def scan_command(
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
    like: Annotated[
        list[str] | None, option("Id of a chip to search for; comma-separated, or repeated.")
    ] = None,
    unlike: Annotated[
        list[str] | None, option("Id of a chip that candidates should not resemble.")
    ] = None,
    cluster: Annotated[str, option("Cluster to search for: its number or its name.")] = "",
    class_value: Annotated[
        str, option("Class to search for, or ATTRIBUTE=VALUE of the annotations.", "--class")
    ] = "",
    scene: Annotated[
        list[str] | None,
        option("Name of a scene to search; comma-separated, or repeated. [default: all]"),
    ] = None,
    step: Annotated[int, option("Step in pixels. [default: a third of the examples' size]")] = 0,
    threshold: Annotated[
        float | None, option("Lowest score of a candidate. [default: chosen from the scores]")
    ] = None,
    name: Annotated[
        str, option("Class of confirmed candidates. [default: that of the examples]")
    ] = "",
    run: Annotated[
        str, option("Name, id or record of the run with the examples. [default: the current]")
    ] = "",
    out: Annotated[Path | None, option("GeoJSON file for the candidates.")] = None,
    confirm: Annotated[
        bool,
        typer.Option("--confirm", help="Keep the candidates as annotations, without a review."),
    ] = False,
) -> None:
    """Search whole scenes for more objects like some chips, not only the annotated ones.

    Without --like, --cluster or --class, the examples are those that were marked in the app or with
    `chipscape find --keep`.
    """
    from core.pipeline.assignment.assigned_scenes import open_reference
    from core.pipeline.scene_search import candidates, decided_candidates, examples
    from core.pipeline.scene_survey import survey_scenes

    _require_one_kind(like or [], unlike or [], cluster, class_value)
    target = Workspace.at(workspace)
    target.refuse_raw(out)
    reference = open_reference(target, run)
    view = reference.view
    if like:
        likes, unlikes = _list_chips(view, like, unlike)
        chosen = examples.chips_like(view, likes, name, unlikes)
    elif cluster:
        chosen = examples.chips_of_cluster(reference, cluster, name)
    elif class_value:
        chosen = examples.chips_of_class(view, class_value, name)
    else:
        chosen = examples.marked_chips(view, load_examples(target), name)
    with reporter() as listen:
        survey = survey_scenes(target, listen("scenes"), view.settings.scenes)
        scenes = list_names(scene, {s.report.name for s in survey.scenes})
        query = examples.make_query(view, survey, chosen, scenes=scenes, step=step)
        candidates.scan_scenes(query, listen("scan"))
    result = candidates.find_candidates(query)
    assert result is not None
    # The suggestion makes for a review; without one, only good candidates are kept.
    suggested = candidates.DEFAULT_THRESHOLD if confirm else result.suggested_threshold
    limit = suggested if threshold is None else threshold
    n_confirmed = 0
    if confirm:
        # What was rejected in a review remains rejected.
        table = result.above(limit)
        ids = table["id"][table["state"] == "open"].tolist()
        decided_candidates.decide_rows(result, ids, "confirmed")
        result, n_confirmed = candidates.update_states(result, query), len(ids)
    document = _describe_result(result, limit) | {"confirmed_now": n_confirmed}
    if out:
        collection = decided_candidates.candidate_collection(result, limit)
        write_atomically(out, json.dumps(collection))
        document["written"] = str(out)
    show_result(as_json, document, _scan_lines(document, len(result.above(limit))))


def _list_chips(
    view: "View", like: list[str], unlike: list[str] | None
) -> tuple[list[str], list[str]]:
    """Return the ids of the chips that are examples for and against."""
    from core.pipeline.chip_stages import open_chips

    chips = open_chips(view)
    known = chips.row_by_id if chips else ()
    return list_names(like, known), list_names(unlike, known)


def _require_one_kind(likes: list[str], unlikes: list[str], cluster: str, class_value: str) -> None:
    if [bool(likes), bool(cluster), bool(class_value)].count(True) > 1:
        raise SettingsError(
            "the examples are not clear",
            where="scan",
            remedy="Give only one of --like, --cluster and --class.",
        )
    if unlikes and not likes:
        raise SettingsError("it needs --like", where="--unlike")


def _describe_result(result: "SearchResult", limit: float) -> dict[str, Any]:
    query = result.query
    return {
        "examples": len(query.chip_ids),
        "counterexamples": len(query.counter_ids),
        "attributes": dict(query.attributes),
        "side": query.side,
        "step": {s.report.name: query.step_on(s) for s in query.scenes},
        "threshold": limit,
        **result.counts(limit),
        "scenes": {m.scene.report.name: m.scores.size for m in result.maps},
        "refused": dict(result.refused),
        "best": result.above(limit).head(_LISTED).to_dict("records"),
    }


def _scan_lines(document: dict[str, Any], n_candidates: int) -> list[str]:
    unit, counts = document["best"], document
    lines = [
        f"{row['scene']:<24} {row['score']:6.2f} column {row['column']:8.0f} row {row['row']:8.0f}"
        f"  {row['state']:<10} {row['id']}"
        for row in unit
    ]
    if n_candidates > len(unit):
        lines.append(f"and {n_candidates - len(unit)} more")
    lines += [f"not searched: {reason}" for reason in document["refused"].values()]
    lines.append(
        f"{counted(n_candidates, 'candidate')} with a score of at least "
        f"{document['threshold']:.2f}, {counts['annotated']} more are annotated already"
    )
    if "written" in document:
        lines.append(f"written: {document['written']}")
    return lines


COMMANDS = {"scan": scan_command}
