"""Annotations: reading vector files and placing footprints on scenes."""
