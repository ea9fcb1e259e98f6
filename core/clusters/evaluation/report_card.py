"""The report card: how good a labelling is, as a whole and cluster by cluster.

All of it in the space that was clustered, never in the two-dimensional picture, which tears and
joins. Where a measure is taken on a sample, the card says so.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.clusters.labelling import NOISE, Labelling
from core.errors import ArtifactError, DegenerateError
from core.types import AnyArray, DoubleArray, FloatArray, IntArray

# Distances among 5,000 chips take 200 MB; the validity's several copies of 2,500 take 300.
SILHOUETTE_SAMPLE = 5000
DBCV_SAMPLE = 2500
# Fewer chips of a cluster have no density of their own.
_LEAST_IN_SAMPLE = 10


@dataclass(frozen=True)
class ClusterCard:
    """One cluster's marks; None where a measure cannot be taken.

    Attributes
    ----------
    label, size : int
    share : float
        Of all chips, 0..1.
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
    """A labelling's marks and its clusters'.

    Attributes
    ----------
    n, n_clusters : int
    noise_fraction : float
    silhouette, dbcv : float or None
        Over the clustered chips; DBCV is lowered by the share of noise, as its paper has it.
    clusters : tuple of ClusterCard
    notes : tuple of str
        What was sampled or could not be taken.
    """

    n: int
    n_clusters: int
    noise_fraction: float
    silhouette: float | None
    dbcv: float | None
    clusters: tuple[ClusterCard, ...]
    notes: tuple[str, ...]


def report_card(
    points: FloatArray,
    labelling: Labelling,
    area: DoubleArray | None = None,
    persistence: DoubleArray | None = None,
    stability: DoubleArray | None = None,
    seed: int = 0,
) -> ReportCard:
    """Take all marks of a labelling.

    Parameters
    ----------
    points : float32 array, (n, d)
        The components that were clustered, no others.
    labelling : Labelling
    area : float array, (n,), optional
        Square metres of each footprint; NaN where unknown.
    persistence, stability : float array, (n_clusters,), optional
        From `core.clusters.methods.hdbscan_tree` and `core.clusters.evaluation.stability`.
    seed : int
        Of the samples.

    Raises
    ------
    ArtifactError
        If the arguments are of different chips.
    DegenerateError
        For points that are not finite.
    """
    labels, k = labelling.labels, labelling.n_clusters
    if len(points) != len(labels) or (area is not None and len(area) != len(labels)):
        raise ArtifactError("points, areas and labelling differ in length", where="report card")
    if not np.isfinite(points).all():
        raise DegenerateError("points are not finite", where="report card")
    notes: list[str] = []
    roundness = silhouettes(points, labels, notes, seed)
    validity, validities = dbcv(points, labels, notes, seed)
    sizes = labelling.sizes()
    cards = tuple(
        ClusterCard(
            label=label,
            size=int(sizes[label]),
            share=float(sizes[label] / len(labels)),
            hectares=None if area is None else _hectares(area[labels == label]),
            silhouette=None if roundness is None else _number(roundness[1][label]),
            dbcv=_number(validities[label]),
            persistence=None if persistence is None else _number(persistence[label]),
            stability=None if stability is None else _number(stability[label]),
        )
        for label in range(k)
    )
    overall = None if roundness is None else roundness[0]
    fraction = labelling.noise_fraction
    return ReportCard(len(labels), k, fraction, overall, validity, cards, tuple(notes))


def silhouettes(
    points: FloatArray, labels: IntArray, notes: list[str], seed: int = 0
) -> tuple[float, DoubleArray] | None:
    """Mean silhouette of the clustered chips, and of each cluster, (k,); Rousseeuw, 1987.

    None, with a note, for fewer than two clusters. Of more than 5,000 chips a sample.
    """
    rows = _sample(labels, SILHOUETTE_SAMPLE, seed)
    k = int(labels.max(initial=NOISE)) + 1
    if k < 2 or len(rows) <= k:
        notes.append("Fewer than two clusters: no silhouette.")
        return None
    _say(notes, "Silhouette", len(rows), labels)

    from sklearn.metrics import silhouette_samples

    marks = silhouette_samples(points[rows], labels[rows])
    counts = np.bincount(labels[rows], minlength=k)
    per = np.bincount(labels[rows], marks, k) / np.maximum(counts, 1)
    return float(marks.mean()), np.where(counts > 0, per, np.nan)


