"""From embeddings to the space of the clusters, and to the two-dimensional picture."""
