"""`chipscape edit`: names, approvals and other edits of the clusters of the current result."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from core.cli.console import counted, show_result
from core.cli.result_commands import with_workspace
from core.cli.shared_options import Session, option, require_choice
from core.clusters.cluster_colours import Look
from core.clusters.editing import edit_history, edits
from core.clusters.editing.edit_history import Edit, History
from core.clusters.editing.edited_labelling import EditedLabelling
from core.clusters.labelling import NOISE
from core.errors import SettingsError
from core.pipeline.results.displayed_result import EditableResult, open_editable
from core.types import BoolArray

CHANGES = {"undo": edit_history.undo_edit, "redo": edit_history.redo_edit}
# The number of values of each edit, and whether it needs --chips or takes them instead.
ARGUMENTS = {
    "rename": (2, ""),
    "merge": (2, ""),
    "split": (1, ""),
    "approve": (1, "instead"),
    "exclude": (1, "instead"),
    "include": (0, "needed"),
    "name": (1, "needed"),
    "move": (1, "needed"),
}
ACTIONS = ("list", *ARGUMENTS, *CHANGES)


@with_workspace
def edit_command(
    session: Session,
    action: Annotated[str, typer.Argument(help=f"One of {', '.join(ACTIONS)}.")] = "list",
    values: Annotated[
        list[str] | None,
        typer.Argument(
            help="Clusters, by number or name: CLUSTER NEW_NAME for rename, two or more for merge, "
            "one for split, approve, exclude and move. For name: the name.",
            show_default=False,
        ),
    ] = None,
    chips: Annotated[
        str, option("Chips to edit: ids, comma-separated, or a text file with one id per line.")
    ] = "",
) -> None:
    """Name, merge, split, approve or exclude clusters and chips of the current result."""
    require_choice(action, ACTIONS, "chipscape edit")
    result = open_editable(session.workspace)
    if action in CHANGES:
        result = result.change_history(CHANGES[action])
    elif action != "list":
        edit = _make_edit(action, list(values or ()), chips, result)
        add = partial(edit_history.add_edit, edit=edit, chip_ids=result.chip_ids)
        result = result.change_history(add)
    elif values or chips:
        raise SettingsError("needs neither clusters nor chips", where="chipscape edit list")
    table = _describe(result)
    show_result(session.as_json, table, _lines(table))


def _make_edit(action: str, values: list[str], chips: str, result: EditableResult) -> Edit:
    """Build the edit of a command; raises SettingsError if its arguments do not fit."""
    state = result.edited
    n_values, chip_use = ARGUMENTS[action]
    if chips and chip_use == "instead":
        n_values = 0
    is_enough = len(values) >= 2 if action == "merge" else len(values) == n_values
    if not is_enough or (chips and not chip_use) or (chip_use == "needed" and not chips):
        raise SettingsError(
            "the arguments do not fit the action",
            where=f"chipscape edit {action}",
            remedy="See `chipscape edit --help`.",
        )
    selected = _select(chips, result.chip_ids) if chips else np.zeros(len(state.ids), np.bool_)
    if action == "name":
        return edits.name_chips(selected, values[0])
    clusters = [_find_cluster(text, state) for text in values[: 1 if action == "rename" else None]]
    cluster = clusters[0] if clusters else NOISE
    members = selected if chips else state.ids == cluster
    makers: dict[str, Callable[[], Edit]] = {
        "rename": lambda: edits.rename_cluster(state, cluster, values[1]),
        "merge": lambda: edits.merge_clusters(state, tuple(clusters)),
        "split": lambda: edits.bisect_cluster(state, cluster, result.points()),
        "move": lambda: edits.move_chips(state, selected, cluster),
        "exclude": lambda: edits.exclude_chips(members),
        "include": lambda: edits.include_chips(selected),
        "approve": lambda: (
            edits.approve_chips(state, selected) if chips else edits.approve_cluster(state, cluster)
        ),
    }
    return makers[action]()


def _find_cluster(text: str, state: EditedLabelling) -> int:
    """Return the id of a cluster, given by its number or its name."""
    named = [cluster for cluster, name in state.names.items() if name == text]
    if len(named) == 1:
        return named[0]
    number = int(text) if text.isdecimal() else NOISE
    if named or number == NOISE or not (state.ids == number).any():
        problem = (
            f"several clusters are called {text!r}" if named else f"there is no cluster {text!r}"
        )
        remedy = "`chipscape edit` lists the clusters with their numbers."
        raise SettingsError(problem, where="chipscape edit", remedy=remedy)
    return number


def _select(text: str, chip_ids: Sequence[str]) -> BoolArray:
    """Return True for the chips, (n,), whose ids are in a text or in the file that it names."""
    path = Path(text).expanduser()
    is_file = len(text) < 1000 and path.is_file()
    ids = path.read_text(encoding="utf-8").split() if is_file else text.split(",")
    ids = [chip_id.strip() for chip_id in ids if chip_id.strip()]
    rows = {chip_id: row for row, chip_id in enumerate(chip_ids)}
    if unknown := [chip_id for chip_id in ids if chip_id not in rows]:
        raise SettingsError(
            f"{counted(len(unknown), 'chip')} not in the current result, such as {unknown[0]!r}",
            where="--chips",
        )
    selected = np.zeros(len(chip_ids), np.bool_)
    selected[[rows[chip_id] for chip_id in ids]] = True
    return selected


def _describe(result: EditableResult) -> dict[str, Any]:
    state, look = result.edited, Look(result.edited.names, result.edited.colours)
    clusters = np.unique(state.ids).tolist()
    history: History = result.history
    return {
        "clusters": [
            {
                "cluster": cluster,
                "name": look.name(cluster),
                "chips": int(((state.ids == cluster) & ~state.excluded).sum()),
                "approved": int(((state.ids == cluster) & state.approved_chips).sum()),
            }
            for cluster in sorted(clusters, key=lambda cluster: (cluster == NOISE, cluster))
        ],
        "excluded": int(state.excluded.sum()),
        "approved": int(state.approved_chips.sum()),
        "edits": [edit_history.describe_edit(edit) for edit in history.edits],
        "undone": len(history.undone_edits),
        "notes": list(result.problems),
    }


def _lines(table: dict[str, Any]) -> list[str]:
    lines = [
        f"{row['cluster']:>5}  {row['name']}: {counted(row['chips'], 'chip')}, "
        f"{row['approved']} approved"
        for row in table["clusters"]
    ]
    if table["excluded"]:
        lines.append(f"{counted(table['excluded'], 'chip')} excluded")
    latest = f", the latest: {table['edits'][-1]}" if table["edits"] else ""
    lines.append(f"{counted(len(table['edits']), 'edit')}{latest}")
    return [*lines, *(f"note: {note}" for note in table["notes"])]


COMMANDS = {"edit": edit_command}
