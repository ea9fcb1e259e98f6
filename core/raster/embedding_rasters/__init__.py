"""Rasters of embeddings: their files and formats, and their statistics under footprints."""
