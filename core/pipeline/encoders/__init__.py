"""Encoders on the chips of a workspace: fits, costs and comparisons."""
