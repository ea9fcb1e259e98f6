"""Spectral indices: normalised differences of two bands."""
