"""A labelling with its edits applied, and how it differs from the method's own labelling."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.clusters.label_matching import EDIT_IDS
from core.clusters.labelling import EXCLUDED, NOISE, Labelling, make_labelling
from core.errors import SettingsError
from core.types import BoolArray, DoubleArray, FloatArray, IntArray


@dataclass(frozen=True)
class EditedLabelling:
    """A labelling with its edits applied.

    Attributes
    ----------
    ids : int32 array, (n,)
        Cluster id of each chip; -1 for noise.
    excluded : bool array, (n,)
        Chips that are left out of exports and counts; they keep their id.
    names, colours : mapping of id to str
        The names and colours that the user has set.
    approved_chips : bool array, (n,)
        Chips that the user has looked at and found to be in the right cluster, and chips that the
        user has named.
    approved : frozenset of int
        Clusters that the user has approved as a whole.
    next_id : int
        The id of the next cluster that an edit creates; no re-cut gives it to another cluster.
    confidence : float32 array, (n,), or None
        Confidence after noise treatment; see `TreatedLabelling.confidence`. None if the
        confidence of the clustering method applies.
    """

    ids: IntArray
    excluded: BoolArray
    approved_chips: BoolArray
    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, str] = field(default_factory=dict)
    approved: frozenset[int] = frozenset()
    next_id: int = EDIT_IDS.start
    confidence: FloatArray | None = None

    @property
    def displayed_ids(self) -> IntArray:
        """The id of each chip, (n,), with -2 for excluded chips."""
        return np.where(self.excluded, EXCLUDED, self.ids).astype(np.int32)

    def members(self, cluster: int) -> BoolArray:
        """Return True for the chips of a cluster, (n,); raises SettingsError if there are none."""
        members: BoolArray = self.ids == cluster
        if cluster == NOISE or not members.any():
            raise SettingsError(f"there is no cluster {cluster}", where="edits")
        return members


def unedited_clusters(labels: IntArray) -> EditedLabelling:
    """Return labels as an edited labelling to which no edits have been applied."""
    none = np.zeros(len(labels), np.bool_)
    return EditedLabelling(labels.copy(), none, none.copy())


def displayed_labelling(labelling: Labelling, edited: EditedLabelling) -> Labelling:
    """Return the displayed clusters as a labelling; excluded chips are -1."""
    ids = np.where(edited.excluded, NOISE, edited.ids)
    # NaN, an unknown membership, counts as the lowest confidence.
    confidence = np.nan_to_num(displayed_confidence(labelling, edited))
    return make_labelling(ids, confidence, labelling.method, labelling.facts)


def displayed_confidence(labelling: Labelling, edited: EditedLabelling) -> FloatArray:
    """Return the confidence of the displayed clusters, (n,), 0..1.

    After noise treatment, the confidence is the membership, which is NaN for noise that was
    assigned to the nearest cluster.
    """
    return labelling.confidence if edited.confidence is None else edited.confidence


def compact_labels(edited: EditedLabelling) -> IntArray:
    """Return the labels of the chips that are not excluded: 0 for the largest cluster."""
    ids = edited.ids[~edited.excluded]
    return make_labelling(ids, np.ones(len(ids)), "hdbscan", {}).labels


def edit_hash(labelling: Labelling, edited: EditedLabelling) -> str:
    """Return a hash of the changes by noise treatment and edits, or "" if there are none."""
    labels = displayed_labelling(labelling, edited).labels
    if not edited.excluded.any() and np.array_equal(labels, labelling.labels):
        return ""
    content = labels.astype("<i4").tobytes() + np.packbits(edited.excluded).tobytes()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def judged_sentence(labelling: Labelling, edited: EditedLabelling) -> str:
    """Return a sentence that states which clusters the report card evaluates."""
    if not edit_hash(labelling, edited):
        return "The report card evaluates the clusters as the method returned them."
    excluded = ""
    if n_excluded := int(edited.excluded.sum()):
        chips = "chip is" if n_excluded == 1 else "chips are"
        excluded = f"; {n_excluded:,} excluded {chips} left out"
    return (
        "The report card evaluates the clusters as displayed, after noise treatment and edits"
        f"{excluded}."
    )


def displayed_persistence(
    persistence: DoubleArray, labelling: Labelling, edited: EditedLabelling
) -> DoubleArray:
    """Return the persistence of each displayed cluster, by its label, 0..1.

    `persistence` is the persistence of the method's clusters, by label. The result is NaN for
    displayed clusters that are not identical to one of the method's clusters.
    """
    labels, sizes = displayed_labelling(labelling, edited).labels, labelling.sizes()
    displayed = np.full(int(labels.max(initial=NOISE)) + 1, np.nan)
    for label in range(len(displayed)):
        sources = labelling.labels[labels == label]
        source = int(sources[0])
        if source != NOISE and (sources == source).all() and len(sources) == sizes[source]:
            displayed[label] = persistence[source]
    return displayed
