"""The result of every clustering method: a label and a confidence per chip, facts and notes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.errors import ArtifactError
from core.types import AnyArray, FloatArray, IntArray

NOISE, EXCLUDED = -1, -2
"""Cluster ids of noise, and of chips that the user has excluded."""
Fact = float | int | str


@dataclass(frozen=True)
class Labelling:
    """A partition of the chips into clusters and noise.

    Raises ArtifactError if labels and confidence do not match or are out of range.

    Attributes
    ----------
    labels : int32 array, (n,)
        0 to n_clusters - 1, the largest cluster first (among equals, the cluster whose first chip
        comes first); -1 for noise.
    confidence : float32 array, (n,), 0..1
        The responsibility of the chip's Gaussian (mixtures), the membership strength (HDBSCAN), or
        how much nearer the chip is to its centre than to the next (k-means, Ward). 0 for noise.
    method : str
        Name of the method in `core.clusters.methods.method_table`.
    facts : mapping of str to number or str
        Values that the method reports, for example ``"bic"``.
    notes : tuple of str
        Sentences for the user, with the remedy where there is one.
    """

    labels: IntArray
    confidence: FloatArray
    method: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or self.labels.shape != self.confidence.shape:
            raise ArtifactError("labels and confidence differ in length", where="labelling")
        if self.labels.dtype != np.int32 or self.confidence.dtype != np.float32:
            raise ArtifactError("labels must be int32 and confidence float32", where="labelling")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise ArtifactError("confidence must be between 0 and 1", where="labelling")
        sizes = np.bincount(self.labels[self.labels >= 0])
        if self.labels.min(initial=0) < NOISE or (np.diff(sizes) > 0).any() or (sizes == 0).any():
            raise ArtifactError("labels must be 0, 1, 2 ... by falling size", where="labelling")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_clusters(self) -> int:
        """Number of clusters, not counting noise."""
        return int(self.labels.max(initial=NOISE)) + 1

    @property
    def noise_fraction(self) -> float:
        """Share of the chips that belong to no cluster, 0..1."""
        return float((self.labels == NOISE).mean()) if len(self) else 0.0

    def sizes(self) -> IntArray:
        """Return the number of chips in each cluster, (n_clusters,), in descending order."""
        clustered = self.labels[self.labels != NOISE]
        return np.bincount(clustered, minlength=self.n_clusters).astype(np.int32)


def labels_by_size(numbers: AnyArray) -> dict[int, int]:
    """Return the label of each cluster number: 0 for the largest cluster.

    Among clusters of equal size, the one whose first chip comes first has the lower label. The
    cluster numbers of the chips, (n,), may be in any order; negative numbers are noise.
    """
    clusters, first, counts = np.unique(
        numbers[numbers >= 0], return_index=True, return_counts=True
    )
    return {int(clusters[i]): label for label, i in enumerate(np.lexsort((first, -counts)))}


def make_labelling(
    numbers: AnyArray,
    confidence: AnyArray,
    method: str,
    facts: Mapping[str, Fact],
    notes: tuple[str, ...] = (),
) -> Labelling:
    """Build a labelling from cluster numbers in any order; see `Labelling` for the arguments."""
    labels = np.full(len(numbers), NOISE, np.int32)
    for number, label in labels_by_size(numbers).items():
        labels[numbers == number] = label
    strength = np.where(labels == NOISE, 0.0, np.clip(confidence, 0.0, 1.0)).astype(np.float32)
    return Labelling(labels, strength, method, dict(facts), notes)
