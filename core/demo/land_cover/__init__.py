"""Procedural land-cover patches in the folder layout of FLAIR #2."""
