"""Encoders that are computed from the pixels alone, without weights."""
