"""The affinities of t-SNE: how strongly each point attracts its nearest neighbours."""

from typing import Any

import numpy as np

from core.neighbours.nearest import NeighbourIndex
from core.progress import Progress, report_step, silent
from core.types import FloatArray, IntArray

# Pairs of points that are compared, and rows, between two reports: a tenth of a core-second.
_PAIRS_PER_REPORT = 10_000_000
_ROWS_PER_REPORT = 8192


def neighbour_affinities(points: FloatArray, perplexity: float, report: Progress = silent) -> Any:
    """Return the affinities of all pairs of points of which one is a near neighbour of the other.

    Near neighbours are the 3 x perplexity nearest other points, found exactly, as in van der Maaten
    (Accelerating t-SNE using tree-based algorithms, JMLR 2014).

    Parameters
    ----------
    points : float32 array, (n, k)
    perplexity : float
        At most (n - 1) / 3.
    report : Progress
        Called several times a second.

    Returns
    -------
    affinities : scipy.sparse.csr_matrix, (n, n)
        The upper triangle of the symmetric affinities, without the diagonal, which is zero. The sum
        is 1/2, since each pair is included once.
    """
    from openTSNE.affinity import joint_probabilities_nn
    from scipy.sparse import tril, triu, vstack

    n = len(points)
    k = min(n - 1, int(3 * perplexity))
    data = np.ascontiguousarray(points, np.float32)
    report_step(report, 0, n, "preparing the neighbour search")
    index = NeighbourIndex(data)
    step = min(max(_PAIRS_PER_REPORT // n, 1), _ROWS_PER_REPORT)
    later, earlier = [], []
    for start in range(0, n, step):
        report_step(report, start, n, f"finding neighbours of {n:,} chips")
        rows = np.arange(start, min(start + step, n))
        squared, neighbours = index.search(data[rows], k + 1)
        # A point may come after others at distance 0, or beyond the last of them.
        is_self = neighbours == rows[:, None]
        is_self[~is_self.any(axis=1), -1] = True
        shape = (len(rows), k)
        affinities = joint_probabilities_nn(
            neighbours[~is_self].reshape(shape),
            np.sqrt(squared[~is_self]).reshape(shape),
            [min(perplexity, k / 3)],
            symmetrize=False,
            normalization="point-wise",
            n_reference_samples=n,
        )
        later.append(triu(affinities, start + 1, format="csr"))
        earlier.append(tril(affinities, start - 1, format="csr"))
    report_step(report, n, n, "joining the neighbours")
    pairs = vstack(later, format="csr")
    report_step(report, n, n, "joining the neighbours")
    pairs = pairs + vstack(earlier, format="csr").T.tocsr()
    report_step(report, n, n, "joining the neighbours")
    pairs /= 2 * pairs.sum()
    return pairs


def reference_affinities(
    points: FloatArray, new_points: FloatArray, perplexity: float, report: Progress = silent
) -> tuple[Any, IntArray]:
    """Return the affinities of new points, (m, k), to their neighbours among points, (n, k).

    Returns a scipy.sparse.csr_matrix, (m, n), whose rows sum to 1, and the 3 x perplexity nearest
    points of each new point, nearest first.
    """
    from openTSNE.affinity import joint_probabilities_nn
    from scipy.sparse import vstack

    n, m = len(points), len(new_points)
    k = min(n, int(3 * perplexity))
    report_step(report, 0, m, "preparing the neighbour search")
    index = NeighbourIndex(np.ascontiguousarray(points, np.float32))
    step = min(max(_PAIRS_PER_REPORT // n, 1), _ROWS_PER_REPORT)
    blocks, near = [], []
    for start in range(0, m, step):
        report_step(report, start, m, f"finding neighbours of {m:,} new chips")
        squared, rows = index.search(new_points[start : start + step], k)
        affinities = joint_probabilities_nn(
            rows,
            np.sqrt(squared),
            [min(perplexity, k / 3)],
            symmetrize=False,
            normalization="point-wise",
            n_reference_samples=n,
        )
        blocks.append(affinities)
        near.append(rows)
    return vstack(blocks, format="csr"), np.concatenate(near)
