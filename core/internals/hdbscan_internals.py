"""Prim's algorithm, from a private module of hdbscan."""

import numpy as np
from hdbscan._hdbscan_linkage import mst_linkage_core_vector
from hdbscan.dist_metrics import DistanceMetric

from core.types import DoubleArray, FloatArray


def build_prim_tree(data: FloatArray, core_distances: FloatArray) -> DoubleArray:
    """Return the edges, (n - 1, 3), of the Euclidean mutual reachability tree, in one thread."""
    metric = DistanceMetric.get_metric("euclidean")
    edges: DoubleArray = mst_linkage_core_vector(
        data.astype(np.float64), core_distances.astype(np.float64), metric, 1.0
    )
    return edges
