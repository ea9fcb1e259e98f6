"""Clusters named by the most common class of their labelled pixels, and their reliability."""

from dataclasses import dataclass

import numpy as np

from core.errors import ArtifactError
from core.land.data.nomenclature import FLAIR
from core.types import AnyArray, ByteArray, DoubleArray


@dataclass(frozen=True)
class Naming:
    """The class that each cluster is named after.

    Attributes
    ----------
    classes : uint8 array, (c,)
        The most common class, the smallest in a tie; 0 if no pixel of the cluster has a label.
    counts : int64 array, (c, n + 1)
        Number of labelled pixels by cluster and class; column 0, no class, is always 0.
    """

    classes: ByteArray
    counts: AnyArray

    @property
    def reliability(self) -> DoubleArray:
        """Share of the most common class in each cluster, (c,); NaN if it has no labels."""
        total = self.counts.sum(axis=1)
        share: DoubleArray = self.counts.max(axis=1) / np.where(total == 0, np.nan, total)
        return share

    @property
    def mean_reliability(self) -> float:
        """Unweighted mean reliability of the clusters that have labels."""
        reliability = self.reliability
        return float(np.nanmean(reliability)) if not np.isnan(reliability).all() else float("nan")

    @property
    def weighted_reliability(self) -> float:
        """Share of all labelled pixels whose class is the name of their cluster."""
        total = int(self.counts.sum())
        return float(self.counts.max(axis=1).sum() / total) if total else float("nan")


def count_cluster_classes(
    clusters: AnyArray, labels: AnyArray, n_clusters: int, n_classes: int = len(FLAIR.classes)
) -> AnyArray:
    """Count pixels by cluster and class, (n_clusters, n_classes + 1), without noise and label 0.

    Noise is the cluster -1. Raises ArtifactError if the arrays differ in length.
    """
    if clusters.shape != labels.shape:
        raise ArtifactError(
            f"there are {len(labels)} labels for {len(clusters)} pixels", where="cluster names"
        )
    counted = (clusters >= 0) & (labels > 0)
    width = n_classes + 1
    cells = clusters[counted].astype(np.int64) * width + labels[counted]
    return np.bincount(cells, minlength=n_clusters * width).reshape(n_clusters, width)


def name_clusters(counts: AnyArray) -> Naming:
    """Name clusters from the counts of `count_cluster_classes`."""
    classes = counts.argmax(axis=1).astype(np.uint8) if counts.size else np.zeros(0, np.uint8)
    return Naming(classes, counts)
