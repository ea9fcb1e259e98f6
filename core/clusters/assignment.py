"""Assignment of new chips to existing clusters, by a vote of the nearest chips of a result.

A chip that is unlike all chips of the result is unknown. Whether it is, is measured in all columns
of the embeddings: the principal components of the result hardly vary with what is new, so chips of
another kind lie near the others there.
"""

from dataclasses import dataclass

import numpy as np

from core.clusters.labelling import NOISE
from core.errors import ArtifactError
from core.neighbours.dense_search import search_dense
from core.tables import Checked, bounded
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray, IntArray

UNKNOWN = -3
"""The label of chips that are too far from all chips of the result; -2 are excluded chips."""


@dataclass(frozen=True)
class AssignmentSettings(Checked):
    """How new chips are assigned to existing clusters.

    Attributes
    ----------
    n_neighbours : int, default=10
        Number of nearest chips that vote, from 1 to 100.
    quantile : float, default=0.99
        Fraction of the chips of the result, from 0.5 to 1, that would not be unknown if they were
        new. It determines the distance beyond which a chip is unknown.
    """

    n_neighbours: int = bounded(10, 1, 100)
    quantile: float = bounded(0.99, 0.5, 1)


@dataclass(frozen=True)
class Assignment:
    """The clusters of m new chips.

    Attributes
    ----------
    ids : int32 array, (m,)
        Id of the cluster, -1 for noise, -3 for unknown.
    confidence : float32 array, (m,), 0..1
        Share of the votes for this cluster or for noise, weighted by inverse distance; 0 if
        unknown.
    distances : float32 array, (m,)
        Relative distance of each chip, see `RelativeDistances`.
    threshold : float
        Relative distance beyond which a chip is unknown.
    left_out_fraction : float
        Share of the chips of the result beyond the threshold, each compared with all others.
    held_out_fraction : float or None
        The same, each compared with the chips of other scenes only; None if there is one scene.
    """

    ids: IntArray
    confidence: FloatArray
    distances: FloatArray
    threshold: float
    left_out_fraction: float
    held_out_fraction: float | None

    @property
    def unknown(self) -> BoolArray:
        """True for unknown chips, (m,)."""
        return np.asarray(self.ids == UNKNOWN)

    @property
    def unknown_fraction(self) -> float:
        """Share of the new chips that are unknown, 0..1."""
        return float(self.unknown.mean()) if len(self.ids) else 0.0


class RelativeDistances:
    """Distances relative to those between the chips of a result.

    The relative distance of a chip is its mean distance to its k nearest chips of the result,
    divided by the mean distance of these to their own k nearest chips. It is about 1 for a chip
    like the others, in dense and in sparse regions. This is a simplified local outlier factor
    (Breunig et al., SIGMOD 2000; Schubert, Zimek and Kriegel, DMKD 2014).

    Parameters
    ----------
    columns : float array, (n, d)
        Standardised embeddings of the chips of the result, at least two.
    k : int
        Number of neighbours; at most n - 1 are used.
    """

    def __init__(self, columns: AnyArray, k: int) -> None:
        self._columns = np.asarray(columns, np.float64)
        self._k = k
        distances, self._rows = search_dense(
            self._columns, self._columns, k, np.arange(len(columns))
        )
        self._spacing = distances.mean(axis=1)
        self.left_out = self._relative(distances, self._rows)
        """Relative distance of each chip of the result to the others, (n,)."""

    def of(self, columns: AnyArray) -> DoubleArray:
        """Return the relative distances of other chips, (m,), with columns (m, d)."""
        return self._relative(*search_dense(columns, self._columns, self._k))

    def held_out(self, groups: IntArray) -> DoubleArray:
        """Return the relative distance of each chip to the chips of other groups, (n,)."""
        return self._relative(*search_dense(self._columns, self._columns, self._k, groups))

    def _relative(self, distances: DoubleArray, rows: IntArray) -> DoubleArray:
        # The other groups may have fewer than k chips.
        is_near = np.isfinite(distances)
        numerator = distances.mean(axis=1, where=is_near)
        denominator = self._spacing[rows].mean(axis=1, where=is_near)
        # Among identical chips, an identical chip is at distance 0 and any other chip is far away.
        beyond = np.where(numerator > 0, np.inf, 0.0)
        relative: DoubleArray = np.divide(numerator, denominator, out=beyond, where=denominator > 0)
        return relative


