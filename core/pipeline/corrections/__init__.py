"""Comparison of the clusters with and without corrections of confounders."""
