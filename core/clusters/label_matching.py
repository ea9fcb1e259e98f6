"""Names that survive: a new labelling gets the ids of the old one where the chips agree."""

from dataclasses import dataclass
from itertools import count

import numpy as np

from core.clusters.labelling import NOISE
from core.errors import ArtifactError
from core.types import AnyArray, BoolArray, IntArray

# Ids of the clusters that edits make: matching gives none of them out, so that a re-cut takes none
# away. 1000 is drawn as a diamond, unlike the method's first clusters.
MADE = range(1000, 2000)
# A part of a cluster below this share of it is a few chips that moved, not a piece that split off.
PIECE = 0.1


@dataclass(frozen=True)
class Matching:
    """What became of the clusters from one labelling to the next, all by id.

    Attributes
    ----------
    ids : dict of int to int
        The id of each new label; see `match`.
    appeared : tuple of int
        New ids that are in none of the splits and merges. Each new id is told once: among these,
        by a split or by a merge.
    vanished : tuple of int
        Old ids that are there no more and in none of the splits and merges.
    split : dict of int to tuple of int
        Old id to the new ids, two or more, that each hold a piece of it.
    merged : dict of int to tuple of int
        New id to the old ids, two or more, of which it holds a piece each.
    kept_fraction : float
        Share of the chips whose id stays, noise to noise included, 0..1.
    """

    ids: dict[int, int]
    appeared: tuple[int, ...]
    vanished: tuple[int, ...]
    split: dict[int, tuple[int, ...]]
    merged: dict[int, tuple[int, ...]]
    kept_fraction: float

    def sentences(self) -> list[str]:
        """What happened, a sentence each, for the user."""
        told = [f"Cluster {one} is new." for one in self.appeared]
        told += [f"Cluster {one} is gone." for one in self.vanished]
        told += [f"Cluster {old} split into {_listed(new)}." for old, new in self.split.items()]
        told += [f"Clusters {_listed(old)} merged into {new}." for new, old in self.merged.items()]
        return told


def compare(old: IntArray, new: IntArray) -> Matching:
    """Match two labellings and list what appeared, vanished, split and merged.

    A piece is a tenth or more of an old cluster that lies in one new cluster (for splits), or a
    tenth or more of a new cluster that comes from one old one (for merges). A new id is told
    once: as a merger, else as a piece of the one old cluster it comes from, however small.

    Arguments and errors as in `match`.
    """
    ids = match(old, new)
    return between(old, renumbered(new, ids), ids)


def between(old: IntArray, renamed: IntArray, ids: dict[int, int] | None = None) -> Matching:
    """What changed from one labelling to another that bears its ids already; see `compare`."""
    before, after = _names(old), _names(renamed)
    overlap = np.zeros((len(before), len(after)), np.int64)
    both = (old != NOISE) & (renamed != NOISE)
    rows, columns = np.searchsorted(before, old[both]), np.searchsorted(after, renamed[both])
    np.add.at(overlap, (rows, columns), 1)
    left = np.array([(old == one).sum() for one in before])[:, None]
    arrived = np.array([(renamed == one).sum() for one in after])[None, :]
    pieces = (overlap > 0) & (overlap >= PIECE * left) if overlap.size else overlap > 0
    sources = (overlap > 0) & (overlap >= PIECE * arrived) if overlap.size else overlap > 0
    merged = _several(after, before, sources.T)
    split = _several(before, after, _parted(overlap, pieces, sources, ~np.isin(after, before)))
    told_new = {one for new in split.values() for one in new} | set(merged)
    told_old = {one for old in merged.values() for one in old} | set(split)
    return Matching(
        ids=ids or {int(one): int(one) for one in after},
        appeared=_left_over(after, before, told_new),
        vanished=_left_over(before, after, told_old),
        split=split,
        merged=merged,
        kept_fraction=float((old == renamed).mean()) if len(old) else 1.0,
    )


def renumbered(labels: IntArray, ids: dict[int, int]) -> IntArray:
    """The labels under their ids; noise stays -1."""
    renamed = np.full(len(labels), NOISE, np.int32)
    for label, one in ids.items():
        renamed[labels == label] = one
    return renamed


def match(old: IntArray, new: IntArray) -> dict[int, int]:
    """The id that each new cluster takes over, so that colours stay with the chips.

    Ids are handed over so that as many chips as possible keep theirs (Hungarian method on the
    overlap, Kuhn 1955). A cluster without a predecessor gets the smallest id that neither
    labelling uses and that is kept for no edit (`MADE`).

    Parameters
    ----------
    old : int array, (n,)
        Ids shown so far, in any order and with gaps; -1 for noise.
    new : int array, (n,)
        Labels of the same chips; -1 for noise.

    Returns
    -------
    dict
        New label to id, for each new label but noise; no id twice.

    Raises
    ------
    ArtifactError
        If the labellings are of different chips.
    """
    if old.shape != new.shape:
        raise ArtifactError(
            f"{len(new)} new labels beside {len(old)} old ones",
            where="matching",
            remedy="Only labellings of the same chips can be matched.",
        )

    from scipy.optimize import linear_sum_assignment

    both = (old != NOISE) & (new != NOISE)
    old_ids, rows = np.unique(old[both], return_inverse=True)
    labels, columns = np.unique(new[both], return_inverse=True)
    overlap = np.zeros((len(old_ids), len(labels)), np.int64)
    np.add.at(overlap, (rows, columns), 1)
    pairs = zip(*linear_sum_assignment(overlap, maximize=True), strict=True)
    kept = {int(labels[j]): int(old_ids[i]) for i, j in pairs if overlap[i, j]}

    taken = set(old.tolist()) | set(kept.values())
    for label in np.unique(new[new != NOISE]).tolist():
        if label not in kept:
            fresh = next(i for i in count() if i not in taken and i not in MADE)
            kept[label] = fresh
            taken.add(fresh)
    return kept


def own_ids(n_clusters: int) -> dict[int, int]:
    """The id of each label where there is no labelling before: the label, past the edits' ids."""
    return {
        label: label if label < MADE.start else label + len(MADE) for label in range(n_clusters)
    }


def _names(labels: IntArray) -> AnyArray:
    return np.unique(labels[labels != NOISE])


def _parted(overlap: AnyArray, pieces: BoolArray, sources: BoolArray, fresh: AnyArray) -> BoolArray:
    """The pieces, old by new, with each fresh id in one row at most, (n_old, n_new)."""
    parted = pieces.copy()
    parted[:, fresh] = False
    for column in np.flatnonzero(fresh & (sources.sum(axis=0) == 1)).tolist():
        parted[overlap[:, column].argmax(), column] = True
    return parted


def _left_over(names: AnyArray, others: AnyArray, told: set[int]) -> tuple[int, ...]:
    """Names that the others lack and that are not told of."""
    return tuple(one for one in np.setdiff1d(names, others).tolist() if one not in told)


def _several(one: AnyArray, other: AnyArray, table: AnyArray) -> dict[int, tuple[int, ...]]:
    """Names of `one` with two or more of `other` in their row of a table of truths."""
    rows = {int(name): other[row] for name, row in zip(one, table, strict=True)}
    return {name: tuple(map(int, found)) for name, found in rows.items() if len(found) > 1}


def _listed(names: tuple[int, ...]) -> str:
    return ", ".join(map(str, names[:-1])) + f" and {names[-1]}"
