"""`chipscape find`: rank the chips by their similarity to examples or to words."""

from collections.abc import Container, Iterable
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import numpy as np
import typer

from core.artifacts.formats import write_atomically
from core.cli.console import counted, reporter, show_result
from core.cli.quality_commands import run_displayed
from core.cli.shared_options import Session, list_names, option, require_choice, with_session
from core.clusters.editing.edit_history import add_edit
from core.clusters.editing.edited_labelling import EditedLabelling
from core.clusters.editing.edits import create_cluster
from core.errors import SettingsError
from core.pipeline.results.current_result import change_edits
from core.pipeline.results.displayed_result import apply_saved_edits
from core.pipeline.run import Run, keep_run
from core.pipeline.search.chip_examples import ExampleSet, change_examples, load_examples
from core.pipeline.search.chip_ranking import rank_by_words, rank_chips, ranking_table
from core.search.exact_search import BestRows
from core.search.ranking import RankMethod
from core.types import BoolArray, IntArray


@with_session
def find_command(
    session: Session,
    like: Annotated[
        list[str] | None,
        option("Id of a chip to find more of; comma-separated, or repeated.", "--like"),
    ] = None,
    unlike: Annotated[
        list[str] | None, option("Id of a chip that results should not resemble.", "--unlike")
    ] = None,
    cluster: Annotated[
        str, option("Name or number of a cluster whose chips are examples.", "--cluster")
    ] = "",
    words: Annotated[
        str, option("Words that describe the chips to find; needs the encoder siglip2.", "--words")
    ] = "",
    top: Annotated[int, typer.Option("--top", help="Number of chips to find.", min=0)] = 50,
    threshold: Annotated[
        float | None,
        option("Find all chips of at least this score instead; the examples' mean is 1."),
    ] = None,
    rank_method: Annotated[
        str, typer.Option("--rank-method", help="classifier, or mean as in other tools.")
    ] = "classifier",
    out: Annotated[Path | None, option("CSV file for the chips found, with positions.")] = None,
    keep: Annotated[
        bool, option("Keep these examples in the workspace, for the app and later.", "--keep")
    ] = False,
    save: Annotated[
        str, option("Name of a new cluster of the examples and the chips found.", "--save")
    ] = "",
) -> None:
    """Find the chips that are most similar to examples, or to words."""
    require_choice(rank_method, get_args(RankMethod), "--rank-method")
    if words and (like or unlike or cluster or keep):
        raise SettingsError(
            "words and examples cannot be combined",
            where="--words",
            remedy="Give either --words, or examples with --like, --unlike, --cluster and --keep.",
        )
    session.workspace.refuse_raw(out)
    until = "projection" if save else "clusters" if cluster else "embeddings"
    with reporter() as listen:
        run = run_displayed(session, listen, until)
    edited = _displayed_clusters(run) if cluster or save else None
    ids = np.array(run.chip_ids, dtype=object)
    members = ids[_cluster_members(edited, cluster)] if edited and cluster else ()
    likes, unlikes = (list_names(texts, run.chips.row_by_id) for texts in (like, unlike))
    examples = ExampleSet().mark_for([*likes, *members]).mark_against(unlikes)
    if not (likes or unlikes or cluster or words):
        examples = load_examples(session.workspace)
    else:
        _require_known((*examples.examples, *examples.counterexamples), run.chips.row_by_id)
    if words:
        ranking = rank_by_words(run.view, words)
    else:
        ranking = rank_chips(run.view, run.chip_ids, examples, cast("RankMethod", rank_method))
    k = top if threshold is None else len(ids)
    best = ranking.best_chips(k, threshold, edited.excluded if edited else None)
    if out:
        write_atomically(out, ranking_table(run.chips, ranking, best).to_csv(index=False))
    if keep:
        change_examples(session.workspace, lambda _: examples)
    if save and edited:
        rows = np.concatenate([ranking.example_rows, best.rows])
        _save_cluster(run, edited, rows, save)
    result = {
        "examples": len(ranking.example_rows),
        "counterexamples": len(ranking.counterexample_rows),
        "rank_method": rank_method,
        "words": words or None,
        "chips": _list_chips(run, best),
        "missing": list(ranking.missing),
        "saved": save or None,
        "written": str(out) if out else None,
    }
    show_result(session.as_json, result, _result_lines(result))


