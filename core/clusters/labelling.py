"""What every clustering returns: a label a chip, how sure it is, and what was noticed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.errors import ArtifactError
from core.types import AnyArray, Clustering, FloatArray, IntArray

NOISE = -1
Fact = float | int | str


@dataclass(frozen=True)
class Labelling:
    """A partition of the chips into clusters and noise.

    Attributes
    ----------
    labels : int32 array, (n,)
        0 to n_clusters - 1, the largest cluster first (of equals, the one whose first chip comes
        first); -1 for noise.
    confidence : float32 array, (n,), 0..1
        Responsibility of the chip's component, membership strength, or how much nearer the own
        centre is than the next one; 0 for noise.
    method : {"gmm", "hdbscan", "kmeans", "ward"}
    facts : mapping of str to number or str
        What the method measured, for example ``"bic"``.
    notes : tuple of str
        What the user should know, each a sentence, with the remedy where there is one.

    Raises
    ------
    ArtifactError
        If labels and confidence do not belong together or are out of range.
    """

    labels: IntArray
    confidence: FloatArray
    method: Clustering
    facts: Mapping[str, Fact] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or self.labels.shape != self.confidence.shape:
            raise ArtifactError("labels and confidence differ in length", where="labelling")
        if self.labels.dtype != np.int32 or self.confidence.dtype != np.float32:
            raise ArtifactError("labels are not int32 beside float32", where="labelling")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise ArtifactError("a confidence lies outside 0 to 1", where="labelling")
        sizes = np.bincount(self.labels[self.labels >= 0]) if self.labels.size else np.empty(0)
        if self.labels.min(initial=0) < NOISE or (np.diff(sizes) > 0).any() or (sizes == 0).any():
            raise ArtifactError("labels are not 0, 1, 2 ... by falling size", where="labelling")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_clusters(self) -> int:
        """Clusters found, noise not counted."""
        return int(self.labels.max(initial=NOISE)) + 1

    @property
    def noise_fraction(self) -> float:
        """Share of the chips that belong to no cluster, 0..1."""
        return float((self.labels == NOISE).mean()) if len(self) else 0.0

    def sizes(self) -> IntArray:
        """Chips in each cluster, (n_clusters,), falling."""
        clustered = self.labels[self.labels != NOISE]
        return np.bincount(clustered, minlength=self.n_clusters).astype(np.int32)


def in_order(raw: AnyArray) -> dict[int, int]:
    """The label that each raw cluster number gets: by size, then by first member.

    Parameters
    ----------
    raw : int array, (n,)
        Cluster numbers as a method gave them; negative for noise.
    """
    found, first, counts = np.unique(raw[raw >= 0], return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    return {int(found[old]): new for new, old in enumerate(order)}


def labelled(
    raw: AnyArray,
    confidence: AnyArray,
    method: Clustering,
    facts: Mapping[str, Fact],
    notes: tuple[str, ...] = (),
) -> Labelling:
    """A labelling from cluster numbers in any order; see `Labelling` for the arguments."""
    labels = np.full(len(raw), NOISE, np.int32)
    for old, new in in_order(raw).items():
        labels[raw == old] = new
    strength = np.where(labels == NOISE, 0.0, np.clip(confidence, 0.0, 1.0)).astype(np.float32)
    return Labelling(labels, strength, method, dict(facts), notes)
