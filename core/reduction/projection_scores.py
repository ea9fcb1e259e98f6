"""How well a projection keeps neighbours: trustworthiness and neighbour recall.

Trustworthiness: Venna and Kaski, Neighborhood preservation in nonlinear projection methods, ICANN
2001. Neighbour recall: the fraction of kept neighbours of Lee and Verleysen, Neurocomputing 2009.
"""

from dataclasses import dataclass

import numpy as np

from core.errors import ArtifactError
from core.neighbours.nearest import NeighbourIndex, search_other_rows
from core.progress import Progress, report_step, silent
from core.types import DoubleArray, FloatArray, IntArray

NEIGHBOURS = 15
"""Number of neighbours of a chip that are compared."""
EXACT_CHIPS = 20_000
"""Up to this number of chips, all chips are scored."""
SAMPLE = 2000
"""Number of chips that are scored, chosen at random, if there are more."""

# Distances per block; they take 40 MB.
_DISTANCES = 5_000_000
# Squared distances that differ by less, relative to the largest squared length, are equal.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class ProjectionScores:
    """How well a projection keeps the neighbours of the chips.

    Attributes
    ----------
    trustworthiness : float
        At most 1, which means that all neighbours in the projection are neighbours in the space
        that was projected. Neighbours that are not are weighted by how far away they are there.
        Random positions score about 0.5.
    neighbour_recall : float
        Mean fraction, 0..1, of a chip's nearest neighbours that are among its nearest neighbours
        in the projection.
    n_neighbours : int
        Number of neighbours that are compared.
    n_scored, n_chips : int
        Number of chips whose neighbours are compared, and of all chips.
    """

    trustworthiness: float
    neighbour_recall: float
    n_neighbours: int
    n_scored: int
    n_chips: int


def score_projection(
    points: FloatArray, coordinates: FloatArray, report: Progress = silent
) -> ProjectionScores:
    """Compare the nearest neighbours of chips before and after the projection.

    Neighbours are searched exactly among all chips. With more than `EXACT_CHIPS`, only `SAMPLE`
    randomly chosen chips are scored. With fewer than 31 chips, fewer than 15 neighbours are
    compared, so that they are less than half of the chips.

    Parameters
    ----------
    points : float32 array, (n, k)
        In the space of the projection's metric; at least 3 points.
    coordinates : float32 array, (n, 2)
    report : Progress
        Called several times a second for more than a few thousand chips.
    """
    n = len(points)
    k = min(NEIGHBOURS, (n - 1) // 2)
    if len(coordinates) != n or k < 1:
        raise ArtifactError("points and coordinates do not match", where="projection scores")
    rows = np.arange(n, dtype=np.int32)
    if n > EXACT_CHIPS:
        chosen = np.random.default_rng(0).choice(n, SAMPLE, replace=False)
        rows = np.sort(chosen).astype(np.int32)
    drawn = _drawn_neighbours(coordinates, rows, k)
    penalty, n_common = 0.0, 0
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    lengths = (centred**2).sum(axis=1)
    rounding = _ROUNDING * float(lengths.max())
    step = max(_DISTANCES // n, 1)
    for start in range(0, len(rows), step):
        report_step(report, start, len(rows), "comparing neighbours in the projection")
        block = rows[start : start + step]
        distances = lengths - 2 * (centred[block] @ centred.T)
        ranks = _ranks(distances, block, drawn[start : start + step], rounding)
        penalty += float(np.maximum(ranks - k, 0).sum())
        n_common += int((ranks <= k).sum())
    largest = len(rows) * k * (2 * n - 3 * k - 1) / 2
    return ProjectionScores(
        trustworthiness=1 - penalty / largest,
        neighbour_recall=n_common / (len(rows) * k),
        n_neighbours=k,
        n_scored=len(rows),
        n_chips=n,
    )


def _drawn_neighbours(coordinates: FloatArray, rows: IntArray, k: int) -> IntArray:
    """Return the k nearest other chips of some chips in the projection, (m, k)."""
    if len(rows) == len(coordinates):
        return search_other_rows(coordinates, k)[1]
    _, nearest = NeighbourIndex(coordinates).search(coordinates[rows], k + 1)
    is_self = nearest == rows[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return np.asarray(nearest[~is_self], np.int32).reshape(len(rows), k)


def _ranks(
    distances: DoubleArray, rows: IntArray, neighbours: IntArray, rounding: float
) -> IntArray:
    """Return the rank of each neighbour by distance, (m, k); the nearest other chip has rank 1."""
    lines = np.arange(len(rows))
    distances[lines, rows] = np.inf
    limits = np.take_along_axis(distances, neighbours, axis=1) - rounding
    ranks = [(distances < limit[:, None]).sum(axis=1) + 1 for limit in limits.T]
    return np.stack(ranks, axis=1).astype(np.int32)
