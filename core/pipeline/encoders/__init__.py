"""Encoders applied to the chips of a workspace: scores, costs and comparisons."""
