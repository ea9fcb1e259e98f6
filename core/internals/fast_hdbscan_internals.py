"""Undocumented building blocks of fast_hdbscan (McInnes and Healy, ICDMW 2017).

Import this module only inside the functions that need it: numba compiles on import.
"""

from fast_hdbscan.boruvka import (
    component_aware_query_recursion,
    initialize_boruvka_from_knn,
    merge_components,
    update_component_vectors,
)
from fast_hdbscan.cluster_trees import condense_tree as condense_linkage
from fast_hdbscan.cluster_trees import mst_to_linkage_tree
from fast_hdbscan.disjoint_set import ds_rank_create
from fast_hdbscan.numba_kdtree import (
    build_kdtree,
    parallel_tree_query,
    point_to_node_lower_bound_rdist,
)

__all__ = [
    "build_kdtree",
    "component_aware_query_recursion",
    "condense_linkage",
    "ds_rank_create",
    "initialize_boruvka_from_knn",
    "merge_components",
    "mst_to_linkage_tree",
    "parallel_tree_query",
    "point_to_node_lower_bound_rdist",
    "update_component_vectors",
]
