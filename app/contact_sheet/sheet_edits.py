"""What the user does in a contact sheet, as edits of the clusters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.session.displayed_clusters import Clusters, ids_by_label
from core.clusters.editing import edit_history, edits
from core.clusters.editing.edit_history import Edit, History
from core.clusters.editing.edit_replay import apply_edit
from core.clusters.editing.edited_labelling import EditedLabelling
from core.errors import ChipscapeError
from core.pipeline.results.displayed_result import replay_history
from core.types import BoolArray

NAMES_AT_MOST = 10
LONGEST_NAME = 80


def add_sheet_edits(
    history: History, clusters: Clusters, events: Sequence[Mapping[str, Any]]
) -> tuple[History, list[str]]:
    """Return a history with the edits of a contact sheet, in order, each of which can be undone.

    Each event has a ``kind`` ("name", "approve", "exclude", "include" or "undo"), the ``ids`` of
    chips, and a ``text``, the name. Events that are not valid are ignored; the messages say which
    edits cannot be made.
    """
    rows = {chip_id: row for row, chip_id in enumerate(clusters.chip_ids)}
    state: EditedLabelling | None = None
    problems = []
    for event in events:
        if event.get("kind") == "undo":
            history, state = edit_history.undo_edit(history), None
            continue
        if state is None:
            state = _replay(history, clusters)
        selected = np.zeros(len(rows), np.bool_)
        selected[[rows[i] for i in event.get("ids") or () if i in rows]] = True
        try:
            edit = _make_edit(event, state, selected)
        except ChipscapeError as error:
            problems.append(str(error))
            continue
        if edit is not None:
            history = edit_history.add_edit(history, edit, clusters.chip_ids)
            state, _ = apply_edit(state, edit)
    return history, problems


def latest_names(history: History, state: EditedLabelling) -> list[str]:
    """Return up to ten names of clusters: those used last, in the order of their first use.

    In this order, a name keeps its digit when others are used or added.
    """
    used = [edit.text for edit in history.edits if edit.kind in ("rename", "name", "new")]
    names = list(state.names.values())
    existing = [*(n for n in names if n not in used), *(n for n in used if n in names)]
    latest = list(dict.fromkeys(reversed(existing)))[:NAMES_AT_MOST]
    return [name for name in dict.fromkeys(existing) if name in latest]


def _replay(history: History, clusters: Clusters) -> EditedLabelling:
    ids = ids_by_label(clusters.labelling, clusters.method_ids)
    return replay_history(clusters.treated, ids, history, clusters.chip_ids)[0]


def _make_edit(
    event: Mapping[str, Any], state: EditedLabelling, selected: BoolArray
) -> Edit | None:
    match event.get("kind"):
        case "approve":
            return edits.approve_chips(state, selected)
        case "exclude":
            return edits.exclude_chips(selected)
        case "include":
            return edits.include_chips(selected)
        case "name":
            name = str(event.get("text", "")).strip()[:LONGEST_NAME]
            unnamed = {f"Cluster {i}": i for i in np.unique(state.ids).tolist() if i >= 0}
            if name in unnamed and name not in state.names.values():
                return edits.move_chips(state, selected, unnamed[name])
            return edits.name_chips(selected, name)
    return None
