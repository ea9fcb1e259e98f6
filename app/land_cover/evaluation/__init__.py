"""Evaluations of many models: the label economy and the grid of configurations."""
