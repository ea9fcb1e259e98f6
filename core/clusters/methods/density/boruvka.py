"""Boruvka's exact minimum spanning tree, byte for byte the same with any number of threads.

The building blocks come from fast_hdbscan (McInnes and Healy, ICDMW 2017). Its own loop shares the
best distance of each component among the threads, even in its reproducible mode, so ties are broken
in an order that depends on timing. Here the points are searched in a fixed number of chunks, each
with its own bounds, no matter which thread works on it. Import this module only inside the
functions that need it: numba compiles on import.
"""

from typing import Any

import numba
import numpy as np

from core.internals.fast_hdbscan_internals import (
    build_kdtree,
    component_aware_query_recursion,
    ds_rank_create,
    initialize_boruvka_from_knn,
    merge_components,
    parallel_tree_query,
    point_to_node_lower_bound_rdist,
    update_component_vectors,
)
from core.types import AnyArray, DoubleArray, FloatArray

# The number of chunks affects how ties are broken, so it must not depend on the machine.
N_CHUNKS = 8


def core_distances(data: FloatArray, min_samples: int) -> FloatArray:
    """Return each point's distance to its min_samples-th neighbour, (n,); 0 for min_samples 1."""
    if min_samples == 1:
        return np.zeros(len(data), np.float32)
    distances, _ = parallel_tree_query(build_kdtree(data), data, k=min_samples + 1)
    return np.ascontiguousarray(distances[:, -1], np.float32)


def build_boruvka_tree(data: FloatArray, min_samples: int) -> tuple[DoubleArray, FloatArray]:
    """Return the edges of the tree, (n - 1, 3), and the core distances, (n,).

    The first round joins nearest neighbours. Each further round finds the shortest edge out of
    every component and merges along it, until one component is left.
    """
    n = len(data)
    tree = build_kdtree(data)
    squared, neighbours = parallel_tree_query(tree, data, k=min_samples + 1, output_rdist=True)
    core = np.ascontiguousarray(squared[:, -1]) if min_samples > 1 else np.zeros(n, np.float32)
    sets = ds_rank_create(n)
    component = np.arange(n)
    node_component = np.full(len(tree.idx_start), -1)
    rounds = [initialize_boruvka_from_knn(neighbours, squared, core, sets)]
    while sum(map(len, rounds)) < n - 1:
        update_component_vectors(tree, sets, node_component, component)
        distance, other = _search(tree, node_component, component, core)
        rounds.append(merge_components(sets, other, distance, component))
    edges = np.vstack(rounds)
    edges[:, 2] = np.sqrt(edges[:, 2])
    return edges, np.sqrt(core)


def _search(
    tree: Any, node_component: AnyArray, component: AnyArray, core: AnyArray
) -> tuple[FloatArray, AnyArray]:
    """Return, for each point, the shortest edge found that leaves its component.

    The edge is given by its squared distance, (n,), infinite if none was found, and the point at
    its other end, (n,).
    """
    n, step = len(component), numba.get_num_threads()
    distance, other = np.full(n, np.inf, np.float32), np.full(n, -1, np.int32)
    # Only between these calls can the user interrupt the search.
    for first in range(0, N_CHUNKS, step):
        chunks = first, min(first + step, N_CHUNKS)
        _search_chunks(tree, node_component, component, core, distance, other, *chunks, N_CHUNKS)
    return distance, other


@numba.njit(parallel=True, fastmath=True, cache=True)
def _search_chunks(
    tree: Any,
    node_component: AnyArray,
    component: AnyArray,
    core: AnyArray,
    distance: AnyArray,
    other: AnyArray,
    first: int,
    last: int,
    n_chunks: int,
) -> None:
    """Write the edges of the points in some of the chunks, one thread for each."""
    n = component.shape[0]
    for chunk in numba.prange(first, last):
        bounds = np.full(n, np.inf, np.float32)
        for position in range(chunk * n // n_chunks, (chunk + 1) * n // n_chunks):
            i = tree.idx_array[position]
            c = component[i]
            lower_bound = point_to_node_lower_bound_rdist(
                tree.node_bounds[0, 0], tree.node_bounds[1, 0], tree.data[i]
            )
            component_aware_query_recursion(
                tree,
                numba.int32(0),
                tree.data[i],
                distance[i : i + 1],
                other[i : i + 1],
                core[i],
                core,
                c,
                node_component,
                component,
                lower_bound,
                bounds[c : c + 1],
            )
