"""What is shown of a labelling, after noise treatment and edits, beside what the method gave."""

import hashlib

import numpy as np

from core.clusters.editing.edits import Edited
from core.clusters.labelling import NOISE, Labelling, labelled
from core.types import DoubleArray, FloatArray, IntArray


def as_labelling(labelling: Labelling, seen: Edited) -> Labelling:
    """What is shown as a labelling of its own; excluded chips are -1."""
    ids = np.where(seen.excluded, NOISE, seen.ids)
    # NaN, of no known membership, counts as most doubtful.
    sure = np.nan_to_num(shown_confidence(labelling, seen))
    return labelled(ids, sure, labelling.method, labelling.facts)


def shown_confidence(labelling: Labelling, seen: Edited) -> FloatArray:
    """How sure what is shown is, (n,), 0..1: the membership where noise was treated.

    NaN for noise that is shown in its nearest cluster.
    """
    return labelling.confidence if seen.confidence is None else seen.confidence


def compact(seen: Edited) -> IntArray:
    """The labels of the chips that are not excluded, 0, 1, 2 ... by falling size."""
    kept = seen.ids[~seen.excluded]
    return labelled(kept, np.ones(len(kept)), "hdbscan", {}).labels


def mark(labelling: Labelling, seen: Edited) -> str:
    """A short name for what noise treatment and edits made of a labelling; empty for nothing."""
    labels = as_labelling(labelling, seen).labels
    if not seen.excluded.any() and np.array_equal(labels, labelling.labels):
        return ""
    told = labels.astype("<i4").tobytes() + np.packbits(seen.excluded).tobytes()
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def sentence(labelling: Labelling, seen: Edited) -> str:
    """What a report card of it judges."""
    if not mark(labelling, seen):
        return "Judged are the clusters as the method gave them."
    gone = int(seen.excluded.sum())
    left = f"; {gone:,} excluded chips are left out" if gone else ""
    return f"Judged are the clusters as shown, after noise treatment and edits{left}."


def lives(own: DoubleArray, labelling: Labelling, seen: Edited) -> DoubleArray:
    """Persistence of each cluster that is shown, by label; NaN for those the method did not give.

    Parameters
    ----------
    own : float64 array
        Of the method's own clusters, by label.
    labelling : Labelling
        As the method gave it.
    seen : Edited
    """
    labels, sizes = as_labelling(labelling, seen).labels, labelling.sizes()
    found = np.full(int(labels.max(initial=NOISE)) + 1, np.nan)
    for label in range(len(found)):
        was = labelling.labels[labels == label]
        one = int(was[0])
        if one != NOISE and (was == one).all() and len(was) == sizes[one]:
            found[label] = own[one]
    return found
