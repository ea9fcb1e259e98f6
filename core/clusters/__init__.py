"""Clusters of the chips: methods, evaluation and editing."""
