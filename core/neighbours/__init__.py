"""Exact nearest-neighbour search: arrays in, arrays out."""
