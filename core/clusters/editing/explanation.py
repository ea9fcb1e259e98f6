"""The characteristics of a cluster: example chips, and the facts that set it apart."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.clusters.labelling import Labelling
from core.errors import ArtifactError, SettingsError
from core.types import AnyArray, DoubleArray, FloatArray, IntArray

# Smaller effects are not mentioned; 0.33 is medium, 0.474 large (Romano et al., 2006).
_MEDIUM_EFFECT, _LARGE_EFFECT = 0.33, 0.474
# With more chips, only the chips nearest to the mean are candidates for the medoid, and their
# distances to a random sample are compared.
_EXACT_MEDOID = 2000
_N_CANDIDATES = 200
# Facts that are axes (directions modulo 180 degrees): 10 and 170 degrees are 20 degrees apart.
_AXES = ("heading",)
# Standard deviation, in degrees, of the kernel that smooths axes: smaller differences in direction
# do not matter. A mean axis is stated from this mean resultant length on.
_AXIS_KERNEL, _COMMON_DIRECTION = 5.0, 0.33
_N_SHUFFLES = 99
_UNITS = {
    **dict.fromkeys(("width", "height", "length", "breadth", "side"), " m"),
    "area": " m²",
    "longitude": "°",
    "latitude": "°",
}


@dataclass(frozen=True)
class Exemplars:
    """Example chips of a cluster, as row numbers; the best example of each list comes first.

    Attributes
    ----------
    medoid : int
        The chip with the smallest sum of distances to the other chips.
    typical : int array
        The chips nearest to the medoid.
    uncertain : int array
        The chips with the lowest confidence.
    borderline : int array
        The chips that are hardly nearer to the medoid of their own cluster than to the medoid of
        another cluster, or even nearer to the latter.
    """

    medoid: int
    typical: AnyArray
    uncertain: AnyArray
    borderline: AnyArray


@dataclass(frozen=True)
class Difference:
    """The difference between a cluster and other chips in one fact.

    Attributes
    ----------
    median, other_median : float
        Median of the cluster and of the other chips; for "heading", the mean axis in degrees.
    effect : float
        Cliff's delta of the cluster and the other chips, -1..1 (see `cliffs_delta`). For "heading",
        0..1, see `axis_separation`.
    """

    fact: str
    median: float
    other_median: float
    effect: float
    sentence: str


def find_exemplars(
    points: FloatArray, labelling: Labelling, n_chips: int = 12, seed: int = 0
) -> dict[int, Exemplars]:
    """Find example chips of each cluster, by label: at most `n_chips` of each kind.

    The points, (n, d), are those that were clustered. The seed is used only for clusters of more
    than 2,000 chips. Raises ArtifactError if points and labelling are of different chips.
    """
    if len(points) != len(labelling):
        raise ArtifactError("points and labelling differ in length", where="explanation")
    data = points.astype(np.float64)
    members = [np.flatnonzero(labelling.labels == j) for j in range(labelling.n_clusters)]
    medoids = [int(rows[medoid_position(data[rows], seed)]) for rows in members]
    exemplars = {}
    for label, rows in enumerate(members):
        distances = np.stack([np.linalg.norm(data[rows] - data[m], axis=1) for m in medoids])
        confidence = labelling.confidence[rows]
        margin = confidence
        if len(medoids) > 1:
            margin = np.delete(distances, label, axis=0).min(axis=0) - distances[label]
        typical, uncertain, borderline = (
            rows[np.argsort(values, kind="stable")[:n_chips]]
            for values in (distances[label], confidence, margin)
        )
        exemplars[label] = Exemplars(medoids[label], typical, uncertain, borderline)
    return exemplars


def medoid_position(data: DoubleArray, seed: int = 0) -> int:
    """Return the position of the point with the smallest sum of distances to the others.

    In a tie, the first point is returned. With more than 2,000 points, only the 200 nearest to the
    mean are compared, by their distances to a random sample of 2,000.
    """
    from scipy.spatial.distance import cdist

    candidates, sample = np.arange(len(data)), data
    if len(data) > _EXACT_MEDOID:
        from_mean = ((data - data.mean(axis=0)) ** 2).sum(axis=1)
        candidates = np.sort(np.argsort(from_mean, kind="stable")[:_N_CANDIDATES])
        rng = np.random.default_rng(seed)
        sample = data[rng.choice(len(data), _EXACT_MEDOID, replace=False)]
    return int(candidates[cdist(data[candidates], sample).sum(axis=1).argmin()])


def rows_near_centres(points: FloatArray, ids: IntArray, n_rows: int) -> dict[int, list[int]]:
    """Return the rows of the points nearest to the mean of each cluster, nearest first.

    There are at most `n_rows` per cluster. Points with a negative id belong to no cluster.
    """
    rows: dict[int, list[int]] = {}
    for cluster in np.unique(ids[ids >= 0]).tolist():
        members = np.flatnonzero(ids == cluster)
        distances = np.linalg.norm(points[members] - points[members].mean(axis=0), axis=1)
        rows[cluster] = members[np.argsort(distances, kind="stable")[:n_rows]].tolist()
    return rows


def relative_distances(points: FloatArray, ids: IntArray) -> DoubleArray:
    """Return the distance of each point to its cluster's mean, (n,), in units of their median.

    Points of the same id form a cluster; so do noise and excluded points. Small values are
    typical. The distance is 0 if more than half of the cluster is at its mean.
    """
    relative = np.zeros(len(points))
    for cluster in np.unique(ids).tolist():
        members = np.flatnonzero(ids == cluster)
        distances = np.linalg.norm(points[members] - points[members].mean(axis=0), axis=1)
        median = float(np.median(distances))
        relative[members] = distances / median if median else 0.0
    return relative


def nearest_cluster(points: FloatArray, labelling: Labelling, cluster: int) -> int | None:
    """Return the cluster whose mean is nearest, or None if there is no other cluster."""
    labels, n_clusters = labelling.labels, labelling.n_clusters
    if not 0 <= cluster < n_clusters:
        raise SettingsError(f"there is no cluster {cluster}", where="explanation")
    means = np.array([points[labels == j].mean(axis=0) for j in range(n_clusters)])
    distances = np.linalg.norm(means - means[cluster], axis=1)
    distances[cluster] = np.inf
    return int(distances.argmin()) if n_clusters > 1 else None


def find_differences(
    facts: pd.DataFrame, labels: AnyArray, cluster: int, other: int | None = None
) -> list[Difference]:
    """Compare the facts of a cluster with those of other chips, largest difference first.

    Only numeric columns are compared: facts of the chips and measures of their appearance. The
    other chips are those of the cluster `other`; if `other` is None, all chips outside the cluster.
    Raises ArtifactError if facts, n rows, and labels, (n,), are of different chips.
    """
    if len(facts) != len(labels):
        raise ArtifactError("facts and labels differ in length", where="explanation")
    in_cluster = labels == cluster
    in_other = ~in_cluster if other is None else labels == other
    differences = []
    for name in facts.columns:
        if not pd.api.types.is_numeric_dtype(facts[name]):
            continue
        column = facts[name].to_numpy(np.float64)
        finite = np.isfinite(column)
        values, other_values = column[in_cluster & finite], column[in_other & finite]
        if len(values) and len(other_values):
            compare = _compare_axes if name in _AXES else _compare_amounts
            differences.append(compare(str(name), values, other_values))
    return sorted(differences, key=lambda difference: -abs(difference.effect))


def difference_sentences(differences: list[Difference], n_sentences: int = 5) -> list[str]:
    """Return sentences on effects of at least medium size, or one saying that there are none."""
    sentences = [d.sentence for d in differences if abs(d.effect) >= _MEDIUM_EFFECT]
    nothing = "No measured value sets this cluster clearly apart; look at its chips."
    return sentences[:n_sentences] or [nothing]


def cliffs_delta(values: DoubleArray, other_values: DoubleArray) -> float:
    """Return Cliff's delta, -1..1 (Cliff, Psychological Bulletin 1993).

    Of all pairs of one item of `values` and one of `other_values`: the share in which the former is
    larger, minus the share in which it is smaller. Computed from ranks, in O(n log n).
    """
    ordered = np.sort(other_values)
    n_pairs = len(values) * len(other_values)
    n_larger = np.searchsorted(ordered, values, "left").sum()
    n_smaller = n_pairs - np.searchsorted(ordered, values, "right").sum()
    return float((n_larger - n_smaller) / n_pairs)


def _compare_amounts(name: str, values: DoubleArray, other_values: DoubleArray) -> Difference:
    median, other_median = (float(np.quantile(v, 0.5)) for v in (values, other_values))
    effect = cliffs_delta(values, other_values)
    much = "much " if abs(effect) >= _LARGE_EFFECT else ""
    unit = _UNITS.get(name, "")
    sentence = (
        f"{name.replace('_', ' ')} is {much}{'higher' if effect > 0 else 'lower'}: median "
        f"{median:.3g}{unit} against {other_median:.3g}{unit} (Cliff's delta {effect:+.2f})."
    )
    return Difference(name, median, other_median, effect, sentence)


def axis_separation(values: DoubleArray, other_values: DoubleArray, seed: int = 0) -> float:
    """Return how little two samples of axes in degrees overlap, 0..1, beyond chance.

    1 minus the overlapping coefficient of the two densities (Inman and Bradley, 1989) is 1 if they
    share no direction, however many peaks each of them has. The densities are smoothed on the
    circle of 180 degrees. Small samples never overlap completely, so the mean for random
    shuffles of the samples is subtracted, and the result is scaled as in the adjusted Rand index.
    It is 0 if 5 % of the shuffles separate them as well.
    """
    # Whole degrees are counted once; every shuffle then costs the same as the first comparison.
    degrees = np.floor(np.concatenate([values, other_values]) % 180).astype(int)
    in_first = np.arange(len(degrees)) < len(values)
    offset = np.minimum(np.arange(180), 180 - np.arange(180))
    kernel = np.fft.rfft(np.exp(-0.5 * (offset / _AXIS_KERNEL) ** 2))

    def distance(is_first: AnyArray) -> float:
        counts = [np.bincount(degrees[part], minlength=180) for part in (is_first, ~is_first)]
        smooth = [np.fft.irfft(np.fft.rfft(count) * kernel, 180) for count in counts]
        first, second = (density / density.sum() for density in smooth)
        return float(1 - np.minimum(first, second).sum())

    rng, observed = np.random.default_rng(seed), distance(in_first)
    shuffled = [distance(rng.permutation(in_first)) for _ in range(_N_SHUFFLES)]
    by_chance = float(np.mean(shuffled))
    return (
        0.0 if observed <= np.quantile(shuffled, 0.95) else (observed - by_chance) / (1 - by_chance)
    )


def _compare_axes(name: str, values: DoubleArray, other_values: DoubleArray) -> Difference:
    (mean, length), (other_mean, other_length) = _mean_axis(values), _mean_axis(other_values)
    effect = axis_separation(values, other_values)
    axis, other_axis = (
        f"about {mean:.0f}°" if length >= _COMMON_DIRECTION else "no common direction"
        for mean, length in ((mean, length), (other_mean, other_length))
    )
    much = "much " if effect >= _LARGE_EFFECT else ""
    sentence = (
        f"{name.replace('_', ' ')} is {much}different: {axis} against {other_axis} (separation of "
        f"the distributions {effect:.2f}, where 1 means that they do not overlap)."
    )
    return Difference(name, mean, other_mean, effect, sentence)


def _mean_axis(degrees: DoubleArray) -> tuple[float, float]:
    """Return the mean axis, 0..180 degrees, and the mean resultant length, 0..1.

    The angles are doubled, as in Mardia and Jupp (2000).
    """
    resultant = np.exp(2j * np.deg2rad(degrees)).mean()
    return float(np.rad2deg(np.angle(resultant)) / 2 % 180), float(abs(resultant))
