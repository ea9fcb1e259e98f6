"""The user's edits to a labelling: a list of changes that can be replayed on another labelling.

An edit identifies its clusters by their chips, not by their numbers. On another labelling, of the
same chips or of others, it is applied to the cluster that now holds those chips; an edit whose
chips no longer form one cluster is reported instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from core.clusters.editing.edit_history import (
    ChipSelection,
    Edit,
    History,
    chip_list_key,
    unpack_chip_ids,
)
from core.clusters.editing.edited_labelling import EditedLabelling, unedited_clusters
from core.clusters.labelling import NOISE
from core.clusters.methods.gmm import fit_gmm
from core.errors import SettingsError
from core.settings import GmmSettings
from core.types import BoolArray, FloatArray, IntArray

# Clusters with at least this overlap, intersection over union, are treated as the same cluster.
MIN_OVERLAP = 0.5


def rename_cluster(state: EditedLabelling, cluster: int, name: str) -> Edit:
    """Return the edit that names a cluster; an empty name removes its name."""
    return Edit("rename", _select_clusters(state, cluster), text=name.strip())


def recolour_cluster(state: EditedLabelling, cluster: int, colour: str) -> Edit:
    """Return the edit that sets a cluster's colour, ``"#0072b2"`` for example; "" removes it."""
    return Edit("recolour", _select_clusters(state, cluster), text=colour.strip())


def merge_clusters(state: EditedLabelling, clusters: tuple[int, ...]) -> Edit:
    """Return the edit that merges clusters into the first, which keeps its name and colour."""
    distinct = dict.fromkeys(clusters)
    if len(distinct) < 2:
        raise SettingsError("a merge needs at least two clusters", where="edits")
    return Edit("merge", _select_clusters(state, *distinct))


def split_cluster(state: EditedLabelling, cluster: int, second: BoolArray) -> Edit:
    """Return the edit that splits the selected chips of a cluster off into a new cluster.

    Chips of other clusters in the selection are ignored. See `bisect_cluster` for a split without
    a selection.
    """
    members = state.members(cluster)
    part = members & second
    if not part.any() or not (members & ~second).any():
        raise SettingsError("a split must leave chips on both sides", where="edits")
    return Edit("split", _select_clusters(state, cluster), ChipSelection.from_mask(part))


def bisect_cluster(state: EditedLabelling, cluster: int, points: FloatArray, seed: int = 0) -> Edit:
    """Return the edit that splits a cluster in two, by fitting a mixture of two Gaussians to it.

    Raises TooFewError if the cluster has fewer than two different chips, and SettingsError if one
    of the two Gaussians has no chips.
    """
    members = state.members(cluster)
    halves = fit_gmm(points[members], GmmSettings(n_components=2, seed=seed))
    second = np.zeros(len(members), np.bool_)
    second[members] = halves.labels == 1
    return split_cluster(state, cluster, second)


def move_chips(state: EditedLabelling, chips: BoolArray, cluster: int) -> Edit:
    """Return the edit that moves the selected chips into a cluster."""
    return Edit("move", _select_clusters(state, cluster), _select_chips(chips))


def create_cluster(chips: BoolArray, name: str = "") -> Edit:
    """Return the edit that turns the selected chips into a new cluster."""
    return Edit("new", chips=_select_chips(chips), text=name.strip())


def exclude_chips(chips: BoolArray) -> Edit:
    """Return the edit that excludes the selected chips from exports and counts."""
    return Edit("exclude", chips=_select_chips(chips))


def approve_cluster(state: EditedLabelling, cluster: int) -> Edit:
    """Return the edit that marks a cluster as approved."""
    return Edit("approve", _select_clusters(state, cluster))


@dataclass(frozen=True)
class LocatedEdit:
    """An edit whose selections refer to the rows of a labelling.

    `known`, bool (n,), is True for the chips that existed when the edit was made; None for all.
    Overlaps are measured among these chips, so that added scenes do not count against a match.
    """

    edit: Edit
    known: BoolArray | None = None


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

    known = np.zeros(n, np.bool_)
    known[rows[rows >= 0]] = True
    clusters = tuple(map(move, edit.clusters))
    chips = edit.chips and move(edit.chips)
    return LocatedEdit(replace(edit, clusters=clusters, chips=chips), known)


def replay_edits(
    labels: IntArray, edits: Sequence[Edit | LocatedEdit], min_overlap: float = MIN_OVERLAP
) -> tuple[EditedLabelling, list[str]]:
    """Apply edits, in order, to a labelling.

    Also returns one sentence for each edit that could not be applied.

    Parameters
    ----------
    labels : int32 array, (n,)
        Cluster ids, as `core.clusters.label_matching` assigns them; -1 for noise.
    edits : sequence of Edit or LocatedEdit
        Edits that select among the rows of `labels`; see `locate_edits` for those of other chips.
    min_overlap : float
        Smallest overlap, intersection over union, between the cluster that was edited and the
        cluster of this labelling to which the edit is applied.
    """
    state, problems = unedited_clusters(labels), []
    for number, item in enumerate(edits, 1):
        located = item if isinstance(item, LocatedEdit) else LocatedEdit(item)
        edit = located.edit
        state, problem = apply_edit(state, edit, min_overlap, located.known)
        if problem:
            text = f" {edit.text!r}" if edit.text else ""
            problems.append(f"Edit {number} ({edit.kind}{text}) was not applied: {problem}")
            if edit.kind in ("split", "new"):
                # The id stays unused, so that clusters of later edits keep theirs.
                state = replace(state, next_id=state.next_id + 1)
    return state, problems


