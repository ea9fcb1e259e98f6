"""The report card: how good a labelling is, as a whole and cluster by cluster.

Everything is measured in the same principal components, whatever space a method clusters in:
measures in the method's own space favour methods that use few dimensions. The projection is never
used, because it tears clusters apart and joins others. If a measure is taken on a sample, a note
says so.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.clusters.evaluation.agreement import encode_classes, require_two_classes
from core.clusters.labelling import NOISE, Labelling
from core.errors import ArtifactError, DegenerateError
from core.types import AnyArray, DoubleArray, FloatArray, IntArray

EVALUATION_DIMS = 20
"""Number of principal components in which every labelling is measured."""

# Distances between 5,000 chips take 200 MB; DBCV's copies of those between 2,500 take 300 MB.
SILHOUETTE_SAMPLE = 5000
DBCV_SAMPLE = 2500
# With fewer chips in the sample, the density of a cluster cannot be measured.
_MIN_CLUSTER_SAMPLE = 10


@dataclass(frozen=True)
class ClusterCard:
    """Measures of one cluster; None if a measure cannot be computed.

    Attributes
    ----------
    share : float
        Share of all chips, 0..1.
    hectares, silhouette, dbcv, persistence, stability : float or None
        See `core.clusters.evaluation.measures.MEASURES`.
    """

    label: int
    size: int
    share: float
    hectares: float | None
    silhouette: float | None
    dbcv: float | None
    persistence: float | None
    stability: float | None


@dataclass(frozen=True)
class ReportCard:
    """Measures of a labelling and of its clusters.

    Attributes
    ----------
    silhouette, dbcv : float or None
        Measures of the clustered chips. Noise lowers DBCV, as defined in the paper on DBCV.
    notes : tuple of str
        Sentences on measures that were taken on a sample or could not be computed.
    """

    n: int
    n_clusters: int
    noise_fraction: float
    silhouette: float | None
    dbcv: float | None
    clusters: tuple[ClusterCard, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PropertyAgreement:
    """Agreement of a labelling with an attribute; noise counts as one more cluster.

    Attributes
    ----------
    table : int64 array, (n_clusters + 1, n_values)
        Number of chips by cluster (noise in the last row) and value.
    values : tuple of str
        The values, most frequent first.
    n_missing : int
        Chips without a value, which are left out.
    """

    ari: float
    ami: float
    nmi: float
    homogeneity: float
    completeness: float
    v_measure: float
    table: AnyArray
    values: tuple[str, ...]
    n_missing: int


def make_report_card(
    points: FloatArray,
    labelling: Labelling,
    area: DoubleArray | None = None,
    persistence: DoubleArray | None = None,
    stability: DoubleArray | None = None,
    seed: int = 0,
) -> ReportCard:
    """Measure a labelling and each of its clusters.

    Raises ArtifactError if the arguments are of different chips, and DegenerateError if points are
    not finite. The seed selects the samples.

    Parameters
    ----------
    points : float32 array, (n, d)
        The first `EVALUATION_DIMS` principal components, or fewer.
    area : float array, (n,), optional
        Area of each footprint in square metres; NaN if unknown.
    persistence, stability : float array, (n_clusters,), optional
        From `core.clusters.methods.density.hdbscan_tree` and `core.clusters.evaluation.stability`.
    """
    labels, k = labelling.labels, labelling.n_clusters
    if len(points) != len(labels) or (area is not None and len(area) != len(labels)):
        raise ArtifactError("points, areas and labelling differ in length", where="report card")
    if not np.isfinite(points).all():
        raise DegenerateError("points are not finite", where="report card")
    notes: list[str] = []
    silhouette, silhouettes = score_silhouettes(points, labels, notes, seed)
    dbcv, dbcvs = score_dbcv(points, labels, notes, seed)
    sizes = labelling.sizes()
    clusters = tuple(
        ClusterCard(
            label=label,
            size=int(sizes[label]),
            share=float(sizes[label] / len(labels)),
            hectares=None if area is None else _hectares(area[labels == label]),
            silhouette=_finite(silhouettes[label]),
            dbcv=_finite(dbcvs[label]),
            persistence=None if persistence is None else _finite(persistence[label]),
            stability=None if stability is None else _finite(stability[label]),
        )
        for label in range(k)
    )
    noise_fraction = labelling.noise_fraction
    return ReportCard(len(labels), k, noise_fraction, silhouette, dbcv, clusters, tuple(notes))


def score_silhouettes(
    points: FloatArray, labels: IntArray, notes: list[str], seed: int = 0
) -> tuple[float | None, DoubleArray]:
    """Return the mean silhouette of the clustered chips and of each cluster, (k,).

    Rousseeuw, 1987. The result is None and NaN, with a note, if there are fewer than two clusters.
    The silhouette of more than 5,000 chips is measured on a sample of about 5,000.
    """
    k = int(labels.max(initial=NOISE)) + 1
    rows = _sample(labels, SILHOUETTE_SAMPLE, seed)
    if k < 2 or len(rows) <= k:
        notes.append("The silhouette needs at least two clusters, and more chips than clusters.")
        return None, np.full(k, np.nan)
    _note_sample(notes, "Silhouette", len(rows), labels)

    from sklearn.metrics import silhouette_samples

    silhouettes = silhouette_samples(points[rows], labels[rows])
    counts = np.bincount(labels[rows], minlength=k)
    means = np.bincount(labels[rows], silhouettes, k) / np.maximum(counts, 1)
    return float(silhouettes.mean()), np.where(counts > 0, means, np.nan)


def score_dbcv(
    points: FloatArray, labels: IntArray, notes: list[str], seed: int = 0
) -> tuple[float | None, DoubleArray]:
    """Return the density-based validity of the labelling and of each cluster, (k,).

    Moulavi et al., SDM 2014, as implemented in hdbscan. The result is None and NaN, with a note, if
    there are fewer than two clusters or a cluster has fewer than two different chips. The validity
    of more than 2,500 chips is measured on a sample of about 2,500.
    """
    k = int(labels.max(initial=NOISE)) + 1
    undefined = None, np.full(k, np.nan)
    rows = _sample(labels, DBCV_SAMPLE, seed)
    data = points[rows].astype(np.float64)
    n_distinct = [len(np.unique(data[labels[rows] == label], axis=0)) for label in range(k)]
    if k < 2 or min(n_distinct) < 2:
        notes.append("DBCV needs at least two clusters, each with at least two different chips.")
        return undefined
    _note_sample(notes, "DBCV", len(rows), labels)

    from hdbscan.validity import validity_index

    # In many dimensions, powers of small distances overflow; scaling does not change the index.
    data /= np.median(data.std(axis=0)) or 1.0
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, validities = validity_index(data, labels[rows], per_cluster_scores=True)
    if not np.isfinite(validities).any():
        notes.append("DBCV is undefined: there are too many dimensions or duplicate chips.")
        return undefined
    # Weighted by the true sizes of the clusters, because those in the sample are estimates.
    sizes = np.bincount(labels[labels != NOISE], minlength=k)
    return float(np.nansum(sizes * validities) / len(labels)), validities


def compare_with_property(
    labels: IntArray, values: Sequence[Any] | AnyArray, name: str = "attribute"
) -> PropertyAgreement:
    """Compare a labelling, (n,) with -1 for noise, with an attribute of the chips, (n,).

    None, NaN and empty text are missing values; the attribute's name is for messages. Raises
    ArtifactError if labels and values are of different chips, and TooFewError if the attribute has
    fewer than two classes.
    """
    from sklearn import metrics

    if len(labels) != len(values):
        raise ArtifactError("labels and attribute differ in length", where=name)
    present, classes, codes = encode_classes(values)
    require_two_classes(present, classes, name)
    by_count = np.argsort(-np.bincount(codes), kind="stable")
    codes = np.argsort(by_count)[codes].astype(np.int32)
    clusters = labels[present]
    k = int(labels.max(initial=NOISE)) + 1
    table = np.zeros((k + 1, len(classes)), np.int64)
    np.add.at(table, (np.where(clusters == NOISE, k, clusters), codes), 1)
    homogeneity, completeness, v = metrics.homogeneity_completeness_v_measure(codes, clusters)
    return PropertyAgreement(
        ari=float(metrics.adjusted_rand_score(codes, clusters)),
        ami=float(metrics.adjusted_mutual_info_score(codes, clusters)),
        nmi=float(metrics.normalized_mutual_info_score(codes, clusters)),
        homogeneity=float(homogeneity),
        completeness=float(completeness),
        v_measure=float(v),
        table=table,
        values=tuple(classes[i] for i in by_count),
        n_missing=int((~present).sum()),
    )


def _sample(labels: IntArray, n: int, seed: int) -> AnyArray:
    """Return the rows of about n clustered chips; of all clustered chips if there are at most n.

    Each cluster contributes the same share of its chips, but at least 10 chips.
    """
    rows = np.flatnonzero(labels != NOISE)
    if len(rows) <= n:
        return rows
    rng = np.random.default_rng(seed)
    share = n / len(rows)
    samples = []
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        count = min(len(members), max(_MIN_CLUSTER_SAMPLE, round(share * len(members))))
        samples.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(samples))


def _note_sample(notes: list[str], measure: str, n: int, labels: IntArray) -> None:
    n_clustered = int((labels != NOISE).sum())
    if n < n_clustered:
        notes.append(f"{measure} measured on a sample of {n:,} of {n_clustered:,} clustered chips.")


def _hectares(area: DoubleArray) -> float | None:
    """Return the sum of the known areas, in hectares."""
    areas = area[np.isfinite(area)]
    return float(areas.sum() / 10_000) if len(areas) else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