def assign_by_vote(
    points: FloatArray,
    columns: AnyArray,
    ids: IntArray,
    scenes: AnyArray,
    new_points: AnyArray,
    new_columns: AnyArray,
    settings: AssignmentSettings,
) -> Assignment:
    """Assign new chips to the clusters of existing chips, or label them as unknown.

    Parameters
    ----------
    points, columns : float arrays, (n, k) and (n, d)
        The existing chips in the clustered space, where the nearest vote, and all columns of their
        standardised embeddings, where it is measured whether new chips are like them.
    ids : int32 array, (n,)
        Cluster of each existing chip, -1 for noise. Noise votes for noise.
    scenes : array, (n,)
        Scene of each existing chip.
    new_points, new_columns : float arrays, (m, k) and (m, d)

    Raises
    ------
    TooFewError
        If there are fewer than two existing chips.
    ArtifactError, DegenerateError
        If the arrays do not match, or values are not finite.
    """
    if not len(points) == len(columns) == len(ids) == len(scenes):
        raise ArtifactError("points, columns, ids and scenes differ in length", where="assign")
    reach = RelativeDistances(columns, settings.n_neighbours)
    threshold = float(np.quantile(reach.left_out, settings.quantile, method="higher"))
    groups = np.unique(np.asarray(scenes, dtype=object).astype(str), return_inverse=True)[1]
    held_out = None
    if groups.max() > 0:
        held_out = float((reach.held_out(groups.astype(np.int32)) > threshold).mean())
    votes, confidence = vote_for_clusters(points, ids, new_points, settings.n_neighbours)
    distances = reach.of(new_columns)
    unknown = distances > threshold
    return Assignment(
        ids=np.where(unknown, UNKNOWN, votes).astype(np.int32),
        confidence=np.where(unknown, 0, confidence).astype(np.float32),
        distances=distances.astype(np.float32),
        threshold=threshold,
        left_out_fraction=float((reach.left_out > threshold).mean()),
        held_out_fraction=held_out,
    )


def vote_for_clusters(
    points: AnyArray, ids: IntArray, new_points: AnyArray, k: int
) -> tuple[IntArray, DoubleArray]:
    """Return the cluster that the k nearest points vote for, (m,), and its share of the votes.

    Votes are weighted by inverse distance; points at distance 0 outvote all others. Of clusters
    with equal votes, the one with the lowest id wins, as in scikit-learn.
    """
    distances, rows = search_dense(new_points, points, k)
    # Points at distance 0 have the only votes.
    is_same = distances == 0
    weights = np.divide(1.0, distances, out=np.zeros_like(distances), where=~is_same)
    weights = np.where(is_same.any(axis=1, keepdims=True), is_same, weights)
    clusters, codes = np.unique(ids, return_inverse=True)
    tally = np.zeros((len(rows), len(clusters)))
    np.add.at(tally, (np.arange(len(rows))[:, None], codes[rows]), weights)
    shares = tally / tally.sum(axis=1, keepdims=True)
    return clusters[shares.argmax(axis=1)].astype(np.int32), shares.max(axis=1, initial=0.0)


@dataclass(frozen=True)
class SceneShare:
    """How many chips of a new scene were assigned to clusters, are noise, or are unknown."""

    scene: str
    n_chips: int
    n_assigned: int
    n_noise: int
    n_unknown: int

    @property
    def unknown_fraction(self) -> float:
        """Share of the scene's chips that are unknown, 0..1."""
        return self.n_unknown / self.n_chips


def share_by_scene(ids: IntArray, scenes: AnyArray) -> list[SceneShare]:
    """Return the counts of each scene, in the order of their names; both arrays are (m,)."""
    shares = []
    for scene in sorted(set(scenes.tolist())):
        labels = ids[scenes == scene]
        n_noise, n_unknown = int((labels == NOISE).sum()), int((labels == UNKNOWN).sum())
        n_assigned = int((labels >= 0).sum())
        shares.append(SceneShare(str(scene), len(labels), n_assigned, n_noise, n_unknown))
    return shares


def describe_threshold(assignment: Assignment, settings: AssignmentSettings) -> str:
    """Return a sentence that states the distance beyond which a chip is unknown."""
    return (
        "A chip is unknown if its mean distance to its "
        f"{settings.n_neighbours} nearest chips of the result is more than "
        f"{assignment.threshold:.2f} times the mean distance of these to their own neighbours. Of "
        f"the chips of the result, {1 - assignment.left_out_fraction:.1%} lie within this limit."
    )


def describe_drift(assignment: Assignment) -> str:
    """Return sentences on the share of unknown chips, compared with the share to be expected."""
    n, n_unknown = len(assignment.ids), int(assignment.unknown.sum())
    share = f"{n_unknown} of {n} new chips ({assignment.unknown_fraction:.0%}) are unknown"
    expected = assignment.held_out_fraction
    if expected is None:
        return (
            f"{share}. The result has one scene, so it is not known how many chips of another "
            "scene of the same kind would be."
        )
    baseline = f"If each scene of the result were new, {expected:.0%} of its chips would be."
    if assignment.unknown_fraction > expected:
        return (
            f"{share}. {baseline} The new scenes differ more from the result than its scenes from "
            "each other: look at the unknown chips, and compute the result again with the new "
            "scenes if they matter."
        )
    return f"{share}. {baseline} The new scenes differ no more than these from each other."
