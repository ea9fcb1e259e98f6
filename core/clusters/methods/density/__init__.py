"""HDBSCAN: the neighbour graph, the exact tree, its cuts, and the choice of the cluster size."""
