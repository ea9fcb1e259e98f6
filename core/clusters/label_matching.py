"""Stable cluster ids: new clusters take over the ids of old clusters with the same chips."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import pandas as pd

from core.clusters.labelling import NOISE
from core.errors import ArtifactError
from core.types import AnyArray, BoolArray, IntArray

# Ids of clusters that edits create. Matching never assigns them, so no re-cut can take them over.
# Cluster 1000 is drawn as a diamond, a marker that the first clusters of a method do not have.
EDIT_IDS = range(1000, 2000)
# A smaller fraction of a cluster counts as a few chips that moved, not as a split or a merge.
MIN_PIECE_FRACTION = 0.1


@dataclass(frozen=True)
class LabellingChanges:
    """How the clusters changed from one labelling to the next, by id.

    Attributes
    ----------
    added_ids : tuple of int
        New ids that are part of no split and no merge.
    lost_ids : tuple of int
        Old ids that no longer exist and are part of no split and no merge.
    splits : dict of int to tuple of int
        For each old id that was split: two or more new ids that each hold a piece of it.
    merges : dict of int to tuple of int
        For each new id that resulted from a merge: two or more old ids that each contributed a
        piece.
    """

    added_ids: tuple[int, ...]
    lost_ids: tuple[int, ...]
    splits: dict[int, tuple[int, ...]]
    merges: dict[int, tuple[int, ...]]

    def sentences(self) -> list[str]:
        """Return one sentence per change, for the user."""
        return [
            *(f"Cluster {new} is new." for new in self.added_ids),
            *(f"Cluster {old} no longer exists." for old in self.lost_ids),
            *(f"Cluster {old} split into {_enumerate(new)}." for old, new in self.splits.items()),
            *(f"Clusters {_enumerate(old)} merged into {new}." for new, old in self.merges.items()),
        ]


def describe_changes(old: IntArray, new: IntArray) -> LabellingChanges:
    """Describe what changed between two labellings that already use the same ids.

    A new cluster is a merge if at least two old clusters each contribute a tenth or more of its
    chips. An old cluster is split if at least two new clusters are pieces of it. A new cluster that
    has an old id is a piece of an old cluster if it holds a tenth or more of that cluster's chips.
    A new cluster that has a new id is a piece, however small, of an old cluster if only that old
    cluster contributes a tenth or more of its chips.

    `old` and `new` are ids of the same chips, (n,), from `match_clusters`; -1 for noise.
    """
    old_ids, old_sizes = np.unique(old[old != NOISE], return_counts=True)
    new_ids, new_sizes = np.unique(new[new != NOISE], return_counts=True)
    overlap = _count_overlaps(old, new, old_ids, new_ids)
    pieces = (overlap > 0) & (overlap >= MIN_PIECE_FRACTION * old_sizes[:, None])
    sources = (overlap > 0) & (overlap >= MIN_PIECE_FRACTION * new_sizes)
    is_new = ~np.isin(new_ids, old_ids)
    pieces[:, is_new] = False
    for column in np.flatnonzero(is_new & (sources.sum(axis=0) == 1)).tolist():
        pieces[overlap[:, column].argmax(), column] = True
    splits, merges = _groups(old_ids, new_ids, pieces), _groups(new_ids, old_ids, sources.T)
    return LabellingChanges(
        added_ids=_unexplained(new_ids, old_ids, merges, splits),
        lost_ids=_unexplained(old_ids, new_ids, splits, merges),
        splits=splits,
        merges=merges,
    )


def align_ids(
    ids: IntArray, chips: Sequence[str], chip_ids: Sequence[str], missing: int
) -> IntArray:
    """Return the id of each chip in `chip_ids`, given the ids of `chips`; `missing` for others."""
    rows = pd.Index(chips).get_indexer(pd.Index(chip_ids))
    aligned = np.full(len(chip_ids), missing, np.int32)
    aligned[rows >= 0] = ids[rows[rows >= 0]]
    return aligned


def renumber_labels(labels: IntArray, ids: dict[int, int]) -> IntArray:
    """Replace each label by its id; noise stays -1."""
    renumbered = np.full(len(labels), NOISE, np.int32)
    for label, cluster_id in ids.items():
        renumbered[labels == label] = cluster_id
    return renumbered


def match_clusters(old: IntArray, new: IntArray) -> dict[int, int]:
    """Return the id that each new cluster takes over, so that chips keep their colours.

    The assignment keeps the id of as many chips as possible (Hungarian method on the overlaps,
    Kuhn 1955). A cluster without a predecessor gets the smallest id that neither labelling uses
    and that is not reserved for edits (`EDIT_IDS`).

    The old ids, (n,), are in any order and may have gaps; the new labels, (n,), are those of the
    same chips. Noise is -1 in both and gets no id.
    """
    if old.shape != new.shape:
        raise ArtifactError(
            f"the new labelling has {len(new)} chips, the old one has {len(old)}",
            where="matching",
            remedy="Match only labellings of the same chips.",
        )

    from scipy.optimize import linear_sum_assignment

    clustered = (old != NOISE) & (new != NOISE)
    old_ids, labels = np.unique(old[clustered]), np.unique(new[clustered])
    overlap = _count_overlaps(old, new, old_ids, labels)
    pairs = zip(*linear_sum_assignment(overlap, maximize=True), strict=True)
    ids = {int(labels[j]): int(old_ids[i]) for i, j in pairs if overlap[i, j]}

    used = set(old.tolist())
    for label in np.unique(new[new != NOISE]).tolist():
        if label not in ids:
            ids[label] = next(i for i in count() if i not in used and i not in EDIT_IDS)
            used.add(ids[label])
    return ids


def initial_ids(n_clusters: int) -> dict[int, int]:
    """Return the id of each label of a first labelling: the label itself, skipping `EDIT_IDS`."""
    return {
        label: label if label < EDIT_IDS.start else label + len(EDIT_IDS)
        for label in range(n_clusters)
    }


def _count_overlaps(old: IntArray, new: IntArray, old_ids: AnyArray, new_ids: AnyArray) -> AnyArray:
    """Return the number of chips that each old cluster shares with each new one, (n_old, n_new)."""
    clustered = (old != NOISE) & (new != NOISE)
    rows = np.searchsorted(old_ids, old[clustered])
    columns = np.searchsorted(new_ids, new[clustered])
    overlap = np.zeros((len(old_ids), len(new_ids)), np.int64)
    np.add.at(overlap, (rows, columns), 1)
    return overlap


def _groups(ids: AnyArray, parts: AnyArray, table: BoolArray) -> dict[int, tuple[int, ...]]:
    """Return the parts of each id for which the table, (ids, parts), is True at least twice."""
    rows = {int(i): tuple(parts[row].tolist()) for i, row in zip(ids, table, strict=True)}
    return {i: row for i, row in rows.items() if len(row) > 1}


def _unexplained(
    ids: AnyArray,
    other_ids: AnyArray,
    results: dict[int, tuple[int, ...]],
    origins: dict[int, tuple[int, ...]],
) -> tuple[int, ...]:
    """Return the ids that the other labelling lacks and that no split or merge mentions."""
    mentioned = set(results).union(*origins.values())
    return tuple(i for i in np.setdiff1d(ids, other_ids).tolist() if i not in mentioned)


def _enumerate(ids: tuple[int, ...]) -> str:
    return ", ".join(map(str, ids[:-1])) + f" and {ids[-1]}"
