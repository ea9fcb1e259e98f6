"""Labelled regions of land cover in a workspace: their file, class maps, and exports."""
