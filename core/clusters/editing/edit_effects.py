"""What each kind of edit does to a labelling, once the clusters that it refers to are known."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core.clusters.editing.edit_history import Edit
from core.clusters.editing.edited_labelling import EditedLabelling
from core.clusters.labelling import NOISE
from core.types import BoolArray


def take_effect(
    state: EditedLabelling, edit: Edit, pieces: list[list[int]], chips: BoolArray
) -> tuple[EditedLabelling, str]:
    """Apply an edit to clusters of a labelling; else return it unchanged, and why.

    `pieces` are the ids of each cluster of the edit, of which there may be several if a re-cut has
    split it, and `chips` the chips of the edit, (n,).
    """
    clusters = [cluster for parts in pieces for cluster in parts]
    cluster = clusters[0] if clusters else NOISE
    match edit.kind:
        case "rename":
            names = state.names
            for piece in clusters:
                names = replace_text(names, piece, edit.text)
            return replace(state, names=names), ""
        case "recolour":
            return replace(state, colours=replace_text(state.colours, cluster, edit.text)), ""
        case "approve":
            return _approve(state, edit, clusters, chips), ""
        case "exclude":
            return replace(state, excluded=state.excluded | chips), ""
        case "include":
            return replace(state, excluded=state.excluded & ~chips), ""
        case "merge":
            return move_to_cluster(state, np.isin(state.ids, clusters), cluster), ""
        case "move":
            return move_to_cluster(state, chips, cluster), ""
        case "name":
            return _name_chips(state, chips, edit.text), ""
        case "split":
            members = state.ids == cluster
            chips = chips & members
            if not chips.any() or not (members & ~chips).any():
                return state, "all chips of its cluster are now on one side of the split."
    # Here the kind is "split" or "new". Ids are not reused: other chips would inherit the colour.
    return _create_cluster(state, chips, edit.text), ""


def _approve(
    state: EditedLabelling, edit: Edit, clusters: list[int], chips: BoolArray
) -> EditedLabelling:
    """Mark chips as approved where they are in these clusters, or all chips of a cluster."""
    if edit.chips:
        # Only a few chips are compared, because every key of a contact sheet comes here.
        rows, approved_chips = np.flatnonzero(chips), state.approved_chips.copy()
        approved_chips[rows] |= np.isin(state.ids[rows], clusters)
        return replace(state, approved_chips=approved_chips)
    members = edit.clusters[0].to_mask() & np.isin(state.ids, clusters)
    approved = state.approved | frozenset(clusters)
    return replace(state, approved=approved, approved_chips=state.approved_chips | members)


def _name_chips(state: EditedLabelling, chips: BoolArray, name: str) -> EditedLabelling:
    """Put chips into the largest cluster of a name, or a new one; they are approved."""
    clusters = [cluster for cluster, text in state.names.items() if text == name]
    if clusters:
        target = max(clusters, key=lambda cluster: int((state.ids == cluster).sum()))
        named = move_to_cluster(state, chips, target)
        # The other chips of the cluster are those that have been approved.
        named = replace(named, approved=named.approved | (state.approved & {target}))
    else:
        named = _create_cluster(state, chips, name)
    return replace(named, approved_chips=named.approved_chips | chips)


def _create_cluster(state: EditedLabelling, chips: BoolArray, name: str) -> EditedLabelling:
    new_id = state.next_id
    names = replace_text(state.names, new_id, name)
    return replace(move_to_cluster(state, chips, new_id), names=names, next_id=new_id + 1)


def replace_text(texts: Mapping[int, str], cluster: int, text: str) -> dict[int, str]:
    """Return the texts with one cluster's text replaced, or removed if the new one is empty."""
    remaining = {key: value for key, value in texts.items() if key != cluster}
    return {**remaining, cluster: text} if text else remaining


def move_to_cluster(state: EditedLabelling, chips: BoolArray, cluster: int) -> EditedLabelling:
    """Put chips into a cluster; clusters left empty lose their name, colour and approval."""
    ids = np.where(chips, np.int32(cluster), state.ids).astype(np.int32)
    # Counting is ten times as fast as sorting, and every edit of single chips comes here.
    present = set(np.flatnonzero(np.bincount(ids[ids >= 0])).tolist())
    return replace(
        state,
        ids=ids,
        names={key: name for key, name in state.names.items() if key in present},
        colours={key: colour for key, colour in state.colours.items() if key in present},
        # A cluster that has changed has to be approved again.
        approved=state.approved & (present - {cluster}),
        approved_chips=state.approved_chips & (ids == state.ids),
    )
