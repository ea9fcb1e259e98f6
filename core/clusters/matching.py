"""Names that survive: a new labelling gets the ids of the old one where the chips agree."""

import numpy as np

from core.clusters.labelling import NOISE
from core.errors import ArtifactError
from core.types import IntArray


def match(old: IntArray, new: IntArray) -> dict[int, int]:
    """The id that each new cluster takes over, so that colours stay with the chips.

    Ids are handed over so that as many chips as possible keep theirs (Hungarian method on the
    overlap, Kuhn 1955). A cluster without a predecessor gets the smallest id that neither
    labelling uses.

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
            fresh = next(i for i in range(len(taken) + 1) if i not in taken)
            kept[label] = fresh
            taken.add(fresh)
    return kept