COMMANDS = {"find": find_command}


def _displayed_clusters(run: Run) -> EditedLabelling:
    """Return the clusters of a run as displayed, with noise treated and the user's edits."""
    _, _, labelling = run.clustered()
    return apply_saved_edits(run.view, labelling, run.chip_ids)[0]


def _cluster_members(edited: EditedLabelling, name: str) -> BoolArray:
    """Return True for the chips, (n,), of the cluster with a name or a number."""
    numbers = [cluster for cluster, title in edited.names.items() if title == name]
    if not numbers and name.isdecimal():
        numbers = [int(name)]
    members: BoolArray = np.isin(edited.ids, numbers) & ~edited.excluded
    if not members.any():
        names = ", ".join(edited.names.values()) or "none"
        raise SettingsError(
            f"there is no cluster {name!r}",
            where="--cluster",
            remedy=f"Give its number, or its name; named clusters: {names}.",
        )
    return members


def _require_known(chip_ids: Iterable[str], known: Container[str]) -> None:
    for chip_id in chip_ids:
        if chip_id not in known:
            raise SettingsError(
                "there is no chip with this id",
                where=chip_id,
                remedy="The ids are in the table that `chipscape export --format csv` writes.",
            )


def _save_cluster(run: Run, edited: EditedLabelling, rows: IntArray, name: str) -> None:
    """Add the edit that makes a new cluster of some chips to those of the current result."""
    _, _, labelling = run.clustered()
    selected = np.zeros(len(edited.ids), np.bool_)
    selected[rows] = True
    edit = create_cluster(selected & ~edited.excluded, name)
    keep_run(run)
    ids = run.chip_ids
    change_edits(run.view, labelling, ids, lambda history: add_edit(history, edit, ids))


def _list_chips(run: Run, best: BestRows) -> list[dict[str, Any]]:
    facts, attribute = run.chips.facts, run.view.survey.class_attribute
    chips = []
    for row, score in zip(best.rows.tolist(), best.scores.tolist(), strict=True):
        chip = {"chip_id": facts["chip_id"].iloc[row], "score": round(score, 6)}
        chip["scene"] = str(facts["scene"].iloc[row])
        if attribute in run.chips.properties:
            chip["class"] = str(run.chips.properties[attribute].iloc[row])
        chips.append(chip)
    return chips


def _result_lines(result: dict[str, Any]) -> list[str]:
    lines = [
        "  ".join([chip["chip_id"], f"{chip['score']:6.3f}", chip["scene"], chip.get("class", "")])
        for chip in result["chips"]
    ]
    if result["words"]:
        lines.append(f"{counted(len(lines), 'chip')} found from the words {result['words']!r}.")
        return [*lines, *_saved_lines(result)]
    against = f" and {counted(result['counterexamples'], 'example')} against"
    summary = (
        f"{counted(len(lines), 'chip')} found from {counted(result['examples'], 'example')}"
        f"{against if result['counterexamples'] else ''}; the examples have a mean score of 1, "
        "random chips of 0."
    )
    lines.append(summary)
    if result["missing"]:
        lines.append(f"Not among the chips: {', '.join(result['missing'])}.")
    return [*lines, *_saved_lines(result)]


def _saved_lines(result: dict[str, Any]) -> list[str]:
    chips = "The chips found" if result["words"] else "The examples and the chips found"
    lines = [f"{chips} are now the cluster {result['saved']}."] if result["saved"] else []
    return [*lines, f"written: {result['written']}"] if result["written"] else lines