def apply_edit(
    state: EditedLabelling,
    edit: Edit,
    min_overlap: float = MIN_OVERLAP,
    known: BoolArray | None = None,
) -> tuple[EditedLabelling, str]:
    """Apply one edit; if that is impossible, return the unchanged state and the reason.

    `known` is explained in `LocatedEdit`.
    """
    selections = [*edit.clusters, *([edit.chips] if edit.chips else [])]
    if any(selection.n != len(state.ids) for selection in selections):
        return state, (
            f"it was made when there were {selections[0].n} chips; now there are {len(state.ids)}."
        )
    clusters = []
    for selection in edit.clusters:
        cluster, overlap = _most_similar_cluster(state, selection.to_mask(), known)
        if overlap < min_overlap:
            return state, (
                f"its cluster no longer exists; the most similar one overlaps by {overlap:.0%}."
            )
        clusters.append(cluster)
    if len(set(clusters)) < len(clusters):
        return state, "its clusters are already merged."
    chips = edit.chips.to_mask() if edit.chips else np.zeros(len(state.ids), np.bool_)
    if edit.chips and not chips.any():
        return state, "its chips no longer exist."
    return _apply_to(state, edit, clusters, chips)


def _select_clusters(state: EditedLabelling, *clusters: int) -> tuple[ChipSelection, ...]:
    return tuple(ChipSelection.from_mask(state.members(cluster)) for cluster in clusters)


def _select_chips(chips: BoolArray) -> ChipSelection:
    if not chips.any():
        raise SettingsError("no chips are selected", where="edits")
    return ChipSelection.from_mask(chips)


def _most_similar_cluster(
    state: EditedLabelling, chips: BoolArray, known: BoolArray | None
) -> tuple[int, float]:
    """Return the cluster with the largest overlap with the chips, and the overlap, 0..1."""
    ids = state.ids[chips & (state.ids != NOISE)]
    if not len(ids):
        return NOISE, 0.0
    candidates, shared = np.unique(ids, return_counts=True)
    counted = state.ids if known is None else state.ids[known]
    sizes = np.array([(counted == cluster).sum() for cluster in candidates])
    overlaps = shared / (sizes + chips.sum() - shared)
    best = int(overlaps.argmax())
    return int(candidates[best]), float(overlaps[best])


def _apply_to(
    state: EditedLabelling, edit: Edit, clusters: list[int], chips: BoolArray
) -> tuple[EditedLabelling, str]:
    """Apply an edit to the clusters of this labelling that it refers to."""
    cluster = clusters[0] if clusters else NOISE
    match edit.kind:
        case "rename":
            return replace(state, names=_with_text(state.names, cluster, edit.text)), ""
        case "recolour":
            return replace(state, colours=_with_text(state.colours, cluster, edit.text)), ""
        case "approve":
            return replace(state, approved=state.approved | {cluster}), ""
        case "exclude":
            return replace(state, excluded=state.excluded | chips), ""
        case "merge":
            return _reassign(state, np.isin(state.ids, clusters), cluster), ""
        case "move":
            return _reassign(state, chips, cluster), ""
        case "split":
            members = state.ids == cluster
            chips = chips & members
            if not chips.any() or not (members & ~chips).any():
                return state, "all chips of its cluster are now on one side of the split."
    # Here the kind is "split" or "new". Ids are not reused: other chips would inherit the colour.
    new_id = state.next_id
    names = _with_text(state.names, new_id, edit.text)
    return replace(_reassign(state, chips, new_id), names=names, next_id=new_id + 1), ""


def _with_text(texts: Mapping[int, str], cluster: int, text: str) -> dict[int, str]:
    """Return the texts with one cluster's text replaced, or removed if the new one is empty."""
    remaining = {key: value for key, value in texts.items() if key != cluster}
    return {**remaining, cluster: text} if text else remaining


def _reassign(state: EditedLabelling, chips: BoolArray, cluster: int) -> EditedLabelling:
    """Put chips into a cluster; clusters left empty lose their name, colour and approval."""
    ids = np.where(chips, np.int32(cluster), state.ids).astype(np.int32)
    present = set(np.unique(ids).tolist())
    return replace(
        state,
        ids=ids,
        names={key: name for key, name in state.names.items() if key in present},
        colours={key: colour for key, colour in state.colours.items() if key in present},
        # A cluster that has changed has to be approved again.
        approved=state.approved & (present - {cluster}),
    )
