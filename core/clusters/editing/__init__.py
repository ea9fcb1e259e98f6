"""Edits to a labelling: names, merges, splits, their history and their effect."""
