"""Comparison of two labellings: their agreement, and which chips moved between clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.clusters.label_matching import align_ids, match_clusters
from core.clusters.labelling import EXCLUDED, NOISE
from core.types import BoolArray, IntArray

ABSENT = -3
"""Id of the chips that only the other labelling has."""


@dataclass(frozen=True)
class LabellingComparison:
    """Two labellings of chips, which need not be the same chips.

    Attributes
    ----------
    chip_ids : tuple of str
        The n chips of either labelling: those of the first, then those only in the second.
    first, second : int32 array, (n,)
        The cluster of each chip in both labellings; -1 for noise, -2 for excluded chips, -3 for
        chips that the labelling does not have.
    moved : bool array, (n,)
        True for chips that both labellings have and that do not stay with the chips of their
        cluster: each cluster of the first labelling corresponds to at most one of the second, so
        that as many chips as possible stay. Noise corresponds to noise.
    ari, ami : float or None
        Adjusted Rand index (Hubert and Arabie, 1985) and adjusted mutual information (Vinh et al.,
        2010) of the chips that both labellings have and neither excludes: 1 if they agree, 0 on
        average for random labellings. Noise counts as one more cluster. None for fewer than two
        chips.
    """

    chip_ids: tuple[str, ...]
    first: IntArray
    second: IntArray
    moved: BoolArray
    ari: float | None
    ami: float | None

    @property
    def n_shared(self) -> int:
        """The number of chips that both labellings have."""
        return int(((self.first != ABSENT) & (self.second != ABSENT)).sum())

    @property
    def n_moved(self) -> int:
        """The number of chips that moved."""
        return int(self.moved.sum())

    def flows(self) -> pd.DataFrame:
        """Return the number of chips for each pair of clusters that share chips.

        The columns are first, second, chips and moved; the largest flows come first.
        """
        columns = {"first": self.first, "second": self.second, "moved": self.moved}
        counts = pd.DataFrame(columns).value_counts(sort=False).rename("chips").reset_index()
        order = ["chips", "first", "second"]
        counts = counts.sort_values(order, ascending=[False, True, True], ignore_index=True)
        return counts[["first", "second", "chips", "moved"]]


def compare_labellings(
    first_ids: IntArray,
    first_chips: Sequence[str],
    second_ids: IntArray,
    second_chips: Sequence[str],
) -> LabellingComparison:
    """Compare two labellings by chip id.

    The ids are those of the clusters, with -1 for noise and -2 for excluded chips, one for each
    chip. The numbers of the clusters need not agree.
    """
    in_first = set(first_chips)
    chip_ids = (*first_chips, *(chip for chip in second_chips if chip not in in_first))
    first = align_ids(first_ids, first_chips, chip_ids, ABSENT)
    second = align_ids(second_ids, second_chips, chip_ids, ABSENT)
    shared = (first != ABSENT) & (second != ABSENT)
    scored = shared & (first != EXCLUDED) & (second != EXCLUDED)
    ari = ami = None
    if scored.sum() > 1:
        from sklearn import metrics

        ari = float(metrics.adjusted_rand_score(first[scored], second[scored]))
        ami = float(metrics.adjusted_mutual_info_score(first[scored], second[scored]))
    return LabellingComparison(chip_ids, first, second, _find_moved(first, second), ari, ami)


def _find_moved(first: IntArray, second: IntArray) -> BoolArray:
    """Return True for the shared chips that are not in the cluster that corresponds to theirs."""
    shared = (first != ABSENT) & (second != ABSENT)
    moved: BoolArray = shared & (first != second)
    clustered = shared & (first >= 0) & (second >= 0)
    matches = match_clusters(
        np.where(clustered, first, NOISE).astype(np.int32),
        np.where(clustered, second, NOISE).astype(np.int32),
    )
    for cluster, match in matches.items():
        rows = clustered & (second == cluster)
        moved[rows] = first[rows] != match
    return moved
