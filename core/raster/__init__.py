"""Scenes, annotations and chip windows: all reading of rasters and vector files."""
