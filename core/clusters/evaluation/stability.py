"""Bootstrap stability: whether a cluster comes back when other chips are drawn.

Hennig, Cluster-wise assessment of cluster stability, CSDA 2007.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.clusters.labelling import NOISE
from core.clusters.methods.gmm import fit_gmm
from core.clusters.methods.hdbscan_tree import build_tree, cut_tree
from core.clusters.methods.kmeans_ward import fit_kmeans, fit_ward
from core.clusters.noise_treatment import soft_membership, treat
from core.errors import ArtifactError, DegenerateError, TooFewError
from core.progress import Progress, silent, step
from core.settings import (
    CutSettings,
    GmmSettings,
    KMeansSettings,
    NoiseSettings,
    TreeSettings,
    WardSettings,
)
from core.types import DoubleArray, FloatArray, IntArray

N_RESAMPLES = 20
MOST_CHIPS = 5000

Recluster = Callable[[FloatArray, float], IntArray]
"""Cluster some points anew, given their share of all chips: labels, -1 for noise."""


@dataclass(frozen=True)
class Stability:
    """How much of each cluster came back.

    Attributes
    ----------
    jaccard : float64 array, (n_clusters,), 0..1
        Mean over the resamples of the overlap with the likest new cluster, intersection over
        union; NaN for a cluster of which no resample held two chips.
    n_resamples, n_drawn : int
        Resamples, and chips drawn for each (with replacement; those drawn twice count once).
    n_failed : int
        Resamples that could not be clustered; they count as overlap 0.
    """

    jaccard: DoubleArray
    n_resamples: int
    n_drawn: int
    n_failed: int


def stability(
    points: FloatArray,
    labels: IntArray,
    recluster: Recluster,
    report: Progress = silent,
    n_resamples: int = N_RESAMPLES,
    most: int = MOST_CHIPS,
    seed: int = 0,
) -> Stability:
    """Cluster resampled chips anew, and look for each cluster among what comes out.

    Parameters
    ----------
    points : float32 array, (n, d)
    labels : int32 array, (n,), -1 for noise
        The labelling to judge.
    recluster : Recluster
        The method that made it, such as `by_mixture(settings)`.
    report : Progress
        Called after each resample.
    n_resamples, most : int
        Resamples; chips drawn for each, at most.
    seed : int

    Raises
    ------
    ArtifactError
        If points and labels are of different chips.
    Cancelled
        If the listener asked to stop.
    """
    if len(points) != len(labels):
        raise ArtifactError("points and labels differ in length", where="stability")
    n, k = len(points), int(labels.max(initial=NOISE)) + 1
    drawn = min(n, most)
    rng = np.random.default_rng(seed)
    overlaps = np.full((n_resamples, k), np.nan)
    failed = 0
    for turn in range(n_resamples):
        rows = np.unique(rng.integers(0, n, drawn)) if n else np.empty(0, np.int64)
        try:
            again = recluster(points[rows], len(rows) / max(n, 1))
        except (TooFewError, DegenerateError):
            # A draw too small for the method, or too much alike, brings nothing back.
            again, failed = np.full(len(rows), NOISE, np.int32), failed + 1
        overlaps[turn] = jaccard(labels[rows], again, k)
        step(report, turn + 1, n_resamples, "stability, resamples")
    seen = np.isfinite(overlaps)
    total = np.where(seen, overlaps, 0).sum(axis=0)
    mean = np.where(seen.any(axis=0), total / np.maximum(seen.sum(axis=0), 1), np.nan)
    return Stability(mean, n_resamples, drawn, failed)


def jaccard(labels: IntArray, again: IntArray, k: int) -> DoubleArray:
    """Overlap of each of k clusters with the likest new one, (k,); NaN for fewer than two chips."""
    found = int(again.max(initial=NOISE)) + 1
    sizes = np.bincount(labels[labels != NOISE], minlength=k).astype(np.float64)
    sizes[sizes < 2] = np.nan
    if not found:
        return sizes * 0
    both = (labels != NOISE) & (again != NOISE)
    shared = np.zeros((k, found))
    np.add.at(shared, (labels[both], again[both]), 1)
    new = np.bincount(again[again != NOISE], minlength=found)
    best: DoubleArray = (shared / (sizes[:, None] + new[None, :] - shared)).max(axis=1)
    return best


def lost(n_failed: int, n_resamples: int) -> str:
    """How many resamples brought nothing back, in a sentence; "" for none."""
    if not n_failed:
        return ""
    return (
        f"{n_failed} of {n_resamples} resamples could not be clustered, too few different chips; "
        "they count as lost in the stability."
    )


def by_mixture(settings: GmmSettings) -> Recluster:
    """A Gaussian mixture as set, from one start a resample."""
    one = replace(settings, n_init=1)
    return lambda points, _: fit_gmm(points, one).labels


def by_density(
    tree: TreeSettings, cut: CutSettings, noise: NoiseSettings | None = None
) -> Recluster:
    """HDBSCAN as set, its noise treated as set (by default kept).

    Cluster sizes shrink with the chips, the neighbours that count stay.
    """
    shown = noise or NoiseSettings()

    def again(points: FloatArray, share: float) -> IntArray:
        smallest = max(2, round(cut.min_cluster_size * share))
        largest = max(smallest, round(cut.max_cluster_size * share)) if cut.max_cluster_size else 0
        sizes = replace(cut, min_cluster_size=smallest, max_cluster_size=largest)
        grown = build_tree(points, tree)
        soft = soft_membership(grown, sizes, points) if shown.method == "soft" else None
        return treat(cut_tree(grown, sizes), points[:, : tree.n_dims], shown, soft).labels

    return again


def by_kmeans(settings: KMeansSettings) -> Recluster:
    """k-means as set."""
    return lambda points, _: fit_kmeans(points, settings).labels


def by_ward(settings: WardSettings) -> Recluster:
    """Ward's hierarchy as set."""
    return lambda points, _: fit_ward(points, settings).labels
