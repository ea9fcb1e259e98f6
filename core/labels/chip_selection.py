"""Which chips to label next: medoids of clusters, then chips of which the suggestions are unsure.

At first, the medoid of the largest cluster without a labelled chip is proposed, so that every kind
of chip is seen early. Then the chip is proposed that most reduces the distances of all chips to
their nearest labelled chip (as in the BUILD phase of PAM; Kaufman and Rousseeuw, 1990, Finding
groups in data), where each distance is weighted by a power of the uncertainty of the chip's
suggested label.
Chips close to a labelled chip reduce no distance, so that the chips of a batch differ from each
other; outliers represent no other chips.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.labels.chip_classifier import label_space, predict_probabilities
from core.types import AnyArray, DoubleArray, FloatArray, IntArray

# Number of k-means clusters whose medoids are proposed first. This and the power are the best of
# those that were compared on two sets of chips; docs/decisions/0039-labels-with-a-budget.md.
N_MEDOIDS = 12
# Exponent of the uncertainty in the weights: the larger, the less chips count whose label is clear.
POWER = 3
# Of more chips, a random sample is compared, which bounds the memory to 36 MB per 3,000 chips.
MOST_COMPARED = 3000


@dataclass(frozen=True)
class NextChip:
    """A chip to label next: its row, and the number of chips that it represents.

    Those are the chips of its cluster, or the chips that would be nearer to it than to any labelled
    chip. `by_uncertainty` is True if the uncertainty of the suggested labels counted.
    """

    row: int
    n_represented: int
    by_uncertainty: bool


def choose_next_chips(
    points: FloatArray,
    rows: AnyArray,
    codes: IntArray,
    n_chips: int = 1,
    skipped: Sequence[int] = (),
    candidates: AnyArray | None = None,
) -> list[NextChip]:
    """Return the chips to label next, the best first; fewer if there are not enough chips.

    Parameters
    ----------
    points : float32 array, (n, d)
        Principal components of all chips, strongest first.
    rows, codes : int array, (m,)
        The labelled chips and their classes, numbered from 0.
    skipped : sequence of int
        Rows of chips that the user could not label; they are not proposed, nor are their
        neighbours until other chips have been labelled.
    candidates : int array, optional
        Rows of the chips that may be proposed; by default all.
    """
    space = label_space(points)
    random = np.random.default_rng(0)
    compared = np.arange(len(space))
    if len(space) > MOST_COMPARED:
        compared = np.sort(random.choice(len(space), MOST_COMPARED, replace=False))
    unavailable = np.zeros(len(space), np.bool_)
    unavailable[[*rows, *skipped]] = True
    pool = np.arange(len(space)) if candidates is None else np.asarray(candidates)
    pool = pool[~unavailable[pool]]
    if len(pool) > MOST_COMPARED:
        pool = np.sort(random.choice(pool, MOST_COMPARED, replace=False))
    if not len(pool):
        return []
    covering = np.flatnonzero(unavailable)
    if len(covering) < N_MEDOIDS:
        medoids = _cluster_medoids(space[compared], space, pool, covering)[:n_chips]
        if medoids:
            return [NextChip(*medoid, by_uncertainty=False) for medoid in medoids]
    by_uncertainty = len(np.unique(codes)) > 1
    weights = _uncertainty(space, rows, codes)[compared] if by_uncertainty else None
    chosen = _cover_chips(space, compared, pool, covering, weights, n_chips)
    return [NextChip(row, n, by_uncertainty) for row, n in chosen]


def _cluster_medoids(
    sample: DoubleArray, space: DoubleArray, pool: AnyArray, covering: AnyArray
) -> list[tuple[int, int]]:
    """Return the central pool chips of the clusters without a labelled chip, largest cluster first.

    Also returns the number of chips of each cluster, estimated from the sample.
    """
    from sklearn.cluster import KMeans

    # More clusters than distinct chips cannot be found.
    n_clusters = min(N_MEDOIDS, len(np.unique(sample, axis=0)))
    model = KMeans(n_clusters, n_init=3, random_state=0).fit(sample)
    sizes = np.bincount(model.labels_, minlength=n_clusters) * (len(space) / len(sample))
    covered = set(model.predict(space[covering]).tolist()) if len(covering) else set()
    members = model.predict(space[pool])
    medoids = []
    for cluster in np.argsort(-sizes, kind="stable").tolist():
        rows = pool[members == cluster]
        if cluster not in covered and len(rows):
            distances = ((space[rows] - model.cluster_centers_[cluster]) ** 2).sum(axis=1)
            medoids.append((int(rows[distances.argmin()]), max(1, round(float(sizes[cluster])))))
    return medoids


def _uncertainty(space: DoubleArray, rows: AnyArray, codes: IntArray) -> DoubleArray:
    """Return the uncertainty of each chip's suggested label, 0..1: 1 minus the margin."""
    highest = np.sort(predict_probabilities(space, rows, codes), axis=1)[:, -2:]
    result: DoubleArray = 1 - (highest[:, 1] - highest[:, 0])
    return result


def _cover_chips(
    space: DoubleArray,
    compared: AnyArray,
    pool: AnyArray,
    covering: AnyArray,
    weights: DoubleArray | None,
    n_chips: int,
) -> list[tuple[int, int]]:
    """Return the rows of the pool that reduce the weighted distances most, one after another.

    Also returns the number of compared chips, as a share of all chips, that each represents.
    """
    from scipy.spatial.distance import cdist

    distances = cdist(space[compared], space[pool]).astype(np.float32)
    current = np.full(len(compared), distances.max(), np.float32)
    for start in range(0, len(covering), 500):
        block = cdist(space[compared], space[covering[start : start + 500]])
        current = np.minimum(current, block.min(axis=1).astype(np.float32))
    factors = np.ones(len(compared), np.float32)
    if weights is not None and weights.max() > 0:
        factors = (weights**POWER).astype(np.float32)
    chosen: list[tuple[int, int]] = []
    is_free = np.ones(len(pool), np.bool_)
    for _ in range(min(n_chips, len(pool))):
        gains = factors @ np.maximum(current[:, None] - distances, 0)
        position = int(np.where(is_free, gains, -np.inf).argmax())
        nearer = distances[:, position] < current
        share = nearer.mean() * len(space)
        chosen.append((int(pool[position]), max(1, round(float(share)))))
        current = np.minimum(current, distances[:, position])
        is_free[position] = False
    return chosen
