"""The user's edits to a labelling: one function per kind of edit.

An edit identifies its clusters by their chips, not by their numbers. On another labelling, of the
same chips or of others, it is applied to the clusters that now hold those chips; see
`core.clusters.editing.edit_replay`.
"""

import numpy as np

from core.clusters.editing.edit_history import ChipSelection, Edit
from core.clusters.editing.edited_labelling import EditedLabelling
from core.clusters.labelling import NOISE
from core.clusters.methods.gmm import fit_gmm
from core.errors import SettingsError
from core.settings import GmmSettings
from core.types import BoolArray, FloatArray


def rename_cluster(state: EditedLabelling, cluster: int, name: str) -> Edit:
    """Return the edit that names a cluster; an empty name removes its name."""
    clusters = _select_clusters(state, cluster)
    return Edit("rename", clusters, text=name.strip(), cluster_id=cluster)


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


def include_chips(chips: BoolArray) -> Edit:
    """Return the edit that includes excluded chips again."""
    return Edit("include", chips=_select_chips(chips))


def approve_cluster(state: EditedLabelling, cluster: int) -> Edit:
    """Return the edit that marks a cluster, with all of its chips, as approved."""
    return Edit("approve", _select_clusters(state, cluster))


def approve_chips(state: EditedLabelling, chips: BoolArray) -> Edit:
    """Return the edit that marks the selected chips as looked at and in the right cluster.

    Chips that are noise or excluded belong to no cluster and are left out.
    """
    clustered = chips & (state.ids != NOISE) & ~state.excluded
    if chips.any() and not clustered.any():
        raise SettingsError(
            "noise and excluded chips belong to no cluster",
            where="edits",
            remedy="Give the chips a name, or include them first.",
        )
    selection, clusters = _select_chips(clustered), np.unique(state.ids[clustered]).tolist()
    return Edit("approve", _select_clusters(state, *clusters), selection)


def name_chips(chips: BoolArray, name: str) -> Edit:
    """Return the edit that moves the selected chips into the cluster of a name; they are approved.

    If no cluster has the name, a new one is created. After a re-cut, the chips keep the name
    wherever the method puts them.
    """
    if not name.strip():
        raise SettingsError("a name must not be empty", where="edits")
    return Edit("name", chips=_select_chips(chips), text=name.strip())


def _select_clusters(state: EditedLabelling, *clusters: int) -> tuple[ChipSelection, ...]:
    return tuple(ChipSelection.from_mask(state.members(cluster)) for cluster in clusters)


def _select_chips(chips: BoolArray) -> ChipSelection:
    if not chips.any():
        raise SettingsError("no chips are selected", where="edits")
    return ChipSelection.from_mask(chips)
