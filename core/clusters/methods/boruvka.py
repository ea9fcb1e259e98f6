"""Boruvka's exact tree in any number of threads, the same bytes in each.

The parts are fast_hdbscan's (McInnes and Healy, ICDMW 2017). Its own loop shares each component's
best distance so far among the threads, also where it is asked to be reproducible, so that ties
break as they come. Here the points are searched in a fixed number of chunks, each with bounds of
its own, whoever works on it. Imported by the function that needs it: numba compiles on import.
"""

from typing import Any

import numba
import numpy as np
from fast_hdbscan.boruvka import (
    component_aware_query_recursion,
    initialize_boruvka_from_knn,
    merge_components,
    update_component_vectors,
)
from fast_hdbscan.disjoint_set import ds_rank_create
from fast_hdbscan.numba_kdtree import (
    build_kdtree,
    parallel_tree_query,
    point_to_node_lower_bound_rdist,
)

from core.types import AnyArray, DoubleArray, FloatArray

# Part of the result where distances tie: never a function of the machine.
N_CHUNKS = 8


def core_distances(data: FloatArray, min_samples: int) -> FloatArray:
    """Distance of each point to its min_samples-th neighbour, (n,); 0 for 1."""
    if min_samples == 1:
        return np.zeros(len(data), np.float32)
    distances, _ = parallel_tree_query(build_kdtree(data), data, k=min_samples + 1)
    return np.ascontiguousarray(distances[:, -1], np.float32)


def boruvka(data: FloatArray, min_samples: int) -> tuple[DoubleArray, FloatArray]:
    """Edges, (n - 1, 3), and core distances, (n,).

    Each round finds the shortest edge out of each component and joins along it, until one is
    left; the first round takes those that the neighbours give.
    """
    n = len(data)
    tree = build_kdtree(data)
    squared, neighbours = parallel_tree_query(tree, data, k=min_samples + 1, output_rdist=True)
    core = np.ascontiguousarray(squared[:, -1]) if min_samples > 1 else np.zeros(n, np.float32)
    sets = ds_rank_create(n)
    component = np.arange(n)
    node_component = np.full(len(tree.idx_start), -1)
    edges = [initialize_boruvka_from_knn(neighbours, squared, core, sets)]
    left = n - len(edges[0])
    while left > 1:
        update_component_vectors(tree, sets, node_component, component)
        distance, other = _search(tree, node_component, component, core, N_CHUNKS)
        found = merge_components(sets, other, distance, component)
        edges.append(found)
        left -= len(found)
    joined = np.vstack(edges)
    joined[:, 2] = np.sqrt(joined[:, 2])
    return joined, np.sqrt(core)


@numba.njit(parallel=True, fastmath=True, cache=True)
def _search(
    tree: Any, node_component: AnyArray, component: AnyArray, core: AnyArray, n_chunks: int
) -> Any:
    """Shortest edge out of each point's component that was found from the point, squared."""
    n = component.shape[0]
    distance = np.full(n, np.inf, np.float32)
    other = np.full(n, -1, np.int32)
    for chunk in numba.prange(n_chunks):
        bounds = np.full(n, np.inf, np.float32)
        for at in range(chunk * n // n_chunks, (chunk + 1) * n // n_chunks):
            i = tree.idx_array[at]
            mine = component[i]
            low = point_to_node_lower_bound_rdist(
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
                mine,
                node_component,
                component,
                low,
                bounds[mine : mine + 1],
            )
    return distance, other
