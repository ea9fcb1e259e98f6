"""What the user made of a labelling: a replayable list of edits on top of it.

Edits know clusters by their chips, not by number: a replay after a re-cut finds the cluster that
holds them now, and reports an edit whose chips have gone apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from core.clusters.editing.edit_history import Chips, Edit
from core.clusters.label_matching import MADE
from core.clusters.labelling import NOISE
from core.clusters.methods.gmm import fit_gmm
from core.errors import SettingsError
from core.settings import GmmSettings
from core.types import BoolArray, FloatArray, IntArray

# Clusters that share half of their joint chips are taken for the same.
AGREEMENT = 0.5


@dataclass(frozen=True)
class Edited:
    """A labelling with its edits applied.

    Attributes
    ----------
    ids : int32 array, (n,)
        Cluster of each chip; -1 for noise.
    names, colours : mapping of id to str
        Where the user gave one.
    excluded : bool array, (n,)
        Chips left out of export and counts; they keep their id.
    approved : frozenset of int
        Clusters that the user has looked at.
    next_id : int
        The id of the next new cluster; from `core.clusters.label_matching.MADE`, so that no re-cut
        gives it to another one.
    confidence : float32 array, (n,), or None
        How sure what is shown is; see `core.clusters.noise_treatment.Treated.confidence`. None
        where the method's own holds.
    """

    ids: IntArray
    excluded: BoolArray
    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, str] = field(default_factory=dict)
    approved: frozenset[int] = frozenset()
    next_id: int = MADE.start
    confidence: FloatArray | None = None

    def members(self, cluster: int) -> BoolArray:
        """The chips of a cluster, (n,).

        Raises
        ------
        SettingsError
            If there is no such cluster.
        """
        mask: BoolArray = self.ids == cluster
        if cluster == NOISE or not mask.any():
            raise SettingsError(f"there is no cluster {cluster}", where="edits")
        return mask


def start(labels: IntArray) -> Edited:
    """A labelling without edits."""
    nobody = np.zeros(len(labels), np.bool_)
    return Edited(labels.copy(), nobody)


def rename(state: Edited, cluster: int, name: str) -> Edit:
    """Give a cluster a name; empty takes it back."""
    return Edit("rename", (Chips.of(state.members(cluster)),), text=name.strip())


def recolour(state: Edited, cluster: int, colour: str) -> Edit:
    """Give a cluster a colour, such as ``"#0072b2"``; empty takes it back."""
    return Edit("recolour", (Chips.of(state.members(cluster)),), text=colour.strip())


def merge(state: Edited, clusters: tuple[int, ...]) -> Edit:
    """Join clusters into the first of them, which keeps name and colour."""
    if len(set(clusters)) < 2:
        raise SettingsError("two clusters or more can be merged", where="edits")
    names = dict.fromkeys(clusters)
    return Edit("merge", tuple(Chips.of(state.members(one)) for one in names))


def split(state: Edited, cluster: int, second: BoolArray) -> Edit:
    """Split chips off a cluster into a new one; `halves` finds them by itself."""
    members = state.members(cluster)
    off = members & second
    if not off.any() or not (members & ~second).any():
        raise SettingsError("a split leaves chips on both sides", where="edits")
    return Edit("split", (Chips.of(members),), Chips.of(off))


def halves(state: Edited, cluster: int, points: FloatArray, seed: int = 0) -> Edit:
    """Split a cluster in two by a mixture of two Gaussians inside it.

    Raises
    ------
    TooFewError
        For fewer than two different chips.
    SettingsError
        If one of the two Gaussians holds no chip.
    """
    members = state.members(cluster)
    found = fit_gmm(points[members], GmmSettings(n_components=2, seed=seed))
    second = np.zeros(len(members), np.bool_)
    second[members] = found.labels == 1
    return split(state, cluster, second)


def move(state: Edited, chips: BoolArray, cluster: int) -> Edit:
    """Move a selection into a cluster."""
    return Edit("move", (Chips.of(state.members(cluster)),), _some(chips))


def new_cluster(chips: BoolArray, name: str = "") -> Edit:
    """Make a selection a cluster of its own."""
    return Edit("new", chips=_some(chips), text=name.strip())


def exclude(chips: BoolArray) -> Edit:
    """Leave a selection out."""
    return Edit("exclude", chips=_some(chips))


def approve(state: Edited, cluster: int) -> Edit:
    """Mark a cluster as looked at."""
    return Edit("approve", (Chips.of(state.members(cluster)),))


def replay(
    labels: IntArray, edits: tuple[Edit, ...], agreement: float = AGREEMENT
) -> tuple[Edited, list[str]]:
    """Apply edits in order to a labelling of the same chips.

    Parameters
    ----------
    labels : int32 array, (n,)
        Ids as `matching` gave them; -1 for noise.
    edits : tuple of Edit
    agreement : float
        Least overlap, intersection over union, of the cluster that an edit was made on with
        one that is there now.

    Returns
    -------
    Edited
    list of str
        A sentence for each edit that could not be applied.
    """
    state, problems = start(labels), []
    for number, edit in enumerate(edits, 1):
        state, problem = apply(state, edit, agreement)
        if problem and edit.kind in ("split", "new"):
            # Its id stays free, so that the next edit's cluster keeps its own.
            state = replace(state, next_id=state.next_id + 1)
        if problem:
            problems.append(f"Edit {number}, {edit.kind}{_quoted(edit)}: {problem}")
    return state, problems


def apply(state: Edited, edit: Edit, agreement: float = AGREEMENT) -> tuple[Edited, str]:
    """Apply one edit; the state as it was and the reason where that is not possible."""
    lists = [*edit.clusters, *([edit.chips] if edit.chips else [])]
    if any(chips.n != len(state.ids) for chips in lists):
        return state, f"it was made on {lists[0].n} chips, there are {len(state.ids)}."
    found = []
    for chips in edit.clusters:
        cluster, overlap = _present(state, chips.mask())
        if overlap < agreement:
            return state, f"its cluster is gone; the likest now shares {overlap:.0%} of the chips."
        found.append(cluster)
    if len(set(found)) < len(found):
        return state, "its clusters are one already."
    chosen = edit.chips.mask() if edit.chips else np.zeros(len(state.ids), np.bool_)
    return _applied(state, edit, found, chosen)


def _some(chips: BoolArray) -> Chips:
    if not chips.any():
        raise SettingsError("no chips are selected", where="edits")
    return Chips.of(chips)


def _quoted(edit: Edit) -> str:
    return f" {edit.text!r}" if edit.text else ""


def _present(state: Edited, chips: BoolArray) -> tuple[int, float]:
    """The cluster that overlaps most with some chips, and by how much."""
    inside = state.ids[chips & (state.ids != NOISE)]
    if not len(inside):
        return NOISE, 0.0
    names, shared = np.unique(inside, return_counts=True)
    sizes = np.array([(state.ids == name).sum() for name in names])
    overlaps = shared / (sizes + chips.sum() - shared)
    best = int(overlaps.argmax())
    return int(names[best]), float(overlaps[best])


def _applied(state: Edited, edit: Edit, found: list[int], chosen: BoolArray) -> tuple[Edited, str]:
    """Apply an edit whose clusters are found."""
    kind = edit.kind
    if kind == "rename":
        return replace(state, names=_given(state.names, found[0], edit.text)), ""
    if kind == "recolour":
        return replace(state, colours=_given(state.colours, found[0], edit.text)), ""
    if kind == "approve":
        return replace(state, approved=state.approved | {found[0]}), ""
    if kind == "exclude":
        return replace(state, excluded=state.excluded | chosen), ""
    if kind == "merge":
        return _moved(state, np.isin(state.ids, found), found[0]), ""
    if kind == "move":
        return _moved(state, chosen, found[0]), ""
    if kind == "split":
        chosen = chosen & (state.ids == found[0])
        if not chosen.any() or not ((state.ids == found[0]) & ~chosen).any():
            return state, "its cluster now lies on one side of the split."
    # Ids are never used twice: a colour would come back on other chips.
    fresh = state.next_id
    named = _given(state.names, fresh, edit.text)
    return replace(_moved(state, chosen, fresh), names=named, next_id=fresh + 1), ""


def _given(texts: Mapping[int, str], cluster: int, text: str) -> dict[int, str]:
    """The texts with one cluster's set, or taken back where it is empty."""
    others = {one: old for one, old in texts.items() if one != cluster}
    return {**others, cluster: text} if text else others


def _moved(state: Edited, chips: BoolArray, cluster: int) -> Edited:
    """The chips in another cluster; what is empty then loses name, colour and approval."""
    ids = np.where(chips, np.int32(cluster), state.ids).astype(np.int32)
    there = set(np.unique(ids).tolist())
    return replace(
        state,
        ids=ids,
        names={one: name for one, name in state.names.items() if one in there},
        colours={one: colour for one, colour in state.colours.items() if one in there},
        # A cluster that changes wants another look.
        approved=frozenset(one for one in state.approved if one in there and one != cluster),
    )
