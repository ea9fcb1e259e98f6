"""The graph of nearest neighbours, and coordinates in which its dense regions lie apart.

In tens of dimensions all distances are similar, so density says little. Which chips are neighbours
is more robust. The graph is that of UMAP (McInnes, Healy and Melville, 2018) and the coordinates
are those of a diffusion map (Coifman and Lafon, 2006): eigenvectors of a random walk on the graph.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.neighbours.nearest import search_other_rows
from core.types import AnyArray, DoubleArray, FloatArray

N_NEIGHBOURS = 10
"""Neighbours of each chip. From 7 to 12, the agreement with classes hardly depends on it."""
MIN_CHIPS = 4
"""With fewer different chips there is no graph to speak of."""

# Up to this size all eigenvectors are computed, which is as fast as an iteration.
_MAX_DENSE = 300
_TOLERANCE, _MAX_STEPS = 1e-6, 20_000


@dataclass(frozen=True)
class GraphSpace:
    """The graph of the distinct chips among n, and the coordinates of all chips in it.

    Attributes
    ----------
    graph : sparse matrix, (m, m)
        See `link_neighbours`.
    rows : int array, (m,)
        The first of each group of equal chips.
    coordinates : float32 array, (n, k)
        See `embed_graph`; equal chips have equal coordinates.
    """

    graph: Any
    rows: AnyArray
    coordinates: FloatArray


def embed_neighbours(points: FloatArray) -> GraphSpace:
    """Return the graph of nearest neighbours of points, (n, d), and log2(n) coordinates in it.

    Each doubling of the number of chips has room for one more division of the clusters. At least
    `MIN_CHIPS` of the points must be different.
    """
    _, firsts, inverse = np.unique(points, axis=0, return_index=True, return_inverse=True)
    # The chips keep their order, on which the result depends in the last digits.
    ranks = np.argsort(np.argsort(firsts))
    rows = np.sort(firsts)
    graph = link_neighbours(points[rows])
    coordinates = embed_graph(graph, round(np.log2(len(rows))))
    return GraphSpace(graph, rows, coordinates[ranks[inverse.ravel()]])


def link_neighbours(points: FloatArray, n_neighbours: int = N_NEIGHBOURS) -> Any:
    """Return the symmetric graph of nearest neighbours, a sparse matrix (n, n), weights 0..1.

    Each chip is linked to its nearest neighbours with weights that fall with distance from 1. The
    scale is set chip by chip such that the weights sum to log2 of the number of neighbours, and the
    two directions of a link are joined by the probabilistic sum, as in UMAP.
    """
    from scipy.sparse import csr_array

    n = len(points)
    distances, rows = search_other_rows(points, min(n_neighbours, n - 1))
    excess = (distances - distances[:, :1]).astype(np.float64)
    weights = np.exp(-excess / _bandwidths(excess)[:, None])
    starts = np.arange(0, rows.size + 1, rows.shape[1])
    directed = csr_array((weights.ravel(), rows.ravel(), starts), shape=(n, n))
    reverse = directed.T.tocsr()
    return _join_parts((directed + reverse - directed * reverse).tocsr(), points)


def embed_graph(graph: Any, n_dims: int) -> FloatArray:
    """Return the coordinates of the graph's chips, float32 (n, n_dims).

    They are the leading eigenvectors of a lazy random walk on the graph, except the constant one,
    each multiplied by its eigenvalue; the largest entry of each is positive. The result is the
    same with any number of threads.
    """
    from threadpoolctl import threadpool_limits

    degrees = np.asarray(graph.sum(axis=1)).ravel()
    scale = 1 / np.sqrt(degrees)
    scaled = graph.multiply(scale[:, None]).multiply(scale[None, :]).tocsr()
    with threadpool_limits(limits=1):
        values, vectors = _leading_eigenvectors(scaled, n_dims + 1)
    order = np.argsort(-values, kind="stable")[1:]
    walk = vectors[:, order] * (scale * np.sqrt(degrees.sum()))[:, None]
    peaks = walk[np.abs(walk).argmax(axis=0), np.arange(n_dims)]
    # The walk stays where it is in half of its steps, so that no eigenvalue is negative.
    walk *= np.sign(peaks) * (1 + values[order]) / 2
    return np.ascontiguousarray(walk, np.float32)


def _join_parts(graph: Any, points: FloatArray) -> Any:
    """Link the unconnected parts of a graph, each to the nearest ones, with weights of 1.

    Without links, the eigenvectors would not say which parts are near each other. The parts are
    linked along the minimum spanning tree of their centres, by two chips that are near each other.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
    from scipy.spatial.distance import cdist

    n_parts, part = connected_components(graph, directed=False)
    if n_parts == 1:
        return graph
    members = np.split(np.argsort(part, kind="stable"), np.cumsum(np.bincount(part))[:-1])
    centres = np.stack([points[rows].mean(axis=0) for rows in members])
    # Centres at the same location would have no link.
    tree = minimum_spanning_tree(cdist(centres, centres) + np.finfo(np.float32).tiny).tocoo()
    links = []
    for pair in zip(tree.row.tolist(), tree.col.tolist(), strict=True):
        # The result must not depend on which part comes first.
        links.append([_nearest_row(points, members[i], centres[j]) for i, j in (pair, pair[::-1])])
    ends = np.array(links).T
    rows, columns = np.concatenate([ends, ends[::-1]], axis=1)
    return (graph + coo_array((np.ones(len(rows)), (rows, columns)), graph.shape)).tocsr()


def _nearest_row(points: FloatArray, rows: AnyArray, centre: FloatArray) -> int:
    """Return the row, among some rows of the points, that is nearest to a centre."""
    return int(rows[((points[rows] - centre) ** 2).sum(axis=1).argmin()])


def _bandwidths(excess: DoubleArray) -> DoubleArray:
    """Return the scale, (n,), at which the weights of each row sum to log2 of their number."""
    n, k = excess.shape
    low, high = np.zeros(n), np.full(n, np.inf)
    # Rows of equal distances have no scale; any positive value gives weights of 1.
    smallest = max(float(excess.max()), 1.0) * 1e-12
    scales = np.maximum(excess.mean(axis=1), smallest)
    for _ in range(64):
        is_wide = np.exp(-excess / scales[:, None]).sum(axis=1) > np.log2(k)
        high, low = np.where(is_wide, scales, high), np.where(is_wide, low, scales)
        scales = np.where(np.isinf(high), scales * 2, (low + high) / 2)
        scales = np.maximum(scales, smallest)
    bandwidths: DoubleArray = scales
    return bandwidths


def _leading_eigenvectors(matrix: Any, count: int) -> tuple[DoubleArray, DoubleArray]:
    """Return the largest eigenvalues of a symmetric matrix and their eigenvectors, in any order."""
    n = matrix.shape[0]
    if n <= _MAX_DENSE:
        values, vectors = np.linalg.eigh(matrix.toarray())
        return values[-count:], vectors[:, -count:]
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(0).normal(size=n)
    options = {"tol": _TOLERANCE, "maxiter": _MAX_STEPS, "ncv": min(n, 4 * count)}
    values, vectors = eigsh(matrix, k=count, which="LA", v0=start, **options)
    return values, vectors
