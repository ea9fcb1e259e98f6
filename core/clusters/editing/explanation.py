"""What a cluster is: its typical, doubtful and bordering chips, and what sets it apart."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.clusters.labelling import NOISE, Labelling
from core.errors import ArtifactError, SettingsError
from core.types import AnyArray, DoubleArray, FloatArray

# Facts measured as an axis on the ground: 10 and 170 degrees are 20 apart.
AXES = ("heading",)
# Cliff's delta from here on is worth a word (Romano et al., 2006: 0.33 medium, 0.474 large).
WORTH_SAYING = 0.33
_LARGE = 0.474
# The medoid of more chips is sought among the nearest to the centre, against a sample.
_EXACT_MEDOID = 2000
_CANDIDATES = 200

UNITS = {
    "width": "m", "height": "m", "length": "m", "breadth": "m", "area": "m²", "side": "m",
    "heading": "°", "longitude": "°", "latitude": "°",
}  # fmt: skip


@dataclass(frozen=True)
class Exemplars:
    """Rows of a cluster's chips, each list best first.

    Attributes
    ----------
    medoid : int
        The chip with the least sum of distances to the others.
    typical : int array
        Nearest to the medoid.
    doubtful : int array
        Of the lowest confidence.
    bordering : int array
        Those whose medoid is least nearer, or even farther, than another cluster's.
    """

    medoid: int
    typical: AnyArray
    doubtful: AnyArray
    bordering: AnyArray


@dataclass(frozen=True)
class Difference:
    """One fact of a cluster beside other chips.

    Attributes
    ----------
    fact : str
    median, other_median : float
        Of the cluster and of the others; the mean direction for an axis.
    quartiles, other_quartiles : tuple of float
        Lower and upper; for an axis the direction's mean resultant length 0..1, twice.
    effect : float
        Cliff's delta, -1..1: how much more often a chip of the cluster is the larger of a pair
        than the smaller; for an axis the distance of the directions over 90 degrees times the
        smaller resultant length, 0..1.
    sentence : str
    """

    fact: str
    median: float
    other_median: float
    quartiles: tuple[float, float]
    other_quartiles: tuple[float, float]
    effect: float
    sentence: str


def exemplars(
    points: FloatArray, labelling: Labelling, most: int = 12, seed: int = 0
) -> dict[int, Exemplars]:
    """Chips to look at, by cluster.

    Parameters
    ----------
    points : float32 array, (n, d)
        The space that was clustered.
    labelling : Labelling
    most : int
        Rows in each list.
    seed : int
        Of the sample that the medoid of more than 2,000 chips is sought with.

    Raises
    ------
    ArtifactError
        If points and labelling are of different chips.
    """
    if len(points) != len(labelling):
        raise ArtifactError("points and labelling differ in length", where="explain")
    data = points.astype(np.float64)
    members = [np.flatnonzero(labelling.labels == j) for j in range(labelling.n_clusters)]
    medoids = np.array([rows[medoid(data[rows], seed)] for rows in members], np.int64)
    found = {}
    for label, rows in enumerate(members):
        own = np.linalg.norm(data[rows] - data[medoids[label]], axis=1)
        others = np.delete(medoids, label)
        lead = labelling.confidence[rows].astype(np.float64)
        if len(others):
            gaps = np.stack([np.linalg.norm(data[rows] - data[m], axis=1) for m in others])
            lead = gaps.min(axis=0) - own
        found[label] = Exemplars(
            medoid=int(medoids[label]),
            typical=rows[np.argsort(own, kind="stable")[:most]],
            doubtful=rows[np.argsort(labelling.confidence[rows], kind="stable")[:most]],
            bordering=rows[np.argsort(lead, kind="stable")[:most]],
        )
    return found


def low_confidence(labelling: Labelling, below: float = 0.6) -> AnyArray:
    """Rows of clustered chips whose confidence is lower, the least first."""
    rows = np.flatnonzero((labelling.labels != NOISE) & (labelling.confidence < below))
    ordered: AnyArray = rows[np.argsort(labelling.confidence[rows], kind="stable")]
    return ordered


def medoid(data: DoubleArray, seed: int = 0) -> int:
    """Position of the point with the least sum of distances to the others; the first of equals.

    Of more than 2,000 points, the 200 nearest to the mean are judged against 2,000 drawn ones.
    """
    from scipy.spatial.distance import cdist

    candidates, judges = np.arange(len(data)), data
    if len(data) > _EXACT_MEDOID:
        from_mean = ((data - data.mean(axis=0)) ** 2).sum(axis=1)
        candidates = np.sort(np.argsort(from_mean, kind="stable")[:_CANDIDATES])
        drawn = np.random.default_rng(seed).choice(len(data), _EXACT_MEDOID, replace=False)
        judges = data[drawn]
    return int(candidates[cdist(data[candidates], judges).sum(axis=1).argmin()])


def nearest_cluster(points: FloatArray, labelling: Labelling, cluster: int) -> int | None:
    """The cluster whose mean lies nearest, None where there is no other."""
    if not 0 <= cluster < labelling.n_clusters:
        raise SettingsError(f"there is no cluster {cluster}", where="explain")
    means = np.array(
        [points[labelling.labels == j].mean(axis=0) for j in range(labelling.n_clusters)]
    )
    gaps = np.linalg.norm(means - means[cluster], axis=1)
    gaps[cluster] = np.inf
    return int(gaps.argmin()) if len(gaps) > 1 else None


def differences(
    facts: pd.DataFrame, labels: AnyArray, cluster: int, other: int | None = None
) -> list[Difference]:
    """How a cluster's facts differ from another's, or from all other chips', largest first.

    Parameters
    ----------
    facts : DataFrame, n rows
        Numeric columns are looked at: facts of the chips and their appearance.
    labels : int array, (n,)
    cluster : int
    other : int, optional
        A cluster to compare with; None for all other chips.

    Raises
    ------
    ArtifactError
        If facts and labels are of different chips.
    """
    if len(facts) != len(labels):
        raise ArtifactError("facts and labels differ in length", where="explain")
    mine = labels == cluster
    theirs = ~mine if other is None else labels == other
    found = []
    for name in facts.columns:
        if not pd.api.types.is_numeric_dtype(facts[name]):
            continue
        values = facts[name].to_numpy(np.float64)
        one, two = values[mine & np.isfinite(values)], values[theirs & np.isfinite(values)]
        if len(one) and len(two):
            compare = _axis if name in AXES else _amount
            found.append(compare(str(name), one, two))
    return sorted(found, key=lambda difference: -abs(difference.effect))


def sets_apart(found: list[Difference], most: int = 5) -> list[str]:
    """Sentences of the differences worth a word; one that says so where there is none."""
    told = [one.sentence for one in found if abs(one.effect) >= WORTH_SAYING][:most]
    return told or ["No fact sets it clearly apart: look at the chips."]


def cliffs_delta(one: DoubleArray, other: DoubleArray) -> float:
    """Share of pairs in which the first is larger less the share in which it is smaller.

    Cliff, Psychological Bulletin 1993; from ranks, in n log n.
    """
    ordered = np.sort(other)
    smaller = np.searchsorted(ordered, one, "left").sum()
    larger = len(one) * len(other) - np.searchsorted(ordered, one, "right").sum()
    return float((smaller - larger) / (len(one) * len(other)))


def _amount(name: str, one: DoubleArray, other: DoubleArray) -> Difference:
    low, middle, high = np.quantile(one, [0.25, 0.5, 0.75])
    other_low, other_middle, other_high = np.quantile(other, [0.25, 0.5, 0.75])
    effect = cliffs_delta(one, other)
    much = "much " if abs(effect) >= _LARGE else ""
    unit = f" {UNITS[name]}" if name in UNITS else ""
    sentence = (
        f"{name.replace('_', ' ')} is {much}{'higher' if effect > 0 else 'lower'}: median "
        f"{middle:.3g}{unit} against {other_middle:.3g}{unit} (Cliff's delta {effect:+.2f})."
    )
    spread, other_spread = (float(low), float(high)), (float(other_low), float(other_high))
    return Difference(
        name, float(middle), float(other_middle), spread, other_spread, effect, sentence
    )


def _axis(name: str, one: DoubleArray, other: DoubleArray) -> Difference:
    """Directions without an arrow: angles doubled, as Mardia and Jupp (2000) treat axes."""
    (mean, length), (other_mean, other_length) = _direction(one), _direction(other)
    apart = abs((mean - other_mean + 90) % 180 - 90)
    steady = length >= WORTH_SAYING and other_length < WORTH_SAYING
    # One direction beside none at all is a difference too.
    effect = max(apart / 90 * min(length, other_length), (length - other_length) * steady)
    sentence = (
        f"{name} is about {mean:.0f}° (resultant length {length:.2f}) against "
        f"{other_mean:.0f}° ({other_length:.2f})."
    )
    return Difference(
        name, mean, other_mean, (length, length), (other_length, other_length), effect, sentence
    )


def _direction(degrees: DoubleArray) -> tuple[float, float]:
    """Mean axis, 0..180 degrees, and mean resultant length, 0..1."""
    resultant = np.exp(2j * np.deg2rad(degrees)).mean()
    return float(np.rad2deg(np.angle(resultant)) / 2 % 180), float(abs(resultant))
