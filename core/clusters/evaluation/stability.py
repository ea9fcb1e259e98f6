"""Bootstrap stability: whether a cluster is found again when resampled chips are clustered.

Hennig, Cluster-wise assessment of cluster stability, CSDA 2007.
"""

from dataclasses import dataclass

import numpy as np

from core.clusters.labelling import NOISE
from core.clusters.methods.method import Recluster
from core.errors import ArtifactError, DegenerateError, TooFewError
from core.progress import Progress, report_step, silent
from core.types import DoubleArray, FloatArray, IntArray

N_RESAMPLES = 20
MOST_CHIPS = 5000
# The lowest mean overlaps of a stable and of an uncertain cluster (Hennig, 2007).
_STABLE, _UNCERTAIN = 0.85, 0.6


@dataclass(frozen=True)
class Stability:
    """How well each cluster is recovered when resampled chips are clustered again.

    Attributes
    ----------
    jaccard : float64 array, (n_clusters,), 0..1
        Mean, over the resamples, of the overlap (intersection over union) with the most similar
        new cluster; NaN for a cluster that never had two chips in a resample.
    n_resamples, n_drawn : int
        Number of resamples, and of chips drawn for each (with replacement; chips drawn twice count
        once).
    n_failed : int
        Resamples that could not be clustered; they count as an overlap of 0.
    """

    jaccard: DoubleArray
    n_resamples: int
    n_drawn: int
    n_failed: int


def measure_stability(
    points: FloatArray,
    labels: IntArray,
    recluster: Recluster,
    report: Progress = silent,
    n_resamples: int = N_RESAMPLES,
    most: int = MOST_CHIPS,
    seed: int = 0,
) -> Stability:
    """Cluster resampled chips, and measure how well each cluster is recovered.

    The labels, (n,) with -1 for noise, come from the method `recluster`, for example
    `recluster_by_mixture(settings)`. At most `most` chips are drawn for each resample, and progress
    is reported after each. Raises ArtifactError if points, (n, d), and labels are of different
    chips.
    """
    if len(points) != len(labels):
        raise ArtifactError("points and labels differ in length", where="stability")
    n, k = len(points), int(labels.max(initial=NOISE)) + 1
    n_drawn = min(n, most)
    rng = np.random.default_rng(seed)
    overlaps = np.full((n_resamples, k), np.nan)
    n_failed = 0
    for i in range(n_resamples):
        rows = np.unique(rng.integers(0, n, n_drawn)) if n else np.empty(0, np.int64)
        try:
            new_labels = recluster(points[rows], len(rows) / max(n, 1))
        except (TooFewError, DegenerateError):
            # The sample is too small for the method, or its chips are too similar.
            new_labels, n_failed = np.full(len(rows), NOISE, np.int32), n_failed + 1
        overlaps[i] = jaccard_overlaps(labels[rows], new_labels, k)
        report_step(report, i + 1, n_resamples, "stability, resamples")
    measured = np.isfinite(overlaps)
    total = np.where(measured, overlaps, 0).sum(axis=0)
    mean = np.where(measured.any(axis=0), total / np.maximum(measured.sum(axis=0), 1), np.nan)
    return Stability(mean, n_resamples, n_drawn, n_failed)


def jaccard_overlaps(labels: IntArray, new_labels: IntArray, k: int) -> DoubleArray:
    """Return the overlap of each of k clusters with the most similar new cluster, (k,), 0..1.

    NaN for clusters with fewer than two chips.
    """
    n_new = int(new_labels.max(initial=NOISE)) + 1
    sizes = np.bincount(labels[labels != NOISE], minlength=k).astype(np.float64)
    sizes[sizes < 2] = np.nan
    if not n_new:
        return sizes * 0
    clustered = (labels != NOISE) & (new_labels != NOISE)
    shared = np.zeros((k, n_new))
    np.add.at(shared, (labels[clustered], new_labels[clustered]), 1)
    new_sizes = np.bincount(new_labels[new_labels != NOISE], minlength=n_new)
    best: DoubleArray = (shared / (sizes[:, None] + new_sizes[None, :] - shared)).max(axis=1)
    return best


def describe_stability(stability: float | None) -> str:
    """Return "stable", "uncertain" or "unstable" for a mean overlap, 0..1, rounded to two digits.

    Rounding matches the report card: a cluster that is displayed with 0.60 is uncertain.
    """
    if stability is None:
        return "not measured"
    rounded = round(stability, 2)
    return "stable" if rounded >= _STABLE else "uncertain" if rounded >= _UNCERTAIN else "unstable"


def failed_resamples_note(n_failed: int, n_resamples: int) -> str:
    """Return a sentence on resamples that could not be clustered; "" if there are none."""
    note = (
        f"{n_failed} of {n_resamples} resamples could not be clustered, because they have too few "
        "different chips; they count as an overlap of 0 in the stability."
    )
    return note if n_failed else ""
