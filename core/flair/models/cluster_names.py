"""Clusters named by the class that most of their labelled pixels have, and how far to trust it."""

from dataclasses import dataclass

import numpy as np

from core.errors import ArtifactError
from core.flair.data.nomenclature import HIGHEST
from core.types import AnyArray, ByteArray, DoubleArray


@dataclass(frozen=True)
class Naming:
    """What each cluster is called.

    Attributes
    ----------
    classes : uint8 array, (c,)
        The commonest class, the smallest of equals; 0 where no pixel of the cluster has a label.
    counts : int64 array, (c, 20)
        Labelled pixels of each cluster by class; column 0, no class, is empty.
    """

    classes: ByteArray
    counts: AnyArray

    @property
    def reliability(self) -> DoubleArray:
        """Share of the commonest class in each cluster, (c,), NaN where it has no label."""
        total = self.counts.sum(axis=1)
        share: DoubleArray = self.counts.max(axis=1) / np.where(total == 0, np.nan, total)
        return share

    @property
    def mean_reliability(self) -> float:
        """Mean over the clusters that have labels, each counting the same."""
        each = self.reliability
        return float(np.nanmean(each)) if not np.isnan(each).all() else float("nan")

    @property
    def weighted_reliability(self) -> float:
        """Mean weighted by the clusters' labelled pixels: the share of pixels that is right."""
        total = int(self.counts.sum())
        return float(self.counts.max(axis=1).sum() / total) if total else float("nan")


def tally(clusters: AnyArray, labels: AnyArray, n_clusters: int) -> AnyArray:
    """Pixels by cluster and class, (n_clusters, 20); noise (-1) and label 0 are left out.

    Raises
    ------
    ArtifactError
        If the arrays differ in length.
    """
    if clusters.shape != labels.shape:
        raise ArtifactError(f"{len(clusters)} clusters, {len(labels)} labels", where="naming")
    known = (clusters >= 0) & (labels > 0)
    width = HIGHEST + 1
    at = clusters[known].astype(np.int64) * width + labels[known]
    return np.bincount(at, minlength=n_clusters * width).reshape(n_clusters, width)


def name_clusters(counts: AnyArray) -> Naming:
    """Name clusters by `tally`'s counts."""
    classes = counts.argmax(axis=1).astype(np.uint8) if counts.size else np.zeros(0, np.uint8)
    return Naming(classes, counts)
