"""Evaluation of labellings: quality, stability, agreement, confounders and sweeps."""
