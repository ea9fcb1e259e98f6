"""Reduction of embeddings to principal components, and their projection to two dimensions."""