def dbcv(
    points: FloatArray, labels: IntArray, notes: list[str], seed: int = 0
) -> tuple[float | None, DoubleArray]:
    """Density-based validity, whole and by cluster, (k,); Moulavi et al., SDM 2014, by hdbscan.

    None and NaN, with a note, where a cluster has fewer than two different chips or there are
    fewer than two clusters. Of more than 2,500 chips a sample.
    """
    k = int(labels.max(initial=NOISE)) + 1
    nothing = np.full(k, np.nan)
    rows = _sample(labels, DBCV_SAMPLE, seed)
    data = points[rows].astype(np.float64)
    distinct = [len(np.unique(data[labels[rows] == label], axis=0)) for label in range(k)]
    if k < 2 or min(distinct) < 2:
        notes.append("DBCV needs two clusters or more, each of different chips.")
        return None, nothing
    _say(notes, "DBCV", len(rows), labels)

    from hdbscan.validity import validity_index

    # Powers of small distances overflow in many dimensions; the scale does not change the index.
    data /= np.median(data.std(axis=0)) or 1.0
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, per = validity_index(data, labels[rows], per_cluster_scores=True)
    if not np.isfinite(per).any():
        notes.append("DBCV overflowed: too many dimensions or duplicates.")
        return None, nothing
    # By the clusters' true sizes, of which the sample's are an estimate.
    sizes = np.bincount(labels[labels != NOISE], minlength=k)
    return float(np.nansum(sizes * per) / len(labels)), per


@dataclass(frozen=True)
class Against:
    """Agreement with a property, noise as one more cluster.

    Attributes
    ----------
    ari, ami, nmi, homogeneity, completeness, v_measure : float
    table : int64 array, (n_clusters + 1, n_values)
        Chips by cluster, noise in the last row, and value.
    values : tuple of str
        The values, by falling count.
    n_missing : int
        Chips without a value, left out.
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

    def shares(self) -> DoubleArray:
        """The table's rows as shares of each cluster, 0..1; 0 for an empty row."""
        totals = self.table.sum(axis=1, keepdims=True)
        shares: DoubleArray = self.table / np.maximum(totals, 1)
        return shares


def against(labels: IntArray, values: Sequence[Any] | AnyArray, name: str = "property") -> Against:
    """Compare a labelling with a property of the chips.

    Raises
    ------
    ArtifactError
        If they are of different chips.
    DegenerateError
        If no chip has a value.
    """
    import pandas as pd
    from sklearn import metrics

    if len(labels) != len(values):
        raise ArtifactError("labels and property differ in length", where=name)
    texts = pd.Series(list(values), dtype=object)
    there = (texts.notna() & (texts.astype(str).str.strip() != "")).to_numpy()
    if not there.any():
        raise DegenerateError("no chip has a value", where=name)
    counts = texts[there].astype(str).value_counts(sort=False)
    ordered = sorted(counts.index, key=lambda value: (-counts[value], value))
    number = {value: at for at, value in enumerate(ordered)}
    codes = np.array([number[value] for value in texts[there].astype(str)])
    clusters = labels[there]
    k = int(labels.max(initial=NOISE)) + 1
    table = np.zeros((k + 1, len(ordered)), np.int64)
    np.add.at(table, (np.where(clusters == NOISE, k, clusters), codes), 1)
    homogeneity, completeness, v = metrics.homogeneity_completeness_v_measure(codes, clusters)
    return Against(
        ari=float(metrics.adjusted_rand_score(codes, clusters)),
        ami=float(metrics.adjusted_mutual_info_score(codes, clusters)),
        nmi=float(metrics.normalized_mutual_info_score(codes, clusters)),
        homogeneity=float(homogeneity),
        completeness=float(completeness),
        v_measure=float(v),
        table=table,
        values=tuple(ordered),
        n_missing=int((~there).sum()),
    )


def _sample(labels: IntArray, most: int, seed: int) -> AnyArray:
    """Clustered rows, at most about `most`: a like share of each cluster, 10 chips at least."""
    rows = np.flatnonzero(labels != NOISE)
    if len(rows) <= most:
        return rows
    rng = np.random.default_rng(seed)
    share = most / len(rows)
    taken = []
    for label in range(int(labels.max()) + 1):
        mine = np.flatnonzero(labels == label)
        count = min(len(mine), max(_LEAST_IN_SAMPLE, round(share * len(mine))))
        taken.append(rng.choice(mine, count, replace=False))
    return np.sort(np.concatenate(taken))


def _say(notes: list[str], what: str, taken: int, labels: IntArray) -> None:
    clustered = int((labels != NOISE).sum())
    if taken < clustered:
        notes.append(f"{what} on a sample of {taken:,} of {clustered:,} clustered chips.")


def _hectares(area: DoubleArray) -> float | None:
    known = area[np.isfinite(area)]
    return float(known.sum() / 10_000) if len(known) else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
