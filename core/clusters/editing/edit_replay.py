"""Edits applied to a labelling, which may be another one than that for which they were made.

Names are the most lasting edits. A cluster that a re-cut splits passes its name on to its pieces,
and chips that a small change of the labelling puts elsewhere stay under their name; see
docs/decisions/0038-names-that-last.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count

import numpy as np
import pandas as pd

from core.clusters.editing.edit_effects import move_to_cluster, replace_text, take_effect
from core.clusters.editing.edit_history import (
    ChipSelection,
    Edit,
    History,
    chip_list_key,
    unpack_chip_ids,
)
from core.clusters.editing.edited_labelling import EditedLabelling, unedited_clusters
from core.clusters.label_matching import EDIT_IDS
from core.clusters.labelling import NOISE
from core.types import BoolArray, IntArray

# Clusters with at least this overlap, intersection over union, are treated as the same cluster.
MIN_OVERLAP = 0.5
# If at least this fraction of the named chips keep their names through their clusters, a labelling
# counts as a small change of the one that was edited, and the other chips keep their names too.
SMALL_CHANGE = 0.5
# Edits are replayed in chunks, whose results are kept, so that one more edit, or one undone, does
# not repeat all edits before it.
CHUNK = 32


@dataclass(frozen=True)
class LocatedEdit:
    """An edit whose selections refer to the rows of a labelling.

    `known` are the chips that existed when the edit was made; None for all. Overlaps are measured
    among these chips, so that added scenes do not count against a match.
    """

    edit: Edit
    known: ChipSelection | None = None


@dataclass(frozen=True, eq=False)
class _Replay:
    """A labelling with the first edits of a history applied.

    `n_named` chips were named with their cluster, of which `n_strays` have left it.
    """

    state: EditedLabelling
    problems: tuple[str, ...] = ()
    n_named: int = 0
    n_strays: int = 0


def locate_edits(history: History, chip_ids: Sequence[str]) -> Sequence[LocatedEdit]:
    """Return the edits in effect, with selections of the rows of `chip_ids`.

    Chips that no longer exist are left out. Edits without a list of chips are returned unchanged.
    """
    lists = tuple(history.chip_lists.items())
    return _locate_edits(history.edits, lists, tuple(chip_ids))


# The app asks for the same edits at each run of its script; 60 edits of 200,000 chips take 1 s.
@lru_cache(maxsize=4)
def _locate_edits(
    edits: tuple[Edit, ...], chip_lists: tuple[tuple[str, str], ...], chip_ids: tuple[str, ...]
) -> tuple[LocatedEdit, ...]:
    key, located, lists = chip_list_key(chip_ids), [], dict(chip_lists)
    index = pd.Index(chip_ids)
    rows_by_list: dict[str, IntArray] = {}
    for edit in edits:
        if edit.chip_list in ("", key):
            located.append(LocatedEdit(edit))
            continue
        if edit.chip_list not in rows_by_list:
            ids = unpack_chip_ids(lists[edit.chip_list])
            rows_by_list[edit.chip_list] = index.get_indexer(pd.Index(ids)).astype(np.int32)
        located.append(_relocate(edit, rows_by_list[edit.chip_list], len(chip_ids)))
    return tuple(located)


def _relocate(edit: Edit, rows: IntArray, n: int) -> LocatedEdit:
    """Return an edit with selections of n rows; `rows` is -1 for chips that no longer exist."""

    def move(selection: ChipSelection) -> ChipSelection:
        selected = np.zeros(n, np.bool_)
        mask = selection.to_mask()
        selected[rows[mask & (rows >= 0)]] = True
        return ChipSelection.from_mask(selected)

    known = move(ChipSelection.from_mask(np.ones(len(rows), np.bool_)))
    clusters = tuple(map(move, edit.clusters))
    chips = edit.chips and move(edit.chips)
    return LocatedEdit(replace(edit, clusters=clusters, chips=chips), known)


def replay_edits(
    labels: IntArray, edits: Sequence[Edit | LocatedEdit]
) -> tuple[EditedLabelling, list[str]]:
    """Apply edits, in order, to a labelling.

    Also returns one sentence for each edit that could not be applied, and one on named chips that
    the labelling puts elsewhere.

    Parameters
    ----------
    labels : int32 array, (n,)
        Cluster ids, as `core.clusters.label_matching` assigns them; -1 for noise.
    edits : sequence of Edit or LocatedEdit
        Edits that select among the rows of `labels`; see `locate_edits` for those of other chips.
    """
    located = tuple(item if isinstance(item, LocatedEdit) else LocatedEdit(item) for item in edits)
    content = labels.astype(np.int32).tobytes()
    replay = _replay(content, located, (), hold=False)
    problems = replay.problems
    if 0 < replay.n_strays <= (1 - SMALL_CHANGE) * replay.n_named:
        n_strays, replay = replay.n_strays, _replay(content, located, (), hold=True)
        chips = "chip keeps its" if n_strays == 1 else "chips keep their"
        pronoun = "it" if n_strays == 1 else "them"
        problems = (
            *replay.problems,
            f"{n_strays:,} named {chips} name, although the method now puts {pronoun} elsewhere.",
        )
    return replay.state, list(problems)


# A session has one labelling and up to two results, with and without `hold`, of two chunks each.
@lru_cache(maxsize=16)
def _replay(
    labels: bytes, edits: tuple[LocatedEdit, ...], unnamed: tuple[ChipSelection, ...], *, hold: bool
) -> _Replay:
    """Apply edits to labels, int32; with `hold`, chips that left their named cluster are put back.

    `unnamed` are clusters whose name is removed by edits that follow.
    """
    first = max(len(edits) - 1, 0) // CHUNK * CHUNK
    if first:
        later = (*_removed_names(edits[first:]), *unnamed)
        replay = _replay(labels, edits[:first], later, hold=hold)
    else:
        replay = _Replay(unedited_clusters(np.frombuffer(labels, np.int32)))
    for number, located in enumerate(edits[first:], first + 1):
        removed = (*_removed_names(edits[number:]), *unnamed)
        replay = _apply_next(replay, number, located, removed, hold)
    for array in (replay.state.ids, replay.state.excluded, replay.state.approved_chips):
        array.flags.writeable = False
    return replay


def _removed_names(edits: Iterable[LocatedEdit]) -> list[ChipSelection]:
    """Return the clusters whose names these edits remove."""
    renames = (located.edit for located in edits if located.edit.kind == "rename")
    return [edit.clusters[0] for edit in renames if not edit.text]


def _apply_next(
    replay: _Replay, number: int, located: LocatedEdit, unnamed: Sequence[ChipSelection], hold: bool
) -> _Replay:
    """Apply one more edit, of a number counted from 1; see `_replay`."""
    edit, n_named, n_strays = located.edit, replay.n_named, replay.n_strays
    state, problem, strays = _apply_located(replay.state, located)
    if edit.kind == "rename" and edit.text and strays is not None:
        # A name that was removed later does not hold any chips.
        for selection in unnamed if strays.any() else ():
            if selection.n == len(strays):
                strays &= ~selection.to_mask()
        n_named += int(edit.clusters[0].to_mask().sum())
        n_strays += int(strays.sum())
        if hold and strays.any():
            state, problem = _hold_chips(state, edit, strays), ""
    if not problem:
        return _Replay(state, replay.problems, n_named, n_strays)
    text = f" {edit.text!r}" if edit.text else ""
    sentence = f"Edit {number} ({edit.kind}{text}) was not applied: {problem}"
    if edit.kind in ("split", "new"):
        # The id stays unused, so that clusters of later edits keep theirs.
        state = replace(state, next_id=state.next_id + 1)
    return _Replay(state, (*replay.problems, sentence), n_named, n_strays)


def apply_edit(state: EditedLabelling, edit: Edit) -> tuple[EditedLabelling, str]:
    """Apply one edit; if that is impossible, return the unchanged state and the reason."""
    return _apply_located(state, LocatedEdit(edit))[:2]


def _apply_located(
    state: EditedLabelling, located: LocatedEdit
) -> tuple[EditedLabelling, str, BoolArray | None]:
    """Apply one edit.

    Also returns the reason if that is impossible, and True for the chips of its clusters that are
    now elsewhere, (n,); None if the edit is of other chips.
    """
    edit = located.edit
    selections = [*edit.clusters, *([edit.chips] if edit.chips else [])]
    if any(selection.n != len(state.ids) for selection in selections):
        n = selections[0].n
        return (
            state,
            f"it was made when there were {n} chips; now there are {len(state.ids)}.",
            None,
        )
    chips = edit.chips.to_mask() if edit.chips else np.zeros(len(state.ids), np.bool_)
    strays, pieces, problem = np.zeros(len(state.ids), np.bool_), [], ""
    similar: list[int] = []
    for selection in edit.clusters:
        members = selection.to_mask()
        parts, most_similar, overlap = _find_pieces(state, members, located.known)
        if edit.kind == "rename":
            strays |= members & ~np.isin(state.ids, parts)
        pieces.append(parts)
        similar.append(most_similar)
        if not parts:
            problem = (
                f"its cluster no longer exists; the most similar one overlaps by {overlap:.0%}."
            )
    if edit.kind == "approve" and any(pieces):
        problem = ""
    if edit.kind == "merge" and NOISE not in similar and len(set(similar)) < len(similar):
        problem = "its clusters are already merged."
    if edit.chips and not chips.any():
        problem = problem or "its chips no longer exist."
    if problem:
        return state, problem, strays
    return *take_effect(state, edit, pieces, chips), strays


def _find_pieces(
    state: EditedLabelling, chips: BoolArray, known: ChipSelection | None
) -> tuple[list[int], int, float]:
    """Return the clusters that a cluster of these chips has become.

    More than half of their known chips are these chips. The most similar cluster comes first if it
    overlaps by at least `MIN_OVERLAP`, then those with the most chips. Also returns the most
    similar cluster of all and its overlap, 0..1.
    """
    ids = state.ids[chips & (state.ids != NOISE)]
    if not len(ids):
        return [], NOISE, 0.0
    candidates, shared = np.unique(ids, return_counts=True)
    counted = state.ids if known is None else state.ids[known.to_mask()]
    sizes = np.bincount(counted[counted >= 0], minlength=candidates[-1] + 1)[candidates]
    overlaps = shared / (sizes + chips.sum() - shared)
    best, order = int(overlaps.argmax()), np.argsort(-shared, kind="stable").tolist()
    if overlaps[best] >= MIN_OVERLAP:
        order = [best, *(i for i in order if i != best)]
    pieces = [int(candidates[i]) for i in order if 2 * shared[i] > sizes[i]]
    return pieces, int(candidates[best]), float(overlaps[best])


def _hold_chips(state: EditedLabelling, edit: Edit, strays: BoolArray) -> EditedLabelling:
    """Put chips back under the name that an edit gave to their cluster."""
    clusters = [cluster for cluster, name in state.names.items() if name == edit.text]
    members = edit.clusters[0].to_mask()
    counts = [int((members & (state.ids == cluster)).sum()) for cluster in clusters]
    if any(counts):
        return move_to_cluster(state, strays, clusters[int(np.argmax(counts))])
    used = {*np.unique(state.ids).tolist(), *state.names}
    cluster = edit.cluster_id
    if cluster < 0 or cluster in used:
        cluster = next(i for i in count() if i not in used and i not in EDIT_IDS)
    state = move_to_cluster(state, strays, cluster)
    return replace(state, names=replace_text(state.names, cluster, edit.text))
